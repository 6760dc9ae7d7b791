"""One question of a runbook, answered from the evidence and by a source.

Where both answer, the source has the last word: the evidence is from when it was collected, the source from now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gather_diagnostics.document.escaping import cut
from gather_diagnostics.model import Answer, Cell, Gap, Json
from gather_diagnostics.response.journal import Outcome
from gather_diagnostics.response.runbooks import conditions, filling
from gather_diagnostics.response.runbooks.conditions import Condition
from gather_diagnostics.response.runbooks.model import Check, Expectation, Query, Verify
from gather_diagnostics.response.walking.ground import Ground, Reply

View = Mapping[str, Any]

SHOWN = 5
"""Rows of an answer that are told; the journal keeps them, too."""
WIDEST = 200
"""Characters of one of them, and of what the evidence says."""
_WORDS = ("headline", "summary", "template", "why")
"""Where the items of a document have their words."""


def reply(step: Check | Verify, ground: Ground, *, stale: bool) -> Reply:
    """The answer to a check: `unknown` where neither evidence nor source tell, `done` where a check expects nothing and
    there is something to read. `stale`: see `from_evidence`."""
    replies = [from_evidence(step.condition, ground, stale=stale)] if step.condition else []
    replies += [_from_source(step.query, step.expect, ground)] if step.query else []
    return Reply(
        _outcome(step, [r.outcome for r in replies]),
        " ".join(r.words for r in replies),
        " ".join(r.missed for r in replies if r.missed),
        tuple(line for r in replies for line in r.lines),
        {key: value for r in replies for key, value in r.details.items()},
    )


def _outcome(step: Check | Verify, outcomes: Sequence[Outcome]) -> Outcome:
    """What was only read up decides nothing; whether something helped has to be judged."""
    judged = [outcome for outcome in outcomes if outcome in ("yes", "no")]
    if judged:
        return judged[-1]
    return "done" if "done" in outcomes and isinstance(step, Check) else "unknown"


def from_evidence(condition: Condition, ground: Ground, *, stale: bool) -> Reply:
    """Does the condition hold? `stale`: something was done since, of which the evidence knows nothing."""
    details: dict[str, Json] = {"condition": condition.text}
    if stale:
        return Reply("unknown", "The evidence is from before that was done, and says nothing of it.", details=details)
    if items := condition.matches(ground.document):
        ids = [str(item["finding"] if "finding" in item else item["id"]) for item in items if _rests(item)]
        return Reply("yes", f"The evidence says so: {_words(items[0])}", details={**details, "findings": ids})
    if condition.known(ground.document):
        return Reply("no", f"The evidence does not show it ({condition.text}).", details=details)
    return Reply("unknown", f"The evidence has no answer to that question ({condition.text}).", details=details)


def _rests(item: View) -> bool:
    """Is it a finding, or made from one?"""
    return "finding" in item or "question" in item


def _words(item: View) -> str:
    told = next((str(item[key]) for key in _WORDS if item.get(key)), "it is there")
    return cut(told if told.endswith((".", "!", "?")) else f"{told}.", WIDEST)


def _from_source(query: Query, expect: Expectation | None, ground: Ground) -> Reply:
    filled = filling.query(query, ground.facts)
    details: dict[str, Json] = {"source": query.source, "query": filled.text}
    if ground.ask is None:
        missed = f"{query.source} was not asked, since nothing is asked offline."
    elif filled.unknown:
        names = ", ".join(f"<{name}>" for name in filled.unknown)
        missed = f"{query.source} was not asked, since the evidence does not tell {names}."
    else:
        answer = ground.ask(query.source, filled.text)
        if isinstance(answer, Answer):
            return _judged(query.source, answer, expect, details)
        missed = _refused(query.source, answer)
    return Reply("unknown", missed, missed, details=details)


def _refused(source: str, gap: Gap) -> str:
    mend = f" Mend: {gap.mend}." if gap.mend else ""
    return f"{source} could not be asked: {gap.why}.{mend}"


def _judged(source: str, answer: Answer, expect: Expectation | None, details: Mapping[str, Json]) -> Reply:
    value, rows = first_number(answer), len(answer.rows)
    lines = tuple(_line(answer, row) for row in answer.rows[:SHOWN])
    kept = {**details, "value": value, "rows": rows, "ref": answer.ref, "cut": answer.cut, "answer": list(lines)}
    count = f"{rows:,} row{'' if rows == 1 else 's'}"
    if expect is None:
        return Reply("done", f"{source} answers with {count}.", lines=lines, details=kept)
    kept["expect"] = expect.text
    asks_value = any(clause.path == ("value",) for clause in expect.clauses)
    if asks_value and value is None:
        words = f"{source} answers with {count} and no number, and expected is {expect.text}."
        return Reply("unknown", words, lines=lines, details=kept)
    outcome: Outcome = "yes" if conditions.holds(expect.clauses, {"value": value, "rows": rows}) else "no"
    told = f"{value:.6g}" if asks_value else count
    return Reply(outcome, f"{source} answers {told}, and expected is {expect.text}.", lines=lines, details=kept)


def first_number(answer: Answer) -> float | None:
    """The first cell, row by row, that is a number; None where none is."""
    cells = (cell for row in answer.rows for cell in row)
    return next((cell for cell in cells if isinstance(cell, int | float) and not isinstance(cell, bool)), None)


def _line(answer: Answer, row: tuple[Cell, ...]) -> str:
    pairs = zip(answer.columns, row, strict=True)
    return cut(", ".join(f"{column}={cell}" for column, cell in pairs if cell is not None), WIDEST)
