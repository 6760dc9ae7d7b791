"""What collectors that answer single questions share: a question's words, its refusal, and an answer within bounds."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Sequence

from gather_diagnostics.model import Answer, Cell, Gap

MOST_ROWS = 200
"""Rows of an answer that are kept: more than a person reads through in an incident."""
MOST_BYTES = 200_000
"""Bytes of text of an answer that are kept."""
MOST_CELL = 20_000
"""Characters of one cell that are kept."""
MOST_WANTED = 200
"""Characters of a question that a gap repeats."""


def words(query: str) -> list[str]:
    """A question's words as a shell would part them; nothing is expanded, and no shell ever sees them.

    Raises ValueError, with the reason in words, for what can't be parted or sent.
    """
    sendable(query)
    try:
        parted = shlex.split(query)
    except ValueError as error:
        raise ValueError(f"its quotes don't match ({error})") from error
    if not parted:
        raise ValueError("it is empty")
    return parted


def sendable(query: str) -> None:
    """Raises ValueError where a character has no UTF-8 form, or ends the text for a program."""
    if unfit := next((c for c in query if c == "\0" or 0xD800 <= ord(c) <= 0xDFFF), ""):
        raise ValueError(f"it holds a character that can't be sent (U+{ord(unfit):04X})")


def wanted(query: str) -> str:
    """What a gap says was wanted."""
    line = " ".join(query.split())
    return f"the answer to {line if len(line) <= MOST_WANTED else line[: MOST_WANTED - 1] + '…'}"


def refused(source: str, query: str, why: str, mend: str) -> Gap:
    """A gap for a question that is not put: nothing was sent."""
    return Gap(source, wanted(query), "invalid", f"the question is not asked: {why}", mend)


def answer(columns: Sequence[str], rows: Iterable[Sequence[Cell]], ref: str, cut: str = "") -> Answer:
    """An answer of the first rows that fit into the bounds; `cut` says what is missing already.

    Takes no more rows than it keeps, and one.
    """
    kept: list[tuple[Cell, ...]] = []
    size = 0
    told = [cut] if cut else []
    for row in rows:
        cells = tuple(_fitting(cell) for cell in row)
        size += sum(len(cell.encode()) if isinstance(cell, str) else 8 for cell in cells)
        if len(kept) == MOST_ROWS or size > MOST_BYTES:
            most = f"{MOST_ROWS} rows" if len(kept) == MOST_ROWS else f"{len(kept)} rows ({MOST_BYTES:,} bytes)"
            told.append(f"there is more; the first {most} are kept")
            break
        kept.append(cells)
    return Answer(tuple(columns), tuple(kept), ref, "; ".join(told))


def _fitting(cell: Cell) -> Cell:
    """As JSON and UTF-8 can hold it, and of bounded length."""
    if isinstance(cell, float) and not math.isfinite(cell):
        return str(cell)
    if not isinstance(cell, str):
        return cell
    text = cell.encode("utf-8", "replace").decode()
    return text if len(text) <= MOST_CELL else text[: MOST_CELL - 1] + "…"
