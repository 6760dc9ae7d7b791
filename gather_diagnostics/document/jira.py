"""The document in Jira's wiki markup, for a description or a comment.

Notation: https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.escaping import jira_code, jira_text, link
from gather_diagnostics.document.forms import Form
from gather_diagnostics.document.pieces import (
    Block,
    Bullets,
    Callout,
    Cell,
    Code,
    Facts,
    Grid,
    Jump,
    Line,
    Link,
    Paragraph,
    Piece,
    Quotes,
    Rows,
    Section,
    Strong,
    Text,
)

View = Mapping[str, Any]

MOST = 32_767
"""Characters of a text field, as Jira is delivered (jira.text.field.character.limit)."""
_REST = "\n{anchor:gaps}\nThe rest was cut: see evidence.html in the bundle.\n"


def to_jira(document: View, section: str = "") -> str:
    """The document, or one of its sections, in at most 32,767 characters; says what was cut."""
    return FORM.written(document, section)


def _heading(section: Section) -> Iterator[str]:
    if section.title:
        yield f"h2. {'{anchor:gaps}' if section.name == 'gaps' else ''}{section.title}"


def _block(block: Block) -> str:
    match block:
        case Paragraph(line):
            return _line(line)
        case Callout(line):
            return f"{{quote}}{_line(line)}{{quote}}"
        case Facts(facts):
            return "\n".join(f"||{f.label}|{_cell(f.lines)}|" for f in facts)
        case Bullets(items, numbered):
            sign = "#" if numbered else "*"
            lines = [
                (f"{sign} {_line(item.line)}", *(f"{sign}* {_line(line)}" for line in item.under)) for item in items
            ]
            return "\n".join(line for item in lines for line in item)
        case Grid(header, rows, _):
            head = f"||{'||'.join(header)}||"
            return "\n".join([head, *(f"|{'|'.join(_cell(cell) for cell in row)}|" for row in rows)])
        case Quotes(quotes):
            return "\n".join(f"* {{anchor:{q.anchor}}}*{jira_text(q.words)}* {_line(q.line)}" for q in quotes)


def _cell(cell: Cell) -> str:
    # Two backslashes break a line; the blanks keep them apart from what would change their meaning.
    return " \\\\ ".join(_line(line) for line in cell) or "—"


def _line(line: Line) -> str:
    return "".join(_piece(piece) for piece in line).strip() or "—"


def _piece(piece: Piece) -> str:
    match piece:
        case str():
            return piece
        case Text(words):
            return jira_text(words) or "—"
        case Code(words):
            return jira_code(words)
        case Strong(words):
            return f"*{jira_text(words)}*"
        case Link(words, ref, code):
            return _linked(words, ref, code)
        case Jump():
            return _jump(piece)
        case Rows(jumps, bare):
            words = ", ".join(_jump(jump) for jump in jumps)
            return words if bare or not words else f" ({words})"


def _linked(words: str, ref: str | None, code: bool) -> str:
    """Web addresses are linked; files of the bundle are not beside a ticket."""
    target = link(ref)
    if target and target.startswith("http") and not set(target) & set("|[]{}!\\^"):
        return f"[{jira_text(words)}|{target}]"
    return jira_code(words) if code else ""


def _jump(jump: Jump) -> str:
    return f"[{jira_text(jump.words)}|#{jump.anchor}]" if jump.anchor else jira_text(jump.words)


FORM = Form(
    MOST,
    lambda title: f"h1. {jira_text(title)}",
    _heading,
    _block,
    "\n{anchor:gaps}\nThe rest was cut: see evidence.html in the bundle.\n",
)
