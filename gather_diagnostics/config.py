"""`diagnostics.yaml`: settings of the sources, the service catalogue and known errors.

    timezone: Europe/Berlin            # zone-less times that people type, and the second zone shown
    change_window: 24h
    sources:                           # settings of each collector, for all services
      prometheus: {url: "https://prometheus.example.com", bearer_token: "${PROM_TOKEN}"}
    services:
      checkout:
        owner: team-payments
        dependencies: [payments, cart]
        runbooks: [bad-deploy]
        sources:                       # the same settings, for this service; they win
          git: {repo: ../shop, paths: [services/checkout]}
    known_errors:                      # error messages of your own, besides the built-in catalogue
      - id: billing-limit
        patterns: ['BILL-4[0-9]{2}: limit of account']     # RE2
        meaning: The billing provider refuses an account.
        cause: the nightly import of limits
        runbook: dependency-outage
    response: {severity_scheme: p1, runbooks: [ops/runbooks], escalation_matrix: ops/escalation-matrix.yaml}
    redaction: {emails: true, patterns: {customer-id: 'CUST-[0-9]{8}'}, allow: ['pk_test_.*']}    # besides the secrets

`${NAME}` in a text is replaced by the environment variable, so that no secret needs to stand in the file.
Relative paths are relative to the file. Every error names file, line and key.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from gather_diagnostics.errors import ConfigError, InputError
from gather_diagnostics.model import KnownError
from gather_diagnostics.redaction.settings import Redaction
from gather_diagnostics.textfiles import read_text

if TYPE_CHECKING:
    from gather_diagnostics.plugins import Collector

FILE_NAME = "diagnostics.yaml"
LARGEST = 5_000_000
"""Bytes; nobody's configuration is larger, but a wrong file name may be."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

Path_ = tuple[str | int, ...]


def _resolved(value: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    expanded = os.path.expanduser(value)
    if not value or value == "-" or not folder or os.path.isabs(expanded):
        return expanded
    return os.path.join(folder, expanded)


LocalPath = Annotated[str, AfterValidator(_resolved)]
"""A path in a collector's settings: `~` is expanded, relative ones are relative to the configuration file."""


class Service(BaseModel):
    """One entry of the service catalogue."""

    model_config = ConfigDict(extra="forbid")
    owner: str = Field(default="", description="team or person")
    dependencies: list[str] = Field(default_factory=list, description="services it calls")
    runbooks: list[str] = Field(default_factory=list, description="runbook ids or URLs")
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict, description="collector settings for this service")


class Response(BaseModel):
    """How a team answers an incident."""

    model_config = ConfigDict(extra="forbid")
    runbooks: list[LocalPath] = Field(default_factory=list, description="folders of your own runbooks")
    severity_scheme: Literal["sev", "p0", "p1", "words"] = Field(
        default="sev", description="SEV1-SEV4, P0-P3, P1-P4, or critical/high/medium/low"
    )
    escalation_matrix: LocalPath = Field(default="", description="who is told when; empty: the built-in matrix")
    templates: LocalPath = Field(default="", description="folder of templates that replace built-in ones by name")


def _no_stranger(value: Any) -> Any:
    known = [f.name for f in fields(KnownError)]
    if isinstance(value, dict) and (strangers := [k for k in value if k not in known]):
        raise ValueError(f"there is no such setting as {strangers[0]}; there are {', '.join(known)}")
    return value


def _compilable(entry: KnownError) -> KnownError:
    import pyarrow as pa
    import pyarrow.compute as pc

    for pattern in entry.patterns:
        try:
            pc.match_substring_regex(pa.array([""]), pattern=pattern)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise ValueError(f"the pattern {pattern[:80]!r} is no RE2 expression: {reason}") from error
    if not entry.id or not entry.patterns or not all(entry.patterns):
        raise ValueError("an entry has an id and at least one pattern, and none of them is empty")
    return entry


