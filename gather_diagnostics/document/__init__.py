"""The evidence document: one plain dict, and what people read of it - Markdown, HTML, a terminal summary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gather_diagnostics.document.view import answered, completed, view

__all__ = ["answered", "completed", "render", "view", "warm"]


def warm() -> None:
    """Import what documents are made with and compile the page, 0.15 s, so that nobody waits for it later."""
    from gather_diagnostics.document import html, markdown, summary  # noqa: F401 - they are to be imported
    from gather_diagnostics.document.claims import recomputing  # noqa: F401

    html.warm()


def render(document: Mapping[str, Any]) -> dict[str, bytes]:
    """evidence.json, evidence.md and evidence.html (UTF-8) of what `view` returned."""
    from gather_diagnostics.document.html import to_html
    from gather_diagnostics.document.markdown import to_markdown
    from gather_diagnostics.document.view import to_json

    return {
        "evidence.json": to_json(document).encode(),
        "evidence.md": to_markdown(document).encode(),
        "evidence.html": to_html(document).encode(),
    }
