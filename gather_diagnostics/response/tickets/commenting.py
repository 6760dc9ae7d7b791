"""Our comment on a ticket: found again by its mark, updated where it is out of date, else added."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol

from gather_diagnostics.response.tickets import texts
from gather_diagnostics.response.tickets.model import Package, Progress, Receipt

PART = "comment"
"""What `Progress` knows it by."""
Became = Literal["sent", "updated", "already"]


@dataclass(frozen=True, slots=True)
class Comment:
    id: str
    text: str
    """As the server has it."""
    url: str = ""


class Thread(Protocol):
    """The comments of one ticket. Every method raises SendError."""

    def comments(self) -> Iterable[Comment]:
        """All of them, the oldest first."""

    def add(self, text: str) -> Comment: ...

    def edit(self, comment: Comment, text: str) -> Comment | None:
        """None where the server does not let us: it is another person's, or nobody's to edit."""


def settle(thread: Thread, package: Package, text: str, done: Progress) -> tuple[Became, Comment]:
    """Have this text on the ticket once, remembered. Raises SendError."""
    digest = texts.digest(text)
    known = (done.facts(PART) or {}).get("id", "")
    ours = [c for c in thread.comments() if c.id == known or is_ours(c.text, package.mark)]
    found = next((c for c in ours if c.id == known), ours[-1] if ours else None)
    # Servers reword what they store (Jira Cloud does): what was sent says more than what is there.
    if found and found.id == known and done.has(PART, digest):
        return "already", found
    became, comment = _written(thread, package, text, found)
    done.save(PART, digest, {"id": comment.id, "url": comment.url})
    return became, comment


def receipt(url: str, became: Became, archive: tuple[Became, str] | None, left_out: str = "") -> Receipt:
    """Of a comment and, where there is one, an archive."""
    parts: dict[Became, list[str]] = {"sent": [], "updated": [], "already": []}
    if archive:
        parts[archive[0]].append(archive[1])
    parts[became].append(PART)
    sent, updated, already = (tuple(parts[kind]) for kind in ("sent", "updated", "already"))
    return Receipt(url, sent, updated, already, (left_out,) if left_out else ())


def is_ours(text: str, mark: str) -> bool:
    """The mark is on the last line: whoever quotes us has it further up, or behind a '>'."""
    last = text.rstrip().rpartition("\n")[2].strip()
    return not last.startswith(">") and re.search(rf"{re.escape(mark)}-[0-9a-f]{{16}}\W*$", last) is not None


def _written(thread: Thread, package: Package, text: str, found: Comment | None) -> tuple[Became, Comment]:
    if found is None:
        return "sent", thread.add(text)
    if _lines(found.text) == _lines(text):
        return "already", found
    if edited := thread.edit(found, text):
        return "updated", edited
    return ("already", found) if package.stamp in found.text else ("sent", thread.add(text))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