class Settings(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid")
    timezone: str = Field(default="", description="IANA name; empty: this machine's")
    change_window: str = Field(default="24h", description="how far back changes are looked up")
    sources: dict[str, dict[str, Any]] = Field(default_factory=dict, description="collector settings")
    services: dict[str, Service] = Field(default_factory=dict, description="the service catalogue")
    known_errors: list[Annotated[KnownError, BeforeValidator(_no_stranger), AfterValidator(_compilable)]] = Field(
        default_factory=list, description="error messages of your own, besides the built-in catalogue"
    )
    response: Response = Field(default_factory=Response, description="runbooks, severity, escalation, templates")
    redaction: Redaction = Field(default_factory=Redaction, description="what is taken out besides the secrets")


class Config:
    """Settings with the places they came from. `Config()` is the empty configuration."""

    def __init__(
        self, settings: Settings | None = None, path: Path | None = None, node: yaml.Node | None = None
    ) -> None:
        self.settings = settings or Settings()
        self.path = path
        self._node = node
        self._overrides: dict[str, dict[str, Any]] = {}

    def service(self, name: str) -> Service:
        """The catalogue's entry. Without a catalogue every name will do; with one, a stranger is an InputError."""
        services = self.settings.services
        if not services or name in services:
            return services.get(name, Service())
        near = difflib.get_close_matches(name, services, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(sorted(services)[:10])}"
        raise InputError(f"there is no service {name!r} in {self.path}: {hint}")

    def override(self, name: str, settings: Mapping[str, Any]) -> None:
        """Settings from the command line, on top of all others."""
        self._overrides[name] = dict(settings)

    def collector(self, kind: type[Collector], service: str) -> Collector:
        """A collector with its settings: `sources.<name>`, then those of the service on top."""
        name = kind.name
        merged: dict[str, Any] = {}
        origin: dict[str, Path_] = {}
        for path, settings in (
            (("sources", name), self.settings.sources.get(name, {})),
            (("services", service, "sources", name), self.service(service).sources.get(name, {})),
        ):
            merged |= settings
            origin |= dict.fromkeys(settings, path)
        merged |= self._overrides.get(name, {})
        context = {"folder": str(self.path.parent)} if self.path else None
        try:
            return kind(kind.Settings.model_validate(merged, context=context))
        except ValidationError as error:
            raise self._error(error, kind.Settings.model_fields, origin, ("sources", name)) from error

    def _error(
        self, error: ValidationError, known: Iterable[str], origin: Mapping[str, Path_] = {}, prefix: Path_ = ()
    ) -> ConfigError:
        first = error.errors(include_url=False, include_input=False)[0]
        loc = first["loc"]
        path = (*origin.get(str(loc[0]) if loc else "", prefix), *loc)
        if first["type"] == "extra_forbidden":
            return self.error(path, f"there is no such setting; there are {', '.join(sorted(known))}")
        return self.error(path, _sentence(first["msg"]))

    def error(self, path: Path_, what: str) -> ConfigError:
        line, known = _line(self._node, path)
        key = ".".join(str(p) for p in path[:known] or path)
        return ConfigError(f"{self.path}, line {line}, {key}: {what}" if self.path else f"{key}: {what}")

    def check_names(self, collectors: tuple[str, ...]) -> None:
        """Raises ConfigError for settings of a collector that does not exist."""
        places = [("sources", n) for n in self.settings.sources]
        places += [("services", s, "sources", n) for s, e in self.settings.services.items() for n in e.sources]  # type: ignore[misc]
        for path in places:
            if path[-1] not in collectors:
                raise self.error(path, f"there is no source of this name; there are {', '.join(collectors)}")


def _sentence(message: str) -> str:
    """Pydantic's words as the end of a sentence of ours."""
    message = message.removeprefix("Value error, ")
    return message[0].lower() + message[1:]


def find(start: Path) -> Path | None:
    """The nearest `diagnostics.yaml`: in `start` or a folder above, up to the root of a git checkout."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
        if (folder / ".git").exists():
            return None
    return None


def read(path: Path) -> Config:
    """Raises ConfigError for a file that can't be read, isn't YAML, or does not fit `Settings`."""
    node, data = _composed(path)
    config = Config(path=path.absolute(), node=node)
    if not isinstance(data, dict):
        raise config.error((), f"expected keys such as sources and services, found {type(data).__name__}")
    data = _expand(config, data, ())
    try:
        config.settings = Settings.model_validate(data, context={"folder": str(path.absolute().parent)})
    except ValidationError as error:
        raise config._error(
            error, {**Settings.model_fields, **Service.model_fields, **Response.model_fields, **Redaction.model_fields}
        ) from error
    return config


def _composed(path: Path) -> tuple[yaml.Node | None, Any]:
    """The file as YAML's nodes, which know their lines, and as values."""
    text = read_text(path, "the configuration", LARGEST, "the configuration file")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_aliases(path, node)
        return node, yaml.SafeLoader("").construct_document(node) if node is not None else {}
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{where}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {error}") from error


def _refuse_aliases(path: Path, node: yaml.Node | None) -> None:
    """Aliases can make a tree of unbounded size out of a small file ('billion laughs'); nobody needs them here."""
    seen: set[int] = set()
    stack = [node] if node else []
    while stack:
        this = stack.pop()
        if id(this) in seen:
            raise ConfigError(f"{path}, line {this.start_mark.line + 1}: YAML aliases (*name) are not supported here")
        seen.add(id(this))
        if isinstance(this, yaml.MappingNode):
            stack += [part for pair in this.value for part in pair]
        elif isinstance(this, yaml.SequenceNode):
            stack += this.value


def _expand(config: Config, value: Any, path: Path_) -> Any:
    if isinstance(value, dict):
        return {str(k): _expand(config, v, (*path, str(k))) for k, v in value.items()}
    if isinstance(value, list):
        return [_expand(config, v, (*path, i)) for i, v in enumerate(value)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[1] not in os.environ:
            raise config.error(path, f"the environment variable {match[1]} is not set")
        return os.environ[match[1]]

    return _VARIABLE.sub(variable, value)


def _line(node: yaml.Node | None, path: Path_) -> tuple[int, int]:
    """(1-based line of the deepest part of `path` that the document has, how many parts that is)."""
    line = node.start_mark.line + 1 if node else 1
    for depth, part in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(part)), None)
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            pair = (node.value[part], node.value[part])
        else:
            pair = None
        if pair is None:
            # A missing or misspelt key: the line of its parent is the best there is; the key is still named.
            return line, len(path) if depth else 0
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line, len(path)
