"""Is a reading at its limit, since when, and when will it be? Pure functions on NumPy arrays; times in epoch seconds.

A share is judged on a rolling median of five samples (Tukey, Exploratory Data Analysis, 1977): one sample at the limit
is no saturation. The forecast is the Theil-Sen line (Sen, JASA 1968) through the recent samples with its 95 % interval,
and only where Kendall's tau (Mann, Econometrica 1945) finds a trend (p < 0.01, and again in the later half) that the
line describes better than any single step does. Neighbouring samples are alike, so the true interval is somewhat wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyzers.saturation.readings import Reading
from gather_diagnostics import Request
from gather_diagnostics.statistics.shifts import first_shift

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RECENT = (1800.0, 3600.0)
"""Seconds of samples behind a forecast: the first of these that holds LEAST samples."""
LEAST = 10
MOVE = 0.02
"""Rise over these samples, as a share of the limit, below which it is nobody's trend."""
QUIET = 300.0
"""What held so shortly before the last sample, or the end of the window, holds on. Seconds."""
TIMES = 3.0
"""How many times as much as usual must be turned away."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a share reaches 1, epoch seconds; `latest` is None where the interval is open."""

    time: float
    earliest: float
    latest: float | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reading says."""

    reading: Reading
    level: float
    """Median of the last five samples; of what is over, of the stretch. As in the reading's values."""
    peak: int
    """Position of the highest sample in the incident window."""
    usual: float | None
    """Median of the baseline; None without one."""
    since: float | None = None
    """It is at or near its limit, or waits, or is refused, since then."""
    until: float | None = None
    """None while it goes on."""
    old: bool = False
    """It was so when the baseline window opened."""
    runs_out: Forecast | None = None
    growth: float = 0.0
    """Of what waits: per second, in its unit."""

    @property
    def now(self) -> bool:
        return self.since is not None and self.until is None

    @property
    def told(self) -> bool:
        return self.since is not None or self.runs_out is not None


def verdict(request: Request, reading: Reading) -> Verdict | None:
    """None for a series without a sample in the incident window."""
    start, end = request.incident.start.timestamp(), request.incident.end.timestamp()
    inside = np.flatnonzero(reading.times >= start)
    if not len(inside):
        return None
    peak = int(inside[np.argmax(reading.values[inside])])
    before = reading.values[: inside[0]]
    usual = float(np.median(before)) if len(before) else None
    match reading.kind:
        case "waiting":
            return _waiting(reading, peak, usual, start)
        case "refused":
            return _refused(request, reading, peak, usual, end)
        case _:
            return _near(reading, peak, usual, start, end)


def smoothed(values: Floats) -> Floats:
    """Rolling median of five, the ends repeated."""
    return np.median(np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="edge"), 5), axis=-1)


def _near(reading: Reading, peak: int, usual: float | None, start: float, end: float) -> Verdict:
    smooth = smoothed(reading.values)
    level = float(np.median(reading.values[-5:]))
    runs_out = forecast(reading, level, end)
    runs = _runs(smooth >= reading.resource.near)
    runs = [(a, b) for a, b in runs if reading.times[b] >= start and b - a >= 2]
    if not runs:
        return Verdict(reading, level, peak, usual, runs_out=runs_out)
    first, last = runs[-1]
    since, until = float(reading.times[first]), float(reading.times[last])
    if last == len(smooth) - 1:
        return Verdict(reading, level, peak, usual, since, None, first == 0 and since < start, runs_out)
    return Verdict(reading, float(np.median(reading.values[first : last + 1])), peak, usual, since, until)


def _runs(held: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last position of each run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], held, [False])).astype(np.int8)))
    return [(int(a), int(b) - 1) for a, b in edges.reshape(-1, 2)]


def forecast(reading: Reading, level: float, end: float) -> Forecast | None:
    """When it will be full, where that is within the resource's horizon."""
    horizon = reading.resource.horizon.total_seconds()
    if not horizon or level >= 1 or end - reading.times[-1] > 2 * QUIET:
        return None
    times, values = _recent(reading)
    # What has been this high before and came back without getting near breathes; it does not fill up.
    earlier = reading.values[: len(reading.values) - len(values)]
    if len(earlier) and level <= earlier.max() < reading.resource.near:
        return None
    slope, low, high = rising(times, values)
    if slope <= 0 or slope * (times[-1] - times[0]) < MOVE:
        return None
    # All three lines turn about the middle of the samples: the last ones alone would add their noise.
    middle, left = float(np.median(times)), 1 - float(np.median(values))
    now, out = float(times[-1]), middle + left / slope
    if out - now > horizon:
        return None
    latest = max(now, middle + left / low) if low > 0 else None
    return Forecast(max(now, out), max(now, middle + left / high), latest)


