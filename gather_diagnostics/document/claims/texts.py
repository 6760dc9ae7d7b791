"""Sentences in evidence.md and evidence.html: does a text have one with other figures than the document?

For texts of another version, whose words can't be made anew: what is known is the document's sentences.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from html.parser import HTMLParser
from typing import Any

FIRST = 72
"""Characters of a sentence that no text cuts off."""
_DIGIT = re.compile(r"\d")
_SPACES = re.compile(r"\s+")
_ESCAPES = re.compile(r"\\(?=[^\w\s])|\u200b")


class _Words(HTMLParser):
    """The words of a page; none of its style."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = False

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self._silent = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)


def unlike(name: str, text: str, claims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A sentence for each place where the text has a claim's words with other digits."""
    shown = _plain(_page(text) if name.endswith(".html") else unescape(text))
    masked = _DIGIT.sub("0", shown)
    known: dict[str, set[str]] = defaultdict(set)
    for claim in claims:
        # Whole, and as far as no text cuts it; without figures there is nothing that could differ.
        whole = _plain(claim["sentence"])
        for part in {whole, whole[:FIRST]}:
            if _DIGIT.search(part):
                known[_DIGIT.sub("0", part)].add(part)
    for mask, sentences in known.items():
        place = masked.find(mask)
        while place >= 0:
            found = shown[place : place + len(mask)]
            # Digits that go on before or behind it make it a part of something else.
            if found not in sentences and not _goes_on(masked, place, len(mask)):
                yield f"{name}: it says {found[:160]!a} where evidence.json says {min(sentences)[:160]!a}"
            place = masked.find(mask, place + 1)


def _goes_on(masked: str, place: int, length: int) -> bool:
    around = masked[max(0, place - 1) : place] + masked[place + length : place + length + 1]
    return "0" in around


def _page(text: str) -> str:
    page = _Words()
    page.feed(text)
    page.close()
    return " ".join(page.words)


def _plain(text: str) -> str:
    """Blanks as one space, Markdown's escapes gone."""
    return _SPACES.sub(" ", _ESCAPES.sub("", text)).strip()
