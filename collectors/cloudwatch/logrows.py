"""Log events as rows of the logs table. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.cloudwatch import links
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import Count
from gather_diagnostics.logparse import LINE_BYTES, Record, everyday, parse

MOST_HELD = 1_000
"""Events of one stream that wait for the next page, since their record may go on there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"
_UUID = re.compile(_ID, re.ASCII)
_ID_WITHIN = 120
"""Characters from the start of a Lambda line."""
_WORTHWHILE = 200
"""Events of a page from which on they are looked at together."""

Event = Mapping[str, Any]


class Shaper:
    """Events of one group, page by page; the last record of each stream waits, for it may have further lines."""

    def __init__(self, group: Group, service: str) -> None:
        self._group = group
        self._service = service
        self._held: dict[str, list[Event]] = {}

    def parts(self, page: Sequence[Event]) -> Iterator[pa.RecordBatch | list[dict[str, Any]]]:
        """Rows of the records that are complete: first those that are everyday's, then the others."""
        events = sorted((e for e in page if _sound(e)), key=_stream_of)
        taken = _everyday(self._group, events, self._service) if len(events) >= _WORTHWHILE else None
        if taken is not None:
            batch, others = taken
            yield batch
            events = [events[n] for n in others]
        yield self.rows(events)

    def rows(self, page: Iterable[Event]) -> list[dict[str, Any]]:
        """Rows of the records that are complete, one by one."""
        streams = self._held
        self._held = {}
        for event in page:
            if _sound(event):
                streams.setdefault(_stream_of(event), []).append(event)
        made: list[dict[str, Any]] = []
        for stream, events in streams.items():
            # FilterLogEvents interleaves streams, but keeps the order within one.
            made += self._stream(stream, events)
        return made

    def rest(self) -> list[dict[str, Any]]:
        """Rows of what still waited."""
        streams, self._held = self._held, {}
        return [row for s, events in streams.items() for _, row in records(self._group, s, events, self._service)]

    def _stream(self, stream: str, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        found = list(records(self._group, stream, events, self._service))
        last = found[-1][0] if found else len(events)
        if found and len(events) - last <= MOST_HELD:
            self._held[stream] = list(events[last:])
            found.pop()
        yield from (row for _, row in found)


def _sound(event: Event) -> bool:
    return isinstance(event.get("timestamp"), int) and isinstance(event.get("message"), str)


def _stream_of(event: Event) -> str:
    return str(event.get("logStreamName", ""))


def _everyday(group: Group, events: Sequence[Event], service: str) -> tuple[pa.RecordBatch, list[int]] | None:
    """Rows of the everyday events, and the positions of the others; `events` are in the order of their streams."""
    messages = [e["message"].rstrip("\r\n") for e in events]
    try:
        # A character is 4 bytes at most: a line that could be too long goes the other way.
        texts = pa.array([m if len(m) <= LINE_BYTES // 4 else None for m in messages], pa.string())
    except UnicodeEncodeError:
        return None
    streams = pa.array([_stream_of(e) for e in events]).dictionary_encode()
    codes = streams.indices.to_numpy()
    found = everyday(texts, {"log_group": group.name}, np.flatnonzero(codes[1:] != codes[:-1]))
    index = found["index"].combine_chunks()
    rest = np.ones(len(events), dtype=bool)
    rest[index.to_numpy()] = False
    return _completed(group, found, [events[n] for n in index.to_pylist()], service), np.flatnonzero(rest).tolist()


def _completed(group: Group, found: pa.Table, events: Sequence[Event], service: str) -> pa.RecordBatch:
    """The same columns that `row` makes."""
    columns = {name: found[name].combine_chunks() for name in found.column_names if name != "index"}
    names = [_stream_of(e) for e in events]
    if group.name.startswith("/aws/lambda/"):
        ids = pc.extract_regex(pc.utf8_slice_codeunits(columns["message"], 0, _ID_WITHIN), f"(?P<id>{_ID})")
        columns["request_id"] = pc.coalesce(columns["request_id"], pc.struct_field(ids, "id"))
    times = pa.array([e["timestamp"] for e in events], pa.int64())
    return pa.RecordBatch.from_pydict(
        columns
        | {
            "time": pc.multiply(times, 1000).cast(pa.timestamp("us", tz="UTC")),
            "ref": pa.array([_ref(group, n) + str(e.get("eventId", "")) for n, e in zip(names, events, strict=True)]),
            "service": pc.coalesce(columns["service"], pa.scalar(service)),
            "instance": pc.coalesce(columns["instance"], pa.array(names, pa.string())),
        }
    )


@functools.lru_cache(maxsize=4096)
def _ref(group: Group, stream: str) -> str:
    return links.log_event(group.region, group.name, stream, "")


def records(group: Group, stream: str, events: Sequence[Event], service: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """(index of its first event, row) of one stream's records; an event is never split, several may make one record."""
    for record in parse((e["timestamp"] * 1000, line(e["message"])) for e in events):
        first = record.line - 1
        yield first, row(group, stream, str(events[first].get("eventId", "")), record, service)


def line(message: str) -> bytes:
    """An event's message without its last newline; the front of one that is too long."""
    text = message.rstrip("\r\n").encode("utf-8", "replace")
    if len(text) <= LINE_BYTES:
        return text
    return text[:LINE_BYTES].decode("utf-8", "ignore").encode() + f" …[cut, {len(text)} bytes]".encode()


def row(group: Group, stream: str, event: str, record: Record, service: str) -> dict[str, Any]:
    """One row. A Lambda line that names its request only by an id in front gets the id as request_id."""
    request_id = record.request_id
    if (
        request_id is None
        and group.name.startswith("/aws/lambda/")
        and (match := _UUID.search(record.message[:_ID_WITHIN]))
    ):
        request_id = match[0]
    return {
        "time": _EPOCH + timedelta(microseconds=record.time_us or 0),
        "ref": _ref(group, stream) + event,
        "level": record.level,
        "service": record.service or service,
        "instance": record.instance or stream,
        "message": record.message,
        "trace_id": record.trace_id,
        "request_id": request_id,
        "tenant": record.tenant,
        "endpoint": record.endpoint,
        "labels": {**(record.labels or {}), "log_group": group.name},
    }


def overview(counts: Sequence[Count], service: str, region: str, seconds: int) -> Iterator[dict[str, Any]]:
    """Counts as rows of the metrics table: log_lines, in lines a second, by group and level."""
    for count in counts:
        labels = {"log_group": count.group, "level": count.level or "none", "region": region}
        yield {
            "time": count.time,
            "ref": links.log_group(region, count.group),
            "metric": "log_errors" if count.level in ("ERROR", "CRITICAL") else "log_lines",
            "stat": "rate",
            "value": count.lines / seconds,
            "unit": "1/s",
            "service": service,
            "instance": count.group,
            "labels": labels,
        }
