"""The first screen of every text form: the questions of somebody who was asleep five minutes ago, answered.

It is the same however long the rest is, and bounded whatever a source put into it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.document import brief, impact
from gather_diagnostics.document.clock import clock
from gather_diagnostics.document.limits import shortened
from gather_diagnostics.document.pieces import (
    Block,
    Callout,
    Code,
    Fact,
    Facts,
    Jump,
    Line,
    Paragraph,
    Piece,
    Rows,
    Strong,
    Text,
)

View = Mapping[str, Any]

SENTENCE = 600
REASON = 300
NAME = 160
SOURCES = 20
GAPS = 4
REASONS = 3
ACTIONS = 4
SIGNS = {"complete": "✅", "partial": "⚠️", "failed": "❌"}
_BLANK = "▫️"


def rows_of(document: View, supports: Sequence[View], kept: frozenset[str], *, bare: bool = False) -> Rows:
    """The rows of some supports; those that the appendix quotes can be jumped to."""
    links = brief.evidence_links(document, supports)
    return Rows(tuple(Jump(words, anchor if anchor in kept else None) for anchor, words in links), bare)


def claim(document: View, finding: View, kept: frozenset[str], most: int = SENTENCE) -> Line:
    return (Text(shortened(finding["headline"], most)), rows_of(document, finding["supports"], kept))


def first_screen(document: View, kept: frozenset[str]) -> tuple[Block, ...]:
    """`kept`: anchors of the rows that are quoted further down."""
    blocks: list[Block] = []
    if document["demo"]:
        blocks.append(Callout((Strong("Not real."), " ", Text(shortened(document["demo"], REASON)))))
    if document["interrupted"]:
        words = " Collection was stopped early: this is what had come in by then."
        blocks.append(Callout((Strong("Interrupted."), words)))
    blocks += [Paragraph(_sources(document)), Facts(tuple(_facts(document, kept)))]
    if document["description"]:
        blocks.append(Paragraph(("The alert said: ", Code(shortened(document["description"], 400)))))
    return tuple(blocks)


def _sources(document: View) -> Line:
    """The coverage strip: says of every source whether it was seen."""
    used = [c for c in document["coverage"] if c["status"] != "not_used"]
    pieces: list[Piece] = []
    for covered in used[:SOURCES]:
        rows = brief.rows_words(covered)
        seen = bool(rows) or covered["status"] != "complete"
        sign = SIGNS.get(covered["status"], _BLANK) if seen else _BLANK
        state = brief.source_state(covered) + (f": {rows}" if rows else "")
        pieces += [" · "] if pieces else []
        pieces += [f"{sign} ", Strong(shortened(covered["source"], 40)), " ", Text(shortened(state, NAME))]
    if len(used) > SOURCES:
        pieces.append(f" · and {len(used) - SOURCES} more")
    if names := brief.idle(document):
        pieces += [" · "] if pieces else []
        pieces += [f"{_BLANK} not in use: ", Text(shortened(names, NAME))]
    return tuple(pieces) or ("No source was asked.",)


def _facts(document: View, kept: frozenset[str]) -> Iterator[Fact]:
    broken = [claim(document, f, kept) for f in brief.broken(document)]
    yield Fact("What is broken", tuple(broken) or ((Text(brief.what(document)),),))
    onset = document["onset"]
    seen = (rows_of(document, onset["supports"], kept),) if onset else ()
    yield Fact("Since", ((Text(shortened(brief.since(document), SENTENCE)), *seen),))
    yield Fact("How bad", ((Text(shortened(impact.how_bad(document), SENTENCE)),),))
    if places := brief.look_first(document):
        yield Fact("Look first at", tuple(claim(document, f, kept) for f in places))
    yield from _suspect(document, kept)
    if actions := document["priority_actions"][:ACTIONS]:
        yield Fact("Do first", tuple(_action(a) for a in actions))
    yield Fact("Not seen", tuple(_not_seen(document)))


def _action(action: View) -> Line:
    command: Line = (" ", Code(shortened(action["command"], SENTENCE))) if action["command"] else ()
    return (Text(shortened(action["action"], SENTENCE)), *command)


def _suspect(document: View, kept: frozenset[str]) -> Iterator[Fact]:
    first = brief.suspect(document)
    if first is None:
        yield Fact("First suspect", (("none: ", Text(shortened(brief.suspect_words(document), SENTENCE))),))
        return
    by: Line = (" by ", Code(shortened(first["author"], NAME))) if first["author"] else ()
    at = f", in effect {clock(first['effective'] or first['time'])} UTC"
    change: Line = (
        Strong(brief.percent(first["probability"])), " ", Text(shortened(first["kind"], 40)), " ",
        Code(shortened(first["summary"], NAME)), *by, at, rows_of(document, first["supports"], kept),
    )  # fmt: skip
    yield Fact("First suspect", (change,))
    for label, side in (("for it", "for"), ("against it", "against")):
        words = [(Text(shortened(w, REASON)),) for w in brief.reasons(first, side, REASONS)]
        yield Fact(label, tuple(words) or (("nothing was found",),), main=False)


def _not_seen(document: View) -> Iterator[Line]:
    yield from ((Text(words),) for words in brief.unanswered(document))
    gaps = brief.not_seen(document)
    for gap in gaps[:GAPS]:
        words = (shortened(gap["source"], 40), shortened(gap["wanted"], NAME), shortened(gap["why"], REASON))
        yield (Text(": ".join(words)),)
    if not gaps:
        yield ("No source that was asked reported a gap.",)
    if len(gaps) > GAPS:
        yield (f"{len(gaps) - GAPS} more: see ", Jump("gaps", "gaps"))
