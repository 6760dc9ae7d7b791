"""What to do first, and nothing that the evidence does not say: a mitigation, the runbook that fits, a change or a
place to look at, a gap to mend."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document import brief
from gather_diagnostics.document.claims.ids import digest, unique

View = Mapping[str, Any]
Action = dict[str, Any]

MOST_REASONS = 3
MOST_MENDS = 5
MOST_MITIGATIONS = 2


def priority_actions(document: View) -> list[Action]:
    """In the order to take them: mitigate, investigate, mend what was not seen. Empty where nothing is wrong and
    nothing is missing."""
    told = (_mitigations, _matched, _suspect, _places, _named, _contenders, _mends)
    return unique([action for actions in told for action in actions(document)])


def _action(
    kind: str,
    about: str,
    action: str,
    why: Sequence[str],
    *,
    command: str = "",
    findings: Sequence[str] = (),
    supports: Sequence[View] = (),
    gap: str | None = None,
) -> Action:
    return {
        "id": f"action:{kind}:{digest(about)}",
        "kind": kind,
        "action": action,
        "command": command,
        "why": list(why),
        "findings": list(findings),
        "supports": [dict(s) for s in supports],
        "gap": gap,
    }


def _mitigations(document: View) -> Iterator[Action]:
    """Those that are likely to help, one of a kind."""
    ways: Sequence[View] = (document["response"] or {"mitigations": ()})["mitigations"]
    first = {way["kind"]: way for way in reversed(ways) if way["helps"]}
    for way in [way for way in ways if way is first.get(way["kind"])][:MOST_MITIGATIONS]:
        why = way["why"][:MOST_REASONS]
        yield _action(
            "mitigate", f"{way['kind']} {way['what']}", way["what"], why,
            command=way["command"], findings=way["findings"], supports=way["supports"],
        )  # fmt: skip


def _matched(document: View) -> Iterator[Action]:
    """The runbook that fits best."""
    for book in (document["response"] or {"runbooks": ()})["runbooks"][:1]:
        # That something began is why somebody looks, not why this one fits.
        fits = [held for held in book["because"] if held["headline"] and held["findings"] != ["onset"]]
        why = [held["headline"] for held in fits or book["because"]][:MOST_REASONS]
        rests = list(dict.fromkeys(id_ for held in book["because"] for id_ in held["findings"]))
        yield _action("runbook", book["id"], f"Follow the runbook {book['id']}: {book['title']}.", why, findings=rests)


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


def _named(document: View) -> Iterator[Action]:
    """Runbooks of the service catalogue, where something is wrong, as far as they are not among those that fit."""
    fits = {book["id"] for book in (document["response"] or {"runbooks": ()})["runbooks"]}
    onset = document["onset"]
    rests = [f["id"] for f in brief.broken(document)] or ([onset["finding"]] if onset and onset["time"] else [])
    for book in [name for name in document["runbooks"] if name not in fits] if rests else ():
        why = [f"The service catalogue names it for {document['service']}."]
        yield _action("runbook", book, f"Open the runbook {book}.", why, findings=rests)


def _mends(document: View) -> Iterator[Action]:
    """What would show more: gaps with a mend, of sources that were asked."""
    idle = {c["source"] for c in document["coverage"] if c["status"] == "not_used"}
    gaps = [g for g in brief.all_gaps(document) if g["mend"] and g["source"] not in idle]
    for gap in gaps[:MOST_MENDS]:
        words = f"See what is missing of {gap['source']} ({gap['wanted']}): {gap['mend']}"
        yield _action("mend", gap["id"], words, [gap["why"]], gap=gap["id"])
