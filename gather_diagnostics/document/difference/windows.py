"""Which minutes of two bundles are set against each other, and which of their baselines say what is usual."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from gather_diagnostics.model import Evidence, Window

RECENT = timedelta(minutes=15)
"""The state after is that of the last minutes: what was before the mitigation took hold is of no interest."""


@dataclass(frozen=True, slots=True)
class Spans:
    before: Window
    after: Window
    baselines: tuple[Window | None, Window | None]
    """Of the first and the second bundle; None where the trouble itself fills it."""
    notes: tuple[str, ...]


def spans(before: Evidence, after: Evidence) -> Spans:
    """Before: from the onset to the end of its window. After: its last 15 minutes, none of them seen before."""
    first, second = before.request, after.request
    onset = _onset(before)
    start = onset if onset and onset < first.incident.end else first.incident.start
    end = second.incident.end
    fresh = max(end - RECENT, second.incident.start)
    if first.incident.end < end:
        fresh = max(fresh, first.incident.end)
    return Spans(
        before=Window(max(start, first.incident.start), first.incident.end),
        after=Window(fresh, end),
        baselines=(_clean(first.baseline, onset), _clean(second.baseline, onset)),
        notes=tuple(_notes(before, after)),
    )


def _onset(evidence: Evidence) -> datetime | None:
    return next((f.time for f in evidence.findings if f.id == "onset"), None)


def _clean(baseline: Window, onset: datetime | None) -> Window | None:
    """The part of a baseline before the trouble began: that of a later bundle often lies in the midst of it."""
    if onset is None or baseline.end <= onset:
        return baseline
    return Window(baseline.start, onset) if baseline.start < onset else None


def _notes(before: Evidence, after: Evidence) -> Iterator[str]:
    first, second = before.request, after.request
    if first.service != second.service:
        yield f"The bundles are of two services, {first.service} and {second.service}."
    if second.asked < first.asked:
        yield "The second bundle is older than the first: give the one from before first."
    elif second.incident.end <= first.incident.end:
        yield "The second bundle's window ends no later than the first's: it shows nothing that came after."
    elif second.incident.end - first.incident.end < timedelta(minutes=5):
        yield "Less than 5 minutes lie between the ends of the two windows: that is little to judge by."
    for evidence, name in ((before, "first"), (after, "second")):
        if evidence.interrupted:
            yield f"The {name} bundle was interrupted: it holds what had come in by then."
