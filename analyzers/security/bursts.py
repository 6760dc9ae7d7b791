"""Is something seen more often than before? Counts of events against their baseline. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gather_diagnostics import Window
from gather_diagnostics.statistics.shifts import first_burst

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RARE = 1e-4
"""Chance below which more events than before are no accident."""
TIMES = 2.0
"""And how many times the usual rate it must be: a certain rise of a tenth is nobody's observation."""
BUCKET = 300.0
"""Seconds of the pieces whose counts show how unevenly events come."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Events of a window against a baseline."""

    count: int
    before: int
    expected: float
    """How many the baseline's rate makes in the window."""
    chance: float
    """Of so many or more, if nothing had changed."""
    since: float | None
    """Epoch seconds (UTC) of the first burst; None where no cluster stands out."""

    @property
    def told(self) -> bool:
        return self.chance < RARE and self.count > TIMES * self.expected


def compared(times: Floats, window: Window, baseline: Window) -> Burst:
    """`times`: epoch seconds of all events, sorted."""
    starts = [w.timestamp() for w in (window.start, window.end, baseline.start, baseline.end)]
    inside, earlier = (times[(times >= a) & (times < b)] for a, b in (starts[:2], starts[2:]))
    lengths = window.length.total_seconds(), baseline.length.total_seconds()
    uneven = dispersion(earlier, *starts[2:])
    usual = len(earlier) / lengths[1]
    shift = (
        first_burst(inside, usual=(len(earlier) + 0.5) / lengths[1], start=starts[0], end=starts[1])
        if len(inside)
        else None
    )
    return Burst(
        len(inside),
        len(earlier),
        usual * lengths[0],
        chance(len(inside), len(earlier), lengths[0] / lengths[1], uneven),
        shift.time if shift else None,
    )


def chance(count: int, before: int, ratio: float, uneven: float = 1.0) -> float:
    """Probability of `count` or more events in a window `ratio` times as long as the one that had `before`.

    The predictive distribution of a Poisson rate under Jeffreys' prior: negative binomial with before + 1/2 successes
    (Gelman et al., Bayesian Data Analysis, 2.6). It allows for a baseline of few events or none. `uneven`, the ratio
    of variance to mean, makes events that come in bunches count for fewer (quasi-likelihood: McCullagh and Nelder,
    Generalized Linear Models, 6.2).
    """
    from scipy.stats import nbinom

    if not count:
        return 1.0
    return float(nbinom.sf(np.ceil(count / uneven) - 1, before / uneven + 0.5, 1 / (1 + ratio)))


def dispersion(times: Floats, start: float, end: float) -> float:
    """Variance of the counts in pieces of BUCKET seconds out of their mean, at least 1."""
    pieces = max(int((end - start) // BUCKET), 1)
    counts = np.histogram(times, bins=pieces, range=(start, end))[0]
    return max(1.0, float(counts.var(ddof=1) / counts.mean())) if pieces > 3 and counts.any() else 1.0
