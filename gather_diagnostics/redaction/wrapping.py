"""Secrets broken over lines: by a terminal's width, `base64`'s 76 columns, or a backslash at the line's end."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from gather_diagnostics.redaction.spans import Span

BREAK = r"(?:\\{0,15}\r?\n|\\{1,15}n)[ \t]{0,200}"
"""RE2: a line's end with the indentation behind it, escaped or not."""
_BREAK = re.compile(BREAK, re.ASCII)
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=_-.~%$!#@^*")
_DATE = re.compile(r"[0-9]{4}[-/][0-9]{2}|[0-9]{1,2}[:/][0-9]{2}|[0-9.,]{1,20}$", re.ASCII)
_NAMES_END = (":", "(")
_QUOTES = ('"', "'", "`")
_NARROWEST = 40
"""Columns; nobody wraps at fewer, and shorter lines end where their text ends."""


def spans(text: str, find: Callable[[str], Iterable[Span]]) -> Iterator[Span]:
    """What `find` sees once broken words are whole again: spans that cross a break."""
    if "\n" not in text and "\\n" not in text:
        return
    joined, starts, shifts = _joined(text)
    if len(starts) == 1:
        return

    def back(at: int) -> int:
        return at + shifts[bisect_right(starts, at) - 1]

    for span in find(joined):
        end = _end(joined, span, starts)
        yield Span(back(span.start), back(end - 1) + 1, span.kind, meaning=span.meaning or joined[span.start : end])


def _end(joined: str, span: Span, starts: list[int]) -> int:
    """Where the secret ends: behind the last piece in a row that looks like a piece of one."""
    cuts = starts[bisect_right(starts, span.start) : bisect_left(starts, span.end)]
    for at, until in pairwise([*cuts, span.end]):
        if not _is_rest(joined[at:until], joined[until : until + 1]):
            return at
    return span.end


def _joined(text: str) -> tuple[str, list[int], list[int]]:
    """The text without the breaks inside long words; for each part its start there and how far it was moved."""
    parts, starts, shifts = [], [0], [0]
    position = length = 0
    for found in _BREAK.finditer(text):
        if found.start() < position or not _is_inside_word(text, found):
            continue
        parts.append(text[position : found.start()])
        length += found.start() - position
        position = found.end()
        starts.append(length)
        shifts.append(position - length)
    return "".join([*parts, text[position:]]), starts, shifts


def _is_inside_word(text: str, found: re.Match[str]) -> bool:
    start, end = found.span()
    if start == 0 or end >= len(text) or text[start - 1] not in _TOKEN or text[end] not in _TOKEN:
        return False
    return found[0][0] == "\\" or start - (text.rfind("\n", 0, start) + 1) >= _NARROWEST


def _is_rest(piece: str, behind: str) -> bool:
    """Looks like random characters, or like base64's end, and not like the time or the word a line begins with."""
    if _DATE.match(piece) or "=" in piece.rstrip("=") or behind in _NAMES_END:
        return False
    if behind in _QUOTES or piece.endswith("=") or len(piece) >= _NARROWEST:
        return True
    digits, uppers, lowers = (any(map(t, piece)) for t in (str.isdigit, str.isupper, str.islower))
    return digits and ((uppers and lowers) or len(piece) >= 8)
