"""What is attached, what a target has to do, and what it tells afterwards.

A target is one file in `targets` with one class that fulfils `Target`, and one line in `addresses.TARGETS`. It is
idempotent: what `Progress` or the far side itself says is there is updated or left as it is, never put there a second
time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

Environ = Mapping[str, str]
Facts = Mapping[str, str]
"""What a target keeps of a part, in its own words: {"id": "10001", "url": "https://..."}. No secrets."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a target takes, by its documentation."""

    file: int
    """Bytes of the largest file; 0 where it takes none. What the server says itself is known in `send` only."""
    text: int
    """Characters of the longest text; 0 where it takes none."""


@dataclass(frozen=True, slots=True)
class Package:
    """A verified bundle, ready to go."""

    service: str
    title: str
    """One plain sentence, untrusted: to be escaped by the form."""
    document: Mapping[str, Any]
    """evidence.json; `texts.comment` makes of it what a target takes."""
    name: str
    """evidence-<service>-<UTC time>[-shared]."""
    archive: Path
    """The .tar.gz to attach."""
    size: int
    """Bytes of the archive."""
    sha256: str
    """Of the archive, hexadecimal."""
    shared: bool
    """Names in it are replaced (`gather_diagnostics share`): it may go to people outside."""
    key: str
    """16 hexadecimal digits: which content this is, by the SHA-256 of the bundle's SHA256SUMS."""
    origin: str
    """16 hexadecimal digits: which collection it comes from. It stays when a bundle is amended or analyzed again."""
    links: tuple[str, ...] = ()
    """URLs where stores that were sent to before (s3, file) keep the archive; none where strangers would read them."""

    @property
    def file(self) -> str:
        """The archive's name over there."""
        return f"{self.name}.tar.gz"

    @property
    def kept(self) -> str:
        """The archive's name in a store, where another content has another name."""
        return f"{self.name}-{self.sha256[:12]}.tar.gz"

    @property
    def mark(self) -> str:
        """In every text of ours on this collection: how a comment is found again, to be updated."""
        return f"gather_diagnostics-{self.origin}"

    @property
    def stamp(self) -> str:
        """In every text on this very content (it begins with `mark`): how texts that can't be edited are found."""
        return f"{self.mark}-{self.key}"


class Progress(Protocol):
    """What one target has been given so far, kept beside the bundle: a rerun goes on where the last one stopped.

    A part is a name of the target's own choice ("comment", "archive"). `digest` says which content was sent (the
    archive's sha256, `texts.digest` of a text): the same part with another digest is there, but out of date.
    """

    def facts(self, part: str) -> Facts | None:
        """Of whatever was sent as this part, in any version; None where nothing was."""

    def has(self, part: str, digest: str) -> bool:
        """Was it sent with this very content?"""

    def save(self, part: str, digest: str, facts: Facts) -> None:
        """To be called at once when a part is there: it is on the disk when this returns."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What went where. Texts are short and plain: 'comment', 'evidence-x.tar.gz (1.2 MB)'."""

    url: str
    """Where a person sees it; '' where there is no such place."""
    sent: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    """There from an earlier time, as it is now: left alone."""
    left_out: tuple[str, ...] = ()
    """Sentences: what did not go and why ('the archive, 30 MB, is larger than the 10 MB that Jira takes')."""
    link: str = ""
    """Of a store: a URL at which others can fetch the archive."""


class Target(Protocol):
    """One place a bundle can be attached to."""

    name: ClassVar[str]
    """The scheme: 'jira'."""

    @property
    def address(self) -> str:
        """As typed, without credentials: 'jira:OPS-12'. What is remembered is remembered under it."""

    @property
    def limits(self) -> Limits:
        """By its documentation."""

    @property
    def public(self) -> str:
        """Who outside may read there ('anybody, if the repository is public'); '' where nobody does."""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        """From 'jira:OPS-12'. Asks nobody and needs no token. Raises InputError with an example."""

    def plan(self, package: Package) -> list[str]:
        """Plain sentences for --dry-run: what would be sent where, with which token, what is too large. Asks nobody.

        A token that is not there is told here too, see `credentials.told`.
        """

    def send(self, package: Package, done: Progress) -> Receipt:
        """Send what is not there yet and update what is. Raises SendError; what was saved in `done` stays."""
