"""The change's service among its neighbours: who calls it, what they see, whether its own callee explains it.

Symptoms travel from callee to caller; the origin is the service with symptoms whose callees have none (the idea of
Groot, Wang et al., ASE 2021, and of ChangeRCA, Yu et al., FSE 2024, reduced to one step).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from analyzers.changes.change import Change
from analyzers.changes.contrast import Contrast, Measure, above, strongest
from analyzers.changes.odds import Part, part
from analyzers.changes.replicas import ERRORS, LATENCY
from gather_diagnostics import Request, Tables

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "metric", "stat", "value", "service", "version", "endpoint", "caller", "callee"]
BEFORE = timedelta(minutes=2)
"""Samples this close before the onset are neither before nor after: rates look back over minutes."""
ALONE = 0.15
"""Strength of the service's own symptoms where no other service was measured."""
ILL = 0.3
"""Strength of symptoms from which a service counts as ill."""
FEW = 3
"""Ill services below which nothing is widespread."""
BLUR = timedelta(seconds=45)
"""Samples this close before the onset may already show it."""


@dataclass(frozen=True, slots=True)
class Symptoms:
    """What left its baseline at the onset, of one service."""

    errors: Contrast
    """As it reports them itself, on its old replicas."""
    latency: Contrast
    seen: Contrast
    """Errors as its callers see them."""

    @property
    def own(self) -> float:
        return min(1.0, self.errors.strength + self.latency.strength)

    @property
    def worst(self) -> float:
        return max(self.errors.strength, self.latency.strength, self.seen.strength)


