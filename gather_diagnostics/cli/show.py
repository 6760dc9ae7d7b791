"""`gather_diagnostics show BUNDLE`: the document in the terminal, or as a ticket, a comment or a chat takes it."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gather_diagnostics.cli.options import debug_option

SECTIONS = (
    "summary", "act", "when", "what", "where", "why", "whys", "others", "runbooks", "timeline", "evidence", "coverage",
    "gaps", "made",
)  # fmt: skip
"""As in `document.outline`, which is too dear to import for a help text; a test compares the two."""


@click.command(short_help="Print a bundle's document: text, md, jira, slack, json.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "md", "jira", "slack", "json"]),
    default="text",
    help="md fits a comment on GitHub and GitLab, jira one of Jira's, slack is a message of Block Kit.",
)
@click.option(
    "--section", type=click.Choice(SECTIONS), default=None, metavar="NAME",
    help=f"This part alone: {', '.join(SECTIONS)}.",
)  # fmt: skip
@debug_option
def show(*, bundle: Path, format_: str, section: str | None, debug: bool) -> int:
    """Print the document of BUNDLE (a folder or .tar.gz), made anew from its tables and findings.

    On a terminal the text comes in a pager. Exit codes: 0 shown, 1 no bundle that can be read.
    """
    from gather_diagnostics.bundle import read
    from gather_diagnostics.document import view

    document = view(read(bundle))
    on_terminal = format_ == "text" and sys.stdout.isatty()
    text = rendered(document, format_, section or "", on_terminal)
    page(text if text.strip() else "This bundle has nothing in that section.\n", on_terminal)
    return 0


def page(text: str, on_terminal: bool) -> None:
    """Put text on stdout, through the pager on a terminal, in an encoding that may lack some of its signs."""
    from gather_diagnostics.document.escaping import encodable

    text = encodable(text, sys.stdout.encoding or "utf-8")
    if on_terminal:
        click.echo_via_pager(text.rstrip("\n"))
    else:
        sys.stdout.write(text)
        sys.stdout.flush()


def width() -> int:
    return shutil.get_terminal_size().columns


def colours(on_terminal: bool) -> bool:
    """https://no-color.org"""
    import os

    return on_terminal and not os.environ.get("NO_COLOR")


def rendered(document: Mapping[str, Any], format_: str, section: str = "", on_terminal: bool = False) -> str:
    """The document, or one of its sections, in one of the forms."""
    match format_:
        case "md":
            from gather_diagnostics.document.markdown import to_markdown

            return to_markdown(document, section)
        case "jira":
            from gather_diagnostics.document.jira import to_jira

            return to_jira(document, section)
        case "slack":
            from gather_diagnostics.document.slack import to_slack

            return to_slack(document, section)
        case "json":
            return _json(document, section)
    from gather_diagnostics.document.terminaltext import to_text

    return to_text(document, section, width=width(), colours=colours(on_terminal))


def _json(document: Mapping[str, Any], section: str) -> str:
    from gather_diagnostics.document.outline import SECTIONS

    keys = SECTIONS[section][1] if section else tuple(document)
    return json.dumps({key: document[key] for key in keys}, indent=1, sort_keys=True) + "\n"
