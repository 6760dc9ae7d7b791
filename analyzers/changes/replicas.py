"""A rollout's new replicas against the old ones: on the same edges, at the same time.

A canary analysis (Davidovic and Beyer, "Canary Analysis Service", ACM Queue 2018) after the fact. Besides worse
figures, two things speak: new replicas that have been serving well since long before the onset are not its cause, and
new replicas that never took traffic, while the old ones go on, did not come up.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzers.changes.change import Change
from analyzers.changes.contrast import FEWEST, Contrast, Measure, above, strongest
from analyzers.changes.odds import Part, part

if TYPE_CHECKING:
    import pandas as pd

ERRORS = Measure("error_rate", "error rate", "ratio", noise=0.005, material=0.01, full=0.5)
LATENCY = Measure("latency", "latency", "times", noise=0.08, material=0.18, full=0.7)
COLUMNS = ["time", "metric", "stat", "value", "service", "instance", "version", "caller", "callee"]
TRAFFIC = ("error_rate", "latency", "request_rate")
"""Metrics that only a replica with traffic has."""

WARM_UP = timedelta(seconds=50)
"""A new replica's first sample is slow and cold: caches, JIT, connections."""
USUAL_LAG = timedelta(minutes=2)
"""From a rollout's start to the first sample of its new replicas, where nothing else is known."""
LAG_SPREAD = 0.35
"""Standard deviation of the logarithm of that lag."""


@dataclass(frozen=True)
class Rollout:
    """A deploy of the service, with the samples of its replicas."""

    change: Change
    new: pd.DataFrame
    old: pd.DataFrame
    """Samples of the replicas it replaces, from before it and after."""

    @property
    def first_sample(self) -> datetime | None:
        """When a new replica first took traffic; where traffic is not measured per replica, its first sample."""
        rows = self.new
        if self.old["metric"].isin(TRAFFIC).any():
            rows = rows[rows["metric"].isin(TRAFFIC) & (rows["callee"].isna() | (rows["callee"] == rows["service"]))]
        return rows["time"].min().to_pydatetime() if len(rows) else None


def rollout(change: Change, metrics: pd.DataFrame) -> Rollout | None:
    """The deploy's replicas, told by version; None where the samples do not tell versions that fit the change."""
    if change.kind != "deploy" or not change.service:
        return None
    own = metrics.loc[metrics["service"] == change.service, COLUMNS]
    own = own[own["instance"].notna() & own["version"].notna()]
    versions = own["version"].unique()
    ours = [v for v in versions if same(v, change.revision)]
    known = ours or [v for v in versions if same(v, change.previous)]
    if not known:
        return None
    fresh = own["version"].isin(ours)
    return Rollout(change, own[fresh], own[~fresh])


def evidence(rolled: Rollout, others: Sequence[Rollout], onset: datetime, end: datetime) -> Iterator[Part]:
    """What the replicas say. `others`: all rollouts known, for how long new replicas take here to show up."""
    first = rolled.first_sample
    if first is None:
        yield from _silence(rolled, others, onset, end)
        return
    errors = _worse(ERRORS, rolled)
    slow = _worse(LATENCY, rolled)
    if errors.strength > 0.02:
        words = f"its new replicas' error rate is {ERRORS.told(errors.difference)} against the old ones'"
        yield part("new replicas fail", words, errors.strength)
    if slow.strength > 0.02:
        words = f"its new replicas' latency is {LATENCY.told(slow.difference)} that of the old ones"
        yield part("new replicas are slow", words, slow.strength)
    yield from _load(rolled)
    served = (onset - first).total_seconds() / 60
    if served > 0.5 and errors.strength < 0.5:
        words = f"its new replicas had served for {served:.0f} min when it began"
        yield part("served", words, -min(1.0, 0.7 * math.log1p(served)))


