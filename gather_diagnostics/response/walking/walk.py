"""The steps of a runbook in their order. Checks are answered, decisions taken; what changes something is never done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_PARTIAL, ConfigError, VerificationError
from gather_diagnostics.response.journal import Entry
from gather_diagnostics.response.runbooks.model import Act, Check, Decide, Runbook, Step, Verify
from gather_diagnostics.response.runbooks.telling import told_step
from gather_diagnostics.response.walking.answering import from_evidence, reply
from gather_diagnostics.response.walking.ground import Ground, Reply, View

MOST_VISITS = 3
"""How often a decision may lead to one and the same step; then the walk goes on in order, so that it ends."""
OPEN = "It is left open."
LEFT = "It is left to a person."


@dataclass(frozen=True, slots=True)
class Done:
    """What a person says of an act."""

    outcome: Literal["done", "skipped"]
    note: str = ""


class Person(Protocol):
    """Who answers what nobody else can."""

    def begins(self, number: int, step: View, hint: str) -> None:
        """Is shown a step as `runbooks.telling` has it, its number in the walk (from 1), and a word on its command."""
        ...

    def ends(self, reply: Reply) -> None:
        """Is shown what the step came to."""
        ...

    def holds(self, reply: Reply) -> bool | None:
        """Says whether it is so, having seen what could be found out; None for 'not known'."""
        ...

    def did(self) -> Done | None:
        """Says what became of an act; None where nobody is there."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A step that was taken."""

    number: int
    """From 1; a step that is taken twice has two."""
    step: View
    """As `runbooks.telling` has it: id, kind, title, prose, text, risk, undo."""
    reply: Reply
    entry: Entry


def walk(runbook: Runbook, ground: Ground, person: Person, clock: Callable[[], datetime]) -> Iterator[Taken]:
    """Every step as it is taken, until the last one; a decision may lead back, to a step at most three times.

    `clock` gives the time (with a zone) at which a step was answered. Raises ConfigError at once for a decision that
    leads to no step; KeyboardInterrupt and EOFError of `person` pass through.
    """
    _check_references(runbook)
    return _steps(runbook, ground, person, clock)


def _steps(runbook: Runbook, ground: Ground, person: Person, clock: Callable[[], datetime]) -> Iterator[Taken]:
    shown = [told_step(step, ground.facts, ground.mitigations) for step in runbook.steps]
    at, number, is_stale, visits = 0, 0, False, Counter[str]()
    while at < len(runbook.steps):
        step, view, number = runbook.steps[at], shown[at], number + 1
        visits[step.id] += 1
        person.begins(number, view, _hint(step, ground))
        answer = _answer(step, ground, person, stale=is_stale)
        at, answer = _next(runbook, at, answer, visits)
        person.ends(answer)
        is_stale = is_stale or (isinstance(step, Act) and answer.outcome == "done")
        yield Taken(number, view, answer, _entry(runbook, step, view, answer, clock()))


def exit_code(taken: Iterable[Taken]) -> int:
    """4 where the last word of a verify step was no, 2 where something was missed, else 0."""
    last = {t.step["id"]: t.reply.outcome for t in taken if t.step["kind"] == "verify"}
    if "no" in last.values():
        return VerificationError.exit_code
    return EXIT_PARTIAL if any(t.reply.missed for t in taken) else EXIT_COMPLETE


def _answer(step: Step, ground: Ground, person: Person, *, stale: bool) -> Reply:
    match step:
        case Check() | Verify():
            return _asked(reply(step, ground, stale=stale), person)
        case Decide():
            found = from_evidence(step.condition, ground, stale=stale) if step.condition else Reply("unknown", "")
            return _asked(found, person)
        case Act():
            return _acted(person.did())


def _asked(found: Reply, person: Person) -> Reply:
    """A person is asked where nothing else answered."""
    if found.outcome != "unknown":
        return found
    said = person.holds(found)
    if said is None:
        return _with(found, OPEN, missed=" ".join(filter(None, (found.missed, OPEN))))
    outcome: Literal["yes", "no"] = "yes" if said else "no"
    return replace(
        _with(found, f"A person says {outcome}."), outcome=outcome, details={**found.details, "by": "person"}
    )


def _with(found: Reply, words: str, *, missed: str | None = None) -> Reply:
    more = " ".join(filter(None, (found.words, words)))
    return replace(found, words=more, missed=found.missed if missed is None else missed)


def _acted(done: Done | None) -> Reply:
    if done is None:
        return Reply("skipped", LEFT, LEFT)
    return Reply(done.outcome, done.note, details={"by": "person"})


def _next(runbook: Runbook, at: int, answer: Reply, visits: Mapping[str, int]) -> tuple[int, Reply]:
    """Where to go from here, and the answer with a word about it."""
    step = runbook.steps[at]
    if not isinstance(step, Decide):
        return at + 1, answer
    if answer.outcome == "unknown":
        return at + 1, _with(answer, "Going on in order.")
    target = step.then if answer.outcome == "yes" else step.otherwise
    if not target:
        return at + 1, _with(answer, "Going on in order.")
    if visits[target] >= MOST_VISITS:
        return at + 1, _with(answer, f"{target} was walked {MOST_VISITS} times already. Going on in order.")
    return [s.id for s in runbook.steps].index(target), _with(answer, f"Going on with {target}.")


def _check_references(runbook: Runbook) -> None:
    for step in runbook.steps:
        if isinstance(step, Decide):
            for key, target in (("then", step.then), ("else", step.otherwise)):
                if target and runbook.step(target) is None:
                    line = runbook.lines.get(("steps", step.id, key), 1)
                    raise ConfigError(f"{runbook.path}:{line}: {key}: there is no step {target!r}")


def _hint(step: Step, ground: Ground) -> str:
    """Why an act has no command, or why it will not help."""
    if not isinstance(step, Act) or not step.mitigation:
        return ""
    kind = step.mitigation.replace("_", " ")
    proposals = [m for m in ground.mitigations if m["kind"] == step.mitigation]
    if not proposals:
        return f"The evidence does not tell enough to write a command for this ({kind})."
    if not any(m["helps"] for m in proposals):
        return f"This will not help ({kind}): {' '.join(map(str, proposals[0]['why']))}"
    return ""


def _entry(runbook: Runbook, step: Step, view: View, answer: Reply, time: datetime) -> Entry:
    return Entry(
        time=time,
        source="runbook",
        ref=f"runbook:{runbook.id}#{step.id}",
        kind=step.kind,  # type: ignore[arg-type]
        title=step.title,
        outcome=answer.outcome,
        answer=answer.words,
        runbook=runbook.id,
        step=step.id,
        details={**answer.details, **({"command": view["text"]} if isinstance(step, Act) and view["text"] else {})},
    )
