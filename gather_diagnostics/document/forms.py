"""A text form of the document that has to fit: what Markdown and Jira share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.limits import fitted, shortest
from gather_diagnostics.document.outline import outline
from gather_diagnostics.document.pieces import Block, Outline, Section

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    most: int
    """Characters."""
    title: Callable[[str], str]
    heading: Callable[[Section], Iterator[str]]
    block: Callable[[Block], str]
    cut: str
    """What stands at the end where whole sections were cut."""

    def written(self, document: View, section: str) -> str:
        """The document, or one of its sections, in at most so many characters; says what was cut."""
        return fitted(lambda limits: self._render(outline(document, limits), section), self.most) or self._cut(
            document, section
        )

    def _cut(self, document: View, section: str) -> str:
        """Whole sections as far as they fit. The first screen is bounded and always does."""
        whole = outline(document, shortest())
        kept: tuple[Section, ...] = ()
        for one in whole.sections:
            if len(self._render(Outline(whole.title, (*kept, one)), section)) + len(self.cut) <= self.most:
                kept = (*kept, one)
        return self._render(Outline(whole.title, kept), section) + self.cut

    def _render(self, whole: Outline, section: str) -> str:
        parts = [self.title(whole.title)] if not section else []
        for one in whole.sections:
            if one.name == section or not section:
                parts += [*self.heading(one), *(self.block(block) for block in one.blocks)]
        return "\n\n".join(parts) + "\n"
