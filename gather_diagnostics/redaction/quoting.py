"""Quotations at any depth of escaping, and where one that was begun ends."""

from __future__ import annotations

import re

QUOTE = re.compile(r"(?:\[[ \t\r\n]{0,64})?[bBuUrR@]{0,2}(\\{0,15})([\"'`])", re.ASCII)
_REST = re.compile(
    r"\\\r?\n[ \t]{0,200}[^\s\"'`\\]{1,512}|\r?\n[ \t]{0,200}(?P<word>[^\s\"'`:{}\[\](),;<>\\]{1,512})", re.ASCII
)
"""The rest of a quotation that was broken over a line: one word; behind a backslash it may hold brackets too."""
_NEXT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,64}=", re.ASCII)
_MOST_LINES = 16


def inside(text: str, quote: re.Match[str]) -> tuple[int, int]:
    """Inside of a quotation that opens with some backslashes: to its end, the line's or the outer quotation's."""
    slashes, mark, start = len(quote[1]), quote[2], quote.end()
    line_end = text.find("\n", start)
    limit = len(text) if line_end < 0 else line_end
    at = text.find(mark, start, limit)
    while at >= 0:
        run = _slashes_before(text, at, start)
        if _is_closing(run, slashes):
            return start, at - min(run, slashes)
        at = text.find(mark, at + 1, limit)
    return start, _continued(text, limit, text[quote.start(1) : quote.end()])


def _continued(text: str, line_end: int, closing: str) -> int:
    """A word that was broken over lines goes on where the lines below are single words and the last is closed."""
    at = line_end - 1 if text[line_end - 1 : line_end] == "\r" else line_end
    at -= text[at - 1 : at] == "\\"
    for _ in range(_MOST_LINES):
        rest = _REST.match(text, at)
        if not rest or (rest["word"] and _NEXT_KEY.fullmatch(rest["word"])):
            return line_end
        at = rest.end()
        if text.startswith(closing, at):
            return at
    return line_end


def _slashes_before(text: str, at: int, floor: int) -> int:
    first = at
    while first > floor and text[first - 1] == "\\":
        first -= 1
    return at - first


def _is_closing(run: int, slashes: int) -> bool:
    """A quotation nested k deep is delimited by 2^k - 1 backslashes; each backslash within it is 2^(k+1) of them."""
    return run < slashes or (run - slashes) % (2 * (slashes + 1)) == 0
