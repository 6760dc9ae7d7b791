"""What to do: mitigations, the runbook that fits, who is told when, the five whys; each as blocks of a text form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.building import Building, says
from gather_diagnostics.document.pieces import Block, Bullets, Code, Item, Line, Link, Paragraph, Strong

View = Mapping[str, Any]

KINDS = {"check": "Check", "decide": "Decide", "act": "Do", "verify": "Verify"}
"""Kinds of steps of a runbook, as people are told."""


def act(m: Building) -> Iterator[Block]:
    """Mitigations first, then who is told when."""
    if not (response := m.d["response"]):
        return
    ways = [way for way in response["mitigations"] if way["helps"]]
    if ways:
        yield Bullets(tuple(_way(m, way) for way in ways), numbered=True)
        yield says("Nothing of this is done by this program.")
    if vain := [way for way in response["mitigations"] if not way["helps"]]:
        yield says("What will not help:")
        yield Bullets(tuple(Item((m.sentence(way["what"]), " ", m.sentence(" ".join(way["why"])))) for way in vain))
    if words := escalation(m.d):
        yield Paragraph((m.sentence(words),))


def _way(m: Building, way: View) -> Item:
    under: list[Line] = [(Code(line),) for line in way["command"].splitlines()]
    under += [("why: ", m.sentence(words)) for words in way["why"]]
    under += [(f"{label}: ", m.sentence(way[label])) for label in ("risk", "undo") if way[label]]
    return Item((Strong(m.words(way["what"])), m.rows(way["supports"])), tuple(under))


def escalation(document: View) -> str:
    """Who answers how fast, and who comes next; empty where nothing calls for a severity."""
    response = document["response"]
    if not response or not response["severity"]["level"]:
        return ""
    plan = response["escalation"]
    words = (
        f"{response['severity']['level']}: answer within {minutes(plan['respond_minutes'])},"
        f" tell {_all(plan['notify'])} at once, and stakeholders every {minutes(plan['update_minutes'])}."
    )
    later = [f"after {minutes(step['after_minutes'])} {_all(step['notify'])}" for step in plan["then"]]
    return f"{words} Then call {'; '.join(later)}." if later else words


def minutes(count: int) -> str:
    """'15 min', '2 h', '1 h 30 min'."""
    hours, rest = divmod(count, 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{rest} min"] if rest or not hours else [])])


def _all(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names) or "nobody"


def runbooks(m: Building) -> Iterator[Block]:
    """The best in short, step by step; the others by name; those of the service catalogue."""
    books = m.d["response"]["runbooks"] if m.d["response"] else []
    if books:
        yield from _quoted(m, books[0])
    if more := books[1:]:
        yield says("These fit as well:")
        yield Bullets(
            tuple(Item((Code(f"gather_diagnostics runbook show {b['id']}"), " ", m.sentence(b["title"]))) for b in more)
        )
    fits = {book["id"] for book in books}
    if named := [r for r in m.d["runbooks"] if r not in fits][: m.limits.others]:
        yield says("The service catalogue names:")
        yield Bullets(tuple(Item((Link(m.words(r), r, code=True),)) for r in named))


def _quoted(m: Building, book: View) -> Iterator[Block]:
    yield Paragraph((Strong(m.words(book["title"])), " ", m.code(book["id"])))
    yield Paragraph(inline(m, book["intro"].partition("\n\n")[0]))
    held = [h for h in book["because"] if h["headline"]]
    yield Bullets(tuple(Item(("fits, since ", m.sentence(h["headline"]))) for h in held))
    yield Bullets(tuple(_step(m, step) for step in book["steps"]), numbered=True)
    if book["escalation"]:
        yield Paragraph(("Where it does not help: call the ", m.sentence(book["escalation"]), "."))


def _step(m: Building, step: View) -> Item:
    under: list[Line] = [(Code(m.words(line)),) for line in step["text"].splitlines() if line.strip()]
    if step["kind"] == "act":
        under += [(f"{label}: ", m.sentence(step[label])) for label in ("risk", "undo") if step[label]]
    return Item((f"{KINDS[step['kind']]}: ", m.sentence(step["title"])), tuple(under))


def inline(m: Building, markdown: str) -> Line:
    """A paragraph of a runbook: what stands between backquotes as code, the rest as text."""
    parts = " ".join(markdown.split()).split("`")
    return tuple(m.code(part) if place % 2 else m.sentence(part) for place, part in enumerate(parts) if part)


def whys(m: Building) -> Iterator[Block]:
    """The chain as far as evidence goes; what is open is asked."""
    found = m.d["response"]["whys"] if m.d["response"] else None
    if not found or not (found["links"] or found["open"]):
        return
    if found["links"]:
        items = [
            Item((m.sentence(w["question"]),), ((m.sentence(w["answer"]), m.rows(w["supports"])),))
            for w in found["links"]
        ]
        yield Bullets(tuple(items), numbered=True)
    if found["open"]:
        yield says("What the evidence does not answer:")
        yield Bullets(tuple(Item((m.sentence(question),)) for question in found["open"]))
    category = found["category"]
    yield Paragraph(("Kind of cause: ", Strong(category["name"]), ". ", m.sentence(category["why"])))
