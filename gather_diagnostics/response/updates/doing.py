"""What is being done, what did it, and where the response stands: from the findings and the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.brief import suspect
from gather_diagnostics.document.escaping import cut, visible
from gather_diagnostics.response.severity.signs import scope
from gather_diagnostics.response.updates.moments import said
from gather_diagnostics.tables import JOURNAL

if TYPE_CHECKING:
    import pandas as pd

View = Mapping[str, Any]

_LONGEST = 120
_CHANGED: Mapping[str, str] = {
    "commit": "a recent change to {service}",
    "deploy": "a recent change to {service}",
    "config": "a recent change of settings",
    "flag": "a recent change of settings",
    "infra": "a recent change of the systems that {service} runs on",
    "scale": "a recent change of the systems that {service} runs on",
}
"""Kind of the change that stands out to what it is called."""


@dataclass(frozen=True, slots=True)
class Step:
    """A row of the journal that matters to stakeholders."""

    time: datetime
    kind: str
    outcome: str
    title: str


def steps(tables: Mapping[str, pd.DataFrame]) -> list[Step]:
    """The journal by time; empty where there is none, as in bundles from before there was one.

    Titles only: what people noted beside them may name hosts, customers or colleagues.
    """
    frame = tables.get(JOURNAL)
    columns = ["time", "kind", "outcome", "title"]
    if frame is None or not set(columns) <= set(frame.columns):
        return []
    rows = frame[columns].dropna().sort_values("time", kind="stable").itertuples(index=False)
    return [Step(r.time.to_pydatetime().astimezone(UTC), r.kind, r.outcome, _title(r.title)) for r in rows]


def done(found: Sequence[Step]) -> list[Step]:
    """Measures that were taken."""
    return [step for step in found if step.kind == "act" and step.outcome == "done"]


def recovered(document: View, found: Sequence[Step]) -> str:
    """When it was over (ISO 8601): by the measurements, else by the last check of the recovery; empty while it goes on.

    A later check that says otherwise wins.
    """
    checks = [step for step in found if step.kind == "recovery"]
    if checks and checks[-1].outcome != "recovered":
        return ""
    told = scope(document).get("recovered_since")
    return str(told) if told else checks[-1].time.isoformat() if checks else ""


def cause(document: View) -> str:
    """What probably set it off, as far as it can be told outside the team; empty where nothing stands out."""
    change = suspect(document)
    if change:
        words = _CHANGED.get(change["kind"], "a recent change")
        at = said(change["effective"] or change["time"], document["timezone"])
        return f"The likely cause is {words}{f' at {at}' if at else ''}; this is not confirmed yet."
    before = [f for f in document["findings"] if f["details"].get("order") == "before" and _dependency(f)]
    return "The likely cause is a system that {service} depends on: it failed first." if before else ""


def _dependency(finding: View) -> bool:
    return bool(finding["question"] == "dependencies")


def status(document: View, found: Sequence[Step], *, resolved: bool) -> str:
    """'Investigating', 'Identified', 'Monitoring' or 'Resolved', the words that status pages use
    (https://support.atlassian.com/statuspage/docs/create-an-incident/)."""
    if resolved:
        return "Resolved"
    if recovered(document, found):
        return "Monitoring"
    return "Identified" if cause(document) or done(found) else "Investigating"


def told(found: Sequence[Step], zone: str) -> Iterator[str]:
    """'Roll back checkout, 03:20 UTC (04:20 CET)' for each measure."""
    for step in done(found):
        yield f"{step.title.rstrip('.')}, {said(step.time.isoformat(), zone)}"


def _title(text: str) -> str:
    return cut(visible(text).strip(), _LONGEST)
