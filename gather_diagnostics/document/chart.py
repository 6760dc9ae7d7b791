"""Charts as inline SVG: curves over baseline and incident, the onset with its interval, the changes as markers.

Built as an element tree, so every text is escaped by the serialiser; colours are classes that the page's style sheet
defines, so a chart follows light, dark and print. Nothing is drawn across a hole in the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from gather_diagnostics.document import brief
from gather_diagnostics.document.clock import clock, when
from gather_diagnostics.document.escaping import cut, visible

WIDTH, HEIGHT = 540, 232
LEFT, RIGHT, TOP, BOTTOM = 54, 14, 40, 28
MARKERS = 5
HOLE = 3.5
"""Times the usual spacing from which two samples are not joined."""
TITLES = {
    "latency": "Latency",
    "error_rate": "Failing requests",
    "log_errors": "Error lines a minute",
    "request_rate": "Requests a second",
}

View = Mapping[str, Any]
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps epoch seconds and values to the plot's coordinates."""

    start: float
    end: float
    top: float
    """The largest value on the axis; the axis begins at 0."""

    def x(self, seconds: float) -> float:
        share = (seconds - self.start) / (self.end - self.start)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - min(1.0, max(0.0, value / self.top)) * (HEIGHT - TOP - BOTTOM), 1)


def draw(document: View, series: View) -> str:
    """One chart of `document['series']` as an <svg> element; empty where nothing can be drawn."""
    lines = [(str(line["name"]), _points(line["points"])) for line in series["lines"]]
    lines = [(name, points) for name, points in lines if points]
    windows = document["windows"]
    start, end = when(windows["baseline"]["start"]), when(windows["incident"]["end"])
    if not lines or start is None or end is None or start >= end:
        return ""
    top, factor, unit = _scale(str(series["unit"]), max(value for _, points in lines for _, value in points))
    frame = Frame(start.timestamp(), end.timestamp(), top)
    svg = _root(document, series, lines, unit, factor)
    _baseline(svg, frame, document)
    _axes(svg, frame, factor, unit)
    _onset(svg, frame, document)
    for place, (name, points) in enumerate(lines):
        kind = f"curve curve-{min(place, 3) if len(lines) > 1 else 1}"
        if series["name"] == "log_errors":
            _bars(svg, frame, points)
        else:
            _curve(svg, frame, points, kind)
        if len(lines) > 1:
            _legend(svg, name, WIDTH - RIGHT - (len(lines) - place) * 62, kind)
    _markers(svg, frame, document)
    return tostring(svg, encoding="unicode")


def _points(points: Sequence[Sequence[Any]]) -> Points:
    return [(time.timestamp(), float(value)) for text, value in points if (time := when(text)) and value is not None]


def _scale(unit: str, largest: float) -> tuple[float, float, str]:
    """(top of the axis in the data's unit, factor to the unit shown, the unit shown)."""
    factor, shown = 1.0, unit
    if unit == "s" and largest < 2:
        factor, shown = 1000.0, "ms"
    elif unit == "ratio":
        factor, shown = 100.0, "%"
    least = {"ms": 10.0, "%": 1.0, "1/min": 4.0}.get(shown, 1e-6)
    step = _step(max(largest * factor, least) * 1.05, 4)
    return math.ceil(max(largest * factor, least) * 1.02 / step) * step / factor, factor, shown


def _step(span: float, ticks: int) -> float:
    """A step of 1, 2 or 5 times a power of ten that cuts the span into about `ticks`."""
    rough = span / ticks
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= rough)


def _root(document: View, series: View, lines: Sequence[tuple[str, Points]], unit: str, factor: float) -> Element:
    name = str(series["name"])
    svg = Element("svg", {
        "viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "img", "class": "chart",
        "aria-labelledby": f"chart-{name}-title chart-{name}-desc",
    })  # fmt: skip
    title = TITLES.get(name, name)
    SubElement(svg, "title", id=f"chart-{name}-title").text = f"{title} of {visible(document['service'])} over time"
    SubElement(svg, "desc", id=f"chart-{name}-desc").text = _described(document, lines, unit, factor)
    _text(svg, title, 2, 14, "chart-title")
    return svg


def _described(document: View, lines: Sequence[tuple[str, Points]], unit: str, factor: float) -> str:
    """The chart in words, for those who can't see it."""
    edge = when(document["windows"]["incident"]["start"])
    words = []
    for name, points in lines:
        before = [v for t, v in points if edge and t < edge.timestamp()]
        time, peak = max(points, key=lambda p: p[1])
        usual = f"median {median(before) * factor:.3g} {unit} in the baseline, " if before else ""
        at = datetime.fromtimestamp(time, UTC).strftime("%H:%M:%S")
        words.append(f"{visible(name)}: {usual}largest {peak * factor:.3g} {unit} at {at} UTC.")
    onset = document["onset"]
    if onset and onset["time"]:
        words.append(f"Onset at {clock(onset['time'])} UTC.")
    return " ".join(words)


def _baseline(svg: Element, frame: Frame, document: View) -> None:
    window = document["windows"]["baseline"]
    _band(svg, frame, window["start"], window["end"], "band-baseline")
    start = when(window["start"])
    if start:
        _text(svg, "baseline", frame.x(start.timestamp()) + 5, TOP + 12, "note")


