"""Patches: read in one process, kept up to a limit, never more in memory than is kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from collectors.git.command import Client
from collectors.git.history import DIFF_OPTIONS, LOG, decode_path

_HEADER = "commit %H%nAuthor: %an <%ae>%nDate:   %cI%n%n%B"


@dataclass(slots=True)
class Patch:
    """A commit's message and patch as git show prints them."""

    sha: str
    kept: bytearray
    """The beginning, as much as was asked for."""
    size: int = 0
    """Bytes of the whole."""


def read_patches(
    client: Client, shas: Iterable[str], paths: Sequence[str], largest: int, *, header: bool = True
) -> Iterator[Patch]:
    """The patches of these commits in `paths`, in the given order; of a merge, what is in none of its parents.

    A commit that touches none of the paths is left out. Raises GitError.
    """
    marker = f"{secrets.token_hex(16)} "  # a patch may hold any bytes, but not what it can't know
    form = f"--format=%x00{marker}%H%x00{_HEADER if header else ''}"
    fed = "".join(f"{sha}\n" for sha in shas).encode("ascii")
    if not fed:
        return
    options = ("--cc", "-U3", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", *DIFF_OPTIONS)
    arguments = (*options, form, "--no-walk=unsorted", "--stdin", "--", *paths)
    yield from parse_patches(client.stream(*LOG, *arguments, stdin=fed), b"\0" + marker.encode(), largest)


def parse_patches(chunks: Iterable[bytes], marker: bytes, largest: int) -> Iterator[Patch]:
    """Split at `marker`; each record is a sha, a NUL and the text, of which `largest` bytes are kept."""
    record: _Record | None = None
    pending = b""
    for chunk in chunks:
        *pieces, pending = (pending + chunk).split(marker)
        for piece in pieces:
            if record:
                yield record.add(piece).patch()
            record = _Record(largest)
        if record and len(pending) >= len(marker):
            safe = len(pending) - len(marker) + 1
            record.add(pending[:safe])
            pending = pending[safe:]
    if record:
        yield record.add(pending).patch()


class _Record:
    """A record while it comes in."""

    def __init__(self, largest: int) -> None:
        self._most = largest + 65  # the longest sha and the NUL behind it
        self._kept = bytearray()
        self._size = 0

    def add(self, piece: bytes) -> _Record:
        self._kept += piece[: max(self._most - len(self._kept), 0)]
        self._size += len(piece)
        return self

    def patch(self) -> Patch:
        sha, _, text = bytes(self._kept).partition(b"\0")
        overhang = max(self._size - len(sha) - 1, 0)
        return Patch(sha.decode("ascii", "replace"), bytearray(text[: self._most - 65]), overhang)


_QUOTED = re.compile(r"\\(?:([0-7]{3})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def unquoted(name: bytes) -> str:
    """A path as git prints it in a patch: in double quotes with C escapes where it holds special characters."""
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return decode_path(name)
    plain = _QUOTED.sub(
        lambda m: chr(int(m[1], 8) & 255) if m[1] else _ESCAPES.get(m[2], m[2]), name[1:-1].decode("latin-1")
    )
    return decode_path(plain.encode("latin-1"))
