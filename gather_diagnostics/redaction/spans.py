"""What a finder hands to the redactor: where a secret stands in a text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """What goes: text[start:end]."""

    start: int
    end: int
    kind: str
    wrap: str = ""
    """Quotes to put around its replacement: a bare number of a JSON text."""
    meaning: str = ""
    """The secret itself where it stands encoded or broken over lines: its placeholder is that of its plain self."""


def merged(spans: Iterable[Span]) -> list[Span]:
    """Overlapping spans as one, of the longest one's kind; of equally long ones the first found names it."""
    whole: list[tuple[Span, int]] = []
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        length = span.end - span.start
        if not whole or span.start >= whole[-1][0].end:
            whole.append((span, length))
            continue
        last, longest = whole[-1]
        named = span if length > longest or (length == longest and span.meaning and not last.meaning) else last
        whole[-1] = (named._replace(start=last.start, end=max(last.end, span.end)), max(longest, length))
    return [span for span, _ in whole]
