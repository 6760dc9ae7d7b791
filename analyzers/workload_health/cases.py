"""Sightings made into cases: one kind of trouble, whom it befell, since when, and whether it goes on. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyzers.workload_health.sightings import live, prepared
from analyzers.workload_health.troubles import TROUBLES, Trouble
from gather_diagnostics import Request, Tables

if TYPE_CHECKING:
    from datetime import datetime

QUIET = pd.Timedelta(minutes=5)
"""What was seen so shortly before the end of the incident window goes on."""
GONE = ("Succeeded", "Completed", "Terminating")
"""Phases of replicas that aren't meant to work."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """The service's replicas, as they were when asked."""

    rows: pd.DataFrame
    """Of `workloads`: without those that are done or are being deleted, and with no row where the state is of another
    time than the incident."""

    @property
    def total(self) -> int:
        return len(self.rows)

    @property
    def unready(self) -> pd.DataFrame:
        return self.rows[~self.rows["ready"].fillna(False).astype(bool)]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of trouble in the incident window."""

    trouble: Trouble
    objects: pd.DataFrame
    """Indexed by name: began, last (UTC), count, going_on (bool)."""
    rows: pd.DataFrame
    """The sightings, the most telling first."""
    earlier: int
    """How many other objects had the same before the incident window, and not in it."""
    old: bool
    """It was there before the baseline window, for all objects."""

    @property
    def since(self) -> datetime | None:
        began = self.objects["began"].min()
        return None if pd.isna(began) else began.to_pydatetime()

    @property
    def until(self) -> datetime | None:
        """When it was last seen; None while it goes on."""
        return None if self.going_on else self.objects["last"].max().to_pydatetime()

    @property
    def going_on(self) -> int:
        return int(self.objects["going_on"].sum())


def replicas(request: Request, tables: Tables) -> Replicas | None:
    """None where no source told of any."""
    if "workloads" not in tables:
        return None
    rows = tables["workloads"]
    return Replicas(rows[~rows["phase"].isin(GONE)] if live(request) else rows.iloc[:0])


Passed = tuple[Trouble, int]
"""Trouble that was over before the incident window, and how many objects it befell."""


def cases(
    request: Request, tables: Tables, seen: pd.DataFrame, pods: Replicas | None
) -> tuple[list[Case], list[Passed]]:
    """What befell replicas, nodes and controllers in the incident window, and what was over before."""
    found: list[Case] = []
    passed: list[Passed] = []
    ended = _ends(tables)
    for number, its in seen.groupby("trouble"):
        trouble = TROUBLES[int(number)]
        objects = _objects(its)
        objects["going_on"] = _goes_on(request, trouble, objects, its, ended, pods)
        inside = objects[objects["going_on"] | (objects["last"] >= request.incident.start)]
        if inside.empty:
            passed.append((trouble, len(objects)))
            continue
        old = bool((inside["began"] < request.baseline.start).all())
        rows = _ranked(trouble, its[its["object"].isin(inside.index)])
        found.append(Case(trouble, inside, rows, len(objects) - len(inside), old))
    return [c for c in found if not _explained(c, found)], passed


def _ranked(trouble: Trouble, its: pd.DataFrame) -> pd.DataFrame:
    """The latest first, and before them those that bear the trouble's own name: they prove more than an aside."""
    own = its.assign(aside=its["reason"] != trouble.reason)
    return own.sort_values(["aside", "last", "count", "row"], ascending=[True, False, False, True])


def _explained(case: Case, found: list[Case]) -> bool:
    """Whether it says no more than others do: who crashes again and again ends with errors, and isn't ready; pods on a
    node that isn't ready are told of with the node."""
    if case.trouble.subject == "pod" and any(c is not case and c.trouble.reason == case.trouble.reason for c in found):
        return True
    if case.trouble.reason == "Error":
        others = [c for c in found if c.trouble.reason in ("OOMKilled", "CrashLoopBackOff")]
    elif set(case.rows["reason"]) == {"NotReady"} and case.trouble.subject == "pod":
        others = [c for c in found if c is not case and c.trouble.subject == "pod"]
    else:
        return False
    return set(case.objects.index) <= {name for c in others for name in c.objects.index}


def _objects(its: pd.DataFrame) -> pd.DataFrame:
    # An object's state and the platform's event tell of the same thing: their counts are not added up.
    counts = its.groupby(["object", "reason"])["count"].sum().groupby("object").max()
    grouped = its.groupby("object")
    return pd.DataFrame({"began": grouped["began"].min(), "last": grouped["last"].max(), "count": counts})


def _ends(tables: Tables) -> pd.DataFrame:
    """Events that may end a trouble: name, reason, time."""
    reasons = frozenset[str]().union(*(t.ends for t in TROUBLES))
    if "events" not in tables:
        return pd.DataFrame({"name": [], "reason": [], "time": pd.DatetimeIndex([], tz="UTC")})
    events = tables["events"]
    return prepared(events[events["reason"].isin(reasons)])[["name", "reason", "time"]]


def _goes_on(
    request: Request,
    trouble: Trouble,
    objects: pd.DataFrame,
    its: pd.DataFrame,
    ended: pd.DataFrame,
    pods: Replicas | None,
) -> pd.Series[bool]:
    """By the replica's present state where it is known, else by what was seen last."""
    recent = objects["last"] >= request.incident.end - QUIET
    ends = ended[ended["reason"].isin(trouble.ends)].groupby("name")["time"].max()
    over = ends.reindex(objects.index) > objects["last"]
    going = recent & ~over
    if trouble.subject == "pod" and pods is not None and pods.total:
        gone = its.groupby("object")["pod"].any() & ~objects.index.isin(pods.rows["name"])
        going &= ~gone
        if trouble.lasting:
            unready = objects.index.isin(pods.unready["name"]) & (objects["last"] >= request.incident.start)
            going |= unready & ~over
    return going | objects.index.isin(its.loc[its["table"] == "workloads", "object"])
