"""The replicas: all ready, none restarted lately, no trouble of the platform's. Pure.

What ails them is what the analyzer `workload_health` finds in what was just collected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from gather_diagnostics.document.clock import when
from gather_diagnostics.model import Evidence, Finding
from gather_diagnostics.response.recovery import words
from gather_diagnostics.response.recovery.model import Criterion

if TYPE_CHECKING:
    import pandas as pd

NAME = "Replicas"
QUESTION = "workload_health"
_GRAVE = ("critical", "high")
_MOST = 3

Restarts = Mapping[str, int]
"""Replica to how often it was restarted since it was made."""


def restarts(evidence: Evidence) -> Restarts:
    """As the evidence has them; empty where no source tells."""
    rows = _rows(evidence)
    known = rows.dropna(subset=["restarts"]) if rows is not None else None
    return {} if known is None else {str(n): int(r) for n, r in zip(known["name"], known["restarts"], strict=True)}


def of_replicas(bundle: Evidence, now: Evidence, earlier: Restarts | None) -> Criterion | None:
    """`earlier`: restarts at the beginning of the window that is judged; None at the first look, which has the bundle
    alone to compare with. None where the bundle tells nothing of replicas."""
    ill = _troubles(bundle)
    if _rows(bundle) is None and not ill:
        return None
    was_ill = any(f.details.get("state") != "old" for f in ill.values())
    if unseen := _unseen(bundle, now):
        return Criterion("replicas", NAME, "not_seen", f"{NAME}: {unseen}.", was_ill=was_ill)
    troubles = [f for f in _troubles(now).values() if not _is_old(f, ill, bundle)]
    told = [*_described(troubles), *_unready(now), *_restarted(bundle, now, earlier)]
    if not told:
        count = len(restarts(now))
        ready = f"all {count} are ready, and none was restarted" if count else "no event tells of trouble"
        return Criterion("replicas", NAME, "recovered", f"{NAME}: {ready}.", was_ill=was_ill)
    new = [f for f in troubles if f.severity in _GRAVE and f.details.get("going_on") and f.id not in ill]
    sentence = f"{NAME}: {'; '.join(told[:_MOST])}."
    return Criterion("replicas", NAME, "worse" if new else "not_yet", sentence, was_ill=was_ill)


def _rows(evidence: Evidence) -> pd.DataFrame | None:
    frame = evidence.tables.get("workloads")
    return frame if frame is not None and len(frame) else None


def _troubles(evidence: Evidence) -> dict[str, Finding]:
    return {f.id: f for f in evidence.findings_of(QUESTION) if f.id != QUESTION}


def _unseen(bundle: Evidence, now: Evidence) -> str:
    """Why the replicas can't be judged; empty where they can."""
    if not now.findings_of(QUESTION):
        return "the question how they are was not answered"
    if _rows(bundle) is not None:
        return "" if _rows(now) is not None else "no source told of them"
    read = {c.source for c in now.coverage if c.status in ("complete", "partial")}
    before = {c.source for c in bundle.coverage if c.rows.get("events")}
    return "" if before & read else "no source told of the platform's events"


def _is_old(finding: Finding, ill: Mapping[str, Finding], bundle: Evidence) -> bool:
    """It was there before the incident."""
    if finding.id in ill:
        return ill[finding.id].details.get("state") == "old"
    since = when(finding.details.get("since"))
    return since is not None and since < bundle.request.baseline.start


def _described(troubles: list[Finding]) -> Iterator[str]:
    for finding in troubles:
        details = finding.details
        until = when(details.get("until"))
        last = f"last at {until:%H:%M:%S} UTC" if until else "it goes on"
        yield f"{words.named(str(details.get('reason')))} of {details.get('objects')}, {last}"


def _unready(now: Evidence) -> Iterator[str]:
    summary = next((f.details for f in now.findings_of(QUESTION) if f.id == QUESTION), {})
    replicas, ready = summary.get("replicas"), summary.get("ready")
    if replicas is not None and ready is not None and ready < replicas:
        yield f"{ready} of {replicas} are ready"


def _restarted(bundle: Evidence, now: Evidence, earlier: Restarts | None) -> Iterator[str]:
    """A replica that was not there before counts from 0."""
    then = restarts(bundle) if earlier is None else earlier
    more = {name: count - then.get(name, 0) for name, count in restarts(now).items() if count > then.get(name, 0)}
    if not more:
        return
    times = f"{sum(more.values())} restart{'s' if sum(more.values()) > 1 else ''} of {len(more)}"
    if earlier is None:
        yield f"{times} since the bundle was made; a later look tells whether they have stopped"
    else:
        yield f"{times} in the last minutes"
