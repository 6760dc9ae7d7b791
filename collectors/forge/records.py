"""What both forges tell, in one vocabulary. All times are in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from gather_diagnostics import Window

State = Literal["waiting", "running", "success", "failure", "unknown"]
"""waiting: it has not begun; unknown: nobody reported how it went."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment to one environment."""

    id: int
    environment: str
    revision: str | None
    """Full sha of the commit."""
    ref: str
    created: datetime
    time: datetime
    """When it began, as far as that is known; else when it was created."""
    finished: datetime | None
    state: State
    said: str
    """The state in the forge's own word."""
    author: str | None
    description: str
    address: str
    """In the API."""
    url: str | None = None
    """Of what was deployed."""
    log_url: str | None = None


@dataclass(frozen=True, slots=True)
class Brought:
    """What lies between two commits."""

    commits: tuple[str, ...] = ()
    """Shas, newest first; maybe not all."""
    total: int = 0
    files: tuple[dict[str, Any], ...] = ()
    """{path, added, deleted, old_path}; maybe not all."""
    taken_back: tuple[str, ...] = ()
    """Where the later commit is the older one: shas that are gone with it."""


@dataclass(frozen=True, slots=True)
class Release:
    """A published release."""

    key: str
    """Tells it from its siblings in this repository."""
    tag: str
    time: datetime
    revision: str | None
    author: str | None
    title: str
    body: str
    address: str
    page: str | None


@dataclass(frozen=True, slots=True)
class Merged:
    """A pull or merge request that was merged."""

    number: int
    time: datetime
    revision: str | None
    """The commit it became on the branch."""
    branch: str
    author: str | None
    title: str
    body: str
    labels: tuple[str, ...]
    address: str
    page: str | None


class Dialect(Protocol):
    """One forge's API. Every method raises requests.RequestException or MalformedError."""

    def branch(self) -> str:
        """The repository's default branch."""
        ...

    def deployments(self, environment: str, window: Window) -> Iterator[Deployment]:
        """Newest first, beginning at the window's end and going on past its start. May be partly told: see `told`."""
        ...

    def told(self, deployment: Deployment) -> Deployment:
        """The same with what has to be asked separately."""
        ...

    def brought(self, old: str, new: str) -> Brought: ...

    def releases(self, window: Window) -> Iterator[Release]:
        """Published within the window."""
        ...

    def merged(self, branch: str, window: Window) -> Iterator[Merged]:
        """Merged to `branch` within the window, in no particular order."""
        ...

    def files(self, merged: Merged) -> tuple[dict[str, Any], ...]:
        """{path, added, deleted, old_path} of a merged change."""
        ...

    def greeting(self) -> str:
        """Path of the API's cheapest question that a token is judged by."""
        ...
