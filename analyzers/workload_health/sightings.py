"""Rows that tell of trouble, as one frame of sightings whatever table they are from. Pure, vectorised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from analyzers.workload_health.troubles import TROUBLES
from gather_diagnostics import Request, Tables
from gather_diagnostics.tables import decoded

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

STARTING = pd.Timedelta(minutes=3)
"""Probes of a new pod may fail for so long before anybody wonders."""
STOPPING = pd.Timedelta(minutes=2)
"""Probes fail, and exit codes are not 0, for so long after a pod was told to stop."""
AT_ONCE = pd.Timedelta(seconds=2)
_FIRST = r"\(first at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC\)$"
_COLUMNS = ("trouble", "object", "pod", "began", "last", "count", "reason", "said", "table", "row")


def live(request: Request) -> bool:
    """Whether the incident is so recent that the replicas' present state tells of it."""
    return bool(request.asked - request.incident.end <= pd.Timedelta(minutes=10))


def sightings(request: Request, tables: Tables) -> pd.DataFrame:
    """One row a sighting: trouble (index in TROUBLES), object (bare name), pod (is it one?), began and last (UTC;
    `began` is NaT where only the asking has a time), count, reason, said, table and row.

    What a rollout does to pods that start or stop is left out, and what came after the incident.
    """
    until = request.asked if live(request) else request.incident.end
    parts = []
    if "events" in tables:
        parts.append(_of_events(tables["events"], request.asked, until))
    if "workloads" in tables and live(request):
        parts.append(_of_workloads(tables["workloads"]))
    if "changes" in tables:
        parts.append(_of_changes(tables["changes"], until))
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else _empty()


def _empty() -> pd.DataFrame:
    times = {"began": "datetime64[us, UTC]", "last": "datetime64[us, UTC]"}
    return pd.DataFrame({c: [] for c in _COLUMNS}).astype(times | {"pod": bool})


def prepared(events: pd.DataFrame) -> pd.DataFrame:
    """Events with `name` (the object's, without its kind) and `began`, when they were first seen (UTC)."""
    first = events["message"].astype("str").str.extract(_FIRST, expand=False)
    began = pd.to_datetime(first, format="%Y-%m-%d %H:%M:%S", utc=True, errors="coerce")
    name = events["object"].fillna("").astype("str").str.replace(r"^.*/", "", regex=True)
    return events.assign(name=name, began=began.astype(events["time"].dtype).fillna(events["time"]))


def _of_events(events: pd.DataFrame, asked: datetime, until: datetime) -> pd.DataFrame:
    events = prepared(events[events["time"] <= until])
    kinds = _classified(events)
    told = events.assign(trouble=kinds)[kinds >= 0]
    told = told[~_of_rollouts(told, events)]
    unknown = told["began"] >= asked - AT_ONCE
    return pd.DataFrame(
        {
            "trouble": told["trouble"],
            "object": told["name"],
            "pod": _of_pod(told),
            "began": told["began"].mask(unknown),
            "last": told["time"],
            "count": told["count"].fillna(1).astype(int),
            "reason": told["reason"],
            "said": told["message"].fillna("").str.replace(_FIRST, "", regex=True).str.strip(),
            "table": "events",
            "row": told.index,
        }
    )


def _of_pod(events: pd.DataFrame) -> pd.Series[bool]:
    return events["object"].fillna("").str.startswith("Pod/")


def _classified(events: pd.DataFrame) -> NDArray[np.int64]:
    """Index in TROUBLES of the first trouble that each event tells of, -1 for none."""
    kinds = np.full(len(events), -1)
    text = events["object"].fillna("").astype("str") + " " + events["message"].fillna("").astype("str")
    of_pod = _of_pod(events).to_numpy()
    # A handful of reasons stand in thousands of events.
    codes, distinct = pd.factorize(events["reason"], use_na_sentinel=False)
    reasons = distinct.tolist()
    for number, trouble in enumerate(TROUBLES):
        its = np.array([reason in trouble.reasons for reason in reasons], bool)[codes]
        if (vague := np.array([reason in trouble.vague for reason in reasons], bool)[codes]).any():
            its[vague] |= text[vague].str.contains(trouble.said).to_numpy()
        if trouble.subject == "node":
            its &= ~of_pod
        kinds[(kinds < 0) & its] = number
    return kinds


def _of_rollouts(told: pd.DataFrame, events: pd.DataFrame) -> pd.Series[bool]:
    """What befalls every pod that is started or stopped: probes that fail meanwhile, SIGTERM's exit code."""
    names = [t.reason for t in TROUBLES]
    probes = told["trouble"] == names.index("Unhealthy")
    ended = told["trouble"] == names.index("Error")
    made = _when(told, events[events["reason"] == "Scheduled"], "began", "max")
    # The kubelet says Killing of a container that failed its probe, too: that is no rollout.
    stops = events[(events["reason"] == "Killing") & ~events["message"].astype("str").str.contains("probe")]
    stopped = _when(told, stops, "time", "max")
    starting = probes & (told["time"] >= made) & (told["time"] - made <= STARTING)
    stopping = (probes | ended) & (told["began"] >= stopped - AT_ONCE) & (told["time"] - stopped <= STOPPING)
    return starting | stopping


def _when(told: pd.DataFrame, events: pd.DataFrame, column: str, how: str) -> pd.Series[pd.Timestamp]:
    # reindex keeps the type of the times where there are none; map would make numbers of them.
    return events.groupby("name")[column].agg(how).reindex(told["name"]).set_axis(told.index)


def _of_workloads(workloads: pd.DataFrame) -> pd.DataFrame:
    phases = {phase: n for n, t in reversed(list(enumerate(TROUBLES))) for phase in t.phases}
    its = workloads[workloads["phase"].isin(list(phases))]
    return pd.DataFrame(
        {
            "trouble": its["phase"].map(phases),
            "object": its["name"],
            "pod": its["kind"] == "Pod",
            "began": pd.Series(pd.NaT, index=its.index, dtype="datetime64[us, UTC]"),
            "last": its["time"],
            "count": 1,
            "reason": its["phase"],
            "said": "",
            "table": "workloads",
            "row": its.index,
        }
    )


def _of_changes(changes: pd.DataFrame, until: datetime) -> pd.DataFrame:
    """Deployments that failed, as ECS tells of them."""
    deploys = changes[(changes["kind"] == "deploy") & (changes["time"] <= until)]
    failed = deploys["summary"].str.contains("(?:FAILED|ROLLBACK_SUCCESSFUL|ROLLBACK_FAILED)$")
    details = pd.Series(decoded(deploys, "details"), index=deploys.index, dtype=object)
    tasks = details.map(lambda d: d.get("failed_tasks") if isinstance(d, dict) else 0)
    counts = pd.to_numeric(tasks, errors="coerce").fillna(0).astype(int)
    its = deploys[failed | (counts > 0)]
    said = details.map(lambda d: str(d.get("reason") or "") if isinstance(d, dict) else "")
    return pd.DataFrame(
        {
            "trouble": [t.reason for t in TROUBLES].index("DeploymentFailed"),
            "object": its["service"].fillna("the service"),
            "pod": False,
            "began": its["time"],
            "last": its["finished"].fillna(its["time"]).clip(upper=pd.Timestamp(until)),
            "count": counts[its.index].clip(lower=1),
            "reason": "DeploymentFailed",
            "said": said[its.index].where(said[its.index] != "", its["summary"]),
            "table": "changes",
            "row": its.index,
        }
    )
