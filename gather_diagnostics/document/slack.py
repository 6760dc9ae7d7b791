"""The document as a Slack message of Block Kit: the first screen, the suspects, the gaps; the rest is in the bundle.

https://docs.slack.dev/reference/block-kit/blocks, text objects and https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.escaping import cut, link, slack_code, slack_text, visible
from gather_diagnostics.document.limits import Limits
from gather_diagnostics.document.outline import outline
from gather_diagnostics.document.pieces import (
    Block,
    Bullets,
    Callout,
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
    plain,
)

View = Mapping[str, Any]

BLOCKS = 50
"""Of a message."""
CHARACTERS = 3000
"""Of a text object, as it is sent."""
HEADER = 150
TOLD = ("summary", "act", "what", "why", "gaps")
"""Sections of a message; another one is shown where it is asked for by name."""
FEW = Limits(quotes=0, timeline=20, others=6, targets=2, candidates=3, gaps=5, text=200)
_MORE = "_The rest is in evidence.html of the bundle._"


def to_slack(document: View, section: str = "") -> str:
    """JSON for chat.postMessage or an incoming webhook; `text` is what notifications show."""
    whole = outline(document, Limits(quotes=40) if section else FEW)
    shown = [one for one in whole.sections if one.name == section or (not section and one.name in TOLD)]
    blocks = [_header(whole.title)]
    for one in shown:
        blocks += [_section(text) for text in _packed(_lines(one))]
    if len(blocks) > BLOCKS:
        blocks = [*blocks[: BLOCKS - 1], _section(_MORE)]
    message = {
        "text": cut(slack_text(whole.title), CHARACTERS),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": blocks,
    }
    return json.dumps(message, indent=1, ensure_ascii=True) + "\n"


def _header(title: str) -> dict[str, Any]:
    words = cut(visible(title), HEADER)
    return {"type": "header", "text": {"type": "plain_text", "text": words, "emoji": False}}


def _section(text: str) -> dict[str, Any]:
    # Verbatim: no channel, name or address in a log line becomes a link.
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def _packed(lines: Iterator[str]) -> Iterator[str]:
    """Lines together in as few texts as hold them."""
    text = ""
    for line in lines:
        if text and len(text) + 1 + len(line) > CHARACTERS:
            yield text
            text = ""
        text = f"{text}\n{line}" if text else line
    if text:
        yield text


def _lines(section: Section) -> Iterator[str]:
    if section.title:
        yield f"*{section.title}*"
    for block in section.blocks:
        yield from _of_block(block)


def _of_block(block: Block) -> Iterator[str]:
    match block:
        case Paragraph(line) | Callout(line):
            yield _line(line)
        case Facts(facts):
            for fact in facts:
                yield from (_line((f"*{fact.label}:* ", *line)) for line in fact.lines[:1])
                yield from (_line(("      ", *line)) for line in fact.lines[1:])
        case Bullets(items, numbered):
            for number, item in enumerate(items, 1):
                yield _line((f"{number}. " if numbered else "• ", *item.line))
                yield from (_line(("      ◦ ", *line)) for line in item.under)
        case Grid(header, rows, _):
            yield _line((f"_{' · '.join(header)}_",))
            for row in rows:
                cells = [_line(line) for cell in row for line in cell[:1]]
                yield _short(f"• {' · '.join(cells)}", " ".join(plain(line) for cell in row for line in cell[:1]))
        case Quotes(quotes):
            for quote in quotes:
                yield _line(("• ", Strong(quote.words), " ", *quote.line))


def _line(line: Line) -> str:
    return _short("".join(_piece(piece) for piece in line), plain(line))


def _short(text: str, words: str) -> str:
    """A line that fits a text object: where escapes made it too long, its plain words, cut before they are escaped."""
    # An escape is five characters at most.
    return text if len(text) <= CHARACTERS else slack_text(cut(words, CHARACTERS // 5))


def _piece(piece: Piece) -> str:
    match piece:
        case str():
            return piece.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        case Text(words):
            return slack_text(words) or "—"
        case Code(words):
            return slack_code(words)
        case Strong(words):
            return f"*{slack_text(words)}*"
        case Link(words, ref, code):
            target = link(ref)
            # '|' and '>' end the address; files of the bundle are not beside a message.
            if target and target.startswith("http") and not set(target) & set("|<>"):
                return f"<{target.replace('&', '&amp;')}|{slack_text(words)}>"
            return slack_code(words) if code else ""
        case Jump(words):
            return slack_text(words)
        case Rows(jumps, bare):
            words = ", ".join(slack_text(jump.words) for jump in jumps)
            return words if bare or not words else f" ({words})"
