"""Charts as inline SVG: curves over baseline and incident, the onset with its interval, the changes as markers; the
timeline as lanes on one axis; a sparkline for each error pattern.

Built as an element tree, so every text is escaped by the serialiser; colours are classes that the page's style sheet
defines, so a chart follows light, dark and print. Nothing is drawn across a hole in the data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from gather_diagnostics.document import brief
from gather_diagnostics.document.clock import clock, when
from gather_diagnostics.document.escaping import cut, visible
from gather_diagnostics.document.series import bin_minutes
from gather_diagnostics.model import Window
from gather_diagnostics.tables import JOURNAL

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
    "saturation": "Used of the limit, fullest replica",
}
LANES = {
    "changes": "Changes",
    "errors": "Error lines",
    "signals": "Signals",
    "alerts": "Alerts",
    "events": "Events",
}
LANE, LANES_WIDTH, LANES_LEFT, LANES_TOP = 34, 640, 106, 26
SPARK_WIDTH, SPARK_HEIGHT = 132, 26

View = Mapping[str, Any]
Points = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps epoch seconds and values to the plot's coordinates."""

    start: float
    end: float
    top: float
    """The largest value on the axis; the axis begins at 0."""
    left: float = LEFT
    right: float = WIDTH - RIGHT
    ceiling: float = TOP
    floor: float = HEIGHT - BOTTOM
    words: float = TOP + 10
    """Height of the words on onset and baseline."""

    def x(self, seconds: float) -> float:
        share = (seconds - self.start) / (self.end - self.start)
        return round(self.left + min(1.0, max(0.0, share)) * (self.right - self.left), 1)

    def y(self, value: float) -> float:
        return round(self.floor - min(1.0, max(0.0, value / self.top)) * (self.floor - self.ceiling), 1)

    @property
    def middle(self) -> float:
        return (self.ceiling + self.floor) / 2

    def holds(self, time: datetime) -> bool:
        return self.start <= time.timestamp() <= self.end


def draw(document: View, series: View) -> str:
    """One chart of `document['series']` as an <svg> element; empty where nothing can be drawn."""
    lines = [(str(line["name"]), _points(line["points"])) for line in series["lines"]]
    lines = [(name, points) for name, points in lines if points]
    span = _span(document)
    if not lines or span is None or series["name"] == "log_patterns":
        return ""
    top, factor, unit = _scale(str(series["unit"]), max(value for _, points in lines for _, value in points))
    frame = Frame(span.start.timestamp(), span.end.timestamp(), top)
    svg = _root(document, series, lines, unit, factor)
    _baseline(svg, frame, document)
    _usual(svg, frame, document, lines)
    _axes(svg, frame, factor, unit)
    if series["name"] == "saturation" and top >= 1.0:
        _line(svg, frame.left, frame.y(1.0), frame.right, frame.y(1.0), "limit")
    _onset(svg, frame, document)
    kinds = _kinds(series, len(lines))
    for kind, (_, points) in zip(kinds, lines, strict=True):
        if series["name"] == "log_errors":
            _bars(svg, frame, points)
        else:
            _curve(svg, frame, points, kind)
    _legend(svg, frame, [name for name, _ in lines], kinds)
    _markers(svg, frame, document)
    return tostring(svg, encoding="unicode")


def sparkline(document: View, template: str) -> str:
    """Lines a minute of an error pattern as a small bar chart; empty where they are not known."""
    span = _span(document)
    curves = (line for s in document["series"] if s["name"] == "log_patterns" for line in s["lines"])
    points = _points(next((line["points"] for line in curves if line["name"] == template), ()))
    if span is None or not points:
        return ""
    time, peak = max(points, key=lambda p: p[1])
    frame = Frame(span.start.timestamp(), span.end.timestamp(), peak, 0, SPARK_WIDTH, 2, SPARK_HEIGHT - 1)
    words = f"Lines a minute over baseline and incident: at most {peak:.3g}, at {_at(time)} UTC"
    svg = Element("svg", {
        "viewBox": f"0 0 {SPARK_WIDTH} {SPARK_HEIGHT}", "role": "img", "class": "chart spark", "aria-label": words,
    })  # fmt: skip
    _band(svg, frame, document["windows"]["baseline"], "band-baseline")
    _line(svg, 0, frame.floor, SPARK_WIDTH, frame.floor, "axis")
    _bars(svg, frame, points, bin_minutes(span))
    _onset(svg, frame, document)
    return tostring(svg, encoding="unicode")


