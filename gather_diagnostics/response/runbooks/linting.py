"""What is wrong with runbooks beyond what reading refuses: conditions nobody answers, steps that lead nowhere, acts
nobody checks, names nobody knows, reviews long ago."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks import filling, graph
from gather_diagnostics.response.runbooks.conditions import NOT_FINDINGS, Condition, prefix_of
from gather_diagnostics.response.runbooks.model import Act, Check, Decide, Runbook, Step, Verify
from gather_diagnostics.response.runbooks.reading import read

STALE = timedelta(days=365)
"""A review older than this is worth a warning."""
OTHER_PREFIXES = ("log_errors",)
"""What ids begin with besides the names of analyzers; the one of error lines is from `error_rate`."""

if TYPE_CHECKING:
    from pydantic import BaseModel

Key = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend, in one sentence."""

    where: str
    line: int
    """1-based."""
    what: str
    warning: bool = False
    """It can wait."""

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {'warning: ' if self.warning else ''}{self.what}"


@dataclass(frozen=True, slots=True)
class Known:
    """What runbooks may speak of."""

    analyzers: Collection[str]
    """Names of those installed."""
    names: Collection[str]
    """What templates may use."""
    today: date
    roles: Collection[str] | None = None
    """Of the escalation matrix; null: any."""


def lint(files: Iterable[Path | Traversable], known: Known) -> list[Problem]:
    """Problems of all files, in the order of files and lines; reading them is part of it."""
    found: list[Problem] = []
    ids: dict[str, str] = {}
    for file in files:
        try:
            book = read(file)
        except ConfigError as error:
            found.append(_unreadable(str(file), str(error)))
            continue
        if book.id in ids:
            found.append(_problem(book, ("id",), f"{ids[book.id]} has the id {book.id!r} too"))
        ids.setdefault(book.id, book.path)
        found += sorted(problems(book, known), key=lambda problem: problem.line)
    return found


def problems(book: Runbook, known: Known) -> Iterator[Problem]:
    """Those of one runbook by itself."""
    yield from _reviewed(book, known.today)
    if book.escalation and known.roles is not None and book.escalation not in known.roles:
        yield _problem(book, ("escalation",), f"the escalation matrix has no role {book.escalation!r}; it has "
                       f"{', '.join(sorted(known.roles))}")  # fmt: skip
    for key, condition in _conditions(book):
        for what in _wrong(condition, known.analyzers):
            yield _problem(book, key, f"{condition.text!r}: {what}")
    for step in book.steps:
        yield from _unknown_names(book, step, known.names)
        yield from _unverified(book, step)
    yield from _paths(book)


def _problem(book: Runbook, key: Key, what: str, *, warning: bool = False) -> Problem:
    """At the line of the deepest part of the key that there is."""
    line = next((book.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in book.lines), 1)
    return Problem(book.path, line, what, warning)


def _unreadable(where: str, message: str) -> Problem:
    """A ConfigError of `reading` begins with 'file:line: '; one about the file as a whole does not."""
    rest = message.removeprefix(f"{where}:")
    line, _, what = rest.partition(": ")
    return Problem(where, int(line), what) if rest != message and line.isdecimal() else Problem(where, 1, message)


def _reviewed(book: Runbook, today: date) -> Iterator[Problem]:
    if book.last_reviewed > today:
        yield _problem(book, ("last_reviewed",), f"{book.last_reviewed} is in the future")
    elif today - book.last_reviewed > STALE:
        days = (today - book.last_reviewed).days
        yield _problem(book, ("last_reviewed",), f"the last review was {days} days ago", warning=True)


def _conditions(book: Runbook) -> Iterator[tuple[Key, Condition]]:
    lists: Mapping[str, tuple[Condition, ...]] = {"all": book.when.all, "any": book.when.any, "none": book.when.none}
    for name, conditions in lists.items():
        yield from ((("when", name, n), condition) for n, condition in enumerate(conditions))
    for step in book.steps:
        if not isinstance(step, Act) and step.condition:
            yield ("steps", step.id, "if"), step.condition


def _wrong(condition: Condition, analyzers: Collection[str]) -> Iterator[str]:
    prefix = prefix_of(condition.subject)
    prefixes = [*analyzers, *OTHER_PREFIXES]
    if condition.subject not in NOT_FINDINGS and not any(fnmatchcase(name, prefix) for name in prefixes):
        yield f"no analyzer answers {prefix!r}; there are {', '.join(sorted({*prefixes, *NOT_FINDINGS}))}"
        return
    if condition.subject == "onset" and not condition.clauses:
        yield "'onset' alone holds even where nothing began: write 'onset: time != null'"
    keys = _keys(condition.subject)
    for clause in condition.clauses:
        if clause.path[0] not in keys:
            yield f"such an item has no {clause.path[0]!r}; it has {', '.join(keys)}"


def _keys(subject: str) -> tuple[str, ...]:
    """Of the items of a subject, as the document's schema declares them."""
    from gather_diagnostics.document import schema

    shapes: Mapping[str, type[BaseModel]] = {
        "suspect": schema.Change,
        "change": schema.Change,
        "onset": schema.Onset,
        "pattern": schema.Pattern,
        "gap": schema.GapOf,
        "document": schema.Document,
    }
    fields = shapes.get(subject, schema.FindingOf).model_fields
    return tuple(field.alias or name for name, field in fields.items())


def _unknown_names(book: Runbook, step: Step, names: Collection[str]) -> Iterator[Problem]:
    for key, template in _templates(step):
        for name in sorted(filling.names(template) - set(names)):
            yield _problem(book, ("steps", step.id, key), f"there is no name {name!r} to fill in; there are "
                           f"{', '.join(sorted(names))}")  # fmt: skip
    if "{{" in step.prose + step.title:
        yield _problem(book, ("steps", step.id), "names are filled in in queries and commands, not in prose")


def _templates(step: Step) -> Iterator[tuple[str, str]]:
    match step:
        case Act():
            yield from (("command", step.command), ("undo", step.undo))
        case Check() | Verify() if step.query:
            yield step.query.source, step.query.text


def _unverified(book: Runbook, step: Step) -> Iterator[Problem]:
    """Of an act with something to run; what the prose alone tells (calling somebody) has no risk of its own."""
    if not isinstance(step, Act) or not (step.mitigation or step.command):
        return
    for key, text in (("risk", step.risk), ("undo", step.undo)):
        if not text:
            yield _problem(book, ("steps", step.id), f"the act {step.id!r} does not tell its {key}")
    if not any(isinstance(book.step(id_), Verify) for id_ in graph.reachable(book.steps, step.id)):
        yield _problem(book, ("steps", step.id), f"no verify step comes after the act {step.id!r}")


def _paths(book: Runbook) -> Iterator[Problem]:
    """Decisions that lead nowhere; where there are none, steps that nothing leads to."""
    ids = [step.id for step in book.steps]
    dead = [(step.id, key, to) for step in book.steps for key, to in _targets(step) if to not in ids]
    for id_, key, to in dead:
        yield _problem(book, ("steps", id_, key), f"there is no step {to!r}; there are {', '.join(ids)}")
    for id_ in ids if not dead else ():
        if id_ not in graph.reachable(book.steps, ids[0]):
            yield _problem(book, ("steps", id_), f"no way leads to the step {id_!r}")


def _targets(step: Step) -> Iterator[tuple[str, str]]:
    if isinstance(step, Decide):
        yield "then", step.then
        if step.otherwise:
            yield "else", step.otherwise
