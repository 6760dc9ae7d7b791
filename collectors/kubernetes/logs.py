"""Reads the logs of one container within its bounds."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from collectors.kubernetes.client import TROUBLE, AnswerError, Api, Trouble
from collectors.kubernetes.logstreams import Stamps, Stream, around_first_error, rfc3339
from collectors.kubernetes.objects import Origin, name
from gather_diagnostics import Request
from gather_diagnostics.logparse import Context, Record, batches, bulk, parse, split
from gather_diagnostics.model import Json

if TYPE_CHECKING:
    import pyarrow as pa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Budget:
    """Bytes of log that may still be read; containers read side by side take from it and give back."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = threading.Lock()

    def take(self, wanted: int) -> int:
        with self._lock:
            taken = min(wanted, self._left)
            self._left -= taken
            return taken

    def give_back(self, unused: int) -> None:
        with self._lock:
            self._left += max(unused, 0)


@dataclass
class Pass:
    """One request for a part of a log, and what came."""

    parameters: dict[str, str | int]
    size: int = 0
    stamps: Stamps = field(default_factory=Stamps)
    trouble: Trouble | None = None
    """What ended it early, to be raised when what came before it was handed over."""

    def counted(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """At most what was asked for: not every server, nor proxy before it, keeps to `limitBytes`."""
        limit = int(self.parameters["limitBytes"])
        try:
            for chunk in chunks:
                kept = chunk[: limit - self.size]
                self.size += len(kept)
                yield kept
                if self.size >= limit:
                    return
        except TROUBLE as error:
            self.trouble = error

    @property
    def out_of_bytes(self) -> bool:
        return self.size >= int(self.parameters["limitBytes"])

    @property
    def out_of_lines(self) -> bool:
        return self.stamps.lines >= int(self.parameters.get("tailLines", 2**62))


@dataclass
class LogReading:
    """One run of one container. `cut` says afterwards what had to be left out; '' for nothing."""

    api: Api
    stream: Stream
    request: Request
    origin: Origin
    max_bytes: int
    max_lines: int
    cut: str = ""
    read: int = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Rows of `logs` from the baseline's start to the incident's end. Raises what Api raises.

        The API cuts a limited answer at its newer end, and a tail at its older one. So the newest lines are asked for
        first; where bytes cut them, the very newest again; then what is around the first error of the part left out.
        """
        since = micros(self.request.baseline.start)
        whole = self._pass(since, self.max_bytes // 2, self.max_lines)
        yield from self._rows(whole, since)
        if not whole.out_of_bytes and not whole.out_of_lines:
            return
        self.cut = f"more than {whole.size:,} bytes" if whole.out_of_bytes else f"more than {self.max_lines:,} lines"
        missing, until = since, whole.stamps.first
        if whole.out_of_bytes and whole.stamps.last is not None:
            missing, until = whole.stamps.last + 1, (yield from self._newer(whole))
        missing = max(missing, micros(self.request.incident.start))
        if until is not None and missing < until:
            yield from self._rows(self._pass(missing, self.max_bytes // 6), missing, until)

    def _newer(self, part: Pass) -> Generator[pa.RecordBatch, None, int | None]:
        """What the limit of bytes cut off, the very end of it. Lines may have grown longer: then of fewer lines.

        Returns the time of the first line of it (microseconds).
        """
        first: int | None = None
        for share in (0.3, 0.1):
            if not part.out_of_bytes or part.stamps.last is None:
                break
            since, tail = part.stamps.last + 1, max(10, int(part.stamps.lines * share))
            part = self._pass(since, self.max_bytes // 6, tail)
            yield from self._rows(part, since)
            first = first or part.stamps.first
        return first

    def _pass(self, since: int, limit: int, tail: int | None = None) -> Pass:
        asked: dict[str, str | int] = {
            "container": self.stream.container,
            "timestamps": "true",
            "sinceTime": rfc3339(since),
            "limitBytes": max(limit, 1),
        }
        if tail is not None:
            asked["tailLines"] = tail
        if self.stream.previous:
            asked["previous"] = "true"
        return Pass(asked)

    def _rows(self, part: Pass, since: int, until: int | None = None) -> Iterator[pa.RecordBatch]:
        """Rows not before `since`; with `until` (both microseconds), the neighbourhood of the first error alone."""
        try:
            with self.api.stream(self.stream.path, part.parameters) as chunks:
                lines = split(part.counted(chunks))
                made = self._all(part, lines, since) if until is None else self._first_error(part, lines, since, until)
                yield from made
            if part.trouble:
                raise part.trouble
        except AnswerError as error:
            if not _nothing_there(error, self.stream):
                raise
        finally:
            self.read += part.size

    def _all(self, part: Pass, lines: Iterable[bytes], since: int) -> Iterator[pa.RecordBatch]:
        return bulk(
            part.stamps.parts(lines),
            Stamps().taken,
            Context(reference=self.request.asked),
            ref=self._ref(first_error=False),
            service=self.origin.service,
            instance=name(self.stream.pod),
            labels=self._labels,
            since=since,
            until=micros(self.request.incident.end),
        )

    def _first_error(self, part: Pass, lines: Iterable[bytes], since: int, until: int) -> Iterator[pa.RecordBatch]:
        records = parse(part.stamps.taken(lines), Context(reference=self.request.asked))
        return batches(
            around_first_error(self._kept(records, since), until),
            ref=self._ref(first_error=True),
            service=self.origin.service,
            instance=name(self.stream.pod),
        )

    def _kept(self, records: Iterable[Record], since: int) -> Iterator[Record]:
        end = micros(self.request.incident.end)
        for record in records:
            if record.time_us is not None and since <= record.time_us < end:
                record.labels = {**(record.labels or {}), **self._labels}
                yield record

    @property
    def _labels(self) -> dict[str, Json]:
        return {"container": self.stream.container, **({"previous": True} if self.stream.previous else {})}

    def _ref(self, first_error: bool) -> str:
        run = "/previous" if self.stream.previous else ""
        part = "/first-error" if first_error else ""
        return f"{self.origin.ref(self.stream.pod, 'Pod')}/{self.stream.container}{run}{part}"


def _nothing_there(error: AnswerError, stream: Stream) -> bool:
    """A container that never ran, or whose former run was cleared away: an empty log, and its state says so."""
    if error.status not in (400, 404):
        return False
    said = error.message.lower()
    waiting = "waiting to start" in said or "is not available" in said or "not yet" in said
    return waiting or (stream.previous and "previous terminated container" in said)


def micros(time: datetime) -> int:
    """Microseconds since 1970-01-01 UTC."""
    since = time - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