def lanes(document: View) -> str:
    """Changes, error lines, signals, alerts and events on one axis of time; empty where nothing is known."""
    span = _span(document)
    if span is None or not document["timeline"]:
        return ""
    floor = LANES_TOP + LANE * len(LANES)
    frame = Frame(
        span.start.timestamp(),
        span.end.timestamp(),
        1.0,
        LANES_LEFT,
        LANES_WIDTH - RIGHT,
        LANES_TOP,
        floor,
        LANES_TOP - 8,
    )
    svg = Element("svg", {
        "viewBox": f"0 0 {LANES_WIDTH} {floor + BOTTOM}", "role": "img", "class": "chart lanes",
        "aria-labelledby": "lanes-title lanes-desc",
    })  # fmt: skip
    SubElement(svg, "title", id="lanes-title").text = "Changes, errors, alerts and events on one axis of time"
    words = SubElement(svg, "desc", id="lanes-desc")
    _baseline(svg, frame, document)
    _time_axis(svg, frame)
    _onset(svg, frame, document)
    told = []
    for place, (key, name) in enumerate(LANES.items()):
        row = replace(frame, ceiling=LANES_TOP + LANE * place, floor=LANES_TOP + LANE * (place + 1))
        entries = [e for e in document["timeline"] if _lane(e) == key]
        _line(svg, row.left, row.floor, row.right, row.floor, "grid")
        _draw_lane(svg, row, document, key, entries)
        told.append(f"{name}: {len(entries)}." if key != "errors" else f"New error patterns: {len(entries)}.")
    words.text = " ".join(told) + " The table below has them all."
    _onset_word(svg, frame, document)
    return tostring(svg, encoding="unicode")


def _lane(entry: View) -> str:
    kind = str(entry["kind"]).lower()
    if kind in ("onset", "signal", "first error"):
        return {"onset": "", "signal": "signals", "first error": "errors"}[kind]
    if entry["table"] == "changes":
        return "changes"
    if entry["table"] == JOURNAL:
        return ""
    return "alerts" if "alert" in kind or "alarm" in kind else "events"


def _draw_lane(svg: Element, row: Frame, document: View, key: str, entries: Sequence[View]) -> None:
    """Bars for error lines, a mark for everything else; what lies before the axis is counted at its left end."""
    _text(svg, LANES[key], row.left - 8, row.middle + 4, "lane-name")
    if key == "errors":
        _error_bars(svg, row, document)
        return
    times = [(time, entry) for entry in entries if (time := when(entry["time"]))]
    for time, entry in times:
        if row.holds(time):
            group = SubElement(svg, "g", {"class": f"mark mark-{key}"})
            SubElement(group, "title").text = cut(visible(f"{time:%H:%M:%S} {entry['kind']} {entry['what']}"), 160)
            SubElement(group, "circle", {"cx": f"{row.x(time.timestamp())}", "cy": f"{row.middle}", "r": "4.5"})
    if key == "changes":
        _numbers(svg, row, document, row.middle)
    before = sum(time.timestamp() < row.start for time, _ in times)
    if before:
        _text(svg, f"{before} earlier", row.left - 8, row.floor - 1, "lane-note")
    elif not times:
        _text(svg, "none in what was read", row.left + 6, row.middle + 4, "note")


def _error_bars(svg: Element, row: Frame, document: View) -> None:
    """All error lines where they were counted, else those of the patterns shown."""
    known = {series["name"]: series["lines"] for series in document["series"]}
    span = _span(document)
    lines = known.get("log_errors") or known.get("log_patterns") or ()
    sums: dict[float, float] = {}
    for time, value in (point for line in lines for point in _points(line["points"])):
        sums[time] = sums.get(time, 0.0) + value
    if span is None or not any(sums.values()):
        _text(svg, "none in what was read", row.left + 6, row.middle + 4, "note")
        return
    high = replace(row, top=max(sums.values()), ceiling=row.ceiling + 4)
    _bars(svg, high, sorted(sums.items()), 1 if "log_errors" in known else bin_minutes(span))


