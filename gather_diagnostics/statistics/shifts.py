"""Where a series of samples, or a stream of events, leaves its baseline for good.

Shared statistics of the analyzers: pure functions on NumPy arrays, times in epoch seconds (UTC).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

BEYOND = 4.0
"""Robust standard deviations that count as outside the baseline: about 1 in 16,000 samples of a normal one."""
RUN = 5
"""Samples in which a departure must hold: 3 of 5, or all of the last two where the series ends."""
RARE = 1e-4
"""Chance under the baseline's rate below which a cluster of events is a burst."""
LONGEST_CLUSTER = 600.0
"""Seconds within which events count as one cluster."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A departure from the baseline."""

    time: float
    """First sample or event of it, epoch seconds."""
    earliest: float
    """It can't have begun before this: the last normal sample, or the last quiet moment."""
    before: float
    """Median of the baseline, in the unit of the input; events: rate per second."""
    after: float
    """Median after the departure; events: rate per second."""
    strength: float
    """0..1: how far outside, how much of the rest of the window stays outside."""
    index: int
    """Position of `time` in the input."""


def robust_scale(values: Floats, floor: float) -> tuple[float, float]:
    """Median and 1.4826 * MAD, at least `floor` (Rousseeuw and Croux, JASA 1993)."""
    middle = float(np.median(values))
    return middle, max(1.4826 * float(np.median(np.abs(values - middle))), floor)


def first_shift(times: Floats, values: Floats, baseline: Flags, *, floor: float, sign: int = 1) -> Shift | None:
    """The first sustained departure of evenly sampled `values` (same length as `times`) from their baseline.

    `baseline` marks the samples that say what is normal; `sign` +1 looks for rises, -1 for falls. A sample is
    outside when it is BEYOND robust scales from the baseline's median; a departure is sustained when RUN says so
    and the samples after it differ from the baseline by a Mann-Whitney U test (p < 0.001). Baseline samples
    are searched too: a departure found there began before the incident window.
    """
    if baseline.sum() < 5 or len(values) - baseline.sum() < 2:
        return None
    middle, scale = robust_scale(values[baseline], floor)
    z = sign * (values - middle) / scale
    start = _sustained(z > BEYOND)
    if start is None or not _differs(values[baseline & (np.arange(len(values)) < start)], values[start:], sign):
        return None
    while start > 1 and z[start - 1] > BEYOND / 2:
        start -= 1
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    after = z[start:]
    lasting = float((after > BEYOND).mean())
    return Shift(
        time=float(times[start]),
        earliest=float(times[max(start - 1, 0)]) - step * (start == 0),
        before=middle,
        after=float(np.median(values[start:])),
        strength=round(min(1.0, float(np.median(after)) / (4 * BEYOND)) * 0.5 + lasting * 0.5, 3),
        index=start,
    )


def _sustained(outside: Flags) -> int | None:
    counts = np.convolve(outside, np.ones(RUN, dtype=int))[RUN - 1 :]
    held = outside & (counts >= 3)
    if len(outside) >= 2 and outside[-2:].all():
        held[-2] = True
    return int(np.argmax(held)) if held.any() else None


def _differs(before: Floats, after: Floats, sign: int) -> bool:
    from scipy.stats import mannwhitneyu

    if len(before) < 5:
        return False
    p = mannwhitneyu(after, before, alternative="greater" if sign > 0 else "less", method="asymptotic").pvalue
    # Two samples can't reach 0.001 against a short baseline: with so few, being far outside has to do.
    return bool(p < 0.001 or len(after) < 4)


def first_burst(times: Floats, *, usual: float, start: float, end: float) -> Shift | None:
    """The first cluster of events (sorted `times` within [start, end)) that a Poisson process of rate `usual` per
    second would hardly show, among clusters of 3, 5, 10, 20 and 50 events that span at most LONGEST_CLUSTER.

    Bonferroni-corrected over the number of clusters looked at. None when there is no such cluster.
    """
    from scipy.special import gammaincinv

    cluster: tuple[float, int, int] | None = None
    for size in (3, 5, 10, 20, 50):
        if len(times) < size:
            break
        spans = np.maximum(times[size - 1 :] - times[: len(times) - size + 1], 1.0)
        # A Poisson variable of mean m reaches k with probability P(k, m), the regularized incomplete gamma function
        # (NIST DLMF 8.4.10): up to which m that is rare is one value for all clusters.
        rare = usual * spans < gammaincinv(size - 1, RARE / len(spans))
        hits = np.flatnonzero(rare & (spans <= LONGEST_CLUSTER))
        if len(hits):
            # The cluster that ends first is the one somebody watching would have noticed first.
            ends = int(hits[0]) + size
            cluster = min(cluster or (np.inf, 0, 0), (float(times[ends - 1]), int(hits[0]), ends))
    if cluster is None:
        return None
    first = cluster[1] + _densest(times[cluster[1] : cluster[2]], usual)
    after = (len(times) - first) / max(end - times[first], 1.0)
    pause = 3 * float(np.median(np.diff(times[first : first + 20])))
    previous = float(times[first - 1]) if first else start
    ratio = after / max(usual, 1.0 / max(end - start, 1.0))
    return Shift(
        time=float(times[first]),
        earliest=max(previous, float(times[first]) - max(pause, 1.0)),
        before=usual,
        after=after,
        strength=round(min(1.0, 0.3 + 0.2 * float(np.log10(max(ratio, 1.0))) + 0.1 * float(np.log10(len(times)))), 3),
        index=first,
    )


def _densest(times: Floats, usual: float) -> int:
    """Where in a cluster its burst begins: the suffix with the highest Poisson log-likelihood ratio against `usual`
    (the scan statistic of Kulldorff, 1997). A stray event shortly before the burst is left out by it."""
    counts = np.arange(len(times), 0, -1, dtype=float)[:-1]
    expected = usual * np.maximum(times[-1] - times[:-1], 1.0)
    return int(np.argmax(counts * np.log(counts / expected) - (counts - expected)))
