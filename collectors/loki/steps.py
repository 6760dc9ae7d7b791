"""Which lines are read, in what order, when not all may be. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collectors.loki.counts import ERROR_LEVELS, Count
from collectors.loki.spans import SECOND, Span, span, without
from gather_diagnostics import Request

BEFORE = 120 * SECOND
AFTER = 300 * SECOND
"""The neighbourhood of the first error."""
INCIDENT_SHARE = 0.7
"""Of the lines that are read, where it is not known how many there are."""


@dataclass(frozen=True, slots=True)
class Step:
    """One reading. No two steps of a plan read the same line."""

    span: Span
    errors: bool | None
    """Only lines with a word for an error, only those without, or (None) all."""
    most: int
    """Lines that are kept."""


def plan(request: Request, counts: Sequence[Count] | None, most: int) -> list[Step]:
    """`counts` is None where nothing could be counted."""
    incident, baseline = span(request.incident), span(request.baseline)
    if counts is None:
        share = max(1, int(most * INCIDENT_SHARE))
        return [Step(incident, None, share), Step(baseline, None, max(1, most - share))]
    if sum(c.lines for c in counts) <= most:
        return [Step(incident, None, most), Step(baseline, None, most)]
    near = around(first_error(counts, baseline, incident), incident)
    # Half of the room: where even these lines are too many, the first error among them is searched.
    steps = [Step(near, None, max(1, most // 2))] if near else []
    steps += [Step(s, True, most) for s in (without(incident, [near]) if near else [incident])]
    steps += [Step(baseline, True, max(1, most // 5)), Step(baseline, False, max(1, most // 5))]
    return steps if near else [*steps, Step(incident, False, most // 2)]


def first_error(counts: Sequence[Count], baseline: Span, incident: Span) -> int | None:
    """The start of the first bin of the incident with more errors than any bin of the baseline; else with any."""
    bins: dict[int, int] = {}
    for count in counts:
        if count.level in ERROR_LEVELS:
            bins[count.span.start] = bins.get(count.span.start, 0) + count.lines
    usual = max((n for t, n in bins.items() if baseline.start <= t < baseline.end), default=0)
    during = sorted((t, n) for t, n in bins.items() if incident.start <= t < incident.end)
    return next((t for t, n in during if n > usual), during[0][0] if during else None)


def around(time: int | None, whole: Span) -> Span | None:
    """The neighbourhood of a time, inside of the span."""
    if time is None:
        return None
    return Span(max(whole.start, time - BEFORE), min(whole.end, time + AFTER))


def errors_after(step: Step, last: int) -> Step | None:
    """What to read where the lines before the first error alone were too many: the errors of the rest."""
    if step.errors is not None or last >= step.span.end:
        return None
    return Step(Span(last, step.span.end), True, max(1, step.most // 2))


def beside(first: int | None, rest: Span, most: int) -> list[Step]:
    """The other lines from just before an error on."""
    if first is None:
        return []
    return [Step(Span(max(rest.start, first - SECOND), rest.end), False, max(1, most))]