def _span(document: View) -> Window | None:
    """What the charts show: from the baseline's start to the incident window's end."""
    windows = document["windows"]
    start, end = when(windows["baseline"]["start"]), when(windows["incident"]["end"])
    return Window(start, end) if start and end and start < end else None


def _at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S")


def _points(points: Sequence[Sequence[Any]]) -> Points:
    return [(time.timestamp(), float(value)) for text, value in points if (time := when(text)) and value is not None]


def _scale(unit: str, largest: float) -> tuple[float, float, str]:
    """(top of the axis in the data's unit, factor to the unit shown, the unit shown)."""
    factor, shown = 1.0, unit
    if unit == "ratio" and 0.8 < largest <= 1.0:
        return 1.0, 100.0, "%"
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
        words.append(f"{visible(name)}: {usual}largest {peak * factor:.3g} {unit} at {_at(time)} UTC.")
    onset = document["onset"]
    if onset and onset["time"]:
        words.append(f"Onset at {clock(onset['time'])} UTC.")
    return " ".join(words)


def _baseline(svg: Element, frame: Frame, document: View) -> None:
    window = document["windows"]["baseline"]
    _band(svg, frame, window, "band-baseline")
    start = when(window["start"])
    if start:
        _text(svg, "baseline", frame.x(start.timestamp()) + 5, frame.words + 2, "note")


