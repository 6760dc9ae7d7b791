"""What each target has been given, kept beside the bundle: whoever attaches again goes on, and sends nothing twice.

`.<bundle>.attached.jsonl`, mode 0600, a line a part, the last one of a part counts. Appended to and flushed, so that a
killed process loses no part that was sent, but for one between the server's answer and the flush: that one the marks
in the texts tell of. Locked, so that two runs do not send the same things side by side.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gather_diagnostics.errors import BundleError
from gather_diagnostics.response.tickets.model import Facts

_UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)
LARGEST = 16_000_000
"""Bytes of a state that is read; a line has a few hundred."""

Key = tuple[str, str, str]
"""Origin of the bundle, address of the target, part."""


class State:
    """All that is remembered of one bundle. `problem` says why nothing can be kept; '' where it can."""

    def __init__(self, descriptor: int | None, problem: str = "") -> None:
        self._descriptor = descriptor
        self.problem = problem
        self._parts: dict[Key, tuple[str, Facts]] = {}
        if descriptor is not None:
            self._parts = dict(_lines(descriptor))

    def of(self, origin: str, address: str) -> Part:
        """The progress of one target."""
        return Part(self, origin, address)

    def get(self, key: Key) -> tuple[str, Facts] | None:
        return self._parts.get(key)

    def put(self, key: Key, digest: str, facts: Facts) -> None:
        """On the disk when this returns. Raises BundleError where the disk is full."""
        self._parts[key] = (digest, dict(facts))
        if self._descriptor is None:
            return
        origin, target, part = key
        line = {"origin": origin, "target": target, "part": part, "digest": digest, "facts": dict(facts)}
        try:
            # A line break first: the line before may have been torn by a death.
            _append(self._descriptor, b"\n" + json.dumps(line, sort_keys=True).encode() + b"\n")
        except OSError as error:
            raise BundleError(f"what was sent can't be remembered: {error.strerror}; it will be looked for") from error


class Part:
    """`model.Progress` of one target."""

    def __init__(self, state: State, origin: str, address: str) -> None:
        self._state = state
        self._place = (origin, address)

    def facts(self, part: str) -> Facts | None:
        found = self._state.get((*self._place, part))
        return found[1] if found else None

    def has(self, part: str, digest: str) -> bool:
        found = self._state.get((*self._place, part))
        return found is not None and found[0] == digest

    def save(self, part: str, digest: str, facts: Facts) -> None:
        self._state.put((*self._place, part), digest, facts)


@contextmanager
def remembered(bundle: Path) -> Iterator[State]:
    """The state beside a bundle's folder or .tar.gz. Raises BundleError where another run has it."""
    place = bundle.absolute()
    path = place.with_name(f".{place.name.removesuffix('.tar.gz')}.attached.jsonl")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        if error.errno not in _UNWRITABLE:
            raise BundleError(f"{path}, where is kept what was sent, can't be opened: {error.strerror}") from error
        yield State(None, f"{path} can't be written: what goes now is not remembered, only looked for over there")
        return
    try:
        _lock(descriptor, bundle)
        os.fchmod(descriptor, 0o600)
        yield State(descriptor)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, bundle: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BundleError(f"{bundle} is being attached by another run: wait until that one is done") from error
    except OSError:
        # Some network file systems can't lock; two runs at once are rare, and the marks tell what is there.
        return


def _append(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]
    os.fsync(descriptor)


def _lines(descriptor: int) -> Iterator[tuple[Key, tuple[str, Facts]]]:
    """What can be read of it. A torn or strange line is passed over: what it said is looked for over there."""
    text = os.pread(descriptor, LARGEST, 0).decode("utf-8", "replace")
    for line in text.split("\n"):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and (part := _part(found)):
            yield part


def _part(found: dict[str, Any]) -> tuple[Key, tuple[str, Facts]] | None:
    texts = [found.get(name) for name in ("origin", "target", "part", "digest")]
    facts = found.get("facts")
    if not all(isinstance(text, str) for text in texts) or not isinstance(facts, dict):
        return None
    origin, target, part, digest = map(str, texts)
    return (origin, target, part), (digest, {str(k): str(v) for k, v in facts.items()})
