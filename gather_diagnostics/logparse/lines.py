"""Chunks of bytes into lines, without ever holding a line longer than the cap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LINE_BYTES = 65_536
"""How much of a line is kept unless told otherwise."""


@dataclass(slots=True)
class Tally:
    """What was met on the way. `lines` is accounted for by `blank` plus the `lines` of all records."""

    lines: int = 0
    blank: int = 0
    records: int = 0
    timed: int = 0
    """Records with a time of their own."""
    zoneless: int = 0
    """Times without a zone, read in `Context.zone`."""
    undecodable: int = 0
    """Lines that are not UTF-8; the offending bytes became U+FFFD."""
    cut: int = 0
    """Lines longer than the cap."""
    longest: int = 0
    """Bytes of the longest line that was cut."""


def split(chunks: Iterable[bytes], cap: int = LINE_BYTES, tally: Tally | None = None) -> Iterator[bytes]:
    """Lines without their newline. Of a line over `cap` bytes the front is kept, with a note of its whole length."""
    tally = tally if tally is not None else Tally()
    rest = b""
    skipped = 0
    for chunk in chunks:
        lines = chunk.split(b"\n")
        if len(lines) > 1:
            yield capped(rest + lines[0], skipped, cap, tally)
            rest, skipped = lines.pop(), 0
            for line in lines[1:]:
                yield line if len(line) <= cap else capped(line, 0, cap, tally)
        else:
            rest += lines[0]
        if len(rest) > 2 * cap:
            # One byte over the cap is enough to know that it was cut.
            skipped += len(rest) - (cap + 1)
            rest = rest[: cap + 1]
    if rest:
        yield capped(rest, skipped, cap, tally)


def capped(line: bytes, skipped: int, cap: int, tally: Tally) -> bytes:
    """A line of which the front was kept and `skipped` bytes were not."""
    if len(line) <= cap:
        return line
    length = len(line) + skipped
    tally.cut += 1
    tally.longest = max(tally.longest, length)
    return _whole_characters(line[:cap]) + f" …[cut, {length} bytes]".encode()


def _whole_characters(head: bytes) -> bytes:
    """Without the last character, which the cut may have split: a cut must not make valid UTF-8 invalid."""
    end = len(head)
    while end > len(head) - 4 and end and head[end - 1] & 0xC0 == 0x80:
        end -= 1
    if end and head[end - 1] >= 0xC0:
        return head[: end - 1]
    return head
