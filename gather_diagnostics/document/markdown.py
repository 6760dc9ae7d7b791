"""evidence.md: GitHub flavoured Markdown that fits an issue's or a comment's limit, on GitHub and GitLab alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.escaping import link, markdown_cell, markdown_code, markdown_link, markdown_text
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

MOST = 65_536
"""Characters of an issue's body or a comment on GitHub; GitLab takes more."""
_REST = "\n## The rest\n\nThe rest was cut: see evidence.html in the bundle.\n"


def to_markdown(document: View, section: str = "") -> str:
    """The document, or one of its sections, in at most 65,536 characters; says what was cut."""
    return FORM.written(document, section)


def _heading(section: Section) -> Iterator[str]:
    if section.name == "gaps":
        yield '<a name="gaps"></a>'
    if section.title:
        yield f"## {section.title}"


def _block(block: Block) -> str:
    match block:
        case Paragraph(line):
            return _line(line)
        case Callout(line):
            return f"> {_line(line)}"
        case Facts(facts):
            rows = [(f"**{f.label}**" if f.main else f.label, _cell(f.lines)) for f in facts]
            return _table(("", ""), rows, frozenset())
        case Bullets(items, numbered):
            lines = []
            for number, item in enumerate(items, 1):
                sign = f"{number}." if numbered else "-"
                lines.append(f"{sign} {_line(item.line)}")
                # Under the text of its item, which is where a list inside a list must begin.
                lines += [f"{' ' * (len(sign) + 1)}- {_line(line)}" for line in item.under]
            return "\n".join(lines)
        case Grid(header, rows, numbers):
            return _table(header, [tuple(_cell(cell) for cell in row) for row in rows], numbers)
        case Quotes(quotes):
            lines = [f'- <a name="{q.anchor}"></a>**{markdown_text(q.words)}** {_line(q.line)}' for q in quotes]
            return "\n".join(lines)


def _table(header: tuple[str, ...], rows: list[Any], numbers: frozenset[int]) -> str:
    rule = ["---:" if place in numbers else "---" for place in range(len(header))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rule, *rows)).replace("|  |  |", "| | |")


def _cell(cell: Cell) -> str:
    return "<br>".join(_line(line, cell=True) for line in cell) or "—"


def _line(line: Line, *, cell: bool = False) -> str:
    return "".join(_piece(piece, cell) for piece in line).strip() or "—"


def _piece(piece: Piece, cell: bool) -> str:
    match piece:
        case str():
            return piece
        case Text(words):
            return markdown_cell(words)
        case Code(words):
            return markdown_code(words, cell=cell)
        case Strong(words):
            return f"**{_bold(words)}**"
        case Link(words, ref, code):
            shown = markdown_code(words, cell=cell) if code else markdown_text(words)
            return markdown_link(shown, ref) if ref and link(ref) else shown if code else ""
        case Jump():
            return _jump(piece)
        case Rows(jumps, bare):
            words = ", ".join(_jump(jump) for jump in jumps)
            return words if bare or not words else f" ({words})"


def _bold(words: str) -> str:
    # 'more than 99 %' is the one text of ours that would be taken for a quotation, were it at the start of a line.
    return words if words in ("> 99 %", "< 1 %") else markdown_text(words)


def _jump(jump: Jump) -> str:
    return f"[{markdown_text(jump.words)}](#{jump.anchor})" if jump.anchor else markdown_text(jump.words)


FORM = Form(MOST, lambda title: f"# {markdown_text(title)}", _heading, _block, _REST)
