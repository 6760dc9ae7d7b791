"""When did the episode that an alert is about begin, in one series of samples, whatever its shape?

`shifts.first_shift` asks when a series left its baseline for good. Alerts are also about spikes, dips, bursts and
ramps; here the most surprising episode is searched first, and the onset is placed inside it afterwards.

Pure functions on NumPy arrays: times in epoch seconds (UTC, ascending, gaps allowed), values in any unit, no NaN.
The onset depends on no unit and no direction: scaling the values or turning them upside down does not move it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gather_diagnostics.statistics.shifts import BEYOND, RUN, Shift, robust_scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

NOVELTY = 0.5
"""Weight of 'never seen so far' beside 'far from the baseline'."""
RECENCY = 1.7
"""How many times as surprising an episode at the window's start must be as one at its end, where the alert came."""
REACH = 4
"""Samples whose surprise is added up when episodes are compared, so that a cluster outweighs a spike."""
HALF = 0.5
"""Share of the peak's deviation that bounds an excursion: its full width at half maximum."""
COMPARABLE = 0.9
"""Share of an excursion's peak from which an earlier excursion is the same episode."""
PAUSE = 0.1
"""Share of the window that two excursions of one episode may be apart."""
TAIL = 0.1
"""Share of the baseline, farthest out, that its tail is estimated from; at least 8 samples."""
EDGE = 1.0
"""Robust standard deviations that the tail begins beyond at the least; logarithms need one above 0."""
PRIOR = 0.25
"""Slope of the tail before any sample of it was seen; a normal distribution's is about 0.2."""
CHANCE = 0.05
"""Expected samples that far out in a quiet window, above which there is no onset."""
SURE = 5.0
"""Nats below CHANCE from which being far out can't be surer."""


def onset_of(times: Floats, values: Floats, baseline: Flags) -> Shift | None:
    """The onset of the most surprising episode, or None where the series is as quiet as its baseline.

    `baseline` (same length, a prefix in time) marks what is normal; the rest is the window up to the alert.
    None, too, with fewer than 8 samples of baseline or 2 of window. `strength` is half how far outside the baseline's
    tail the episode is, half how many of the samples since then stay out: a lone spike gets at most about 0.5.
    For a lasting shift of less than six standard deviations that fills half the window, `shifts.first_shift` is better.
    """
    found = likeliest_onset(times, values, baseline)
    return found if found and found.strength > 0 else None


def likeliest_onset(times: Floats, values: Floats, baseline: Flags) -> Shift | None:
    """As onset_of, for a series of which it is known that something is wrong: the best guess, however weak.

    Its strength is 0 where the series alone would be called quiet. Three steps:

    1. Surprise of a sample: robust deviation from the baseline plus NOVELTY times how far it is beyond every earlier
       sample. The second tells the first sample of a new level from later ones that noise put a little higher.
    2. The anchor is where the surprise of the next REACH samples has the most energy, older ones discounted (RECENCY).
    3. The excursion around the anchor is what stays beyond HALF of its deviation. Of the excursions leading up to it
       without a long PAUSE the first COMPARABLE one is taken. Entered by a jump, it begins with its first sample;
       entered by a ramp, it is dated by its most surprising one, and `earliest` says where the ramp began.

    The record part is the one-sample left discord of Lu et al., "Matrix Profile XXIV / DAMP" (KDD 2022), for values
    beyond the range seen.
    """
    first = int(baseline.sum())
    if first < 8 or len(values) - first < 2:
        return None
    middle, scale = _centre(values[:first])
    deviation = (values - middle) / scale
    if not deviation[first:].any():
        return None
    surprise = np.abs(deviation) + NOVELTY * _records(deviation)
    anchor = _anchor(times, surprise, first)
    start, end = _first_excursion(times, np.abs(deviation), surprise, anchor, first)
    index = start if _jumps(deviation, start, end) else start + int(np.argmax(surprise[start:end]))
    outside = np.abs(deviation[index:]) >= HALF * abs(deviation[index])
    return Shift(
        time=float(times[index]),
        earliest=float(times[_foot(deviation, index)]),
        before=middle,
        after=float(np.median(values[index:][outside])),
        strength=_strength(deviation, first, index, float(outside.mean())),
        index=index,
    )


def _centre(baseline: Floats) -> tuple[float, float]:
    """Median and robust scale; of series that are constant but for spikes, the spikes' spread."""
    middle, scale = robust_scale(baseline, 0.0)
    return middle, max(scale, 0.1 * float(np.std(baseline)), 1e-3 * abs(middle), 1e-9)


