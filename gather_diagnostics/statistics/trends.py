"""Is a series rising or falling? Shared statistics of the analyzers: pure functions on NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 6
"""Samples that can show a trend."""
CHANCE = 0.01
"""p-value below which a trend is believed."""
MATERIAL = 0.1
"""Part of the series' mean by which it has to move over its span: a tiny trend, however certain, is steady to a
person."""


@dataclass(frozen=True, slots=True)
class Trend:
    direction: Literal["rising", "falling", "flat", "unknown"]
    p: float
    """Of no trend, two-sided; 1.0 where it is unknown."""
    slope: float
    """Per second, in the unit of the values."""


def trend(times: Floats, values: Floats) -> Trend:
    """The direction of evenly sampled `values` at `times` (epoch seconds, sorted; both of one length).

    Mann-Kendall test, its variance corrected for autocorrelation (Hamed and Rao, Journal of Hydrology 204, 1998: rates
    over sliding windows are anything but independent), and the slope of Theil and Sen (JASA 63, 1968).
    """
    from scipy.stats import norm, theilslopes

    if len(values) < FEWEST:
        return Trend("unknown", 1.0, 0.0)
    if np.ptp(values) == 0:
        return Trend("flat", 1.0, 0.0)
    slope = float(theilslopes(values, times).slope)
    score, variance = _kendall(values)
    variance *= _inflation(values - slope * (times - times[0]))
    p = float(2 * norm.sf(max(abs(score) - 1, 0) / np.sqrt(variance)))
    moved = abs(slope) * float(times[-1] - times[0]) >= MATERIAL * abs(float(values.mean()))
    if p >= CHANCE or not moved:
        return Trend("flat", p, slope)
    return Trend("rising" if score > 0 else "falling", p, slope)


def _kendall(values: Floats) -> tuple[float, float]:
    """Kendall's S and its variance under independence, ties taken into account."""
    n = len(values)
    score = float(np.triu(np.sign(values[None, :] - values[:, None]), 1).sum())
    ties = np.unique(values, return_counts=True)[1].astype(float)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return score, variance


def _inflation(residuals: Floats) -> float:
    """By what autocorrelation multiplies the variance of S: from the ranks' significant lags; at least 1."""
    from scipy.stats import rankdata

    n = len(residuals)
    ranks = rankdata(residuals)
    ranks -= ranks.mean()
    total = float((ranks**2).sum())
    if total == 0:
        return 1.0
    # Lags beyond a quarter of the series are told by too few pairs.
    lags = np.arange(1, max(2, n // 4))
    found = np.array([float((ranks[lag:] * ranks[:-lag]).sum()) / total for lag in lags])
    found[np.abs(found) < 1.96 / np.sqrt(n)] = 0.0
    weights = (n - lags) * (n - lags - 1) * (n - lags - 2)
    return max(1.0, 1 + 2 / (n * (n - 1) * (n - 2)) * float((weights * found).sum()))
