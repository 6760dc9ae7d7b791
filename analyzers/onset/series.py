"""Series of the service that leave their baseline: error rate, latency, traffic; any other where these are missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzers.onset.signals import CONFIRMED, Signal, clock, moment
from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.selection import Served, of_service, samples_of, seconds, support, within
from gather_diagnostics.statistics.episodes import likeliest_onset, onset_of
from gather_diagnostics.statistics.shifts import BEYOND, RUN, Shift, first_shift, robust_scale

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 8
"""Samples below which a series says nothing."""
FEWEST_OUTSIDE = 3
"""Samples that make an episode."""
LONG = 900.0
"""Seconds from which an episode that is over is as sure as its length can make it."""


@dataclass(frozen=True, slots=True)
class Series:
    """How one metric of the service is judged."""

    kind: str
    metric: str
    stat: str
    words: str
    floor: float
    """Smallest scale believed, in the unit looked at: noise below it is nobody's incident."""
    sign: int = 1
    logarithmic: bool = False
    episodes: bool = False
    """Whether a departure that is over counts. A slow quarter of an hour is many a service's daily bread."""

    def figure(self, value: float) -> str:
        if self.metric == "error_rate":
            return f"{value:.2%}"
        return f"{value * 1000:.0f} ms" if self.metric == "latency" else f"{value:.1f}/s"


SERIES = (
    Series("error_rate", "error_rate", "ratio", "error rate", 0.0025, episodes=True),
    Series("error_rate", "error_rate", "avg", "error rate", 0.0025, episodes=True),
    *(
        Series("latency", "latency", stat, f"{stat} latency", 0.06, logarithmic=True)
        for stat in ("p99", "p95", "p50", "avg")
    ),
    Series("traffic", "request_rate", "rate", "request rate", 0.08, sign=-1, logarithmic=True, episodes=True),
)


def from_metrics(request: Request, tables: Tables, checked: list[str]) -> Iterator[Signal]:
    if "metrics" not in tables:
        return
    metrics = samples_of(tables["metrics"], {series.metric for series in SERIES})
    served = Served(metrics, request.service)
    for series in SERIES:
        rows = served.whole(series.metric, series.stat)
        if rows.empty:
            rows = _of_replicas(metrics, series, request.service)
        if len(rows):
            checked.append(f"{series.words} ({len(rows):,} samples)")
            if signal := _signal(request, series, rows):
                yield signal


def from_others(request: Request, tables: Tables, checked: list[str], alarmed: bool) -> Iterator[Signal]:
    """The other series of a service of which neither error rate nor latency nor traffic is known, up or down.

    Queues, pools and business figures stray all the time: beside series that users feel they would only add noise.
    `alarmed`: an alert says that something is wrong, so that the likeliest episode is asked for, however weak.
    """
    if "metrics" not in tables:
        return
    rows = of_service(tables["metrics"], request.service)
    if not len(rows) or rows["metric"].isin([series.metric for series in SERIES]).any():
        return
    checked.append(f"{rows['metric'].nunique()} other metrics ({len(rows):,} samples)")
    for (metric, stat), samples in within(rows, _near(request)).groupby(["metric", "stat"]):
        if signal := _episode(request, f"{metric} ({stat})", samples, alarmed):
            yield signal


def _episode(request: Request, name: str, rows: pd.DataFrame, alarmed: bool) -> Signal | None:
    joined = _joined(rows)
    times, values = seconds(joined.index), joined.to_numpy(dtype=float)
    found = (likeliest_onset if alarmed else onset_of)(times, values, times < request.incident.start.timestamp())
    if found is None:
        return None
    words = f"{name} leaves its baseline of {found.before:.4g} for {found.after:.4g} at {clock(found.time)}"
    told = rows[rows["time"] >= joined.index[found.index]].index
    strength = max(found.strength, CONFIRMED if alarmed else 0.0)
    samples = support("metrics", told[:5], len(told))
    return Signal("metric", name, moment(found.time), moment(found.earliest), strength, words, samples)


def _near(request: Request) -> Window:
    return Window(request.baseline.start, request.incident.end)


