"""What a walk takes its answers from, and what an answer is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gather_diagnostics.model import Answer, Gap, Json
from gather_diagnostics.response.journal import Outcome

View = Mapping[str, Any]
Ask = Callable[[str, str], Answer | Gap]
"""Puts a query to the source of that name, now."""


@dataclass(frozen=True, slots=True)
class Ground:
    """The evidence, and whoever can be asked besides."""

    document: View
    facts: Mapping[str, str]
    """Name to value, for queries and commands."""
    mitigations: Sequence[View] = ()
    """Proposals, as `response.mitigations` has them."""
    ask: Ask | None = None
    """None: offline, no source is asked."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a step came to."""

    outcome: Outcome
    words: str
    missed: str = ""
    """What could not be asked, or was left to a person; empty where nothing was."""
    lines: tuple[str, ...] = ()
    """The first rows that a source answered, for a person to read."""
    details: Mapping[str, Json] = field(default_factory=dict)
    """For the journal."""
