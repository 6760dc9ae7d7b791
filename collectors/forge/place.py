"""Which server, which repository there, and which token may be sent to it: found without asking anybody.

A token goes to github.com, gitlab.com or a host a person named in settings or environment, never to a host that only
a clone's remote names: a clone may be a stranger's.
"""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit, urlunsplit

from collectors.forge.settings import NAME, ForgeSettings
from gather_diagnostics import Gap

Kind = Literal["github", "gitlab"]

_SCP = re.compile(r"^(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!//)/*(.+)$")
_TOKENS: Mapping[Kind, tuple[str, ...]] = {
    "github": ("GITHUB_TOKEN", "GH_TOKEN"),
    "gitlab": ("GITLAB_TOKEN",),
}
_ENTERPRISE = ("GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN")
_APIS: Mapping[Kind, str] = {"github": "GITHUB_API_URL", "gitlab": "CI_API_V4_URL"}
"""Set by the forges' own pipelines: GitHub Actions 'default environment variables', GitLab 'predefined variables'."""
_RIGHTS: Mapping[Kind, str] = {
    "github": "set GITHUB_TOKEN to a token that may read deployments, contents and pull requests, e.g."
    " GITHUB_TOKEN=$(gh auth token)",
    "gitlab": "set GITLAB_TOKEN to a token with the scope read_api",
}


class Unknown(Exception):
    """The source can't be used as things are; carries the Gap that says why."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.why)
        self.gap = gap


@dataclass(frozen=True, slots=True)
class Place:
    """A repository on a server. No field but `token` holds a credential."""

    kind: Kind
    api: str
    """Without a slash at its end."""
    repository: str
    because: str
    token: str = field(default="", repr=False)

    @property
    def root(self) -> str:
        """The API's path of the repository (GitHub 'repos/{owner}/{repo}', GitLab 'projects/:id')."""
        if self.kind == "github":
            return f"repos/{quote(self.repository)}"
        return f"projects/{quote(self.repository, safe='')}"


@dataclass(frozen=True, slots=True)
class _Named:
    host: str
    path: str
    because: str
    trusted: bool
    """Whether a person named the host."""


def find_place(settings: ForgeSettings, service: str, environ: Mapping[str, str]) -> Place:
    """Everything needed for asking. Raises Unknown. Reads settings, environment and the clone's configuration."""
    named = _named(settings, service)
    kind = settings.kind or _kind(settings, named, environ)
    if not kind:
        why = f"whether {named.host or 'the server'} is GitHub or GitLab can't be told from its address"
        raise Unknown(_gap(why, "set sources.forge.kind to github or gitlab, and sources.forge.api_url"))
    api, trusted = _api(settings, named, kind, environ)
    token, where = _token(settings, kind, api, environ)
    if not token:
        raise Unknown(_gap(f"{named.path} is on {_host(api)}, and there is no token for it", _RIGHTS[kind]))
    if not trusted:
        why = f"origin is on {named.host}, which nobody named: a token is not sent to a host only a clone names"
        raise Unknown(_gap(why, f"set sources.forge.api_url: {api}"))
    return Place(kind, api, named.path, f"{named.because}; {where} is set", token)


def _gap(why: str, mend: str) -> Gap:
    return Gap(NAME, "deployments", "not_configured", why, mend)


def _named(settings: ForgeSettings, service: str) -> _Named:
    url = settings.url.replace("{service}", service).strip()
    repository = settings.repository.replace("{service}", service)
    if repository:
        return _Named(host_and_path(url)[0], repository, "sources.forge.repository is set", True)
    if url:
        host, path = host_and_path(url)
        if "/" not in path:
            mend = "set sources.forge.url to e.g. https://github.com/acme/shop"
            raise Unknown(_gap("sources.forge.url is not the address of a repository", mend))
        return _Named(host, path, "sources.forge.url is set", True)
    host, path = host_and_path(_origin(settings.repo or os.getcwd()))
    if "/" not in path:
        why = f"{settings.repo or 'the current directory'} is in no clone with an origin on a server"
        raise Unknown(_gap(why, "set sources.forge.repository, e.g. acme/shop"))
    return _Named(host, path, "the local clone's origin is there", False)


