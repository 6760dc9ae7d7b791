"""Windows turned into ranges of samples. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from gather_diagnostics import Window

STEPS = 240
"""About as many samples a series has in baseline and incident together."""
GRID = 15
"""A chosen step is a multiple of it, in seconds: the usual scrape interval."""
MOST_POINTS = 11_000
"""Prometheus refuses a range query that would return more points a series."""
INTERVALS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 300)
"""Scrape intervals people use, in seconds."""
LEAST_RATE = 60
"""Rates over less than this many seconds are noise."""


@dataclass(frozen=True, slots=True)
class Span:
    """Samples at start, start + step, ..., end, both included. Unix seconds, on a grid of `step`."""

    start: int
    end: int
    step: int

    @property
    def first(self) -> datetime:
        return datetime.fromtimestamp(self.start, UTC)

    @property
    def last(self) -> datetime:
        return datetime.fromtimestamp(self.end, UTC)


def merge(windows: Sequence[Window]) -> list[Window]:
    """The same time in as few windows as possible, in order: adjacent and overlapping ones become one."""
    merged: list[Window] = []
    for window in sorted(windows, key=lambda w: w.start):
        if merged and window.start <= merged[-1].end:
            merged[-1] = Window(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def choose_step(window: Window) -> int:
    """Seconds between samples so that the window has about STEPS of them."""
    return max(GRID, math.ceil(window.length.total_seconds() / STEPS / GRID) * GRID)


def spans(window: Window, step: int) -> Iterator[Span]:
    """The samples of a half-open window, in parts that Prometheus answers. Nothing where no sample falls into it."""
    start = math.ceil(window.start.timestamp() / step) * step
    # A sample at the very end belongs to the window after.
    last = (math.ceil(window.end.timestamp() / step) - 1) * step
    while start <= last:
        end = min(last, start + (MOST_POINTS - 1) * step)
        yield Span(start, end, step)
        start = end + step


def scrape_interval(samples: float, seconds: float) -> int:
    """The usual interval that comes nearest to `samples` in `seconds`; 15 where nothing is known."""
    if not samples > 0:
        return GRID
    return min(INTERVALS, key=lambda i: abs(math.log(i * samples / seconds)))


def rate_window(interval: int, step: int) -> int:
    """Seconds that rates are taken over: four scrapes survive two lost ones, and no sample falls between steps."""
    return max(LEAST_RATE, 4 * interval, step)
