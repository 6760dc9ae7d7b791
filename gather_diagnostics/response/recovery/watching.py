"""The watch: look, wait, look again; then what it came to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.response.recovery.looking import look
from gather_diagnostics.response.recovery.model import Look, State, Verdict
from gather_diagnostics.response.recovery.replicas import Restarts, restarts
from gather_diagnostics.response.severity.schemes import rank

SEVERE, USUAL = timedelta(minutes=15), timedelta(minutes=5)
"""How long is watched after an incident of the two highest levels, and after others."""
SHORTEST = timedelta(minutes=5)
"""Of what one look judges: rates are taken over a minute and more."""
PART = 3
"""The last one of so many parts of a watch is the one in which all has to hold."""

Collect = Callable[[Window], Evidence]
"""What the sources say of a window; with no tables where none could be read."""
View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Clock:
    """The time (UTC), and how to wait; tests have their own."""

    now: Callable[[], datetime]
    wait: Callable[[timedelta], None]


def usual_length(document: View) -> timedelta:
    """How long to watch, by the severity that the document of `document.view` has."""
    severity = (document["response"] or {}).get("severity") or {}
    level = severity.get("level")
    return SEVERE if level and rank(level, severity["scheme"]) <= 1 else USUAL


def judged_length(watch: timedelta) -> timedelta:
    """How far back each look goes."""
    return max(SHORTEST, watch / PART)


def watch(
    bundle: Evidence, document: View, collect: Collect, clock: Clock, *, length: timedelta, every: timedelta
) -> Iterator[Look]:
    """A look at once, then one `every` so often, the last when `length` has passed; with no length the first alone."""
    began = clock.now()
    seen: list[tuple[datetime, Restarts]] = []
    while True:
        end = clock.now()
        window = Window(end - judged_length(length), end)
        now = collect(window)
        found = look(bundle, document, now, window, _earlier(seen, window))
        yield found
        seen.append((end, restarts(now)))
        # With nothing to compare, waiting is of no use.
        if end >= began + length or not found.criteria:
            return
        due = began + every * ((clock.now() - began) // every + 1)
        if (left := min(due, began + length) - clock.now()) > timedelta(0):
            clock.wait(left)


def _earlier(seen: Sequence[tuple[datetime, Restarts]], window: Window) -> Restarts | None:
    """Restarts at the last look before the window, else at the first; None where there was no look."""
    before = [found for time, found in seen if time <= window.start]
    return before[-1] if before else seen[0][1] if seen else None


def verdict(looks: Sequence[Look], length: timedelta, *, finished: bool) -> Verdict:
    """What a watch of `length` came to, from its looks in order; at least one.

    Recovered: every look in the last third of it found all criteria recovered. Each judges at least as much time, so
    that nothing in the last third was left out. Worse: the last look says so. Not seen: nothing else stands in the way.
    A watch that did not go on to its end is never taken for a recovery.
    """
    last = looks[-1]
    counted = [one for one in looks if one.time >= last.time - length / PART]
    states = {one.state for one in counted}
    return Verdict(_state(last, states, finished), tuple(looks), finished)


def _state(last: Look, states: set[State], finished: bool) -> State:
    if last.state in ("worse", "not_yet"):
        return last.state
    if states == {"recovered"} and finished:
        return "recovered"
    return "not_seen" if last.state == "not_seen" else "not_yet"
