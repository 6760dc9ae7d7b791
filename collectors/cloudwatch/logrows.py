"""Log events as rows of the logs table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.cloudwatch import links
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import Count
from gather_diagnostics.logparse import LINE_BYTES, Record, parse

MOST_HELD = 1_000
"""Events of one stream that wait for the next page, since their record may go on there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")

Event = Mapping[str, Any]


class Shaper:
    """Events of one group, page by page; the last record of each stream waits, for it may have further lines."""

    def __init__(self, group: Group, service: str) -> None:
        self._group = group
        self._service = service
        self._held: dict[str, list[Event]] = {}

    def rows(self, page: Iterable[Event]) -> list[dict[str, Any]]:
        """Rows of the records that are complete."""
        streams = self._held
        self._held = {}
        for event in page:
            if isinstance(event.get("timestamp"), int) and isinstance(event.get("message"), str):
                streams.setdefault(str(event.get("logStreamName", "")), []).append(event)
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
    if request_id is None and group.name.startswith("/aws/lambda/") and (match := _UUID.search(record.message[:120])):
        request_id = match[0]
    return {
        "time": _EPOCH + timedelta(microseconds=record.time_us or 0),
        "ref": links.log_event(group.region, group.name, stream, event),
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
