"""What the sections of a text form are built with: the document, the limits, and how they shorten."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.firstscreen import claim, rows_of
from gather_diagnostics.document.limits import Limits, shortened
from gather_diagnostics.document.pieces import Code, Grid, Line, Paragraph, Rows, Text

View = Mapping[str, Any]


def says(words: str) -> Paragraph:
    """A sentence of our own."""
    return Paragraph((words,))


@dataclass(frozen=True)
class Building:
    """What every section is built from."""

    d: View
    limits: Limits

    @functools.cached_property
    def kept(self) -> frozenset[str]:
        """Anchors of the rows that are quoted."""
        return frozenset(f"{q['table']}-{q['row']}" for q in self.d["quotes"][: self.limits.quotes])

    def words(self, text: object) -> str:
        return shortened(text, self.limits.text)

    def sentence(self, text: object) -> Text:
        return Text(shortened(text, 3 * self.limits.text))

    def claim(self, finding: View) -> Line:
        return claim(self.d, finding, self.kept, 3 * self.limits.text)

    def rows(self, supports: Sequence[View], *, bare: bool = False) -> Rows:
        return rows_of(self.d, supports, self.kept, bare=bare)

    def code(self, text: object) -> Code:
        return Code(self.words(text))


def grid(header: tuple[str, ...], rows: Any, *numbers: int) -> Grid:
    """`rows`: a line a cell."""
    return Grid(header, tuple(tuple((line,) for line in row) for row in rows), frozenset(numbers))
