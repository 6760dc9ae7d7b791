"""Conditions on a document: 'latency:p9*: details.changed == true and severity >= high'.

A condition names a subject and, behind ': ', clauses that one and the same item of that subject must fulfil; without
clauses the item need only be there. A clause is a path into the item, a sign and a value (a scalar of YAML 1.2's core
schema, or a list of them for `in`, == and !=). Values with ' and ' or brackets in them are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks.comparing import SIGNS, compare, scalar, value_at

LONGEST = 500
"""Characters of a condition."""
LIKELY = 0.05
"""Probability from which a candidate is a `change` worth a condition."""
ORDERED = (">", ">=", "<", "<=")
NOT_FINDINGS = ("suspect", "change", "onset", "pattern", "gap", "document")
"""Subjects that are no findings."""

Item = Mapping[str, Any]

_PATH = re.compile(r"\s*([\w-]+(?:\.[\w-]+)*)\s*")
_SIGN = re.compile("(" + "|".join(rf"{sign}\b" if sign.isalpha() else sign for sign in SIGNS) + r")\s*")
_QUOTED = re.compile(r'"[^"]*"' r"|'[^']*'")
_LIST = re.compile(r"""\[(?:[^\]"']|"[^"]*"|'[^']*')*\]""")
_BARE = re.compile(r"""[^\s\["'](?:(?!\s+and\s)[^\[\]])*""")
_CONFUSED = re.compile(r"\s(?:==|!=|>=|<=|>|<)\s|\s(?:and|or)$")
"""What a value that is not quoted hardly means to hold."""
_ELEMENT = re.compile(r"""\s*("[^"]*"|'[^']*'|[^,"']+)\s*(?:,|$)""")
_AND = re.compile(r"\s+and\s+")


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison."""

    path: tuple[str, ...]
    sign: str
    value: Any

    def holds(self, item: Item) -> bool:
        return compare(value_at(item, self.path), self.sign, self.value)

    def open(self, item: Item) -> bool:
        """Is there nothing to compare? What was not measured is neither more nor less than anything."""
        return self.sign in ORDERED and value_at(item, self.path) is None


@dataclass(frozen=True, slots=True)
class Condition:
    """What a document may fulfil."""

    text: str
    """As it was written."""
    subject: str
    clauses: tuple[Clause, ...]

    def matches(self, document: Item) -> tuple[Item, ...]:
        """The items of evidence.json that fulfil it; none where it does not hold."""
        return tuple(item for item in items(self.subject, document) if holds(self.clauses, item))

    def known(self, document: Item) -> bool:
        """Was the question put, and answered? A condition on what nobody measured is neither fulfilled nor refuted."""
        open_ = any(clause.open(item) for item in items(self.subject, document) for clause in self.clauses)
        return self._put(document) and (not open_ or bool(self.matches(document)))

    def _put(self, document: Item) -> bool:
        if self.subject in ("suspect", "change"):
            return bool(document["verdict"])
        if self.subject == "onset":
            return document["onset"] is not None
        if self.subject in NOT_FINDINGS:
            return True
        prefix = prefix_of(self.subject)
        given = (name for f in document["findings"] for name in (f["question"], prefix_of(f["id"])))
        return any(fnmatchcase(name, prefix) for name in given)


def parse(text: str) -> Condition:
    """Raises ConfigError, in one sentence without a place, for what is no condition."""
    if len(text) > LONGEST:
        raise ConfigError(f"a condition has at most {LONGEST} characters, and this one has {len(text)}")
    subject, colon, rest = text.strip().partition(": ")
    if not subject or not re.fullmatch(r"[\w:.*?/@+\[\]!-]+", subject) or subject.endswith(":"):
        raise ConfigError(f"{text!r} is no condition: write it like 'latency:p95: details.changed == true'")
    return Condition(text, subject, clauses(rest) if colon else ())


def clauses(text: str) -> tuple[Clause, ...]:
    """What stands behind the subject, as `expect` has it alone: 'value > 0.01 and rows < 5'. Raises ConfigError."""
    if len(text) > LONGEST:
        raise ConfigError(f"a condition has at most {LONGEST} characters, and this one has {len(text)}")
    return tuple(_clauses(text))


def holds(clauses: tuple[Clause, ...], item: Item) -> bool:
    """Does one item fulfil all of them?"""
    return all(clause.holds(item) for clause in clauses)


def items(subject: str, document: Item) -> tuple[Item, ...]:
    """The items of a document that a condition on `subject` is about."""
    match subject:
        case "suspect":
            return tuple(document["changes"][:1]) if document["stands_out"] else ()
        case "change":
            return tuple(c for c in document["changes"] if (c["probability"] or 0) >= LIKELY)
        case "onset":
            return (document["onset"],) if document["onset"] else ()
        case "pattern":
            return tuple(document["log_patterns"])
        case "gap":
            return tuple(document["gaps"])
        case "document":
            return (document,)
    if not _is_glob(subject):
        return tuple(f for f in document["findings"] if f["id"] == subject)
    return tuple(f for f in document["findings"] if fnmatchcase(f["id"], subject))


def prefix_of(id_: str) -> str:
    """'latency' of 'latency:p9*': mostly the question; 'log_errors' answers 'error_rate'."""
    return id_.partition(":")[0]


def _is_glob(subject: str) -> bool:
    return any(sign in subject for sign in "*?[")


def _clauses(text: str) -> Iterator[Clause]:
    at = 0
    while True:
        path = _PATH.match(text, at)
        sign = _SIGN.match(text, path.end()) if path else None
        if path is None or sign is None:
            raise ConfigError(f"{text[at:]!r} is no clause: write a path, one of {' '.join(SIGNS)}, and a value")
        value, at = _value(text, sign)
        yield Clause(tuple(path[1].split(".")), sign[1], value)
        if not text[at:].strip():
            return
        joint = _AND.match(text, at)
        if joint is None:
            raise ConfigError(f"{text[at:].strip()!r} follows a value: join clauses with 'and', quote longer values")
        at = joint.end()


def _value(text: str, sign: re.Match[str]) -> tuple[Any, int]:
    """The value behind a sign, and where it ends."""
    form = {"[": _LIST, '"': _QUOTED, "'": _QUOTED}.get(text[sign.end() : sign.end() + 1], _BARE)
    match = form.match(text, sign.end())
    if match is None or (form is _BARE and _CONFUSED.search(match[0])):
        raise ConfigError(f"{text[sign.start() :]!r} has no value that can be read: quote it, or close its quote")
    if (form is not _LIST and sign[1] == "in") or (form is _LIST and sign[1] not in ("in", "==", "!=")):
        raise ConfigError(f"{text!r}: 'in' takes a list such as [OOMKilled, Error]; besides it only == and != do")
    return (_listed(match[0][1:-1]) if form is _LIST else scalar(match[0].strip())), match.end()


def _listed(text: str) -> tuple[Any, ...]:
    found: list[Any] = []
    at = 0
    while text[at:].strip():
        element = _ELEMENT.match(text, at)
        if element is None:
            raise ConfigError(f"[{text}] is no list: write it like [OOMKilled, Error]")
        found.append(scalar(element[1].strip()))
        at = element.end()
    return tuple(found)
