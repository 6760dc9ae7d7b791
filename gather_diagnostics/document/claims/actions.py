"""What to do first, and nothing that the evidence does not say: a change or a place to look at, a runbook that the
service catalogue names, a gap to mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document import brief
from gather_diagnostics.document.claims.ids import digest, unique

View = Mapping[str, Any]
Action = dict[str, Any]

MOST_REASONS = 3
MOST_MENDS = 5


def priority_actions(document: View) -> list[Action]:
    """In the order to take them; empty where nothing is wrong and nothing is missing."""
    told = [*_suspect(document), *_places(document), *_runbooks(document), *_contenders(document), *_mends(document)]
    return unique(told)


def _action(
    kind: str,
    about: str,
    action: str,
    why: Sequence[str],
    *,
    findings: Sequence[str] = (),
    supports: Sequence[View] = (),
    gap: str | None = None,
) -> Action:
    return {
        "id": f"action:{kind}:{digest(about)}",
        "kind": kind,
        "action": action,
        "why": list(why),
        "findings": list(findings),
        "supports": [dict(s) for s in supports],
        "gap": gap,
    }


def _suspect(document: View) -> Iterator[Action]:
    if first := brief.suspect(document):
        back = f", and whether to go back to {brief.revision(first['previous'])}" if first["previous"] else ""
        yield _change(first, f"Look first at {brief.candidate_name(first)}{back}.")


def _contenders(document: View) -> Iterator[Action]:
    """Changes worth a look where none stands out, if anything began at all."""
    onset = document["onset"]
    for change in brief.contenders(document) if onset and onset["time"] else ():
        yield _change(change, f"Look at {brief.candidate_name(change)}.")


def _change(change: View, action: str) -> Action:
    why = [f"{brief.percent(change['probability'])} probable", *brief.reasons(change, "for", MOST_REASONS)]
    return _action("change", change["id"], action, why, findings=[change["finding"]], supports=change["supports"])


def _places(document: View) -> Iterator[Action]:
    for finding in brief.look_first(document):
        words = f"Look at {finding['question'].replace('_', ' ')}: {finding['headline']}"
        why = [f"severity {finding['severity']}, confidence {finding['confidence']:.2f}"]
        yield _action("place", finding["id"], words, why, findings=[finding["id"]], supports=finding["supports"])


def _runbooks(document: View) -> Iterator[Action]:
    """Those of the service catalogue, where something is wrong."""
    onset = document["onset"]
    rests = [f["id"] for f in brief.broken(document)] or ([onset["finding"]] if onset and onset["time"] else [])
    for book in document["runbooks"] if rests else ():
        why = [f"The service catalogue names it for {document['service']}."]
        yield _action("runbook", book, f"Open the runbook {book}.", why, findings=rests)


def _mends(document: View) -> Iterator[Action]:
    """What would show more: gaps with a mend, of sources that were asked."""
    idle = {c["source"] for c in document["coverage"] if c["status"] == "not_used"}
    gaps = [g for g in brief.all_gaps(document) if g["mend"] and g["source"] not in idle]
    for gap in gaps[:MOST_MENDS]:
        words = f"See what is missing of {gap['source']} ({gap['wanted']}): {gap['mend']}"
        yield _action("mend", gap["id"], words, [gap["why"]], gap=gap["id"])
