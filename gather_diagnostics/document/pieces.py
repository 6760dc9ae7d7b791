"""What a text form is made of, whoever renders it: lines of pieces in blocks, blocks in sections.

A `str` among the pieces is our own word and stands as it is, so it must hold nothing that any of the forms takes for
markup. Whatever was fetched, typed or computed comes as one of the classes, and is escaped by the form.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    words: str


@dataclass(frozen=True, slots=True)
class Code:
    words: str


@dataclass(frozen=True, slots=True)
class Strong:
    words: str


@dataclass(frozen=True, slots=True)
class Link:
    words: str
    ref: str | None
    """Untrusted: a form links it only where `escaping.link` lets it through. None: just the words."""
    code: bool = False


@dataclass(frozen=True, slots=True)
class Jump:
    """To a section or a quoted row of the same document."""

    words: str
    anchor: str | None
    """None where its goal was cut."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a claim rests on."""

    jumps: tuple[Jump, ...]
    bare: bool = False
    """Without the parentheses: alone in its cell."""


Piece = str | Text | Code | Strong | Link | Jump | Rows
Line = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    line: Line


@dataclass(frozen=True, slots=True)
class Callout:
    """A warning above everything else."""

    line: Line


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    lines: tuple[Line, ...]
    main: bool = True
    """False: it belongs to the fact above."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The first screen: question and answer."""

    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Item:
    line: Line
    under: tuple[Line, ...] = ()


@dataclass(frozen=True, slots=True)
class Bullets:
    items: tuple[Item, ...]
    numbered: bool = False


Cell = tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()
    """Columns of numbers, which go to the right."""


@dataclass(frozen=True, slots=True)
class Quote:
    anchor: str
    words: str
    line: Line


@dataclass(frozen=True, slots=True)
class Quotes:
    quotes: tuple[Quote, ...]


Block = Paragraph | Callout | Facts | Bullets | Grid | Quotes


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    title: str
    """Empty for the first screen, which stands below the title of the whole."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    title: str
    sections: tuple[Section, ...]


def plain(line: Line) -> str:
    """The words of a line without anything around them."""
    return "".join(_words(piece) for piece in line)


def _words(piece: Piece) -> str:
    match piece:
        case str():
            return piece
        case Rows(jumps, bare):
            words = ", ".join(jump.words for jump in jumps)
            return words if bare or not words else f" ({words})"
        case _:
            return piece.words