def _origin(folder: str) -> str:
    """The address of the remote `origin` as the clone's own configuration has it; '' where there is none."""
    try:
        import git
    except ImportError:  # GitPython can't be imported where there is no git command
        return ""
    try:
        with git.Repo(folder, search_parent_directories=True, expand_vars=False) as repo:
            reader = repo.config_reader("repository")
            return str(reader.get('remote "origin"', "url", fallback=""))
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, configparser.Error, OSError, ValueError):
        return ""


def host_and_path(remote: str) -> tuple[str, str]:
    """('gitlab.example.com:8443', 'group/shop') of an address or user@host:path; ('', '') for anything else."""
    if "://" not in remote:
        found = _SCP.match(remote)
        host, path, port = (found[1], found[2], None) if found else ("", "", None)
    else:
        try:
            parts = urlsplit(remote)
            host, path, port = parts.hostname or "", parts.path, parts.port
        except ValueError:
            return "", ""
        if parts.scheme not in ("http", "https", "ssh", "git"):
            return "", ""
        port = port if parts.scheme in ("http", "https") else None
    path = path.strip("/").removesuffix(".git").strip("/")
    if not re.fullmatch(r"[A-Za-z0-9.-]+", host) or not path.isprintable() or ".." in path.split("/"):
        return "", ""
    return (f"{host}:{port}" if port else host).lower(), path


def _kind(settings: ForgeSettings, named: _Named, environ: Mapping[str, str]) -> Kind | None:
    api = _clean(settings.api_url, "sources.forge.api_url") if settings.api_url else ""
    hosts = [h for h in (_host(api), named.host) if h]
    for kind, ending in (("github", "/api/v3"), ("gitlab", "/api/v4")):
        if api.endswith(ending) or any(label.startswith(kind) for h in hosts for label in h.split(".")):
            return kind  # type: ignore[return-value]
    if hosts and not any(h.endswith(".ghe.com") for h in hosts):
        return None
    only_gitlab = any(environ.get(n) for n in _TOKENS["gitlab"]) and not any(environ.get(n) for n in _TOKENS["github"])
    return "gitlab" if named.path.count("/") > 1 or only_gitlab else "github"


def _api(settings: ForgeSettings, named: _Named, kind: Kind, environ: Mapping[str, str]) -> tuple[str, bool]:
    """The API's address, and whether a token may be sent there."""
    if settings.api_url:
        return _clean(settings.api_url, "sources.forge.api_url"), True
    given = environ.get(_APIS[kind], "")
    if given and (not named.host or _host(given).removeprefix("api.") == named.host):
        return _clean(given, _APIS[kind]), True
    public = f"{kind}.com"
    host = named.host or public
    if kind == "gitlab":
        return f"https://{host}/api/v4", named.trusted or host == public
    if host == public or host.endswith(".ghe.com"):
        return f"https://api.{host}", named.trusted or host == public
    return f"https://{host}/api/v3", named.trusted


def _clean(url: str, name: str) -> str:
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        raise Unknown(
            _gap(f"{name} is no address of a server", f"set {name} to e.g. https://github.example.com/api/v3")
        )
    host = f"[{host}]" if ":" in host else host
    return urlunsplit((parts.scheme, f"{host}:{port}" if port else host, parts.path.rstrip("/"), "", ""))


def _host(url: str) -> str:
    """Host and port, in lower case, without credentials."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}".lower()
    except ValueError:
        return ""


def _token(settings: ForgeSettings, kind: Kind, api: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """(token, where it comes from); ('', '') where there is none."""
    if token := settings.token.get_secret_value().strip():
        return token, "sources.forge.token"
    names = _TOKENS[kind]
    if kind == "github" and _host(api) != "api.github.com":
        names = (*_ENTERPRISE, *names)
    return next(((t, f"${n}") for n in names if (t := environ.get(n, "").strip())), ("", ""))
