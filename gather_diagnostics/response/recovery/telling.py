"""A look and a verdict as lines for people, as JSON, and as an entry of the journal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_PARTIAL, VerificationError
from gather_diagnostics.response.journal import Entry, Outcome
from gather_diagnostics.response.recovery.model import Criterion, Look, State, Verdict

SIGNS: Mapping[State, str] = {
    "recovered": "recovered",
    "not_yet": "not yet",
    "worse": "worse",
    "not_seen": "not seen",
}
"""A state in words."""
_VERDICTS: Mapping[State, str] = {
    "recovered": "RECOVERED",
    "not_yet": "NOT RECOVERED",
    "worse": "WORSE",
    "not_seen": "NOT SEEN",
}
_OUTCOMES: Mapping[State, Outcome] = {
    "recovered": "recovered",
    "not_yet": "not_recovered",
    "worse": "worse",
    "not_seen": "unknown",
}
_EXITS: Mapping[State, int] = {
    "recovered": EXIT_COMPLETE,
    "not_yet": VerificationError.exit_code,
    "worse": VerificationError.exit_code,
    "not_seen": EXIT_PARTIAL,
}


def exit_code(found: Verdict) -> int:
    """0 recovered, 4 not recovered or worse, 2 not seen, 130 interrupted."""
    return _EXITS[found.state] if found.finished else EXIT_INTERRUPTED


def said(criterion: Criterion) -> str:
    """The state as it is shown: what is not waited for has none."""
    return SIGNS[criterion.state] if criterion.decisive else "not judged"


def line(look: Look) -> str:
    """One look in a line: how many of the criteria are as before, and the first that is not."""
    counted = [c for c in look.criteria if c.decisive]
    back = sum(c.state == "recovered" for c in counted)
    first = next((c for state in ("worse", "not_yet", "not_seen") for c in counted if c.state == state), None)
    told = f" {first.sentence}" if first else ""
    return f"{look.time:%H:%M:%S} UTC  {SIGNS[look.state]}: {back} of {len(counted)} as before the incident.{told}"


def sentences(found: Verdict, length: timedelta) -> list[str]:
    """The verdict, first the word, then why."""
    last = found.looks[-1]
    times = f"{len(found.looks)} look{'' if len(found.looks) == 1 else 's'}"
    if not found.finished:
        return [f"INTERRUPTED after {times}; so far: {SIGNS[last.state]}.", *_why(last)]
    judged = f"the last {spoken(last.window.length)}"
    watched = f"watched for {spoken(length)}, {times}" if length else f"one look at {judged}"
    return [f"{_VERDICTS[found.state]} ({watched}).", *_reasons(found, last)]


def _reasons(found: Verdict, last: Look) -> Iterator[str]:
    if found.state == "recovered":
        if not any(c.was_ill for c in last.criteria):
            yield "Nothing of what is compared here had left its baseline in the incident."
        return
    if last.state == "recovered":
        yield "All is as before the incident now, but it was not for the whole last third of the watch: watch on."
        return
    yield from _why(last)


def _why(last: Look) -> Iterator[str]:
    counted = [c for c in last.criteria if c.decisive and c.state != "recovered"]
    if not last.criteria:
        yield (
            "The bundle holds no metrics and no log lines from before the incident to compare with: gather once more,"
            " with a --since that reaches back before it began."
        )
    elif not counted and last.state == "not_yet":
        yield "What was wrong in the incident is too rare to be judged in this time: watch longer, with --watch."
    elif not counted and last.state == "not_seen":
        yield "Nothing that was compared tells how requests fare."


def table(look: Look) -> list[tuple[str, str]]:
    """(state, sentence) of all criteria."""
    return [(said(c), c.sentence) for c in look.criteria]


def as_json(found: Verdict) -> dict[str, Any]:
    """{state, finished, exit_code, looks: [{time, from, state, criteria: [{id, name, state, decisive, was_ill,
    sentence}], gaps: [{source, wanted, why, mend}]}]}; times in ISO 8601 UTC."""
    return {
        "state": found.state,
        "finished": found.finished,
        "exit_code": exit_code(found),
        "looks": [_look(one) for one in found.looks],
    }


def _look(look: Look) -> dict[str, Any]:
    return {
        "time": look.time.isoformat(),
        "from": look.window.start.isoformat(),
        "state": look.state,
        "criteria": [_criterion(c) for c in look.criteria],
        "gaps": [{"source": g.source, "wanted": g.wanted, "why": g.why, "mend": g.mend} for g in look.gaps],
    }


def _criterion(criterion: Criterion) -> dict[str, Any]:
    return {
        "id": criterion.id,
        "name": criterion.name,
        "state": criterion.state,
        "decisive": criterion.decisive,
        "was_ill": criterion.was_ill,
        "sentence": criterion.sentence,
    }


def entry(found: Verdict, length: timedelta) -> Entry:
    """The row of the journal: the verdict, what the last look measured, and how the looks went."""
    last = found.looks[-1]
    first, *why = sentences(found, length)
    # Well so far, and interrupted: neither is known.
    is_open = last.state == "recovered" and not found.finished
    return Entry(
        time=last.time,
        source="recovery",
        ref=f"recovery:{found.looks[0].time.isoformat()}",
        kind="recovery",
        title="Is it over?",
        outcome="unknown" if is_open else _OUTCOMES[found.state],
        answer=" ".join([first, *why, *_open(last)]),
        details={
            "watched_seconds": length.total_seconds(),
            "criteria": [_criterion(c) for c in last.criteria],
            "looks": [{"time": one.time.isoformat(), "state": one.state} for one in found.looks],
        },
    )


def _open(last: Look) -> Sequence[str]:
    """What is not as before, in its own words; where all is, nothing."""
    return [c.sentence for c in last.criteria if c.state != "recovered" and c.decisive][:3]


def spoken(span: timedelta) -> str:
    """'5 minutes', '30 seconds'"""
    seconds = span.total_seconds()
    number, unit = (seconds / 60, "minute") if seconds >= 120 else (seconds, "second")
    return f"{number:.0f} {unit}{'' if round(number) == 1 else 's'}"
