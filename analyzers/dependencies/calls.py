"""Metrics of our calls to a dependency, and of the dependency itself, that leave their baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyzers.dependencies.peers import Peers
from analyzers.dependencies.signals import Signal, moment
from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.selection import samples_of, seconds, support, within
from gather_diagnostics.statistics.shifts import Shift, first_shift

if TYPE_CHECKING:
    import pandas as pd

FEWEST = 8
"""Minutes below which a series says nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    metric: str
    stats: tuple[str, ...]
    """The first that there is."""
    words: str
    floor: float
    """Smallest scale believed; of logarithms where `logarithmic`, as is `material`."""
    material: float
    """Least rise that matters to anybody."""
    logarithmic: bool = False

    def figure(self, value: float) -> str:
        return f"{value * 1000:,.0f} ms" if self.logarithmic else f"{value:.2%}"


MEASURES = (
    Measure("error_rate", ("ratio", "avg"), "error rate", 0.0025, 0.01),
    Measure("latency", ("p99", "p95", "p50", "avg"), "latency", 0.06, float(np.log(1.3)), logarithmic=True),
)


def from_metrics(request: Request, tables: Tables, peers: Peers) -> tuple[list[Signal], set[str]]:
    """The signals, and the peers whose own figures are there and stay at their baseline."""
    if "metrics" not in tables:
        return [], set()
    metrics = samples_of(tables["metrics"], [m.metric for m in MEASURES])
    near = within(metrics, Window(request.baseline.start, request.incident.end))
    served = near[near["service"].isin(peers.names) & (near["callee"].isna() | (near["callee"] == near["service"]))]
    calls = near[(near["caller"] == request.service) & near["callee"].isin(peers.names)]
    calls = calls[calls["service"] != calls["callee"]]
    own = list(_signals(request, served, "service", own=True))
    counts = served["service"].value_counts()
    healthy = set(counts[counts >= FEWEST].index) - {s.dependency for s in own}
    return own + list(_signals(request, calls, "callee", own=False)), healthy


def _signals(request: Request, rows: pd.DataFrame, column: str, own: bool) -> Iterator[Signal]:
    """Of the rows about each peer, named in `column`. Replicas are scraped some seconds apart: a minute of theirs is
    one instant, told at its first sample."""
    minutes = (
        rows.assign(minute=rows["time"].dt.floor("min"))
        .groupby([column, "metric", "stat", "minute"])
        .agg(value=("value", "mean"), time=("time", "min"))
    )
    known = dict(iter(minutes.groupby(level=[0, 1, 2])))
    for peer in rows[column].unique():
        for measure in MEASURES:
            stat = next((s for s in measure.stats if (peer, measure.metric, s) in known), None)
            if stat and (shift := _shift(request, measure, known[peer, measure.metric, stat])):
                told = rows[(rows[column] == peer) & (rows["metric"] == measure.metric) & (rows["stat"] == stat)]
                yield _signal(measure, peer, known[peer, measure.metric, stat], shift, told, own)


def _signal(measure: Measure, peer: str, minutes: pd.DataFrame, shift: Shift, rows: pd.DataFrame, own: bool) -> Signal:
    # Of the values themselves: the shift's are of logarithms.
    values = minutes["value"].to_numpy(dtype=float)
    before, after = (float(np.median(v)) for v in (values[: shift.index], values[shift.index :]))
    whose = "its own" if own else "of our calls to it, the"
    words = (
        f"{whose} {measure.words} rises from {measure.figure(before)} to {measure.figure(after)}"
        f" at {moment(shift.time):%H:%M:%S} UTC"
    )
    told = rows[rows["time"] >= moment(shift.time)].index
    return Signal(peer, measure.metric, moment(shift.time), words, support("metrics", told[:5], len(told)), own=own)


def _shift(request: Request, measure: Measure, minutes: pd.DataFrame) -> Shift | None:
    """A rise that matters and goes on: the median after it is what counts, so one that recovered is none."""
    if len(minutes) < FEWEST:
        return None
    times, values = seconds(minutes["time"]), minutes["value"].to_numpy(dtype=float)
    scaled = np.log(np.maximum(values, 1e-9)) if measure.logarithmic else values
    shift = first_shift(times, scaled, times < request.incident.start.timestamp(), floor=measure.floor)
    return shift if shift and shift.after - shift.before >= measure.material else None
