"""The document as text for a terminal: wrapped to its width, bold and dim where it shows them, nothing else."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from gather_diagnostics.document.escaping import terminal
from gather_diagnostics.document.limits import Limits
from gather_diagnostics.document.outline import outline
from gather_diagnostics.document.pieces import (
    Block,
    Bullets,
    Callout,
    Facts,
    Grid,
    Line,
    Paragraph,
    Quotes,
    Section,
    plain,
)

View = Mapping[str, Any]

EVERYTHING = Limits(quotes=300, timeline=200, others=200, targets=20, candidates=20, gaps=200, text=2000)
"""A pager has room."""
WIDEST = 120
"""Longer lines are hard to read."""
LABEL = 16
GAP = "  "


@dataclass(frozen=True, slots=True)
class Screen:
    """What is written for."""

    width: int
    colours: bool

    def bold(self, text: str) -> str:
        return click.style(text, bold=True) if self.colours and text else text

    def dim(self, text: str) -> str:
        return click.style(text, dim=True) if self.colours and text else text


def to_text(document: View, section: str = "", *, width: int = 80, colours: bool = False) -> str:
    """The whole document, or one of its sections."""
    screen = Screen(max(40, min(width, WIDEST)), colours)
    whole = outline(document, EVERYTHING)
    title = [screen.bold(text) for text in _wrapped(terminal(whole.title), screen.width)]
    parts = [] if section else ["\n".join(title)]
    parts += [text for one in whole.sections if one.name == section or not section for text in _section(one, screen)]
    return "\n\n".join(parts) + "\n"


def blocks_text(blocks: Sequence[Block], *, width: int = 80, colours: bool = False) -> str:
    screen = Screen(max(40, min(width, WIDEST)), colours)
    return "\n\n".join(_block(block, screen) for block in blocks) + "\n"


def _section(section: Section, screen: Screen) -> Iterator[str]:
    if section.title:
        yield screen.bold(section.title)
    yield from (_block(block, screen) for block in section.blocks)


def _words(line: Line) -> str:
    return terminal(plain(line)).strip() or "—"


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False, drop_whitespace=True
    ) or [first.rstrip()]


def _block(block: Block, screen: Screen) -> str:
    match block:
        case Paragraph(line):
            return "\n".join(_wrapped(_words(line), screen.width))
        case Callout(line):
            return "\n".join(screen.bold(text) for text in _wrapped(_words(line), screen.width, "! ", "  "))
        case Facts(facts):
            return "\n".join(
                text
                for fact in facts
                for number, line in enumerate(fact.lines)
                for text in _labelled(fact.label if number == 0 else "", line, screen)
            )
        case Bullets(items, numbered):
            return "\n".join(
                text
                for number, item in enumerate(items, 1)
                for text in _item(item, f"{number}." if numbered else "-", screen)
            )
        case Grid(header, rows, numbers):
            return "\n".join(_grid(header, [[_cell(cell) for cell in row] for row in rows], numbers, screen))
        case Quotes(quotes):
            return "\n".join(
                text for q in quotes for text in _wrapped(f"{q.words}  {_words(q.line)}", screen.width, "", "    ")
            )


def _labelled(label: str, line: Line, screen: Screen) -> Iterator[str]:
    lines = _wrapped(_words(line), screen.width - LABEL)
    yield f"{screen.dim(f'{label:<{LABEL}}')}{lines[0]}"
    yield from (f"{'':<{LABEL}}{text}" for text in lines[1:])


def _item(item: Any, sign: str, screen: Screen) -> Iterator[str]:
    indent = " " * (len(sign) + 1)
    yield from _wrapped(_words(item.line), screen.width, f"{sign} ", indent)
    for line in item.under:
        yield from _wrapped(_words(line), screen.width, f"{indent}- ", f"{indent}  ")


def _cell(cell: Sequence[Line]) -> str:
    return "; ".join(_words(line) for line in cell)


def _grid(
    header: Sequence[str], rows: Sequence[Sequence[str]], numbers: frozenset[int], screen: Screen
) -> Iterator[str]:
    """Columns as wide as what is in them; the widest wraps. Where that leaves it no room, each row is a paragraph."""
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    widest = max(range(len(widths)), key=lambda place: widths[place])
    room = screen.width - sum(widths) + widths[widest] - len(GAP) * (len(widths) - 1)
    if room < min(widths[widest], 24):
        for row in rows:
            text = "; ".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=True) if cell != "—")
            yield from _wrapped(text, screen.width, "- ", "  ")
        return
    widths[widest] = min(widths[widest], room)
    yield screen.dim(_row(header, widths, numbers))
    for row in rows:
        wrapped = _wrapped(row[widest], widths[widest])
        for number, text in enumerate(wrapped):
            cells = [text if place == widest else "" if number else cell for place, cell in enumerate(row)]
            yield _row(cells, widths, numbers)


def _row(cells: Sequence[str], widths: Sequence[int], numbers: frozenset[int]) -> str:
    padded = (
        cell.rjust(width) if place in numbers else cell.ljust(width)
        for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return GAP.join(padded).rstrip()
