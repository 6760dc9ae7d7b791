"""Questions as one would type them after `kubectl`: the reads that are taken, read strictly. Pure.

What is not written here can't be asked: there is no way from any text to a request that changes something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from collectors.kubernetes import labels
from collectors.kubernetes.inventory import SECRET
from collectors.kubernetes.kinds import BY_NAME, NAMED, WORKLOAD_KINDS, Named
from gather_diagnostics import questions

FORMS = (
    "get KIND[/NAME] [-n NAMESPACE | -A] [-l SELECTOR] [-o wide]",
    "top pods|nodes [-n NAMESPACE | -A] [-l SELECTOR]",
    "rollout history KIND/NAME [-n NAMESPACE]",
    "logs POD|KIND/NAME [-n NAMESPACE] [-c CONTAINER] [--previous] [--tail N] [--since 10m]",
)
_CARRYING = WORKLOAD_KINDS | {"Pod", "ReplicaSet", "Job"}
"""Kinds that have logs: pods, and what selects pods."""
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
"""kubernetes.io/docs/concepts/overview/working-with-objects/names"""
_DURATION = re.compile(r"(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?", re.ASCII)
_SPELLINGS = {
    "-n": "namespace", "--namespace": "namespace", "-A": "everywhere", "--all-namespaces": "everywhere",
    "-l": "selector", "--selector": "selector", "-o": "output", "--output": "output", "-c": "container",
    "--container": "container", "-p": "previous", "--previous": "previous", "--tail": "tail", "--since": "since",
}  # fmt: skip
_FLAGS = frozenset({"everywhere", "previous"})


@dataclass(frozen=True, slots=True)
class Where:
    namespace: str = ""
    """'' where none is named."""
    everywhere: bool = False
    selector: str = ""


@dataclass(frozen=True, slots=True)
class Get:
    named: Named
    name: str
    """'' for all of the kind."""
    where: Where
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Top:
    nodes: bool
    where: Where


@dataclass(frozen=True, slots=True)
class History:
    named: Named
    name: str
    where: Where


@dataclass(frozen=True, slots=True)
class Logs:
    named: Named
    name: str
    where: Where
    container: str = ""
    previous: bool = False
    tail: int | None = None
    since: int | None = None
    """Seconds."""


Command = Get | Top | History | Logs


def parse(query: str, *, secrets: bool = True) -> Command:
    """Raises ValueError, with the reason in words, for whatever is none of FORMS; without `secrets` for those, too."""
    verb, *rest = questions.words(query)
    if verb == "rollout" and rest[:1] == ["history"]:
        verb, rest = "rollout history", rest[1:]
    if verb not in _PARSERS:
        raise ValueError(f"{verb!r} is none of the reads {', '.join(_PARSERS)}")
    taken, made = _PARSERS[verb]
    given, options = _parted(rest, taken)
    if len(given) != 1:
        raise ValueError(
            f"after {verb!r} comes one kind or name, here are {len(given)}: {' '.join(given)}".rstrip(": ")
        )
    command = made(given[0], options)
    if isinstance(command, Get) and command.named.kind == SECRET and not secrets:
        raise ValueError("sources.kubernetes.secrets is false: no Secrets are asked for")
    return command


def _parted(words: Sequence[str], taken: frozenset[str]) -> tuple[list[str], dict[str, str]]:
    """What is no option, and the options by their meaning, each given once."""
    given: list[str] = []
    options: dict[str, str] = {}
    left = iter(words)
    for word in left:
        if not word.startswith("-"):
            given.append(word)
            continue
        spelling, sign, value = word.partition("=") if word.startswith("--") else (word, "", "")
        meaning = _SPELLINGS.get(spelling, "")
        if meaning not in taken:
            raise ValueError(f"{spelling!r} is no option that is taken here")
        if meaning in options:
            raise ValueError(f"{spelling!r} is given twice")
        if meaning in _FLAGS and sign:
            raise ValueError(f"{spelling!r} takes no value")
        options[meaning] = "" if meaning in _FLAGS else value if sign else next(left, "")
    return given, options


def _get(given: str, options: Mapping[str, str]) -> Get:
    named, name = _of(given)
    where = _where(options, cluster=named.cluster)
    if name and where.selector:
        raise ValueError("a name and a selector exclude each other")
    if name and where.everywhere:
        raise ValueError("a name belongs to one namespace: -A lists all objects of a kind")
    if options.get("output", "wide") != "wide":
        raise ValueError("-o takes 'wide' and nothing else")
    return Get(named, name, where, wide="output" in options)


def _top(given: str, options: Mapping[str, str]) -> Top:
    named, name = _of(given)
    if named.kind.name not in ("Pod", "Node") or name:
        raise ValueError("top takes 'pods' or 'nodes'")
    return Top(named.cluster, _where(options, cluster=named.cluster))


def _history(given: str, options: Mapping[str, str]) -> History:
    named, name = _of(given)
    if named.kind.name not in WORKLOAD_KINDS or not name:
        raise ValueError(f"a history has {', '.join(sorted(WORKLOAD_KINDS))}, given as KIND/NAME")
    return History(named, name, _where(options))


def _logs(given: str, options: Mapping[str, str]) -> Logs:
    named, name = _of(given if "/" in given else f"pods/{given}")
    if named.kind.name not in _CARRYING or not name:
        raise ValueError(f"logs has a pod, or one of {', '.join(sorted(_CARRYING))} as KIND/NAME")
    container = _fitting("container", options["container"], _LABEL) if "container" in options else ""
    tail = _number(options["tail"]) if "tail" in options else None
    since = _seconds(options["since"]) if "since" in options else None
    return Logs(named, name, _where(options), container, "previous" in options, tail, since)


_PLACE = frozenset({"namespace", "everywhere", "selector"})
_PARSERS: dict[str, tuple[frozenset[str], Callable[[str, Mapping[str, str]], Command]]] = {
    "get": (_PLACE | {"output"}, _get),
    "top": (_PLACE, _top),
    "rollout history": (frozenset({"namespace"}), _history),
    "logs": (frozenset({"namespace", "container", "previous", "tail", "since"}), _logs),
}


def _of(given: str) -> tuple[Named, str]:
    kind, slash, name = given.partition("/")
    named = BY_NAME.get(kind.lower())
    if named is None:
        raise ValueError(f"{kind!r} is no kind that is read; there are {', '.join(n.kind.resource for n in NAMED)}")
    return named, _fitting("name", name, _NAME) if slash else ""


def _where(options: Mapping[str, str], *, cluster: bool = False) -> Where:
    if "namespace" in options and "everywhere" in options:
        raise ValueError("-n and -A exclude each other")
    if cluster and ("namespace" in options or "everywhere" in options):
        raise ValueError("nodes are in no namespace")
    namespace = _fitting("namespace", options["namespace"], _LABEL) if "namespace" in options else ""
    selector = options.get("selector", "")
    if "selector" in options:
        try:
            labels.parse(selector)
        except ValueError as error:
            raise ValueError(f"the selector {selector[:60]!r}: {error}") from error
    return Where(namespace, "everywhere" in options, selector)


def _fitting(what: str, value: str, pattern: re.Pattern[str]) -> str:
    if not pattern.fullmatch(value):
        raise ValueError(f"{value[:60]!r} can't be a {what} in Kubernetes")
    return value


def _number(value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", value) or int(value) < 1:
        raise ValueError(f"--tail takes a number of lines, not {value[:60]!r}")
    return int(value)


def _seconds(value: str) -> int:
    match = _DURATION.fullmatch(value)
    seconds = sum(int(n or 0) * unit for n, unit in zip(match.groups(), (3600, 60, 1), strict=True)) if match else 0
    if not seconds:
        raise ValueError(f"--since takes a time such as 90s, 10m or 1h30m, not {value[:60]!r}")
    return seconds
