"""Is it back where it was, shown by a test? Confidence limits for how far the present is from the baseline.

Non-inferiority, not the absence of a difference: few or noisy samples can't show that something is over. One-sided
limits of 95 % say how far from the baseline it may still be; of 99 % that it is worse, since many looks are taken.

Limits for differences of proportions and of rates are put together from those of each (MOVER): Newcombe, Statistics in
Medicine 17 (1998) 873, method 10, of the limits of Wilson (JASA 22, 1927); Zou and Donner, Statistics in Medicine 27
(2008) 1693, of the exact ones of Garwood (Biometrika 28, 1936). Requests that fail together count for less: Rao and
Scott, Biometrics 48 (1992) 577; McCullagh and Nelder, Generalized Linear Models (1989), section 6.2. Percentiles are
compared by the shift of Hodges and Lehmann (Annals of Mathematical Statistics 34, 1963) with the limits that the
Mann-Whitney test gives, as Hauschke et al. (Int. J. Clin. Pharmacol. 28, 1990) do for equivalence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

SHOWN = 0.95
"""Confidence with which it has to be near the baseline."""
WORSE = 0.99
"""Confidence with which it has to be above something to be called so."""
_MOST_PAIRS = 400_000


@dataclass(frozen=True, slots=True)
class Limits:
    """An estimate, and where it may lie; in the unit of what is estimated."""

    point: float
    surely: float
    """At least so much, with the confidence WORSE."""
    at_most: float
    """With the confidence SHOWN."""


def proportions(now: tuple[float, float], then: tuple[float, float], effect: float = 1.0) -> Limits:
    """Of p(now) - p(then), each (how many, of how many; > 0). `effect`: the design effect, at least 1."""
    (a, n), (b, m) = ((x / effect, of / effect) for x, of in (now, then))
    one, other = a / n, b / m
    more = _reach(one, _wilson(a, n, SHOWN)[1], other, _wilson(b, m, SHOWN)[0])
    less = _reach(one, _wilson(a, n, WORSE)[0], other, _wilson(b, m, WORSE)[1])
    return Limits(one - other, one - other - less, one - other + more)


def rates(now: tuple[float, float], then: tuple[float, float], dispersion: float = 1.0) -> Limits:
    """Of rate(now) - rate(then), each (events, minutes > 0), in events a minute. `dispersion`: at least 1."""
    (a, s), (b, t) = ((x / dispersion, minutes / dispersion) for x, minutes in (now, then))
    one, other = a / s, b / t
    more = _reach(one, _garwood(a, SHOWN)[1] / s, other, _garwood(b, SHOWN)[0] / t)
    less = _reach(one, _garwood(a, WORSE)[0] / s, other, _garwood(b, WORSE)[1] / t)
    return Limits(one - other, one - other - less, one - other + more)


def shift(now: Floats, then: Floats) -> Limits:
    """Of the shift from `then` to `now`, samples that are about independent of each other; neither is empty."""
    # Of a long baseline every other sample will do.
    then = then[:: max(1, math.ceil(len(now) * len(then) / _MOST_PAIRS))]
    pairs = np.sort(np.subtract.outer(now, then).ravel())
    m, n = len(now), len(then)
    spread = math.sqrt(m * n * (m + n + 1) / 12)
    last = len(pairs) - 1
    upper = min(last, math.ceil(m * n / 2 + _z(SHOWN) * spread))
    lower = max(0, math.floor(m * n / 2 - _z(WORSE) * spread) - 1)
    return Limits(float(np.median(pairs)), float(pairs[lower]), float(pairs[upper]))


def design_effect(failed: Floats, requests: Floats) -> float:
    """By how much the variance of the share of failing requests exceeds that of independent ones, from its minutes; at
    least 1, and 1 where there are too few to tell."""
    total, share = float(requests.sum()), float(failed.sum() / requests.sum()) if requests.sum() else 0.0
    if len(failed) < 5 or not 0 < share < 1:
        return 1.0
    residuals = failed - share * requests
    variance = len(failed) / (len(failed) - 1) * float((residuals**2).sum()) / total**2
    return max(1.0, variance / (share * (1 - share) / total))


def dispersion(counts: Floats) -> float:
    """Variance of counts over their mean; at least 1, and 1 where there are too few to tell."""
    if len(counts) < 5 or not counts.sum():
        return 1.0
    return max(1.0, float(counts.var(ddof=1) / counts.mean()))


def _reach(one: float, limit: float, other: float, opposite: float) -> float:
    """How far a limit of one - other is from it: of `limit` of the one and the opposite limit of the other."""
    return math.hypot(one - limit, other - opposite)


def _wilson(x: float, n: float, confidence: float) -> tuple[float, float]:
    z = _z(confidence)
    share = x / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return min(share, max(0.0, middle - reach)), max(share, min(1.0, middle + reach))


def _garwood(x: float, confidence: float) -> tuple[float, float]:
    from scipy.stats import chi2

    lower = float(chi2.ppf(1 - confidence, 2 * x)) / 2 if x > 0 else 0.0
    return lower, float(chi2.ppf(confidence, 2 * (x + 1))) / 2


def _z(confidence: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(confidence))