def _recent(reading: Reading) -> tuple[Floats, Floats]:
    for length in RECENT:
        inside = reading.times >= reading.times[-1] - length
        if inside.sum() >= LEAST:
            break
    return reading.times[inside], reading.values[inside]


def rising(times: Floats, values: Floats) -> tuple[float, float, float]:
    """Slope per second and its 95 % interval; zeros where there is no rise to rely on."""
    from scipy.stats import kendalltau, theilslopes

    nothing = (0.0, 0.0, 0.0)
    half = len(times) // 2
    if len(times) < LEAST or values[half:].mean() <= values[:half].mean():
        return nothing
    whole, later = kendalltau(times, values), kendalltau(times[half:], values[half:])
    if not (whole.pvalue < 0.01 and whole.statistic > 0 and later.pvalue < 0.05 and later.statistic > 0):
        return nothing
    line = theilslopes(values, times)
    off = values - line.slope * times
    if _step_misfit(values) <= float(((off - np.median(off)) ** 2).sum()):
        return nothing
    return float(line.slope), float(line.low_slope), float(line.high_slope)


def _step_misfit(values: Floats) -> float:
    """Sum of squares that is left by the best single step: two levels, split anywhere."""
    n = np.arange(1, len(values))
    sums, squares = np.cumsum(values), float((values**2).sum())
    first, last = sums[:-1], sums[-1] - sums[:-1]
    return float(squares - (first**2 / n + last**2 / (len(values) - n)).max())


def _waiting(reading: Reading, peak: int, usual: float | None, start: float) -> Verdict:
    """What left its baseline for good, or for a while (`shifts.first_shift`)."""
    level = float(np.median(reading.values[-5:]))
    baseline = reading.times < start
    floor = max(reading.floor, 0.1 * (usual or 0.0))
    shift = first_shift(reading.times, reading.values, baseline, floor=floor)
    if shift is None:
        return Verdict(reading, level, peak, usual)
    outside = np.flatnonzero(smoothed(reading.values) > shift.before + 4 * floor)
    if not len(outside) or reading.times[outside[-1]] < start:
        return Verdict(reading, level, peak, usual)
    last = int(outside[-1])
    until = None if reading.times[-1] - reading.times[last] <= QUIET else float(reading.times[last])
    growth = rising(*_recent(reading))[0] if until is None else 0.0
    return Verdict(reading, level, peak, usual, shift.time, until, growth=growth)


def _refused(request: Request, reading: Reading, peak: int, usual: float | None, end: float) -> Verdict:
    """More turned away than in the baseline by a conditional binomial test (Przyborowski and Wilenski, Biometrika
    1940). A sample that is missing counts as none turned away, which is how CloudWatch says it."""
    from scipy.stats import binomtest

    start = request.incident.start.timestamp()
    step = float(np.median(np.diff(reading.times))) if len(reading.times) > 1 else 60.0
    counts = reading.values * min(step, QUIET)
    before, after = float(counts[reading.times < start].sum()), float(counts[reading.times >= start].sum())
    lengths = request.baseline.length.total_seconds(), request.incident.length.total_seconds()
    level = after / lengths[1]
    total = round(before) + round(after)
    share = lengths[1] / sum(lengths)
    more = after >= 5 and level > TIMES * before / lengths[0]
    if not more or binomtest(round(after), total, share, "greater").pvalue >= 0.001:
        return Verdict(reading, level, peak, usual)
    most = float(reading.values[reading.times < start].max(initial=0.0))
    bad = reading.times[(reading.times >= start) & (reading.values > most)]
    if not len(bad):
        return Verdict(reading, level, peak, usual)
    until = None if end - bad[-1] <= max(2 * step, QUIET) else float(bad[-1])
    return Verdict(reading, level, peak, before / lengths[0], float(bad[0]), until)
