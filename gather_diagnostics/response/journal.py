"""The journal: what was checked and done while somebody answered an incident, row by row in the evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from gather_diagnostics.model import Evidence, Json
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.redaction.evidence import added as reported
from gather_diagnostics.tables import JOURNAL, to_arrow, to_batch, to_frame

Kind = Literal["check", "decide", "act", "verify", "note", "recovery", "attach"]
Outcome = Literal["yes", "no", "unknown", "done", "skipped", "recovered", "not_recovered", "worse"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that was checked or done: a row of the table."""

    time: datetime
    source: str
    """Who says so: 'runbook', 'recovery', 'attach', 'person'."""
    ref: str
    """Leads back to it: 'runbook:bad-deploy#suspect', a ticket's URL."""
    kind: Kind
    title: str
    outcome: Outcome
    answer: str = ""
    runbook: str | None = None
    step: str | None = None
    details: Mapping[str, Json] = field(default_factory=dict)


def entered(evidence: Evidence, entries: Sequence[Entry], redactor: Redactor) -> Evidence:
    """The evidence with these entries in its journal, redacted and counted in its report of what was replaced.

    Pure but for the redactor's own count. Raises RowError for a time without a zone.
    """
    if not entries:
        return evidence
    before = redactor.report
    batches = [redactor.batch(JOURNAL, to_batch(JOURNAL, e.source, [_row(e)])) for e in entries]
    if JOURNAL in evidence.tables:
        batches += to_arrow(JOURNAL, evidence.tables[JOURNAL]).to_batches()
    tables = {**evidence.tables, JOURNAL: to_frame(JOURNAL, batches)}
    return replace(evidence, tables=tables, redactions=reported(evidence.redactions, redactor.report, before))


def _row(entry: Entry) -> dict[str, Any]:
    row = asdict(entry)
    return {**row, "answer": row["answer"] or None, "details": row["details"] or None}