def _worse(measure: Measure, rolled: Rollout) -> Contrast:
    """The edge on which the new replicas differ most from the old ones: those of the same minutes, and all known."""
    new, old = (_served(measure, rows, rolled.change.service) for rows in (rolled.new, rolled.old))
    if measure is not ERRORS:
        new = _warm(new)
    found = []
    for edge, samples in new.groupby(["caller", "callee", "stat"], dropna=False):
        usual = old[(old["caller"].eq(edge[0]) | old["caller"].isna()) & (old["stat"] == edge[2])]
        beside = usual[usual["time"] >= rolled.change.time]
        scaled = measure.scaled(samples["value"])
        both = [above(measure, scaled, measure.scaled(rows["value"])) for rows in (usual, beside)]
        found.append(min(both if len(beside) >= FEWEST else both[:1], key=lambda c: c.strength))
    return strongest(found)


def _served(measure: Measure, rows: pd.DataFrame, service: str | None) -> pd.DataFrame:
    rows = rows[rows["metric"] == measure.metric]
    return rows[rows["callee"].isna() | (rows["callee"] == service)]


def _warm(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["time"] > rows.groupby("instance")["time"].transform("min") + WARM_UP]


def _load(rolled: Rollout) -> Iterator[Part]:
    """Cpu of the new replicas against the old ones, minute by minute."""
    by_minute = [
        rows[rows["metric"] == "cpu"].groupby(rows["time"].dt.floor("min"))["value"].median()
        for rows in (_warm(rolled.new), rolled.old)
    ]
    both = by_minute[0].to_frame("new").join(by_minute[1].to_frame("old"), how="inner")
    both = both[(both > 0).all(axis=1)]
    if len(both):
        ratio = float(np.log(both["new"] / both["old"]).median()) * len(both) / (len(both) + 1)
        if abs(ratio) > 0.02:
            words = f"its new replicas use {math.exp(ratio):.2f} times the cpu of the old ones"
            yield part("new replicas' cpu", words, max(-0.2, min(1.0, ratio)))


def _silence(rolled: Rollout, others: Sequence[Rollout], onset: datetime, end: datetime) -> Iterator[Part]:
    """No sample of a new replica although one was due, while the old ones go on and the source is alive."""
    start = rolled.change.time
    if not len(rolled.old) or start > onset + timedelta(seconds=30):
        return
    age = (min(end, rolled.old["time"].max().to_pydatetime() + timedelta(minutes=1)) - start) / timedelta(minutes=1)
    if age <= 0:
        return
    strength = -math.log(_not_yet(age, _lag(others)) + 0.02) / 4
    if strength > 0.02:
        words = f"none of its new replicas has taken traffic in the {age:.1f} min since; the old ones go on"
        yield part("new replicas are silent", words, strength)


def _lag(others: Sequence[Rollout]) -> float:
    """Minutes from a rollout's start to its first sample: the median of those seen, drawn to USUAL_LAG by one vote."""
    seen = [(r.first_sample - r.change.time) / timedelta(minutes=1) for r in others if r.first_sample]
    seen = [lag for lag in seen if lag > 0]
    usual = USUAL_LAG / timedelta(minutes=1)
    return (len(seen) * float(np.median(seen)) + usual) / (len(seen) + 1) if seen else usual


def _not_yet(age: float, lag: float) -> float:
    """Share of healthy rollouts that still show no sample at this age: a log-normal lag."""
    return 0.5 * math.erfc((math.log(age) - math.log(lag)) / LAG_SPREAD / math.sqrt(2))


def same(version: Any, revision: str | None) -> bool:
    """Do a version label and a revision mean the same? Tags with and without 'v', images, abbreviated commits."""
    if not revision or not isinstance(version, str) or not version:
        return False
    label, wanted = version.lower().removeprefix("v"), revision.lower()
    tag = wanted.rpartition(":")[2].rpartition("@")[2].removeprefix("v")
    return label == tag or (len(label) >= 7 and tag.startswith(label)) or (len(tag) >= 7 and label.startswith(tag))
