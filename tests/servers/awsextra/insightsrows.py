"""Log events as Insights' rows: the @ fields, and those it discovers in JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.logs.models import LogGroup
from servers.awsextra.state import ACCOUNT

Row = dict[str, Any]
"""Field to value; times are `Millis`."""


class Millis(int):
    """Unix milliseconds; Insights shows them as a date."""


def rows_of(group: LogGroup, start: int, end: int) -> list[Row]:
    """Newest first; start and end in Unix milliseconds, both included."""
    rows = [
        {
            **discovered(event.message),
            "@timestamp": Millis(event.timestamp),
            "@message": event.message,
            "@logStream": stream.log_stream_name,
            "@log": f"{ACCOUNT}:{group.name}",
            "@ingestionTime": Millis(event.ingestion_time),
            "@ptr": base64.b64encode(f"{group.name}@{event.event_id}".encode()).decode(),
        }
        for stream in group.streams.values()
        for event in stream.events
        if start <= event.timestamp <= end
    ]
    return sorted(rows, key=lambda row: (row["@timestamp"], row["@ptr"]), reverse=True)


def discovered(message: str) -> dict[str, Any]:
    """Fields of a JSON message, nested ones with dots; none for other text."""
    if not message.lstrip().startswith("{"):
        return {}
    try:
        return dict(_flat(json.loads(message), ""))
    except ValueError:
        return {}


def _flat(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for key, inner in value.items():
                yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
        case list():
            for index, inner in enumerate(value):
                yield from _flat(inner, f"{prefix}.{index}")
        case bool():
            yield prefix, int(value)
        case None:
            return
        case _:
            yield prefix, value


def shown(value: Any) -> str:
    """As Insights writes it: times in UTC to the millisecond, numbers to four decimals."""
    if isinstance(value, Millis):
        when = datetime.fromtimestamp(value // 1000, UTC)
        return f"{when:%Y-%m-%d %H:%M:%S}.{value % 1000:03d}"
    if isinstance(value, float):
        return f"{value:.4f}".rstrip("0").rstrip(".")
    return str(value)
