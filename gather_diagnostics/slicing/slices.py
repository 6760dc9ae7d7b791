"""Which slice of the traffic carries a rise? The smallest set of values of one dimension that explains most of it.

After Adtributor (Bhagwan et al., NSDI 2014): a set of values is judged by its explanatory power - its part of the whole
rise - and by its surprise, the Jensen-Shannon divergence between that part and the part it would have if the rise fell
on all alike, in proportion to traffic. Unlike there, a value's expected figure is its own baseline at today's traffic,
and the set is the one of greatest surprise among those whose values rise most, so that its size needs no threshold: one
value more that has not risen takes surprise away, one that has adds to it. Sets of values of several dimensions at once
(Squeeze, RiskLoc) are not searched. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

ENOUGH = 0.67
"""Explanatory power from which a set explains the rise (T_EP in the paper)."""
REST = 0.25
"""Rise of the others, per traffic and against the set's, above which the set is not what tells them apart."""
ALIKE = 0.8
"""Part of the greatest surprise from which another dimension tells the same as well, perhaps in fewer values."""
ORDER = ("version", "endpoint", "zone", "node", "instance", "caller", "tenant")
"""Of dimensions that tell the same equally well, the one a person can act on first; others by name."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One value of one dimension, before and now."""

    value: str
    usual: float
    now: float
    """In the unit of what is compared, as is `usual`."""
    excess: float
    """What it adds to the whole rise: now - usual, times its traffic where these are not yet amounts."""
    traffic: float
    """Its traffic, in any unit; greater than 0."""
    rose: bool
    """By a test, and by enough to matter."""
    row: int
    """The most telling row of its table."""


@dataclass(frozen=True, slots=True)
class Carrier:
    """A set of values that explains a rise."""

    dimension: str
    slices: tuple[Slice, ...]
    """The greatest rise first."""
    of: int
    """Values there are."""
    explains: float
    """0..1: part of the whole rise."""
    share: float
    """0..1: part of the traffic."""
    surprise: float
    """0..ln 2."""

    @property
    def values(self) -> list[str]:
        return [s.value for s in self.slices]

    def levels(self) -> tuple[float, float]:
        """Its usual level and that of now, each value weighing as much as its traffic."""
        traffic = sum(s.traffic for s in self.slices)
        usual, now = (sum(getattr(s, when) * s.traffic for s in self.slices) / traffic for when in ("usual", "now"))
        return usual, now


def carriers(dimensions: Mapping[str, Sequence[Slice]], rise: float | None = None) -> list[Carrier]:
    """The set of each dimension that explains the rise, the best first; empty where it falls on all alike.

    `rise`: the whole, where the slices do not add up to it.
    """
    found = [c for name, slices in sorted(dimensions.items()) if (c := _carrier(name, slices, rise))]
    best = max((c.surprise for c in found), default=0.0)
    return sorted(found, key=lambda c: (c.surprise < ALIKE * best, len(c.slices), _place(c.dimension), c.dimension))


def _place(dimension: str) -> int:
    return ORDER.index(dimension) if dimension in ORDER else len(ORDER)


def _carrier(dimension: str, slices: Sequence[Slice], rise: float | None) -> Carrier | None:
    total = sum(s.excess for s in slices) if rise is None else rise
    if len(slices) < 2 or total <= 0:
        return None
    return max(_sets(dimension, slices, total), key=lambda c: (c.surprise, -len(c.slices)), default=None)


def _sets(dimension: str, slices: Sequence[Slice], total: float) -> Iterator[Carrier]:
    """The sets of the values that rose most, per traffic, as far as they explain the rise and the rest does not."""
    traffic = sum(s.traffic for s in slices)
    ordered = sorted(slices, key=lambda s: (not s.rose, -s.excess / s.traffic, s.value))
    explained = share = 0.0
    for count, one in enumerate(ordered[:-1], start=1):
        if not one.rose:
            return
        explained += one.excess / total
        share += one.traffic / traffic
        rest = max(1 - explained, 0.0) / max(1 - share, 1e-9)
        if explained >= ENOUGH and rest <= REST * explained / share:
            power = min(explained, 1.0)
            yield Carrier(dimension, tuple(ordered[:count]), len(slices), power, share, _surprise(share, power))


def _surprise(expected: float, found: float) -> float:
    """Jensen-Shannon divergence, in nats, of (found, 1 - found) from (expected, 1 - expected)."""
    pairs = ((expected, found), (1 - expected, 1 - found))
    return sum(0.5 * (_part(p, p + q) + _part(q, p + q)) for p, q in pairs)


def _part(share: float, both: float) -> float:
    return share * math.log(2 * share / both) if share > 0 else 0.0
