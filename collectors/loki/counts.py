"""Lines that Loki counts, by time and level, without moving one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.loki import logql
from collectors.loki.client import Client
from collectors.loki.spans import SECOND, Span, moment
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.logparse.levels import level_of

ERROR_LEVELS = ("ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Count:
    span: Span
    level: str | None
    """DEBUG, INFO, WARNING, ERROR, CRITICAL; None where a line names none."""
    lines: int


def counts(client: Client, query: str, span: Span) -> list[Count]:
    """Lines of a log query by bin of the span; the last bin is shorter where the span is no multiple of it.

    Loki counts what lies in (t - length, t]: a nanosecond before a bin's end it is what lies in [start, end). Raises
    what the client raises, and MalformedError.
    """
    length = span.bin
    whole = (span.end - span.start) // length
    found: list[Count] = []
    if whole > 1:
        first, last = span.start + length - 1, span.start + whole * length - 1
        answer = client.range(logql.counted(query, length), first, last, length // SECOND)
        found += _binned(_samples(answer, "values"), span.start, length, whole)
    starts = range(span.start + (whole * length if whole > 1 else 0), span.end, length)
    for start in starts:
        part = Span(start, min(start + length, span.end))
        answer = client.instant(logql.counted(query, part.end - part.start), part.end - 1)
        found += (Count(part, level, lines) for level, _, lines in _samples(answer, "value"))
    return [c for c in found if c.lines]


def _binned(samples: Iterable[tuple[str | None, float, int]], start: int, length: int, most: int) -> Iterator[Count]:
    for level, time, lines in samples:
        # Its times are floating-point seconds.
        number = round((time - start / SECOND) * SECOND / length) - 1
        if 0 <= number < most:
            yield Count(Span(start + number * length, start + (number + 1) * length), level, lines)


def _samples(answer: Iterable[Any], key: str) -> Iterator[tuple[str | None, float, int]]:
    """(level, Unix seconds, lines) of a matrix ('values') or a vector ('value'). Raises MalformedError."""
    for series in answer:
        try:
            level = level_told(series["metric"])
            pairs = series["values"] if key == "values" else [series["value"]]
            yield from ((level, float(time), int(float(value))) for time, value in pairs)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise MalformedError(f"a count in the answer can't be read: {str(series)[:100]}") from error


def level_told(labels: Mapping[str, Any]) -> str | None:
    """By the label that the sender set, else by what Loki detected."""
    return level_of(labels.get("level")) or level_of(labels.get("detected_level"))


def metric_rows(found: Iterable[Count], selector: str, service: str) -> Iterator[dict[str, Any]]:
    """Counts as rows of the metrics table, in lines a second."""
    for count in found:
        yield {
            "time": moment(count.span.start),
            "ref": f"loki:{selector}",
            "metric": "log_errors" if count.level in ERROR_LEVELS else "log_lines",
            "stat": "rate",
            "value": count.lines * SECOND / (count.span.end - count.span.start),
            "unit": "1/s",
            "service": service,
            "instance": selector,
            "labels": {"level": count.level or "none", "selector": selector},
        }
