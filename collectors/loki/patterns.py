"""Patterns that Loki detected, and how the lines that it counted are shared out among them. Pure.

Source: /loki/api/v1/patterns in the reference of Loki's HTTP API: '<_>' stands for what varies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from collectors.loki.counts import Count
from collectors.loki.logql import ERRORS
from collectors.loki.spans import SECOND, Span, moment
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.logparse import parse
from gather_diagnostics.logparse.levels import LONG, level_of
from gather_diagnostics.patterns import MASK

_ERRORS = re.compile(ERRORS)
_FRONT = re.compile(rf"^(?:[\[(]?<\*>[\])]?[\s|,:;\-]*)+(?=[\[(|<]?(?:{LONG})\b)", re.IGNORECASE)
_VALUE = re.compile(r"(?<=[:,\[])(\s*)<\*>(?=\s*[,}\]])")
"""A masked value of JSON that stood without quotes."""


@dataclass(frozen=True, slots=True)
class Pattern:
    text: str
    """As a line's message would be, its values masked."""
    level: str | None
    errors: bool
    """It holds a word for an error."""
    samples: Mapping[int, int]
    """Start (Unix seconds) of a sample to the lines in it."""


def patterns(answer: Iterable[Any]) -> list[Pattern]:
    """Raises MalformedError."""
    found = []
    for one in answer:
        try:
            samples = {int(time): int(lines) for time, lines in one["samples"]}
            found.append(_pattern(str(one["pattern"]), level_of(one.get("level")), samples))
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise MalformedError(f"a pattern in the answer can't be read: {str(one)[:100]}") from error
    return found


def _pattern(text: str, level: str | None, samples: Mapping[int, int]) -> Pattern:
    masked = _FRONT.sub("", text.replace("<_>", MASK).strip())
    # Parsed as a line would be, so that it has the message of the lines that were read.
    record = next(parse([(0, _VALUE.sub(r'\1"<*>"', masked).encode("utf-8", "replace"))]), None)
    level = level or (record.level if record else None)
    return Pattern((record.message if record else "") or masked or MASK, level, bool(_ERRORS.search(text)), samples)


def shared(counts: Iterable[Count], found: Sequence[Pattern]) -> Iterator[tuple[Span, str, str | None, int]]:
    """(bin, pattern's text, level, lines); lines of no pattern have MASK for one.

    What was counted holds: the patterns' samples tell of all lines of a time, also of those that were read.
    """
    bins: dict[Span, dict[str | None, int]] = {}
    for count in counts:
        levels = bins.setdefault(count.span, {})
        levels[count.level] = levels.get(count.level, 0) + count.lines
    for span, left in sorted(bins.items()):
        wanted = [(sum(n for t, n in p.samples.items() if span.start <= t * SECOND < span.end), p) for p in found]
        for lines, pattern in sorted(wanted, key=lambda w: (-w[0], w[1].text)):
            yield from _given(span, pattern, lines, left)
        yield from ((span, MASK, level, lines) for level, lines in left.items() if lines)


def _given(
    span: Span, pattern: Pattern, lines: int, left: dict[str | None, int]
) -> Iterator[tuple[Span, str, str | None, int]]:
    """Takes a pattern's lines from those of its level, else from those of none, else from where there are most."""
    known = pattern.level in left and pattern.level is not None
    order = [pattern.level] if known else sorted(left, key=lambda level: (level is not None, -left[level]))
    for level in order:
        taken = min(lines, left[level])
        left[level] -= taken
        lines -= taken
        if taken:
            yield span, pattern.text, level or pattern.level, taken


def rows(shares: Iterable[tuple[Span, str, str | None, int]], selector: str, service: str) -> Iterator[dict[str, Any]]:
    """Rows of `logs`. When in its bin a pattern's first and last line were written is not known."""
    for span, text, level, lines in shares:
        yield {
            "time": moment(span.start),
            "until": moment(span.end) - timedelta(microseconds=1),
            "count": lines,
            "ref": f"loki:{selector}",
            "level": level,
            "service": service,
            "message": text,
            "labels": {"counted_by": "Loki", "selector": selector},
        }