class Surroundings:
    """The call graph and the samples of everybody in it, around one onset."""

    def __init__(self, request: Request, tables: Tables, onset: datetime, revised: Mapping[str, set[str]]) -> None:
        """`revised`: service -> versions that a rollout in question brought; those say nothing of the old replicas."""
        self._request = request
        self._tables = tables
        self._onset = onset
        self._revised = revised
        self._known: dict[str, Symptoms] = {}

    def evidence(self, change: Change) -> Iterator[Part]:
        yield from self._place(change.service)
        yield from self._spread(change)
        if not change.service or "metrics" not in self._tables:
            return
        found = self.symptoms(change.service)
        service = change.service
        if found.seen.strength > 0.02:
            words = f"its callers see {ERRORS.told(found.seen.difference)} more errors from it since the onset"
            yield part("callers see errors", words, found.seen.strength)
        if service == self._request.service and len(self._served) < 2:
            # It is in trouble, that is why we are asked; without others to compare with that says little of a change.
            yield part("its own symptoms", f"it changes {service} itself, the service in trouble", ALONE)
            return
        callee, worst = self._worst_callee(service)
        if found.own * (1 - worst) > 0.02:
            words = f"{service} itself left its baseline at the onset ({_figures(found)})"
            yield part("its own symptoms", words, found.own * (1 - worst))
        if found.own * worst > 0.02:
            words = f"{service}'s symptoms are explained by {callee}, which it calls"
            yield part("explained by a callee", words, -found.own * worst)

    def symptoms(self, service: str) -> Symptoms:
        if service not in self._known:
            self._known[service] = self._measured(service)
        return self._known[service]

    def _place(self, service: str | None) -> Iterator[Part]:
        ours = self._request.service
        if service is None or service == ours or service in self._below:
            return
        if service in self._request.dependencies:
            yield part("place", f"it changes {service}, which {ours} calls", -0.2)
        elif self._callees:
            yield part("place", f"it changes {service}, which {ours} does not call", -1.0)
        else:
            yield part("place", f"it changes {service}, not {ours}", -0.8)

    def _spread(self, change: Change) -> Iterator[Part]:
        """Services that a change can't reach by calls, and that are ill all the same, share something else."""
        if "metrics" not in self._tables:
            return
        shared = change.kind == "infra"
        if not shared and not change.service:
            return
        related = set() if shared else self._related(str(change.service))
        strangers = [s for s in self._served if s not in related and s != change.service]
        ill = [s for s in strangers if self.symptoms(s).worst > ILL]
        if len(ill) < FEW or len(ill) < len(strangers) / 2:
            return
        told = f"{len(ill)} of {len(strangers)} services"
        if shared:
            yield part("spread", f"{told} left their baseline at once: something that they share", 1.0)
        else:
            yield part(
                "spread", f"{told} that no call connects with {change.service} left their baseline as well", -1.0
            )

    def _related(self, service: str) -> set[str]:
        """Who may reach it by calls, and whom it may reach."""
        callers: dict[str, set[str]] = {}
        for caller, callees in self._callees.items():
            for callee in callees:
                callers.setdefault(callee, set()).add(caller)
        return _reached(service, self._callees) | _reached(service, callers)

    def _worst_callee(self, service: str) -> tuple[str, float]:
        worst = {callee: self.symptoms(callee).worst for callee in self._callees.get(service, ()) if callee != service}
        return max(worst.items(), key=lambda item: (item[1], item[0]), default=("", 0.0))

    @cached_property
    def _callees(self) -> Mapping[str, set[str]]:
        callees: dict[str, set[str]] = {}
        for table in ("topology", "metrics"):
            if table in self._tables:
                edges = self._tables[table][["caller", "callee"]].dropna().drop_duplicates()
                for caller, callee in zip(edges["caller"], edges["callee"], strict=True):
                    callees.setdefault(str(caller), set()).add(str(callee))
        return callees

    @cached_property
    def _below(self) -> set[str]:
        """Every service that a request to ours may reach."""
        return _reached(self._request.service, self._callees)

    def _measured(self, service: str) -> Symptoms:
        own = self._served.get(service, self._none)
        old = own[~own["version"].isin(list(self._revised.get(service, ())))]
        if (old["time"] >= self._onset).any():
            own = old
        seen = self._called.get(service, self._none)
        return Symptoms(self._risen(ERRORS, own), self._risen(LATENCY, own), self._risen(ERRORS, seen))

    @cached_property
    def _samples(self) -> pd.DataFrame:
        metrics = self._tables["metrics"][COLUMNS]
        return metrics[metrics["metric"].isin((ERRORS.metric, LATENCY.metric))]

    @cached_property
    def _none(self) -> pd.DataFrame:
        return self._samples.iloc[:0]

    @cached_property
    def _served(self) -> Mapping[str, pd.DataFrame]:
        """By service, what it reports of the requests it serves."""
        rows = self._samples
        return dict(list(rows[rows["callee"].isna() | (rows["callee"] == rows["service"])].groupby("service")))

    @cached_property
    def _called(self) -> Mapping[str, pd.DataFrame]:
        """By service, what its callers report of their requests to it."""
        rows = self._samples
        return dict(list(rows[rows["service"] == rows["caller"]].groupby("callee")))

    def _risen(self, measure: Measure, rows: pd.DataFrame) -> Contrast:
        rows = rows[rows["metric"] == measure.metric]
        found = []
        for _, edge in rows.groupby(["caller", "callee", "endpoint", "stat"], dropna=False):
            minutes = edge.groupby(edge["time"].dt.floor("min"))["value"].mean()
            after = minutes[minutes.index >= _minute(self._onset - BLUR)]
            before = minutes[minutes.index < _minute(self._onset - BEFORE)]
            found.append(above(measure, measure.scaled(after), measure.scaled(before)))
        return strongest(found)


def _reached(start: str, edges: Mapping[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    ahead = [start]
    while ahead:
        for following in edges.get(ahead.pop(), ()):
            if following not in reached:
                reached.add(following)
                ahead.append(following)
    return reached


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def _figures(found: Symptoms) -> str:
    told = []
    if found.errors.strength:
        told.append(f"errors {ERRORS.told(found.errors.difference)}")
    if found.latency.strength:
        told.append(f"latency {LATENCY.told(found.latency.difference)}")
    return ", ".join(told)
