"""Which steps can come after which."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gather_diagnostics.response.runbooks.model import Decide, Step


def following(steps: Sequence[Step], at: int) -> Iterator[str]:
    """Ids that may come next after the step at that place; of a decision those it names, where they are."""
    step = steps[at]
    behind = steps[at + 1].id if at + 1 < len(steps) else ""
    if isinstance(step, Decide):
        yield from (step.then, step.otherwise or behind)
    else:
        yield behind


def reachable(steps: Sequence[Step], start: str) -> frozenset[str]:
    """Ids of the steps that can come from `start` on, itself among them."""
    places = {step.id: n for n, step in enumerate(steps)}
    found: set[str] = set()
    waiting = [start]
    while waiting:
        this = waiting.pop()
        if this in places and this not in found:
            found.add(this)
            waiting += following(steps, places[this])
    return frozenset(found)