def _usual(svg: Element, frame: Frame, document: View, lines: Sequence[tuple[str, Points]]) -> None:
    """What nine in ten of the baseline's values lie within, drawn on to the right: of the only curve, or of p95."""
    edge = when(document["windows"]["incident"]["start"])
    points = next((points for name, points in lines if len(lines) == 1 or name == "p95"), [])
    values = sorted(v for t, v in points if edge and t < edge.timestamp())
    if len(values) < 10:
        return
    low, high = frame.y(values[len(values) // 20]), frame.y(values[-1 - len(values) // 20])
    SubElement(svg, "rect", {
        "class": "band-usual", "x": f"{frame.left}", "y": f"{high}", "width": f"{frame.right - frame.left}",
        "height": f"{round(max(low - high, 2.0), 1)}",
    })  # fmt: skip


def _band(svg: Element, frame: Frame, span: View, kind: str, least: float = 0.0) -> None:
    a, b = when(span["start"]), when(span["end"])
    if a is None or b is None:
        return
    left, right = frame.x(a.timestamp()), frame.x(b.timestamp())
    SubElement(svg, "rect", {
        "class": kind, "x": f"{left}", "y": f"{frame.ceiling}", "width": f"{round(max(right - left, least), 1)}",
        "height": f"{frame.floor - frame.ceiling}",
    })  # fmt: skip


def _axes(svg: Element, frame: Frame, factor: float, unit: str) -> None:
    step = _step(frame.top * factor, 4)
    for i in range(int(round(frame.top * factor / step, 6)) + 1):
        y = frame.y(i * step / factor)
        _line(svg, frame.left, y, frame.right, y, "grid" if i else "axis")
        shown = f"{i * step:,.0f}" if step >= 1 else f"{i * step:.{-math.floor(math.log10(step))}f}"
        _text(svg, f"{shown} {unit}" if unit in ("ms", "s", "%") else shown, frame.left - 6, y + 4, "tick-y")
    _time_axis(svg, frame)


def _time_axis(svg: Element, frame: Frame) -> None:
    for time in _ticks(frame.start, frame.end):
        x = frame.x(time)
        _line(svg, x, frame.floor, x, frame.floor + 4, "axis")
        words = datetime.fromtimestamp(time, UTC).strftime("%H:%M" if frame.end - frame.start < 172_800 else "%m-%d")
        if frame.left + 14 < x < frame.right - 56:
            _text(svg, words, x, frame.floor + 19, "tick-x")
    _text(svg, "UTC", frame.right, frame.floor + 19, "tick-y")


def _ticks(start: float, end: float) -> list[float]:
    """Round times, about six of them."""
    steps = (60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)
    step = next((s for s in steps if (end - start) / s <= 7), 2_592_000)
    first = math.ceil(start / step) * step
    return [float(t) for t in range(first, int(end) + 1, step)]


def _onset_x(frame: Frame, document: View) -> tuple[datetime, float] | None:
    onset = document["onset"]
    time = when(onset["time"]) if onset else None
    return (time, frame.x(time.timestamp())) if time and frame.holds(time) else None


def _onset(svg: Element, frame: Frame, document: View) -> None:
    if found := _onset_x(frame, document):
        span = {"start": document["onset"]["earliest"], "end": document["onset"]["latest"]}
        _band(svg, frame, span, "band-onset", least=1.0)
        _line(svg, found[1], frame.ceiling - 2, found[1], frame.floor, "onset")


def _onset_word(svg: Element, frame: Frame, document: View) -> None:
    """The onset's time beside its line; drawn last, so that no marker runs through it."""
    if found := _onset_x(frame, document):
        time, x = found
        left = x > frame.right - 140
        kind = "onset-word end" if left else "onset-word"
        _text(svg, f"onset {time:%H:%M:%S}", x - 5 if left else x + 5, frame.words, kind)


def _curve(svg: Element, frame: Frame, points: Points, kind: str) -> None:
    gaps = [b[0] - a[0] for a, b in pairwise(points)]
    usual = median(gaps) if gaps else 0.0
    path, last = "", -math.inf
    for time, value in points:
        path += f"{'M' if time - last > HOLE * usual else 'L'}{frame.x(time)} {frame.y(value)}"
        last = time
    SubElement(svg, "path", {"class": kind, "d": path})


def _bars(svg: Element, frame: Frame, points: Points, minutes: int = 1) -> None:
    """Counts of so many minutes: a bar from each point's time on."""
    width = max(1.0, round(frame.x(frame.start + 60 * minutes) - frame.left - 0.6, 1))
    path = "".join(f"M{frame.x(t)} {frame.floor}V{frame.y(v)}h{width}V{frame.floor}z" for t, v in points if v)
    SubElement(svg, "path", {"class": "bars", "d": path or "M0 0"})


def _kinds(series: View, count: int) -> list[str]:
    """The curves' classes: the boldest for the highest percentile, and for the resource that is nearest its limit."""
    order = (2, 1, 0, 3) if series["name"] == "saturation" else (0, 1, 2, 3)
    return [f"curve curve-{order[min(place, 3)] if count > 1 else 1}" for place in range(count)]


def _legend(svg: Element, frame: Frame, names: Sequence[str], kinds: Sequence[str]) -> None:
    """The curves' names at the top right, the last at the edge; none for a chart of one curve."""
    x = frame.right
    if len(names) < 2:
        return
    for name, kind in reversed(list(zip(names, kinds, strict=True))):
        words = cut(visible(name), 12)
        x -= 36 + 6.6 * len(words)
        _line(svg, round(x, 1), 10, round(x + 22, 1), 10, kind)
        _text(svg, words, round(x + 27, 1), 14, "note")


def _markers(svg: Element, frame: Frame, document: View) -> None:
    _numbers(svg, frame, document, frame.ceiling - 12, line=True)
    _onset_word(svg, frame, document)


def _numbers(svg: Element, frame: Frame, document: View, y: float, *, line: bool = False) -> None:
    """The most probable changes at the time they took effect, by the number that they have in the document."""
    numbered = list(enumerate(document["changes"][:MARKERS], start=1))
    for number, change in reversed(numbered):  # the first is drawn last, on top of its neighbours
        time = when(change["effective"]) or when(change["time"])
        if time is None or not frame.holds(time):
            continue
        first = number == 1 and document["stands_out"]
        group = SubElement(svg, "g", {"class": "change first" if first else "change"})
        words = f"{number}: {brief.candidate_name(change)}, {time:%H:%M:%S} UTC, {brief.percent(change['probability'])}"
        SubElement(group, "title").text = cut(visible(words), 160)
        x = frame.x(time.timestamp())
        if line:
            _line(group, x, frame.ceiling - 6, x, frame.floor, "")
        SubElement(group, "circle", {"cx": f"{x}", "cy": f"{y}", "r": "7.5"})
        _text(group, str(number), x, y + 4, "marker")


def _line(parent: Element, x1: float, y1: float, x2: float, y2: float, kind: str) -> None:
    SubElement(parent, "line", {"class": kind, "x1": f"{x1}", "y1": f"{y1}", "x2": f"{x2}", "y2": f"{y2}"})


def _text(parent: Element, words: str, x: float, y: float, kind: str) -> None:
    SubElement(parent, "text", {"class": kind, "x": f"{x}", "y": f"{y}"}).text = words
