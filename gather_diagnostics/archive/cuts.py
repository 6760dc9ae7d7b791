"""Where an archive may be cut: files, and blocks of big plain ones.

A block ends where the next one's first record begins for certain, whatever stands before it; so the blocks of a file
give the records, and the times, that the whole file would give. Lines that a container runtime wrapped (CRI, Docker's
json-file) may go on a line that was cut before, and compressed files can't be entered in the middle: such files are one
part each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gather_diagnostics.archive.files import File, opened
from gather_diagnostics.logparse import Context, Record, parse
from gather_diagnostics.unpacking import Chunks, Source, unpacker

BLOCK = 128 << 20
"""Bytes of a plain file that are one part: seconds of work, which is what a lost worker costs."""
_PROBE = 1 << 18
"""Bytes in which a record must begin for certain; else the block goes on to the next place."""
_LONGEST = 8_192
_PACKED = (".gz", ".zst")

# Each leaves something open that a following line could go on with.
_OPENERS = (
    b"x",
    b"Traceback (most recent call last):",
    b"goroutine 1 [running]:",
    b"2026-01-01T00:00:00.000000000Z stdout P x",
    b"2026-01-01T00:00:00.000000000Z stderr P x",
    b'{"log":"' + b"x" * 4096 + b'","stream":"stdout"}',
    b'{"log":"' + b"x" * 4096 + b'","stream":"stderr"}',
)


@dataclass(frozen=True, slots=True)
class Part:
    """What one pass reads: the records of a file that begin in about [start, start + block)."""

    file: File
    start: int = 0
    block: int = BLOCK
    """Bytes between the places where this file may be cut."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes that a part turned out to be."""

    start: int
    stop: int
    unpack: Callable[[Source], Chunks] | None
    """What decompresses them; None where they are plain."""


def parts(files: Iterable[File], block: int = BLOCK) -> Iterator[Part]:
    """The parts of all files, in order. Looks at nothing but names and sizes."""
    for file in files:
        whole = file.path.endswith(_PACKED)
        yield from (Part(file, start, block) for start in ((0,) if whole else range(0, file.size, block)))


def span(part: Part) -> Span | None:
    """The bytes of a part; None where all its records belong to others. Raises what `files.opened` does."""
    file = part.file
    head = _read(file, 0)
    if unpack := unpacker(head[:4]):
        return None if part.start else Span(0, file.size, unpack)
    # A record in front of the first time takes that time: no cut before there was one.
    first = _begin(head, 0, file) if file.size > part.block else None
    if first is None:
        return None if part.start else Span(0, file.size, None)
    start = _cut(file, part.start, first) if part.start else 0
    if start is None:
        return None
    later = (_cut(file, place, first) for place in range(part.start + part.block, file.size, part.block))
    stop = next((cut for cut in later if cut is not None), file.size)
    return Span(start, stop, None) if start < stop else None


def _cut(file: File, place: int, first: int) -> int | None:
    """The first certain beginning of a record from `place` on, but behind the file's first one."""
    place = max(place, first + 1)
    data = _read(file, place - 1)
    end_of_line = data.find(b"\n") + 1
    return _begin(data[end_of_line:], place - 1 + end_of_line, file) if end_of_line else None


def _begin(data: bytes, at: int, file: File) -> int | None:
    """Where in `data`, which stands at `at` in the file and begins with a line, a record begins for certain."""
    context = file.context
    for line in data.split(b"\n")[:-1]:
        if len(line) <= _LONGEST and _stands_alone(line, context):
            return at
        at += len(line) + 1
    return None


def _stands_alone(line: bytes, context: Context) -> bool:
    """Whether the line is a record with its own time after whatever may come before it."""
    return all(_is_new(list(parse((opener, line), context))) for opener in _OPENERS)


def _is_new(records: list[Record]) -> bool:
    return len(records) == 2 and any(r.line == 2 and r.lines == 1 and r.own_time for r in records)


def _read(file: File, start: int) -> bytes:
    stop = min(start + _PROBE, file.size)
    with opened(file, start, stop) as stream:
        pieces = []
        while start < stop and (piece := stream.read(stop - start)):
            pieces.append(piece)
            start += len(piece)
    return b"".join(pieces)
