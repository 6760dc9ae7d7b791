"""Big sorted files: the byte ranges that can hold the windows, found by bisection instead of reading."""

from __future__ import annotations

import itertools
import sys
from datetime import UTC, datetime, timedelta

from gather_diagnostics import Request, Window
from gather_diagnostics.logparse import Context, line_time
from gather_diagnostics.unpacking import CHUNK, Source, plain

BISECT_FROM = 64 << 20
"""Plain files from this size on are not read from the start, if they are sorted by time."""
_MARGIN = timedelta(minutes=5)
"""Lines this far out of order are still found when bisecting."""
_PROBES = 16


def bounds(window: Window) -> tuple[int, int]:
    return micro(window.start), micro(window.end)


def micro(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def newlines(stream: Source, start: int, stop: int) -> int:
    if start >= stop:
        return 0
    stream.seek(start)
    return sum(chunk.count(b"\n") for chunk in plain(stream, stop - start))


def spans(stream: Source, size: int, request: Request, context: Context) -> list[tuple[int, int]]:
    """Byte ranges of a big plain file, at starts of lines, that hold the windows; the whole file if not sorted."""
    probes = [_time_at(stream, size * n // _PROBES, context) for n in range(_PROBES)]
    times = [p for p in probes if p is not None]
    if len(times) < _PROBES or any(b < a for a, b in itertools.pairwise(times)):
        return [(0, sys.maxsize)]
    # Zone-less times of the hour in which clocks are put back are only known to an hour.
    margin = _MARGIN if context.zone is UTC else _MARGIN + timedelta(hours=1)
    spans: list[tuple[int, int]] = []
    for window in sorted(request.windows(), key=lambda w: w.start):
        start = _bracket(stream, size, micro(window.start - margin), context)[0]
        stop = _bracket(stream, size, micro(window.end + margin), context)[1]
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], stop))
        else:
            spans.append((start, stop))
    # What is appended meanwhile belongs to the last range, if that one reaches the end.
    return [(start, stop if stop < size else sys.maxsize) for start, stop in spans if start < min(stop, size)]


def _bracket(stream: Source, size: int, moment: int, context: Context) -> tuple[int, int]:
    """Two starts of lines: all before the first is earlier than `moment`, all from the second on is not."""
    low, high, sure = 0, size, True
    while high - low > CHUNK:
        middle = (low + high) // 2
        at = _time_at(stream, middle, context)
        if at is not None and at < moment:
            low = middle
        else:
            high = middle
            sure = sure and at is not None
    return _line_start(stream, low), _line_start(stream, high) if sure else size


def _line_start(stream: Source, offset: int) -> int:
    """The start of the first line that begins at `offset` or later; the end of the file when none does."""
    if offset == 0:
        return 0
    at = offset - 1
    stream.seek(at)
    while chunk := stream.read(1 << 16):
        newline = chunk.find(b"\n")
        if newline >= 0:
            return at + newline + 1
        at += len(chunk)
    return at


def _time_at(stream: Source, offset: int, context: Context) -> int | None:
    """The time of the first line with one, among the 256 KiB after `offset`."""
    stream.seek(_line_start(stream, offset))
    lines = stream.read(1 << 18).split(b"\n")
    return next((found for line in lines if (found := line_time(line, context)) is not None), None)
