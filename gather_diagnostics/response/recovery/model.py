"""What is compared, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from gather_diagnostics.model import Gap, Window

State = Literal["recovered", "not_yet", "worse", "not_seen"]
"""not_yet: it is still wrong, or there is too little to tell; not_seen: there is nothing to tell it from."""


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that has to be as it was before the incident."""

    id: str
    """Stable: 'error_rate', 'latency:p95', 'error_lines:tenant:acme'."""
    name: str
    """'Failing requests'."""
    state: State
    sentence: str
    """What was measured, with figures."""
    decisive: bool = True
    """False: told and not waited for, since it is too rare to be judged in so short a time."""
    was_ill: bool = False
    """It had left its baseline in the incident."""


@dataclass(frozen=True, slots=True)
class Look:
    """All criteria at one time."""

    time: datetime
    """UTC, the end of `window`."""
    window: Window
    """What was measured then lies in it."""
    criteria: tuple[Criterion, ...]
    state: State
    gaps: tuple[Gap, ...] = ()
    """What could not be read then."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a watch came to."""

    state: State
    looks: tuple[Look, ...]
    """In the order of time."""
    finished: bool
    """The watch went on to its end; else somebody interrupted it."""


_WORST: Sequence[State] = ("worse", "not_yet", "not_seen")
_REQUESTS = ("error_rate", "latency", "error_lines")
"""Questions of which at least one has to be answered: that replicas are ready says nothing of requests."""


def overall(criteria: Sequence[Criterion]) -> State:
    """The worst state that counts. 'recovered' only where something tells how requests fare and, if anything was ill,
    at least one thing that was is shown to be back."""
    counted = [c for c in criteria if c.decisive]
    states = {c.state for c in counted}
    if found := next((state for state in _WORST if state in states), None):
        return found
    of_requests = [c for c in criteria if c.id.partition(":")[0] in _REQUESTS]
    if not of_requests:
        return "not_seen"
    is_shown = any(c.was_ill for c in counted) or not any(c.was_ill for c in criteria)
    return "recovered" if is_shown and any(c.decisive for c in of_requests) else "not_yet"
