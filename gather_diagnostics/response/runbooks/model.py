"""What a runbook is, read: its conditions, and its steps in the order of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import ClassVar

from gather_diagnostics.response.runbooks.conditions import Clause, Condition

KINDS = ("cause", "symptom")
"""Causes name a mechanism, symptoms only what hurts; causes rank before symptoms."""
SOURCES = ("prometheus", "kubernetes", "cloudwatch", "git")
"""Whom a step's query may be put to."""
MITIGATIONS = ("roll_back", "scale", "fail_over", "disable", "redirect")
"""Kinds of proposal that an act may stand for."""


@dataclass(frozen=True, slots=True)
class When:
    """Every condition of `all` and at least one of `any` (if there are some) hold, and none of `none`."""

    all: tuple[Condition, ...] = ()
    any: tuple[Condition, ...] = ()
    none: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Query:
    """A question to a source, asked live only."""

    source: str
    """One of SOURCES."""
    text: str
    """A template: see `filling`."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the answer of a query must fulfil: `value` is its first number, `rows` how many rows it has."""

    text: str
    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Check:
    """A question that evidence, a source or, where it has neither condition nor query, a person answers."""

    kind: ClassVar[str] = "check"
    id: str
    title: str
    prose: str
    """Markdown; no template."""
    condition: Condition | None = None
    query: Query | None = None
    expect: Expectation | None = None


@dataclass(frozen=True, slots=True)
class Decide:
    """Which step comes next; without a condition a person says."""

    kind: ClassVar[str] = "decide"
    id: str
    title: str
    prose: str
    then: str
    """Id of the step if it holds."""
    otherwise: str = ""
    """Id of the step if it does not; empty: the next one in the file."""
    condition: Condition | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """What a person does; never executed. With neither mitigation nor command the prose says what."""

    kind: ClassVar[str] = "act"
    id: str
    title: str
    prose: str
    mitigation: str = ""
    """One of MITIGATIONS: the command is made from the evidence."""
    command: str = ""
    """A template; or this."""
    risk: str = ""
    """A sentence."""
    undo: str = ""
    """A template of a command, or a sentence."""


@dataclass(frozen=True, slots=True)
class Verify:
    """Did it help? A check, or with `recovery` the comparison with the baseline that `recovery` makes."""

    kind: ClassVar[str] = "verify"
    id: str
    title: str
    prose: str
    condition: Condition | None = None
    query: Query | None = None
    expect: Expectation | None = None
    recovery: bool = False


Step = Check | Decide | Act | Verify


@dataclass(frozen=True, slots=True)
class Runbook:
    """One file."""

    id: str
    title: str
    kind: str
    """One of KINDS."""
    services: tuple[str, ...]
    """Globs of service names."""
    when: When
    severity: str
    """At least this, as a hint; may be empty."""
    escalation: str
    """Role of the escalation matrix that is called when the runbook does not help; may be empty."""
    owner: str
    last_reviewed: date
    intro: str
    """Markdown before the first step."""
    steps: tuple[Step, ...]
    path: str
    """Where it was read from."""
    text: str
    """The whole file."""
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict, compare=False, repr=False)
    """1-based line of a key, for complaints: ('when', 'all', 0), ('steps', 'suspect', 'if')."""

    def step(self, id_: str) -> Step | None:
        """The step of that id; None where there is none."""
        return next((step for step in self.steps if step.id == id_), None)