def _band(svg: Element, frame: Frame, start: object, end: object, kind: str, least: float = 0.0) -> None:
    a, b = when(start), when(end)
    if a is None or b is None:
        return
    left, right = frame.x(a.timestamp()), frame.x(b.timestamp())
    SubElement(svg, "rect", {
        "class": kind, "x": f"{left}", "y": f"{TOP}", "width": f"{round(max(right - left, least), 1)}",
        "height": f"{HEIGHT - TOP - BOTTOM}",
    })  # fmt: skip


def _axes(svg: Element, frame: Frame, factor: float, unit: str) -> None:
    step = _step(frame.top * factor, 4)
    for i in range(int(round(frame.top * factor / step, 6)) + 1):
        y = frame.y(i * step / factor)
        _line(svg, LEFT, y, WIDTH - RIGHT, y, "grid" if i else "axis")
        shown = f"{i * step:,.0f}" if step >= 1 else f"{i * step:.{-math.floor(math.log10(step))}f}"
        _text(svg, f"{shown} {unit}" if unit in ("ms", "s", "%") else shown, LEFT - 6, y + 4, "tick-y")
    for time in _ticks(frame.start, frame.end):
        x = frame.x(time)
        _line(svg, x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 4, "axis")
        words = datetime.fromtimestamp(time, UTC).strftime("%H:%M" if frame.end - frame.start < 172_800 else "%m-%d")
        if LEFT + 14 < x < WIDTH - 42:
            _text(svg, words, x, HEIGHT - 9, "tick-x")
    _text(svg, "UTC", WIDTH - RIGHT, HEIGHT - 9, "tick-y")


def _ticks(start: float, end: float) -> list[float]:
    """Round times, about six of them."""
    steps = (60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
    step = next((s for s in steps if (end - start) / s <= 7), 2_592_000)
    first = math.ceil(start / step) * step
    return [float(t) for t in range(first, int(end) + 1, step)]


def _onset(svg: Element, frame: Frame, document: View) -> None:
    onset = document["onset"]
    time = when(onset["time"]) if onset else None
    if onset is None or time is None or not frame.start <= time.timestamp() <= frame.end:
        return
    _band(svg, frame, onset["earliest"], onset["latest"], "band-onset", least=1.0)
    x = frame.x(time.timestamp())
    _line(svg, x, TOP - 2, x, HEIGHT - BOTTOM, "onset")


def _onset_word(svg: Element, frame: Frame, document: View) -> None:
    """The onset's time beside its line; drawn last, so that no marker runs through it."""
    onset = document["onset"]
    time = when(onset["time"]) if onset else None
    if time is None or not frame.start <= time.timestamp() <= frame.end:
        return
    x = frame.x(time.timestamp())
    left = x > WIDTH - 110
    _text(svg, f"onset {time:%H:%M:%S}", x - 5 if left else x + 5, TOP + 10, "onset-word end" if left else "onset-word")


def _curve(svg: Element, frame: Frame, points: Points, kind: str) -> None:
    gaps = [b[0] - a[0] for a, b in pairwise(points)]
    usual = median(gaps) if gaps else 0.0
    path, last = "", -math.inf
    for time, value in points:
        path += f"{'M' if time - last > HOLE * usual else 'L'}{frame.x(time)} {frame.y(value)}"
        last = time
    SubElement(svg, "path", {"class": kind, "d": path})


def _bars(svg: Element, frame: Frame, points: Points) -> None:
    """Counts a minute: a bar from each point's time on."""
    width = max(1.0, round(frame.x(frame.start + 60) - frame.x(frame.start) - 0.6, 1))
    floor = frame.y(0)
    path = "".join(f"M{frame.x(t)} {floor}V{frame.y(v)}h{width}V{floor}z" for t, v in points if v)
    SubElement(svg, "path", {"class": "bars", "d": path or "M0 0"})


def _legend(svg: Element, name: str, x: float, kind: str) -> None:
    _line(svg, x, 10, x + 22, 10, kind)
    _text(svg, cut(visible(name), 6), x + 27, 14, "note")


def _markers(svg: Element, frame: Frame, document: View) -> None:
    """The most probable changes at the time they took effect, by the number that they have in the document."""
    numbered = list(enumerate(document["changes"][:MARKERS], start=1))
    for number, change in reversed(numbered):  # the first is drawn last, on top of its neighbours
        time = when(change["effective"]) or when(change["time"])
        if time is None or not frame.start <= time.timestamp() <= frame.end:
            continue
        first = number == 1 and document["stands_out"]
        group = SubElement(svg, "g", {"class": "change first" if first else "change"})
        words = f"{number}: {brief.candidate_name(change)}, {time:%H:%M:%S} UTC, {brief.percent(change['probability'])}"
        SubElement(group, "title").text = cut(visible(words), 160)
        x = frame.x(time.timestamp())
        _line(group, x, TOP - 6, x, HEIGHT - BOTTOM, "")
        SubElement(group, "circle", {"cx": f"{x}", "cy": f"{TOP - 12}", "r": "7.5"})
        _text(group, str(number), x, TOP - 8, "marker")
    _onset_word(svg, frame, document)


def _line(parent: Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    SubElement(parent, "line", {"class": kind, "x1": f"{x1}", "y1": f"{y1}", "x2": f"{x2}", "y2": f"{y2}"})


def _text(parent: Element, words: str, x: float, y: float, kind: str) -> None:
    SubElement(parent, "text", {"class": kind, "x": f"{x}", "y": f"{y}"}).text = words
