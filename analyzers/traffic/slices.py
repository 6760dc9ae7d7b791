"""Which endpoint, caller, tenant or other label carries the rise or the fall."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzers.traffic.counting import Counts, rates
from analyzers.traffic.departing import Departure
from gather_diagnostics import Request, Tables
from gather_diagnostics.selection import within
from gather_diagnostics.slicing.breakdown import MOST_VALUES, Breakdown
from gather_diagnostics.slicing.places import placed_samples
from gather_diagnostics.slicing.slices import Slice

if TYPE_CHECKING:
    import pandas as pd

SERVED_BY = frozenset({"instance", "version", "node"})
"""Dimensions that tell who served a request, not who sent it nor what was asked: autoscaling alone moves these."""
CLEARLY = 1.2
"""Times its own requests before from which on a value rose; as much less, and it fell."""
FEWEST = 3
"""Samples of a new value, or of one that is gone."""
TINY = 1e-9
"""Requests a second before of a value that is new: the search for a set divides by them."""


def carried(request: Request, tables: Tables, counts: Counts, found: Departure) -> Breakdown:
    """Requests a second by value, before and in the departure; no slices where nothing tells requests apart.

    Unlike shares and percentiles, rates add up: a value's part of the rise is its own, and what it would have in a rise
    of all alike is in proportion to its requests before.
    """
    places = placed_samples(rates(tables["metrics"]), request.service, tables)
    span = found.span(request.incident.end)
    slices: dict[str, list[Slice]] = {}
    for name in places.dimensions:
        if name not in SERVED_BY:
            own = places.narrowest(places.rows, name)
            others = [d for d in places.dimensions if d != name]
            its = _slices(within(own, request.baseline), within(own, span), name, others, found.sign)
            slices |= {name: its} if len(its) >= 2 else {}
    whole = float(counts.between(span).mean() - counts.between(request.baseline).mean())
    return Breakdown(slices, rise=found.sign * whole, stat="rate")


def _slices(before: pd.DataFrame, now: pd.DataFrame, name: str, others: list[str], sign: int) -> list[Slice]:
    usual, level = _levels(before, name, others), _levels(now, name, others)
    most = {value: max(usual.get(value, 0.0), level.get(value, 0.0)) for value in {**usual, **level}}
    busiest = sorted(most, key=lambda value: (-most[value], value))[:MOST_VALUES]
    samples = [dict(list(rows.groupby(name)["value"])) for rows in (before, now)]
    found = []
    for value in busiest:
        earlier, later = (values.get(value) for values in samples)
        was, is_ = usual.get(value, 0.0), level.get(value, 0.0)
        telling = samples[0][value] if later is None else later
        row = int(telling.idxmax() if sign > 0 else telling.idxmin())
        moved = is_ * sign > was * sign and _moved(earlier, later, was, is_)
        found.append(Slice(value, was, is_, sign * (is_ - was), max(was, TINY), moved, row))
    return found


def _levels(rows: pd.DataFrame, name: str, others: list[str]) -> dict[str, float]:
    """Requests a second by value: its series, each at its mean, added up."""
    every = rows.groupby([name, *others], dropna=False, sort=False)["value"].mean()
    return {value: float(rate) for value, rate in every.groupby(level=0).sum().items()}


def _moved(earlier: pd.Series[float] | None, later: pd.Series[float] | None, usual: float, level: float) -> bool:
    """By CLEARLY, and by a Mann-Whitney U test (Mann and Whitney, 1947); a value that is new or gone has none."""
    from scipy.stats import mannwhitneyu

    if 1 / CLEARLY <= (level / usual if usual > 0 else float("inf")) <= CLEARLY:
        return False
    if earlier is None or later is None:
        return max(len(rows) for rows in (earlier, later) if rows is not None) >= FEWEST
    return bool(mannwhitneyu(earlier, later).pvalue < (0.01 if len(later) >= 4 else 0.1))
