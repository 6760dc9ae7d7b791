"""Cuts a runbook's Markdown at its second-level headings, as CommonMark sees them, and finds the blocks of YAML."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

BLOCKS = ("check", "decide", "act", "verify")
"""First words behind a fence that make it a step's block; other fences are prose."""


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block."""

    kind: str
    """One of BLOCKS."""
    text: str
    line: int
    """1-based, of its first line of YAML."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it."""

    title: str
    line: int
    """1-based, of the heading."""
    prose: str
    """Markdown without the blocks."""
    blocks: tuple[Block, ...]


def cut(lines: Sequence[str], first: int) -> tuple[str, tuple[Section, ...]]:
    """What stands before the first section, and the sections; `first` is the 1-based number of the first line."""
    tokens = _markdown().parse("\n".join(lines))
    heads = [n for n, token in enumerate(tokens) if token.level == 0 and token.tag == "h2" and token.nesting == 1]
    intro_ends = _span(tokens[heads[0]])[0] if heads else len(lines)
    ends = [*heads[1:], len(tokens)]
    sections = (_section(lines, tokens[head:end], first) for head, end in zip(heads, ends, strict=False))
    return "\n".join(lines[:intro_ends]).strip(), tuple(sections)


def _section(lines: Sequence[str], tokens: Sequence[Token], first: int) -> Section:
    """Of the tokens from a heading up to the next one."""
    start, behind = _span(tokens[0])
    fences = [t for t in tokens if t.level == 0 and t.type == "fence" and _kind(t)]
    end = max(_span(token)[1] for token in tokens if token.map)
    gone = {n for fence in fences for n in range(*_span(fence))}
    prose = "\n".join(line for n, line in enumerate(lines[behind:end], start=behind) if n not in gone)
    blocks = tuple(Block(_kind(f), f.content, _span(f)[0] + 1 + first) for f in fences)
    return Section(tokens[1].content.strip(), start + first, prose.strip(), blocks)


def _kind(fence: Token) -> str:
    word = fence.info.split()[0] if fence.info.split() else ""
    return word if word in BLOCKS else ""


def _span(token: Token) -> tuple[int, int]:
    """0-based first line, and the line behind the last."""
    first, behind = token.map or (0, 0)
    return first, behind


@functools.cache
def _markdown() -> MarkdownIt:
    """Blocks alone: what stands inside a line is nobody's question here, and costs most of the time."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark").disable("inline")
