"""Chunks of bytes into blocks of whole lines, as arrays: what `lines.split` does, many lines at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse.lines import Tally, capped, split
from gather_diagnostics.logparse.starts import BLANK, begins
from gather_diagnostics.logparse.stream import BOM

if TYPE_CHECKING:
    import pyarrow as pa

SMALLEST, LARGEST = 1 << 18, 1 << 23
"""Bytes of the first block, so that something comes soon, and of the later ones; each is twice the one before."""
_TAIL = 1 << 16
"""Bytes in which the last beginning of a record is looked for first."""


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are not blank."""

    texts: pa.Array
    """The lines (string), without their newline."""
    numbers: Any
    """Their numbers (int64)."""
    goes_on: bool
    """Whether the first line may belong to a record of the block before."""
    ends: bool
    """Whether the next block begins with a record."""


def blocks(
    chunks: Iterable[bytes], cap: int, tally: Tally, first_line: int = 1, smallest: int | None = None
) -> Iterator[Block]:
    """Blocks that begin with the beginning of a record, where one can be told. `tally` counts lines and blank ones."""
    number, kept, goes_on = first_line, b"", False
    for data in _whole(chunks, cap, tally, smallest or SMALLEST):
        if number == 1 and not kept and data.startswith(BOM):
            data = data[len(BOM) :]
        data = kept + (data.replace(b"\r\n", b"\n") if b"\r" in data else data)
        cut = _last_beginning(data)
        kept = data[cut or len(data) :]
        lines, numbers, count = _numbered(data[: cut or len(data)], number, tally)
        # Without a beginning to cut at the next block may go on with the record that ends this one.
        yield Block(lines, numbers, goes_on, cut > 0)
        goes_on = not cut
        number += count
    if kept:
        lines, numbers, _ = _numbered(kept, number, tally)
        yield Block(lines, numbers, goes_on, True)


def _whole(chunks: Iterable[bytes], cap: int, tally: Tally, smallest: int) -> Iterator[bytes]:
    """Pieces of whole lines, none over the cap."""
    parts: list[bytes] = []
    size, wanted, rest, skipped = 0, smallest, b"", 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            front, _, inner = chunk[:end].partition(b"\n")
            parts += [capped(rest + front, skipped, cap, tally), b"\n", _fitted(inner, cap, tally)]
            size += len(rest) + end
            rest, skipped = chunk[end:], 0
        else:
            rest += chunk
        if len(rest) > 2 * cap:
            # One byte over the cap is enough to know that it was cut.
            skipped += len(rest) - (cap + 1)
            rest = rest[: cap + 1]
        if size >= wanted:
            yield b"".join(parts)
            parts, size, wanted = [], 0, min(2 * wanted, LARGEST)
    if rest:
        parts += [capped(rest, skipped, cap, tally), b"\n"]
    if parts:
        yield b"".join(parts)


def _last_beginning(data: bytes) -> int:
    """Where the last line stands that surely begins a record; 0 without one behind the first line."""
    for size in (_TAIL, len(data)):
        start = data.find(b"\n", max(len(data) - size, 0)) + 1
        if start and start < len(data):
            lines, offsets = _lines(data[start:])
            found = begins(lines).nonzero()[0]
            if len(found):
                return start + int(offsets[found[-1]])
    return 0


def _lines(data: bytes) -> tuple[pa.Array, Any]:
    """The lines of a text that ends with a newline, and where each begins; what is not UTF-8 is U+FFFD."""
    import numpy as np

    raw = np.frombuffer(data, np.uint8)
    newlines = np.flatnonzero(raw == 10)
    starts = np.concatenate(([0], newlines + 1))
    offsets = np.concatenate(([0], newlines - np.arange(len(newlines)))).astype(np.int32)
    # Four times as fast as a mask of the array.
    return _strings(data.replace(b"\n", b""), offsets), starts[:-1]


def _strings(raw: Any, offsets: Any) -> pa.Array:
    import pyarrow as pa

    found = pa.Array.from_buffers(pa.binary(), len(offsets) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(raw)])
    try:
        return found.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([line.decode("utf-8", "replace") for line in found.to_pylist()], pa.string())


def _fitted(data: bytes, cap: int, tally: Tally) -> bytes:
    """Whole lines, none over the cap."""
    return b"".join(line + b"\n" for line in split([data], cap, tally)) if _is_long(data, cap) else data


def _numbered(data: bytes, number: int, tally: Tally) -> tuple[pa.Array, Any, int]:
    """The lines that are not blank, their numbers, and how many lines, blank ones included."""
    import numpy as np
    import pyarrow as pa

    lines, starts = _lines(data)
    tally.undecodable += 0 if data.isascii() else _undecodable(data)
    blank = _blank(lines, np.frombuffer(data, np.uint8)[starts])
    tally.lines += len(lines)
    tally.blank += len(blank)
    numbers = np.delete(np.arange(number, number + len(lines)), blank)
    return lines.take(pa.array(numbers - number)) if len(blank) else lines, numbers, len(lines)


def _blank(lines: pa.Array, first: Any) -> Any:
    """The positions of the lines that are blank; `first` is the first byte of each, or its newline."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    # Few lines begin as a blank one might.
    maybe = np.flatnonzero((first <= ord(" ")) | (first >= 128))
    return maybe[pc.match_substring_regex(lines.take(pa.array(maybe)), BLANK).to_numpy(zero_copy_only=False)]


def _is_long(data: bytes, cap: int) -> bool:
    import numpy as np

    half = cap // 2
    if half and all(data.find(b"\n", at, at + half) >= 0 for at in range(0, len(data), half)):
        # Two newlines in a row lie less than two such stretches apart.
        return False
    return bool(np.diff(np.flatnonzero(np.frombuffer(data, np.uint8) == 10), prepend=-1).max(initial=0) - 1 > cap)


def _undecodable(data: bytes) -> int:
    """Lines that are not UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return sum(_is_undecodable(line) for line in data.split(b"\n"))
    return 0


def _is_undecodable(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return True
    return False
