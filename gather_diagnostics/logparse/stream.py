"""Lines into records: every line ends up in exactly one record, or is blank."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from gather_diagnostics.logparse.lines import LINE_BYTES, Tally
from gather_diagnostics.logparse.plain import Reader
from gather_diagnostics.logparse.records import Context, Record
from gather_diagnostics.logparse.timestamps import Clock
from gather_diagnostics.logparse.wrappings import TRACEBACK, Follower, Unwrapped, kubectl_rest, unwrap

RECORD_LINES = 500
RECORD_CHARACTERS = LINE_BYTES
"""What is kept of a record of several lines."""
HELD = 1_000
"""How many records in front of a stream's first time wait for it, so as to get it."""

BOM = b"\xef\xbb\xbf"

Line = bytes | tuple[int, bytes]
"""A line without its newline; with microseconds since 1970-01-01 UTC where the transport knows its time."""


def parse(lines: Iterable[Line], context: Context | None = None, tally: Tally | None = None) -> Iterator[Record]:
    """Records in the order of their first lines. A record without a time takes that of the record before.

    Records before the first time take the first time (the nearest 1,000; those before have none). `tally` counts
    along. Never raises on what a line holds; memory is bounded by the longest line and record.
    """
    tally = tally if tally is not None else Tally()
    context = context or Context()
    joiner = Joiner(context, tally)
    held: deque[Record] = deque()
    last: int | None = None
    for record in joiner.records(lines):
        tally.records += 1
        if record.time_us is not None:
            if record.own_time:
                tally.timed += 1
            last = record.time_us
            yield from _dated(held, last)
        elif last is None:
            held.append(record)
            if len(held) <= HELD:
                continue
            record = held.popleft()
        else:
            record.time_us = last
        yield record
    yield from _dated(held, last)
    tally.zoneless += joiner.clock.zoneless


def line_time(line: bytes, context: Context | None = None) -> int | None:
    """The time that stands in a single line, in microseconds since 1970-01-01 UTC; None when there is none."""
    for record in parse((line,), context):
        return record.time_us
    return None


def _dated(held: deque[Record], time: int | None) -> Iterator[Record]:
    for record in held:
        record.time_us = time
        yield record
    held.clear()


class Joiner:
    """Joins partial lines and lines that belong together; one record is under way at a time."""

    def __init__(self, context: Context, tally: Tally) -> None:
        self.clock = Clock(context.zone, context.reference)
        self._reader = Reader(self.clock)
        self._follower = Follower()
        self._first = context.first_line
        self._tally = tally
        self._record: Record | None = None
        self._more: list[str] = []
        self._size = 0
        self._left_out = 0
        self._now = 0
        self._parts: dict[str, _Partial] = {}

    def records(self, lines: Iterable[Line]) -> Iterator[Record]:
        for number, line in enumerate(lines, self._first):
            self._tally.lines += 1
            time: int | None = None
            if isinstance(line, tuple):
                time, line = line
            if number == 1 and line.startswith(BOM):
                line = line[len(BOM) :]
            text = self._decoded(line)
            if not text or text.isspace():
                self._tally.blank += 1
            elif (ended := self.take(number, text, time)) is not None:
                yield ended
        yield from self.rest()

    def _decoded(self, line: bytes) -> str:
        if line.endswith(b"\r"):
            line = line[:-1]
        try:
            return line.decode()
        except UnicodeDecodeError:
            self._tally.undecodable += 1
            return line.decode("utf-8", "replace")

    def take(self, number: int, text: str, time: int | None = None) -> Record | None:
        """Put one line, not blank, where it belongs. Returns the record that thereby ended."""
        self._now = number
        whole = unwrap(text, self.clock)
        lines = 1
        if whole is None:
            return self._place(number, lines, text, time, None)
        if (before := self._parts.pop(whole.stream or "", None)) is not None:
            number, lines = before.number, before.lines + 1
            whole = whole.joined(before.text)
        if whole.part:
            self._parts[whole.stream or ""] = _Partial(number, lines, whole.text[:LINE_BYTES], whole)
            return None
        return self._place(number, lines, whole.text, time if time is not None else whole.time, whole)

    def _place(self, number: int, lines: int, text: str, time: int | None, whole: Unwrapped | None) -> Record | None:
        if not text:
            self._tally.blank += lines
            return None
        own = text if time is not None else kubectl_rest(text)
        outer = time is not None or own is not text
        if self._record is not None and self._follower.follows(own, outer) and not self._stands_alone(own):
            self._append(own, lines)
            return None
        ended = self.end()
        self._follower.begins(own)
        self._record = record = Record(number, lines=lines, time_us=time, own_time=time is not None, place=self._now)
        if whole is not None:
            record.labels = {**(whole.labels or {}), "stream": whole.stream}
        self._reader.fill(record, text)
        record.message = record.message or own or text
        if own.startswith((TRACEBACK, "panic: ", "fatal error: ")) and record.level is None:
            record.level = "ERROR" if own.startswith(TRACEBACK) else "CRITICAL"
        self._size = len(record.message)
        return ended

    def _stands_alone(self, text: str) -> bool:
        """An uncaught exception after an everyday line is a record of its own: it would hide in an INFO line."""
        return text.startswith(TRACEBACK) and self._record is not None and self._record.level in ("INFO", "DEBUG")

    def _append(self, text: str, lines: int) -> None:
        assert self._record is not None  # noqa: S101 - for the type checker; follows() needs a record before
        self._record.lines += lines
        room = RECORD_CHARACTERS - self._size
        if len(self._more) >= RECORD_LINES - 1 or room <= 0 or self._left_out:
            self._left_out += lines
            return
        self._more.append(text if len(text) <= room else text[:room] + " …[cut]")
        self._size += len(text) + 1
        if self._record.level is None and text.startswith(TRACEBACK):
            self._record.level = "ERROR"

    def end(self) -> Record | None:
        """The record under way, which no line will follow."""
        record, self._record = self._record, None
        if record is not None and self._more:
            if self._left_out:
                self._more.append(f" …[cut, {self._left_out} more lines]")
            record.message = "\n".join((record.message, *self._more))
            self._more = []
        self._left_out = 0
        return record

    def passed(self) -> Record | None:
        """Another's record stands before the next line. Returns the one that it ended."""
        self._follower.begins("")
        return self.end()

    def rest(self) -> Iterator[Record]:
        """What is under way when the stream ends, lines that never got their last part included."""
        for part in sorted(self._parts.values(), key=lambda p: p.number):
            self._now += 1
            ended = self._place(part.number, part.lines, part.text, part.whole.time, part.whole)
            if ended is not None:
                yield ended
        if (ended := self.end()) is not None:
            yield ended


class _Partial:
    """The front of a line that the runtime cut into parts."""

    __slots__ = ("lines", "number", "text", "whole")

    def __init__(self, number: int, lines: int, text: str, whole: Unwrapped) -> None:
        self.number = number
        self.lines = lines
        self.text = text
        self.whole = whole
