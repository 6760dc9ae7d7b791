"""When the rate left its baseline, up or down, whether it is back, and whether the hour explains it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analyzers.traffic.counting import FEWEST, Counts, epochs
from gather_diagnostics import Window
from gather_diagnostics.statistics.shifts import BEYOND, RUN, robust_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FLOOR = 0.08
"""Smallest scale believed, of logarithms, as for the onset: a departure is one by 38 % up, or 27 % down, and more."""
LEAST = 0.01
"""Requests a second that count as none: single requests make the curve there."""
MORE = 0.1
"""Requests a second by which a rise is one: six more in a minute are no surge, however few there were."""
SURE = 5.0
"""Standard deviations of a Poisson count by which the requests of a departure differ from the usual: at three a minute
a pause of five minutes is chance, and the curve of a rate over five minutes draws it out."""
SHORTEST = timedelta(minutes=3)
FEWEST_OUTSIDE = 3
ALIKE = 0.1
"""Part of a level by which another hour may differ and is the same, as for the onset."""


@dataclass(frozen=True, slots=True)
class Departure:
    """A rise or a fall, in 1/s."""

    sign: Literal[1, -1]
    """1: up."""
    start: int
    """Position of its first sample in `Counts.near`."""
    end: int
    """Position behind its last sample."""
    since: datetime
    until: datetime | None
    """The first sample back at the baseline; None where it goes on."""
    before: float
    after: float
    seasonal: float | None
    """What the same clock hours reached, a day or a week before."""

    @property
    def usual(self) -> bool:
        """Does the hour explain it?"""
        past = self.seasonal
        return past is not None and self.sign * (self.after - past) <= ALIKE * past

    def span(self, end: datetime) -> Window:
        """Up to when it was over, else up to `end`."""
        return Window(self.since, self.until or end)


def departure(counts: Counts) -> Departure | None:
    """The one that goes on, else the larger one that reaches into the incident window; None where none does.

    A sample is outside beyond BEYOND robust scales of the baseline's logarithm, as in `statistics.shifts`; unlike
    there a departure that is over counts, too, and one of either direction. Samples outside of which fewer than RUN lie
    between are one departure, whose median has to be outside as well.
    """
    near = counts.near
    times, values = epochs(near), near.to_numpy(dtype=float)
    shown = np.log(np.maximum(values, LEAST))
    baseline = times < counts.request.incident.start.timestamp()
    middle, scale = robust_scale(shown[baseline], FLOOR)
    z = (shown - middle) / scale
    found: list[tuple[bool, float, Departure]] = []
    for sign in (1, -1):
        for start, end in _excursions(sign * z):
            one = _departure(counts, times, values, baseline, sign, start, end)
            lasted = (times[end] if one.until else counts.request.incident.end.timestamp()) - times[start]
            if _matters(one, times[end - 1] >= times[~baseline][0], lasted):
                found.append((one.until is None, float(np.abs(z[start:end]).sum()), one))
    return max(found, key=lambda f: f[:2], default=(False, 0.0, None))[2]


def _excursions(z: Floats) -> Iterator[tuple[int, int]]:
    """Start and end (exclusive) of what lies above BEYOND, pauses shorter than RUN samples left out of account."""
    outside = np.flatnonzero(z > BEYOND)
    for run in np.split(outside, np.flatnonzero(np.diff(outside) > RUN) + 1):
        if len(run) < FEWEST_OUTSIDE:
            continue
        start, end = int(run[0]), int(run[-1]) + 1
        # The foot of a ramp belongs to it.
        while start > 1 and z[start - 1] > BEYOND / 2:
            start -= 1
        if len(z) - end < RUN:
            end = len(z)
        if np.median(z[start:end]) > BEYOND:
            yield start, end


def _departure(
    counts: Counts, times: Floats, values: Floats, baseline: Any, sign: Any, start: int, end: int
) -> Departure:
    after = float(np.median(values[start:end]))
    until = datetime.fromtimestamp(times[end], UTC) if end < len(times) else None
    since = datetime.fromtimestamp(times[start], UTC)
    before = float(np.median(values[baseline]))
    return Departure(sign, start, end, since, until, before, after, _seasonal(counts, sign))


def _matters(found: Departure, now: bool, lasted: float) -> bool:
    """Does it reach into the incident window, is it long enough, and of more than a few requests?"""
    moved = abs(found.after - found.before)
    sure = moved * lasted >= SURE * (max(found.before, found.after) * lasted) ** 0.5
    material = found.sign < 0 or moved >= MORE
    return now and sure and material and lasted >= SHORTEST.total_seconds()


def _seasonal(counts: Counts, sign: int) -> float | None:
    """The level that the same clock hours reached: of the days known the one that excuses most, as for the onset."""
    past = [counts.between(window) for window in counts.request.seasonal]
    levels = [float(p.quantile(0.9 if sign > 0 else 0.1)) for p in past if len(p) >= FEWEST]
    return max(levels, key=lambda level: sign * level, default=None)
