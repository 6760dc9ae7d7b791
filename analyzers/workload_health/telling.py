"""Cases told as findings. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from analyzers.workload_health.cases import Case, Passed, Replicas
from analyzers.workload_health.troubles import TROUBLES, exit_meaning
from gather_diagnostics import Finding, Support, Tables
from gather_diagnostics.model import Severity
from gather_diagnostics.selection import support

QUESTION = "workload_health"
STEPS: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")
MANY = 0.5
"""Share of the replicas from which on it is the service's trouble, not a pod's."""
FEW = 0.1
MOST_TEXT = 160
_CODE = re.compile(r"exit code (\d{1,3})\b")


def order(finding: Finding) -> tuple[int, str]:
    """The worst first."""
    return -STEPS.index(finding.severity), finding.id


def finding(case: Case, pods: Replicas | None) -> Finding:
    its = _befallen(case, pods)
    state = "old" if case.old else "new" if case.going_on else "over"
    code = _exit_code(case, its)
    said = _shown(str(case.rows["said"].iloc[0])) if case.trouble.subject != "pod" else _said(case)
    details: dict[str, Any] = {
        "reason": case.trouble.reason,
        "pods": _pods(case, its),
        "of": pods.total if pods and pods.total else None,
        "objects": len(case.objects),
        "instances": sorted(case.objects.index)[:20],
        "going_on": case.going_on,
        "since": _iso(case.since),
        "until": _iso(case.until),
        "times": int(case.objects["count"].sum()),
        "state": state,
        "earlier": case.earlier,
        "exit_code": code,
        "exit_meaning": exit_meaning(code) if code is not None else "",
        "said": said,
    }
    return Finding(
        f"{QUESTION}:{case.trouble.reason}",
        QUESTION,
        _headline(case, details, its),
        {"new": 0.95, "over": 0.85, "old": 0.8}[state],
        _severity(case, details, pods),
        time=case.since,
        supports=_supports(case, its),
        details=details,
    )


def _befallen(case: Case, pods: Replicas | None) -> pd.DataFrame | None:
    """Rows of the replicas it befell, of nodes those that run there; None where no source told of replicas."""
    if pods is None or not pods.total or case.trouble.subject == "controller":
        return None
    column = "node" if case.trouble.subject == "node" else "name"
    return pods.rows[pods.rows[column].isin(case.objects.index)]


def _pods(case: Case, its: pd.DataFrame | None) -> int | None:
    if case.trouble.subject == "pod":
        return len(case.objects)
    return None if its is None else len(its)


def _severity(case: Case, details: dict[str, Any], pods: Replicas | None) -> Severity:
    """By the kind, how many replicas of how many, and whether it is news; see the module's docstring on `state`."""
    step = STEPS.index(case.trouble.severity)
    share = details["pods"] / details["of"] if details["pods"] is not None and details["of"] else None
    if details["state"] == "old":
        return "medium" if case.going_on and share is not None and share >= MANY else "low"
    if not case.going_on:
        many = share is not None and share >= MANY
        return "low" if case.trouble.lasting else STEPS[step if many else step - 1]
    if pods and pods.total and len(pods.unready) == pods.total and case.trouble.subject == "pod":
        return "critical"
    if share is not None and share < FEW:
        return STEPS[step - 1]
    return STEPS[step]


def _headline(case: Case, details: dict[str, Any], its: pd.DataFrame | None) -> str:
    began = f"since {_clock(case.since)}" if case.since else "now"
    if not case.going_on:
        span = _span(case.since, case.until)
        ends = f"{span}; it is over" if case.trouble.lasting else f"{span}; not seen since"
    elif details["state"] == "old":
        ends = f"{began}, long before this incident"
    else:
        ends = f"{began}; it goes on"
    code = f" (exit code {details['exit_code']}{_meaning(details)})" if details["exit_code"] is not None else ""
    said = f": {details['said'].rstrip('.')}" if details["said"] else ""
    return f"{case.trouble.reason}: {_whom(case, details, its)} {case.trouble.words}{code} {ends}{said}."


def _meaning(details: dict[str, Any]) -> str:
    return f", {details['exit_meaning']}" if details["exit_meaning"] else ""