def _of_replicas(metrics: pd.DataFrame, series: Series, service: str) -> pd.DataFrame:
    """Whatever measures a part of what the service serves."""
    rows = samples_of(metrics, [series.metric], series.stat)
    rows = rows[rows["service"] == service]
    return rows[rows["callee"].isna() | (rows["callee"] == service)]


def _signal(request: Request, series: Series, rows: pd.DataFrame) -> Signal | None:
    near = within(rows, _near(request))
    joined = _joined(near)
    if len(joined) < FEWEST:
        return None
    values = joined.to_numpy(dtype=float)
    shown = np.log(np.maximum(values, 1e-9)) if series.logarithmic else values
    times = seconds(joined.index)
    baseline = times < request.incident.start.timestamp()
    passed = _passed(series, times, shown, baseline) if series.episodes else None
    shift, end = passed or (first_shift(times, shown, baseline, floor=series.floor, sign=series.sign), len(values))
    if shift is None:
        return None
    after = float(np.median(values[shift.index : end]))
    if _usual_at_this_hour(request, series, rows, after):
        return None
    until = float(times[end]) if end < len(values) else None
    told = near[near["time"] >= joined.index[shift.index]].index
    return Signal(
        series.kind,
        series.words,
        moment(shift.time),
        moment(shift.earliest),
        shift.strength,
        _words(series, float(np.median(values[baseline])), after, shift.time, until),
        support("metrics", told[:5], len(told)),
        moment(until) if until else None,
    )


def _words(series: Series, before: float, after: float, since: float, until: float | None) -> str:
    verb = "rises" if series.sign > 0 else "falls"
    words = f"{series.words} {verb} from {series.figure(before)} to {series.figure(after)} at {clock(since)}"
    return words + (f" and is back at {clock(until)}" if until else "")


def _passed(series: Series, times: Any, shown: Any, baseline: Any) -> tuple[Shift, int] | None:
    """A departure that came and went, which a test of all that is left of the window does not see, and the position of
    the first sample after it.

    It is as strong as it is far outside and long: a peak of a minute needs a second signal, however high it is.
    """
    found = onset_of(times, shown, baseline)
    if found is None:
        return None
    middle, scale = robust_scale(shown[baseline], series.floor)
    z = series.sign * (shown - middle) / scale
    outside = np.pad(z > BEYOND, 1)
    held = np.flatnonzero(outside[1:-1] & (outside[:-2] | outside[2:]))
    start, end = found.index, int(held[-1]) + 1 if len(held) else 0
    while start > 1 and z[start - 1] > BEYOND / 2:
        start -= 1
    if end - start < FEWEST_OUTSIDE or len(times) - end < RUN:
        return None
    level, length = float(np.median(z[start:end])), float(times[end] - times[start])
    if level <= BEYOND:
        return None
    strength = round(0.5 * min(1.0, level / (4 * BEYOND)) + 0.5 * min(1.0, length / LONG), 3)
    since, earliest = float(times[start]), float(times[start - 1])
    return replace(found, time=since, earliest=earliest, strength=strength, index=start), end


def _joined(rows: pd.DataFrame) -> Any:
    """One value an instant: the median of several sources that measure one thing, the mean of several replicas."""
    if rows["instance"].isna().all():
        return rows.groupby("time")["value"].median()
    # Replicas are scraped some seconds apart: a minute of theirs is one instant, told at its first sample.
    minute = rows["time"].dt.floor("min")
    times = rows.groupby(minute)["time"].min()
    return rows.groupby(minute)["value"].mean().set_axis(times.array)


def _usual_at_this_hour(request: Request, series: Series, rows: pd.DataFrame, after: float) -> bool:
    """Did the same clock hours look like this a day or a week before?"""
    for window in request.seasonal:
        past = within(rows, window)["value"]
        if len(past) >= FEWEST:
            edge = past.quantile(0.9) if series.sign > 0 else past.quantile(0.1)
            if series.sign * (after - edge) <= 0.1 * abs(edge):
                return True
    return False
