"""Shares, percentiles and traffic: minutes of a metric to a criterion. Pure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from gather_diagnostics.response.recovery import intervals
from gather_diagnostics.response.recovery.eras import FEWEST, Minutes
from gather_diagnostics.response.recovery.judging import judge, limit
from gather_diagnostics.response.recovery.model import Criterion
from gather_diagnostics.response.recovery.sentences import Asked, Levels, criterion

if TYPE_CHECKING:
    import pandas as pd

LEAST = 0.002
"""Rise of the failing share below which it is noise: as the analyzers have it."""
PART = 0.5
"""The same as a part of the usual share."""
CLEARLY = math.log(1.2)
"""Of latency, in natural logarithms: less is nobody's incident."""
LOST = math.log(2)
"""Of traffic: from half of it on a loss is no drift of the hour."""
SPREAD = 1.5
"""Standard deviations of the usual minutes that a noisy percentile may be off: the margin grows with what the reference
itself varies by, as Haidar et al. (Pharmaceutical Research 25, 2008) do for highly variable drugs."""
_TINY = 1e-9


def failing(asked: Asked, shares: Minutes, requests: Minutes) -> Criterion | None:
    """Of the share of failing requests (0..1). Where the requests (1/s) are known as well, by their number; else every
    minute counts alike. None where the bundle does not know the usual share."""
    if not shares.known:
        return None
    if unseen := _unseen(asked, shares):
        return unseen
    usual, ill, now = (_counted(shares, requests, era) for era in ("usual", "ill", "now"))
    level = _share(usual, shares.usual)
    rise = _share(ill, shares.ill) - level if len(shares.ill) else 0.0
    margin = max(LEAST, PART * level)
    if usual and now:
        effect = intervals.design_effect(*usual)
        shift = intervals.proportions(_sums(now), _sums(usual), effect)
        beyond = intervals.proportions(_sums(now), _sums(ill), effect) if ill else None
    else:
        shift = intervals.shift(_array(shares.now), _array(shares.usual))
        beyond = intervals.shift(_array(shares.now), _array(shares.ill)) if len(shares.ill) >= FEWEST else None
    told = Levels(_share(now, shares.now), level, level + rise, level + shift.at_most, level + limit(rise, margin))
    return criterion(asked, judge(shift, rise, margin, beyond), told)


def slow(asked: Asked, found: Minutes, *, margin: float = CLEARLY, less: bool = False) -> Criterion | None:
    """Of a positive level such as a percentile in seconds, compared by ratio; `less`: less of it is worse. None where
    the bundle does not know the usual level."""
    if not found.known:
        return None
    if unseen := _unseen(asked, found):
        return unseen
    sign = -1.0 if less else 1.0
    usual, ill, now = (sign * np.log(np.maximum(_array(era), _TINY)) for era in (found.usual, found.ill, found.now))
    level = float(np.median(usual))
    rise = float(np.median(ill)) - level if len(ill) else 0.0
    shift = intervals.shift(now, usual)
    beyond = intervals.shift(now, ill) if len(ill) >= FEWEST else None
    noise = SPREAD * 1.4826 * float(np.median(np.abs(usual - level)))
    edge = level + limit(rise, margin, noise)
    logarithms = (float(np.median(now)), level, level + rise, level + shift.at_most, edge)
    told = Levels(*(math.exp(sign * value) for value in logarithms))
    return criterion(asked, judge(shift, rise, margin, beyond, noise), told)


def _unseen(asked: Asked, found: Minutes) -> Criterion | None:
    """Where there are too few minutes to be judged."""
    if not len(found.now):
        return Criterion(asked.id, asked.name, "not_seen", f"{asked.name}: nothing came in.")
    if found.ended:
        return Criterion(asked.id, asked.name, "not_seen", f"{asked.name}: nothing came in for the last minutes.")
    if len(found.now) < FEWEST:
        count = f"{len(found.now)} of at least {FEWEST} minutes"
        return Criterion(asked.id, asked.name, "not_yet", f"{asked.name}: too little to tell yet, {count}.")
    return None


Counts = tuple["np.ndarray[tuple[int], np.dtype[np.float64]]", "np.ndarray[tuple[int], np.dtype[np.float64]]"]
"""Failed requests and all of them, by minute."""


def _counted(shares: Minutes, requests: Minutes, era: str) -> Counts | None:
    """None where traffic is not known for most minutes."""
    share, traffic = getattr(shares, era), getattr(requests, era)
    both = share.to_frame("share").join(traffic.to_frame("rate"), how="inner") if len(traffic) else None
    if both is None or len(both) < max(FEWEST, len(share) / 2) or both["rate"].sum() * 60 < 1:
        return None
    sent = both["rate"].to_numpy(dtype=float) * 60
    return np.clip(both["share"].to_numpy(dtype=float), 0, 1) * sent, sent


def _sums(counts: Counts) -> tuple[float, float]:
    return float(counts[0].sum()), float(counts[1].sum())


def _share(counts: Counts | None, by_minute: pd.Series[float]) -> float:
    """Weighed by traffic where that is known."""
    if counts:
        failed, sent = _sums(counts)
        return failed / sent
    return float(by_minute.mean()) if len(by_minute) else 0.0


def _array(values: pd.Series[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(values, dtype=float)