def _whom(case: Case, details: dict[str, Any], its: pd.DataFrame | None) -> str:
    names = [_shown(str(n), 80) for n in details["instances"]]
    count, of = details["objects"], details["of"]
    if case.trouble.subject == "controller":
        return f"{names[0]}" + (f" and {count - 1} more" if count > 1 else "")
    if case.trouble.subject == "node":
        carried = f", which carry {details['pods']} of {of} replicas," if of else ""
        return f"{count} node{'s' * (count > 1)} ({names[0]}{', ...' * (count > 1)}){carried}"
    if its is not None and len(its) == count:
        return f"{count} of {of} replicas"
    return f"{count} replica{'s' * (count > 1)}" + (f" ({of} run now)" if of else "")


def _said(case: Case) -> str:
    """Of pods, what tells them all: what most sightings say, where that isn't said by the reason already."""
    words = case.rows.loc[case.rows["said"] != "", "said"]
    if words.empty or case.trouble.reason in ("OOMKilled", "CrashLoopBackOff", "Error"):
        return ""
    return _shown(str(words.mode().iloc[0]))


def _exit_code(case: Case, its: pd.DataFrame | None) -> int | None:
    """The last exit's, of most of the replicas; of those without a row, as the events have it."""
    if case.trouble.subject != "pod" or case.trouble.reason not in ("OOMKilled", "CrashLoopBackOff", "Error"):
        return None
    known = its["last_exit_code"].dropna() if its is not None else pd.Series(dtype=float)
    if known.empty:
        known = pd.Series([int(m[1]) for said in case.rows["said"] if (m := _CODE.search(said))], dtype=float)
    return int(known.mode().iloc[0]) if len(known) else None


def _supports(case: Case, its: pd.DataFrame | None) -> tuple[Support, ...]:
    made = []
    for table in ("events", "changes", "workloads"):
        rows = list(case.rows.loc[case.rows["table"] == table, "row"])
        if table == "workloads" and its is not None:
            rows += [i for i in its.index if i not in set(rows)]
        if rows:
            made.append(support(table, rows, len(rows)))
    return tuple(made)


def summary(
    tables: Tables,
    pods: Replicas | None,
    findings: Sequence[Finding],
    over: Sequence[Passed],
) -> Finding:
    """The answer to the question as a whole."""
    events = len(tables["events"]) if "events" in tables else 0
    known = pods is not None and pods.total > 0
    rows = pods.unready if pods is not None and known else None
    ready = pods.total - len(rows) if pods is not None and rows is not None else None
    supports: tuple[Support, ...] = ()
    if pods is not None and rows is not None:
        supports = (support("workloads", [*rows.index, *pods.rows.index.difference(rows.index)], pods.total),)
    return Finding(
        QUESTION,
        QUESTION,
        _overall(tables, pods, ready, findings, over, events),
        0.9 if known else 0.6,
        supports=supports,
        details={
            "replicas": pods.total if pods is not None and known else None,
            "ready": ready,
            "restarts": int(pods.rows["restarts"].fillna(0).sum()) if pods is not None and known else None,
            "events": events,
            "troubles": [f.details["reason"] for f in findings],
            "over": [t.reason for t, _ in over],
            "checked": [t.reason for t in TROUBLES],
        },
    )


def _overall(
    tables: Tables,
    pods: Replicas | None,
    ready: int | None,
    findings: Sequence[Finding],
    over: Sequence[Passed],
    events: int,
) -> str:
    if "workloads" not in tables and "events" not in tables:
        return "0 replicas and 0 events of a platform came in: the health of the workload is not known."
    if pods is not None and ready is not None:
        words = f"{ready} of {pods.total} replicas are ready"
    else:
        words = "The state of the replicas at that time is not known" if pods else "No state of replicas came in"
    if findings:
        named = ", ".join(str(f.details["reason"]) for f in findings)
        return f"{words}; seen in the incident window: {named}."
    passed = f"; {', '.join(t.reason for t, _ in over)} was over before" if over else ""
    return f"{words}, and {events:,} events tell of no trouble in the incident window{passed}."


def _span(since: datetime | None, until: datetime | None) -> str:
    if since is None or until is None or (until - since).total_seconds() < 60:
        return f"at {_clock(until or since)}"
    return f"from {_clock(since)} to {_clock(until)}"


def _clock(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time else "an unknown time"


def _iso(time: datetime | None) -> str | None:
    return time.isoformat() if time else None


def _shown(text: str, most: int = MOST_TEXT) -> str:
    """One line of what a platform said, cut."""
    words = " ".join(text.split())
    return words if len(words) <= most else words[: most - 3] + "..."
