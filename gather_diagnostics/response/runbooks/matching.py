"""Which runbooks fit a document, the best first.

How well one fits is the probability that what it asks for is so, its evidence taken as independent: the strengths of
all conditions of `all` multiplied, and of those in `any` that hold the complement of the complements multiplied
(noisy-or, Pearl 1988, 4.3.2). A condition is as strong as its strongest item: a finding's confidence, a change's
probability. That something began, or that a source was not read, tells the occasion and not the mechanism: it must
hold, and weighs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from gather_diagnostics.response.runbooks.comparing import compare
from gather_diagnostics.response.runbooks.conditions import Condition
from gather_diagnostics.response.runbooks.model import KINDS, Runbook

View = Mapping[str, Any]

NAMED = 0.3
"""Strength of somebody's word, before the incident, that this runbook helps: one more piece of evidence."""
PATTERN = 0.6
"""Strength of a kind of error line: it was seen for certain, but no analyzer vouches for what it means."""
OCCASIONS = ("onset", "gap", "document")
"""Subjects that tell the occasion."""
OCCASION = 0.3
"""Score of a runbook that asks for nothing else."""

Fulfilled = Mapping[Condition, tuple[View, ...]]


@dataclass(frozen=True, slots=True)
class Because:
    """A condition that holds, and what fulfils it."""

    condition: str
    findings: tuple[str, ...]
    """Ids; empty where it is fulfilled by something that is no finding."""
    headline: str
    """Of the strongest; empty where nothing has one."""


@dataclass(frozen=True, slots=True)
class Match:
    """A runbook that fits."""

    runbook: Runbook
    score: float
    """0 to 1; comparable among runbooks of one kind."""
    because: tuple[Because, ...]
    named: bool
    """The service catalogue or a known error names it."""


def match(document: View, library: Mapping[str, Runbook]) -> list[Match]:
    """The best first: causes before symptoms, then by score, the number of conditions that hold, and id.

    Pure. Empty where nothing is wrong.
    """
    if not _wrong(document):
        return []
    named = _named(document)
    found = [m for book in library.values() if (m := _match(book, document, book.id in named))]
    return sorted(found, key=lambda m: (KINDS.index(m.runbook.kind), -m.score, -len(m.because), m.runbook.id))


def _wrong(document: View) -> bool:
    """Somebody says so, something began, or a finding is of some severity."""
    severity, onset = document["severity"], document["onset"]
    return bool(severity["given"] or (onset and onset["time"]) or compare(severity["proposed"], ">=", "medium"))


def _named(document: View) -> frozenset[str]:
    known = [f["details"].get("runbook") for f in document["findings"] if f["question"] == "known_errors"]
    return frozenset(name for name in [*document["runbooks"], *known] if isinstance(name, str))


def _match(book: Runbook, document: View, named: bool) -> Match | None:
    if not any(fnmatchcase(document["service"], glob) for glob in book.services):
        return None
    needed = {condition: condition.matches(document) for condition in book.when.all}
    either = {c: items for c in book.when.any if (items := c.matches(document))}
    if not all(needed.values()) or (book.when.any and not either):
        return None
    if any(condition.matches(document) for condition in book.when.none):
        return None
    strength = _together(needed, either)
    score = 1 - (1 - strength) * (1 - NAMED) if named else strength
    because = tuple(_because(c, items, document) for c, items in [*needed.items(), *either.items()])
    return Match(book, round(score, 4), because, named)


def _together(needed: Fulfilled, either: Fulfilled) -> float:
    """Each item counts once: an alternative that rests on what is needed anyway adds nothing, nor takes anything."""
    certain, others = _weights(needed), _weights(either)
    if not certain and not others:
        return OCCASION
    alternatives = 1.0 if not others or certain.keys() & others.keys() else _either(others.values())
    return math.prod(certain.values()) * alternatives


def _either(weights: Iterable[float]) -> float:
    return 1 - math.prod(1 - weight for weight in weights)


def _weights(fulfilled: Fulfilled) -> dict[str | int, float]:
    """What the evidence rests on, and how strong it is."""
    best = [(c.subject, _strongest(c.subject, items)) for c, items in fulfilled.items() if c.subject not in OCCASIONS]
    return {_finding(subject, item) or id(item): _strength(subject, item) for subject, item in best}


def _strongest(subject: str, items: Iterable[View]) -> View:
    return max(items, key=lambda item: _strength(subject, item))


def _strength(subject: str, item: View) -> float:
    if subject in ("pattern", "gap", "document"):
        return PATTERN
    return float(item["probability" if subject in ("suspect", "change") else "confidence"] or 0.0)


def _because(condition: Condition, items: tuple[View, ...], document: View) -> Because:
    ids = [_finding(condition.subject, item) for item in items]
    return Because(
        condition.text,
        tuple(dict.fromkeys(id_ for id_ in ids if id_)),
        _headline(_strongest(condition.subject, items), document),
    )


def _finding(subject: str, item: View) -> str:
    """Id of the finding that the item is, or was made from."""
    if subject in ("pattern", "gap", "document"):
        return ""
    return str(item["finding"] if subject in ("suspect", "change", "onset") else item["id"])


def _headline(item: View, document: View) -> str:
    """Of a change that of its finding, of a pattern its template, of a gap why."""
    if "probability" in item:
        headlines = {f["id"]: f["headline"] for f in document["findings"]}
        return str(headlines.get(item["finding"], item["summary"]))
    return str(next((item[key] for key in ("headline", "template", "why") if key in item), ""))