def _records(deviation: Floats) -> Floats:
    """How far each sample lies outside the range of all before it; 0 for the first and for those inside."""
    highest, lowest = np.maximum.accumulate(deviation)[:-1], np.minimum.accumulate(deviation)[:-1]
    later = deviation[1:]
    return np.concatenate([[0.0], np.maximum(np.maximum(later - highest, lowest - later), 0.0)])


def _anchor(times: Floats, surprise: Floats, first: int) -> int:
    energy = np.concatenate([[0.0], np.cumsum(surprise**2)])
    ends = np.minimum(np.arange(len(surprise)) + REACH, len(surprise))
    ahead = np.sqrt(np.maximum(energy[ends] - energy[:-1], 0.0))[first:]
    age = (times[-1] - times[first:]) / max(times[-1] - times[first], 1e-9)
    start = first + int(np.argmax(ahead * RECENCY**-age))
    return start + int(np.argmax(surprise[start : start + REACH]))


def _first_excursion(times: Floats, size: Floats, surprise: Floats, anchor: int, first: int) -> tuple[int, int]:
    """Start and end (exclusive) of the first comparable excursion of the anchor's episode."""
    outside = np.concatenate([[False], size[first:] >= HALF * size[anchor], [False]]).astype(np.int8)
    edges = np.diff(outside)
    starts, ends = np.flatnonzero(edges > 0) + first, np.flatnonzero(edges < 0) + first
    chosen = current = int(np.searchsorted(starts, anchor, side="right")) - 1
    pause = max(PAUSE * (times[-1] - times[first]), 2 * float(np.median(np.diff(times))))
    highest = surprise[starts[chosen] : ends[chosen]].max()
    while current > 0 and times[starts[current]] - times[ends[current - 1] - 1] <= pause:
        current -= 1
        peak = surprise[starts[current] : ends[current]].max()
        if peak >= COMPARABLE * highest:
            chosen, highest = current, max(highest, peak)
    return int(starts[chosen]), int(ends[chosen])


def _jumps(deviation: Floats, start: int, end: int) -> bool:
    """Is the excursion entered by a step of more than HALF its height, rather than by a ramp?"""
    return bool(abs(deviation[start] - deviation[start - 1]) >= HALF * np.abs(deviation[start:end]).max())


def _foot(deviation: Floats, index: int) -> int:
    """The last sample before `index` that is inside two robust scales, or on the other side; at least one earlier."""
    side = np.sign(deviation[index])
    inside = np.flatnonzero(side * deviation[:index] <= 2.0)
    return int(inside[-1]) if len(inside) else max(index - 1, 0)


def _strength(deviation: Floats, first: int, index: int, lasting: float) -> float:
    size = np.abs(deviation)
    surplus = float(np.log(CHANCE) - _log_chance(size, first, float(size[index : index + REACH].max())))
    if surplus <= 0 and not _held(size, first, index):
        return 0.0
    return round(min(1.0, max(surplus, 0.0) / SURE) * 0.5 + lasting * 0.5, 3)


def _held(size: Floats, first: int, index: int) -> bool:
    """Does it stay outside as long as shifts.first_shift asks for, and beyond all of the baseline?"""
    edge = max(BEYOND, float(size[:first].max()))
    after = size[index : index + RUN] > edge
    return bool(after.sum() >= 3 or (index == len(size) - 2 and after.all()))


def _log_chance(size: Floats, first: int, peak: float) -> float:
    """Log of the expected number of samples, in a quiet window of this length, that are as far out as `peak`.

    Pareto tail above a threshold (Hill, Annals of Statistics 1975), which also fits spiky baselines; the uncertainty of
    a slope from few samples is integrated out, which makes the logarithm's predictive distribution a Lomax one.
    Samples are taken for independent: short baselines with autocorrelation of 0.8 and more alarm too often.
    """
    calm = np.sort(size[:first])
    count = min(max(int(TAIL * first), 8), first // 2)
    edge = max(float(calm[-count - 1]), EDGE)
    if peak <= edge:
        return 0.0
    beyond = np.log(calm[calm > edge] / edge)
    slope = (float(beyond.sum()) + PRIOR) / (len(beyond) + 1)
    many = (len(size) - first) * (len(beyond) + 1) / (first + 1)
    shape = len(beyond) + 1
    return float(np.log(many) - shape * np.log1p(np.log(peak / edge) / (shape * slope)))
