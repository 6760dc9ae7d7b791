"""Before us, with us or after us? And how likely is it the cause?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from analyzers.dependencies.peers import Peers
from analyzers.dependencies.signals import Signal
from gather_diagnostics import Finding

BLUR = timedelta(seconds=90)
"""Samples are taken every half a minute to a minute: a lead below this is none."""
CLOCKS = timedelta(seconds=10)
"""The same between two log lines, which are dated to the moment, by clocks of two machines."""
LATE = timedelta(minutes=3)
"""After our onset, from which a dependency's trouble can't be what began it."""
LONG_BEFORE = timedelta(minutes=30)
"""A cause works sooner than that."""
TRAFFIC = ("error_rate", "latency")

Order = Literal["before", "with", "after", "unknown"]
RANK: tuple[Order, ...] = ("before", "with", "unknown", "after")


@dataclass(frozen=True)
class Verdict:
    dependency: str
    signals: tuple[Signal, ...]
    """The earliest first."""
    order: Order
    onset: datetime | None
    itself: Literal["failing", "healthy", "unknown"]
    known: bool

    @property
    def since(self) -> datetime:
        return self.signals[0].time

    @property
    def lead(self) -> timedelta | None:
        return self.onset - self.since if self.onset else None

    @property
    def sources(self) -> int:
        """Kinds of evidence that agree: metrics, lines, events."""
        return len({"metrics" if s.kind in TRAFFIC else s.support.table for s in self.signals})

    @property
    def confidence(self) -> float:
        """That it plays the part it is said to: cause of ours, or victim."""
        chance = {"before": 0.7, "with": 0.5, "after": 0.6, "unknown": 0.4}[self.order]
        if self.order == "after":
            return chance
        chance += 0.1 * (self.sources - 1)
        chance += {"failing": 0.1, "healthy": -0.2, "unknown": 0.0}[self.itself]
        if self.lead and self.lead > LONG_BEFORE:
            chance -= 0.3
        return round(min(max(chance, 0.1), 0.9), 2)


def verdicts(signals: Iterable[Signal], healthy: set[str], onset: Finding | None, peers: Peers) -> list[Verdict]:
    """One for each dependency with a signal, the likeliest cause first."""
    by_name: dict[str, list[Signal]] = {}
    for signal in sorted(signals, key=lambda s: (s.time, s.kind, s.words)):
        by_name.setdefault(signal.dependency, []).append(signal)
    found = [_verdict(name, its, healthy, onset, peers) for name, its in by_name.items()]
    return sorted(found, key=lambda v: (RANK.index(v.order), -v.confidence, v.since, v.dependency))


def _verdict(name: str, signals: list[Signal], healthy: set[str], onset: Finding | None, peers: Peers) -> Verdict:
    # An alert fires when its condition has held for a while: it confirms, and dates nothing where something else does.
    dated = [s for s in signals if s.kind != "event"]
    ordered = (*dated, *(s for s in signals if s.kind == "event"))
    time = onset.time if onset else None
    itself: Literal["failing", "healthy", "unknown"] = (
        "failing" if any(s.own for s in signals) else "healthy" if name in healthy else "unknown"
    )
    return Verdict(name, ordered, _order(ordered[0], onset), time, itself, name in peers.names)


def _order(first: Signal, onset: Finding | None) -> Order:
    if onset is None or onset.time is None:
        return "unknown"
    if first.time < onset.time - (CLOCKS if first.kind == "own_lines" and _from_a_line(onset) else BLUR):
        return "before"
    return "with" if first.time <= onset.time + LATE else "after"


def _from_a_line(onset: Finding) -> bool:
    return next((s["kind"] == "log_pattern" for s in onset.details["signals"]), False)
