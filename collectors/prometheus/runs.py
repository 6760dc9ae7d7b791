"""Stretches of time in which something was so, out of samples. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from collectors.prometheus.shape import samples
from collectors.prometheus.spans import Span
from gather_diagnostics.http.errors import MalformedError


@dataclass(frozen=True, slots=True)
class Run:
    """Unbroken samples of one series, first and last included."""

    labels: Mapping[str, str]
    first: datetime
    last: datetime
    opened: bool
    """It had begun before the span."""
    lasting: bool
    """It had not ended by the span's end."""


def runs(answer: list[Any], span: Span) -> Iterator[Run]:
    """The runs of all series in a range query's result, in the order of time. Raises MalformedError."""
    found = [run for one in answer for run in _of(one, span)]
    return iter(sorted(found, key=lambda r: (r.first, sorted(r.labels.items()))))


def _of(one: Any, span: Span) -> Iterator[Run]:
    if not isinstance(one, Mapping) or not isinstance(one.get("metric"), Mapping):
        raise MalformedError("a series in the answer has no labels")
    labels = {str(k): str(v) for k, v in one["metric"].items()}
    times = [t for t, _ in samples(one) if span.start <= t <= span.end]
    start = 0
    for number, time in enumerate(times):
        # The last of its run: none follows, or none at the next step.
        if number + 1 == len(times) or times[number + 1] - time > 1.5 * span.step:
            yield _run(labels, times[start], time, span)
            start = number + 1


def _run(labels: Mapping[str, str], first: float, last: float, span: Span) -> Run:
    return Run(
        labels,
        datetime.fromtimestamp(first, UTC),
        datetime.fromtimestamp(last, UTC),
        opened=first <= span.start,
        lasting=last >= span.end,
    )
