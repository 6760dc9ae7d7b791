"""An update as text, as a message of Slack's Block Kit, and as JSON."""

from __future__ import annotations

import json
from typing import Any

from gather_diagnostics.document.escaping import cut, slack_text, visible
from gather_diagnostics.document.slack import BLOCKS, CHARACTERS, HEADER
from gather_diagnostics.response.updates.rendering import render
from gather_diagnostics.response.updates.telling import Update

FORMATS = ("text", "slack", "json")
_ESCAPED = 5
"""Characters that one may become when it is escaped."""


def written(update: Update, format_: str, folder: str) -> str:
    """The update in one of FORMATS, made by the template 'update-<kind>.txt.j2' of `folder` or the shipped one.

    Raises ConfigError for a template that can't be used.
    """
    # A template of somebody's own may itself hold what acts in a terminal.
    text = visible(render(f"update-{update.kind}.txt.j2", update.as_dict(), folder), lines=True)
    match format_:
        case "slack":
            return json.dumps(_message(text), indent=1, ensure_ascii=True) + "\n"
        case "json":
            return json.dumps({**update.as_dict(), "text": text}, indent=1, sort_keys=True, ensure_ascii=True) + "\n"
    return text


def _message(text: str) -> dict[str, Any]:
    """For chat.postMessage or an incoming webhook: the first line is the header, each paragraph a section.

    https://docs.slack.dev/reference/block-kit/blocks
    """
    title, _, rest = text.partition("\n")
    paragraphs = [paragraph.strip() for paragraph in rest.split("\n\n") if paragraph.strip()]
    header = {"type": "plain_text", "text": cut(title, HEADER), "emoji": False}
    return {
        "text": cut(slack_text(cut(title, HEADER)), CHARACTERS),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [{"type": "header", "text": header}, *(_section(p) for p in paragraphs[: BLOCKS - 1])],
    }


def _section(paragraph: str) -> dict[str, Any]:
    lines = "\n".join(slack_text(line) for line in paragraph.split("\n"))
    if len(lines) > CHARACTERS:
        lines = slack_text(cut(paragraph, CHARACTERS // _ESCAPED))
    return {"type": "section", "text": {"type": "mrkdwn", "text": lines, "verbatim": True}}
