"""Is one set of samples above another, by how much, and how surely - with few samples and no counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 5
"""Samples that can say what is usual."""
CERTAIN = 5.0
"""Log Bayes factor that counts as certain: samples of one series are not independent, so more proves no more."""


@dataclass(frozen=True, slots=True)
class Measure:
    """How one metric is compared."""

    metric: str
    words: str
    unit: str
    """'ratio' for differences of shares (0..1), 'times' for quotients."""
    noise: float
    """Least scale believed: a difference of shares, or of logarithms."""
    material: float
    """Least difference that matters to anybody."""
    full: float
    """Difference that counts fully."""

    def scaled(self, values: pd.Series[float]) -> Floats:
        plain: Floats = values.to_numpy(dtype=float)
        return plain if self.unit == "ratio" else np.log(np.maximum(plain, 1e-6))

    def size(self, difference: float) -> float:
        """0..1: how large a difference is, between material and full, on a logarithmic scale for shares."""
        if self.unit == "ratio":
            difference, least, most = np.log(max(difference, 1e-9)), np.log(self.material), np.log(self.full)
            return float(np.clip(0.3 + 0.7 * (difference - least) / (most - least), 0, 1))
        return float(np.clip(difference / self.full, 0, 1))

    def told(self, difference: float) -> str:
        return f"{difference * 100:+.0f} points" if self.unit == "ratio" else f"{np.exp(difference):.1f} times"


@dataclass(frozen=True, slots=True)
class Contrast:
    strength: float
    """0..1: certainty times size."""
    difference: float
    """Of medians, on the measure's scale."""


NOTHING = Contrast(0.0, 0.0)


def above(measure: Measure, samples: Floats, usual: Floats) -> Contrast:
    """How far `samples` lie above `usual`, both scaled by the measure.

    The median of the samples is a draw from Student's t around the median of what is usual, with 1.4826 * MAD for scale
    (Rousseeuw and Croux, JASA 1993); its p-value gives the largest Bayes factor that it can (Sellke, Bayarri and
    Berger, The American Statistician 2001), of which CERTAIN is enough.
    """
    from scipy.stats import t

    if not len(samples) or len(usual) < FEWEST:
        return NOTHING
    middle = float(np.median(usual))
    difference = float(np.median(samples)) - middle
    if difference < measure.material:
        return NOTHING
    scale = max(1.4826 * float(np.median(np.abs(usual - middle))), measure.noise)
    error = scale * np.sqrt(1 / min(len(samples), 4) + 1 / len(usual))
    p = max(float(t.sf(difference / error, min(len(usual) - 1, 30))), 1e-12)
    certainty = min(1.0, -np.log(-np.e * p * np.log(p)) / CERTAIN) if p < 1 / np.e else 0.0
    size = measure.size(difference)
    if measure.unit == "ratio":
        # Where the others fail nearly as often, it is not this one's doing (the attributable fraction).
        size *= difference / float(np.median(samples))
    return Contrast(certainty * size, difference)


def strongest(contrasts: list[Contrast]) -> Contrast:
    return max(contrasts, key=lambda c: c.strength, default=NOTHING)
