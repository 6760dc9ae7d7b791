"""Addresses of commits and tags on the host a repository was cloned from.

GitHub: https://docs.github.com/en/get-started/using-git; GitLab: https://docs.gitlab.com/ee/user/project/repository/.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

_SCP = re.compile(r"^(?:[^@/\s]+@)?([A-Za-z0-9.-]+):(?!//)/*(.+)$")


@dataclass(frozen=True, slots=True)
class Site:
    """A repository's page, without credentials: 'https://github.com/acme/shop'."""

    page: str
    gitlab: bool

    def commit(self, sha: str) -> str:
        return f"{self.page}{'/-' if self.gitlab else ''}/commit/{sha}"

    def tag(self, name: str) -> str:
        return f"{self.page}{'/-/tags/' if self.gitlab else '/releases/tag/'}{quote(name)}"


def site_of(remote: str) -> Site | None:
    """The site of a remote's URL (https, ssh or user@host:path); None where it isn't a GitHub or GitLab host."""
    host, path = _host_and_path(remote)
    labels = host.partition(":")[0].lower().split(".")
    kind = next((k for k in ("github", "gitlab") if any(label.startswith(k) for label in labels)), None)
    path = path.strip("/").removesuffix(".git").strip("/")
    if kind is None or "/" not in path:
        return None
    return Site(f"https://{host}/{quote(path)}", kind == "gitlab")


def _host_and_path(remote: str) -> tuple[str, str]:
    if "://" not in remote:
        found = _SCP.match(remote)
        return (found[1], found[2]) if found else ("", "")
    try:
        parts = urlsplit(remote)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    if parts.scheme not in ("http", "https", "ssh", "git") or not re.fullmatch(r"[A-Za-z0-9.-]+", host):
        return "", ""
    keeps_port = port is not None and parts.scheme in ("http", "https")
    return (f"{host}:{port}" if keeps_port else host), parts.path
