"""Times as Loki tells them: whole nanoseconds since 1970-01-01 UTC. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gather_diagnostics import Window

SECOND = 1_000_000_000
MOST_BINS = 1_440
"""Of one window; more would be more samples than a query may give."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(microseconds=1) * 1000


def moment(nanoseconds: int) -> datetime:
    """The time (UTC), cut to microseconds."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """[start, end), in nanoseconds."""

    start: int
    end: int

    @property
    def bin(self) -> int:
        """Nanoseconds that its lines are counted by: a minute, or more where those are too many."""
        minutes = next((m for m in (1, 5, 15, 60) if (self.end - self.start) // (60 * m * SECOND) <= MOST_BINS), 1440)
        return 60 * minutes * SECOND


def span(window: Window) -> Span:
    return Span(nanoseconds(window.start), nanoseconds(window.end))


def without(whole: Span, parts: Iterable[Span]) -> list[Span]:
    """What is left of a span, in order."""
    left, start = [], whole.start
    for part in sorted(parts):
        if start < min(part.start, whole.end):
            left.append(Span(start, min(part.start, whole.end)))
        start = max(start, part.end)
    return [*left, Span(start, whole.end)] if start < whole.end else left
