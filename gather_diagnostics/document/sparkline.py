"""A curve in one line of text: the charts of those who read a ticket, a chat or a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from gather_diagnostics.document.clock import when

View = Mapping[str, Any]
Points = list[tuple[float, float]]

BARS = "▁▂▃▄▅▆▇█"
HOLE = "·"
"""Where nothing was measured: a hole is no zero."""
MARK = "│"
WIDTH = 24
FAR = 3.5
"""Times the usual spacing of samples from which there is a hole between two."""
SPARSE = ("log_patterns",)
"""Charts whose lines leave out what is zero."""


@dataclass(frozen=True, slots=True)
class Spark:
    chart: str
    name: str
    unit: str
    bars: str
    before: float | None
    """Median before the mark."""
    since: float | None
    """Median from the mark on."""
    peak: float


def sparks(document: View) -> list[Spark]:
    """One for each line of the document's charts, over baseline and incident, with a mark where `marked` says."""
    start, end = when(document["windows"]["baseline"]["start"]), when(document["windows"]["incident"]["end"])
    mark = when(marked(document)[0])
    if start is None or end is None or mark is None or start >= end:
        return []
    span = (start.timestamp(), end.timestamp())
    found = []
    for chart in document["series"]:
        for line in chart["lines"]:
            points = [(t.timestamp(), float(v)) for text, v in line["points"] if (t := when(text)) and start <= t < end]
            if points:
                found.append(_spark(chart, str(line["name"]), points, span, mark.timestamp()))
    return found


def marked(document: View) -> tuple[str, str]:
    """The time that sparklines mark, and what it is."""
    onset = document["onset"]
    start, end = document["windows"]["baseline"]["start"], document["windows"]["incident"]["end"]
    if onset and onset["time"] and start < onset["time"] < end:
        return onset["time"], "the onset"
    return document["windows"]["incident"]["start"], "the start of the incident window"


def _spark(chart: View, name: str, points: Points, span: tuple[float, float], mark: float) -> Spark:
    before = [value for time, value in points if time < mark]
    since = [value for time, value in points if time >= mark]
    sparse = chart["name"] in SPARSE
    return Spark(
        chart=str(chart["name"]),
        name=name,
        unit=str(chart["unit"]),
        bars=bars(points, *span, mark, sparse=sparse),
        # Of a line without its zeros no median can be told.
        before=median(before) if before and not sparse else None,
        since=median(since) if since and not sparse else None,
        peak=max(value for _, value in points),
    )


def bars(points: Points, start: float, end: float, mark: float, *, sparse: bool = False) -> str:
    """At most 24 bars from 0 to the largest value, each the largest of its time, and the mark between two of them."""
    count = WIDTH if sparse else min(WIDTH, max(2, len(points)))
    step = (end - start) / count
    top = max(value for _, value in points)
    largest: list[float | None] = [0.0 if sparse else None] * count
    for time, value in points:
        place = min(count - 1, int((time - start) / step))
        largest[place] = max(largest[place] or 0.0, value)
    if not sparse:
        _joined(largest, points, start, step)
    signs = [_sign(value, top) for value in largest]
    signs.insert(min(count, max(0, round((mark - start) / step))), MARK)
    return "".join(signs)


def _joined(largest: list[float | None], points: Points, start: float, step: float) -> None:
    """Bars that no sample fell into, but which lie between two that follow each other as usual, go on as before."""
    times = sorted(time for time, _ in points)
    usual = median(b - a for a, b in pairwise(times)) if len(times) > 1 else 0.0
    for a, b in pairwise(times):
        if b - a <= FAR * usual:
            first, last = (min(len(largest) - 1, int((time - start) / step)) for time in (a, b))
            for place in range(first + 1, last):
                largest[place] = largest[first]


def _sign(value: float | None, top: float) -> str:
    if value is None:
        return HOLE
    return BARS[min(len(BARS) - 1, int(max(0.0, value) / top * len(BARS)))] if top > 0 else BARS[0]


def amount(value: float | None, unit: str) -> str:
    """'407 ms', '6.21%', '41/s', '1.2/min'; '—' where there is none."""
    if value is None:
        return "—"
    match unit:
        case "s":
            return f"{value * 1000:,.0f} ms" if value < 10 else f"{value:,.1f} s"
        case "ratio":
            return f"{value:.2%}"
        case "1/s" | "1/min":
            return f"{value:,.0f}{unit[1:]}" if value >= 100 else f"{value:.3g}{unit[1:]}"
    return f"{value:,.6g} {unit}"


def of_pattern(found: Sequence[Spark], template: str) -> Spark | None:
    return next((spark for spark in found if spark.chart == "log_patterns" and spark.name == template), None)
