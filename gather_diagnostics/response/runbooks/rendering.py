"""A runbook as Markdown for a person to read: its steps numbered, what to ask and to do filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.escaping import markdown_text, visible
from gather_diagnostics.response.runbooks.model import Runbook

View = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the page."""

    text: str
    code: bool = False
    """To be copied: shown as it is; else Markdown."""


def to_markdown(book: Runbook, steps: Sequence[View]) -> str:
    """The whole page; `steps` are what `telling.told_step` makes of its steps."""
    return "\n\n".join(_fenced(part.text) if part.code else part.text for part in parts(book, steps)) + "\n"


def parts(book: Runbook, steps: Sequence[View]) -> list[Part]:
    """The page in pieces, for who can't show Markdown's code blocks so that they can be copied."""
    found = [Part(f"# {markdown_text(book.title)}"), Part(_about(book)), Part(visible(book.intro, lines=True))]
    for number, step in enumerate(steps, start=1):
        found += _step(number, step)
    return [part for part in found if part.text]


def _about(book: Runbook) -> str:
    words = [f"`{book.id}`", book.kind]
    words += [f"owner {markdown_text(book.owner)}"] if book.owner else []
    words += [f"reviewed {book.last_reviewed}"]
    words += [f"if it does not help: {markdown_text(book.escalation)}"] if book.escalation else []
    return ", ".join(words)


def _step(number: int, step: View) -> Iterator[Part]:
    yield Part(f"## {number}. {markdown_text(step['title'])}")
    yield Part(f"*{step['kind']}* `{step['id']}`")
    yield Part(visible(step["prose"], lines=True))
    yield Part(visible(step["text"], lines=True), code=True)
    yield Part(f"Risk: {markdown_text(step['risk'])}" if step["risk"] else "")
    yield Part("Undo:" if step["undo"] else "")
    yield Part(visible(step["undo"], lines=True), code=True)


def _fenced(text: str) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
