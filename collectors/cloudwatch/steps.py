"""Which part of the windows is read, in what order, when not everything may be kept. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from collectors.cloudwatch.insights import Count
from gather_diagnostics import Request, Window

BEFORE = timedelta(minutes=2)
AFTER = timedelta(minutes=5)
"""The neighbourhood of the first error."""
JUST_BEFORE = timedelta(seconds=1)
ERRORS = "?ERROR ?Error ?error ?CRITICAL ?FATAL ?Fatal ?fatal ?Exception ?exception ?Traceback ?panic"
"""FilterLogEvents: a line with any of these words."""
ERROR_LEVELS = ("ERROR", "CRITICAL")
INCIDENT_SHARE = 0.7
"""Of the lines that are kept of a group, where it is not known how many there are."""


@dataclass(frozen=True, slots=True)
class Step:
    """One reading of one group."""

    window: Window
    pattern: str
    """FilterLogEvents' pattern; '' takes every line."""
    most: int
    """Lines that are kept."""


def shares(sizes: Sequence[int | None], limit: int) -> list[int]:
    """How many lines each group may keep: what it has where that is little, an equal part of the rest where not.

    `sizes` are None where nobody counted. The shares add up to `limit` at most, but each is 1 at least.
    """
    given = [0] * len(sizes)
    left = limit
    order = sorted(range(len(sizes)), key=lambda n: (sizes[n] is None, sizes[n] or 0))
    for place, number in enumerate(order):
        size = sizes[number]
        part = left // (len(order) - place)
        given[number] = part if size is None else min(size, part)
        left -= given[number]
    # Lines that came after the count have room too.
    return [max(1, g + left // len(sizes)) for g in given]


def first_error(counts: Sequence[Count], request: Request) -> datetime | None:
    """The start of the first bin of the incident with more errors than any bin of the baseline; else with any."""
    bins: dict[datetime, int] = {}
    for count in counts:
        if count.level in ERROR_LEVELS:
            bins[count.time] = bins.get(count.time, 0) + count.lines
    usual = max((n for t, n in bins.items() if t in request.baseline), default=0)
    during = sorted((t, n) for t, n in bins.items() if t in request.incident)
    return next((t for t, n in during if n > usual), during[0][0] if during else None)


def plan(request: Request, counts: Sequence[Count] | None, most: int) -> list[Step]:
    """How to read a group of which `most` lines are kept. `counts` is None where nobody counted."""
    if counts is None:
        share = max(1, int(most * INCIDENT_SHARE))
        return [Step(request.incident, "", share), Step(request.baseline, "", max(1, most - share))]
    if sum(c.lines for c in counts) <= most:
        return [Step(request.incident, "", most), Step(request.baseline, "", most)]
    near = around(first_error(counts, request), request.incident)
    # Half of the room: where even these lines are too many, the first error among them is searched.
    steps = [Step(near, "", max(1, most // 2))] if near else []
    steps += [Step(w, ERRORS, most) for w in without(request.incident, near)]
    steps += [Step(request.baseline, ERRORS, max(1, most // 5)), Step(request.baseline, "", max(1, most // 5))]
    return steps if near else [*steps, Step(request.incident, "", most // 2)]


def around(time: datetime | None, window: Window) -> Window | None:
    """The neighbourhood of a time, inside the window."""
    if time is None or time not in window:
        return None
    return Window(max(window.start, time - BEFORE), min(window.end, time + AFTER))


def beside(time: datetime | None, window: Window, most: int) -> list[Step]:
    """The neighbourhood of a time where lines are too dense to take it whole: a third of `most` for each step.

    AWS gives lines in ascending order, so those just before the time are asked for by themselves.
    """
    near = around(time, window)
    if time is None or near is None:
        return []
    edges = [max(near.start, time - JUST_BEFORE), time, near.end, near.start]
    spans = [(edges[0], edges[1]), (edges[1], edges[2]), (edges[3], edges[0])]
    return [Step(Window(start, end), "", max(1, most // 3)) for start, end in spans if start < end]


def without(window: Window, part: Window | None) -> list[Window]:
    """What is left of a window without one part of it."""
    if part is None:
        return [window]
    left = [Window(window.start, part.start)] if part.start > window.start else []
    return [*left, *([Window(part.end, window.end)] if part.end < window.end else [])]
