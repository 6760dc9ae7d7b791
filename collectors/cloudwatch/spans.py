"""Windows turned into what CloudWatch is asked for. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gather_diagnostics import Window

MOST_POINTS = 1_440
"""Samples of one series in one window: AWS's own limit for GetMetricStatistics, and all that a chart can show."""
RETENTION = ((timedelta(days=15), 60), (timedelta(days=63), 300), (timedelta(days=455), 3_600))
"""Age up to which samples of so many seconds are kept (docs: CloudWatch concepts, metrics retention)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Samples at start, start + period, ... before end, each standing for `period` seconds from its time on (UTC)."""

    start: datetime
    end: datetime
    period: int


def merge(windows: Sequence[Window]) -> list[Window]:
    """The same time in as few windows as possible, in order: adjacent and overlapping ones become one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def period(window: Window, asked: datetime, least: int = 0) -> int:
    """Seconds a sample stands for: as fine as AWS still keeps at that age, at least `least`, at most MOST_POINTS."""
    age = asked - window.start
    kept = next((seconds for limit, seconds in RETENTION if age <= limit), RETENTION[-1][1])
    fitting = math.ceil(window.length.total_seconds() / MOST_POINTS / kept) * kept
    return max(kept, fitting, math.ceil(least / kept) * kept)


def span(window: Window, asked: datetime, least: int = 0) -> Span:
    """The samples of a half-open window; their times are on the grid of the period, as AWS rounds them."""
    seconds = period(window, asked, least)
    start = math.ceil(window.start.timestamp() / seconds) * seconds
    end = max(start + seconds, math.ceil(window.end.timestamp() / seconds) * seconds)
    return Span(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC), seconds)


def milliseconds(time: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return int(time.timestamp() * 1000)


def from_milliseconds(milliseconds: int) -> datetime:
    """The time (UTC) of milliseconds since 1970-01-01 UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
