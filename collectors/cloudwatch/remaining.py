"""What is left of some windows when parts of them were fetched. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gather_diagnostics import Window


@dataclass(frozen=True, slots=True)
class Taken:
    """A span whose lines were fetched."""

    window: Window
    errors: bool
    """Only those with a word for an error."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A span with lines that were not fetched."""

    window: Window
    quiet: bool
    """Only those without a word for an error."""

    def within(self, window: Window) -> Rest | None:
        """The part inside of a window; None where there is none."""
        start, end = max(self.window.start, window.start), min(self.window.end, window.end)
        return Rest(Window(start, end), self.quiet) if start < end else None


def remaining(windows: Iterable[Window], taken: Iterable[Taken]) -> list[Rest]:
    """What was not taken, in order of time; neighbours of one kind are one."""
    fetched = list(taken)
    found: list[Rest] = []
    for window in sorted(windows, key=lambda w: w.start):
        edges = {window.start, window.end}
        edges |= {t for one in fetched for t in (one.window.start, one.window.end) if t in window}
        for start, end in pairwise(sorted(edges)):
            over = [t for t in fetched if t.window.start <= start and end <= t.window.end]
            if any(not t.errors for t in over):
                continue
            rest = Rest(Window(start, end), quiet=bool(over))
            if found and found[-1].window.end == start and found[-1].quiet == rest.quiet:
                found[-1] = Rest(Window(found[-1].window.start, end), rest.quiet)
            else:
                found.append(rest)
    return found


def ended(times: Sequence[int], given: int) -> tuple[int, int]:
    """How many of the first `given` events of a page to keep, so that those of one millisecond are kept all or not at
    all, and the time (milliseconds) from which on none is. `times` are those of its events, in order.

    Where all are of one millisecond they are kept, and the others of it are not counted.
    """
    first = times[given]
    whole = next((n for n in range(given) if times[n] >= first), given)
    return (whole, first) if whole or not given else (given, first + 1)
