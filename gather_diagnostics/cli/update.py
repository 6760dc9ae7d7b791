"""`gather_diagnostics update initial|progress|resolved BUNDLE`: what stakeholders are told."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gather_diagnostics.cli.options import config_option, debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.config import Response
    from gather_diagnostics.response.updates import Update

HOURLY = timedelta(hours=1)
"""To the next update, where no severity calls for one."""


@click.command(short_help="Write an update for stakeholders: initial, progress, resolved.")
@click.argument("kind", type=click.Choice(["initial", "progress", "resolved"]))
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--severity", default="", metavar="LEVEL", help="SEV2, P1, high, ...; default: the bundle's.")
@click.option("--next-update", "next_update", default="", metavar="30m", help="Default: as the escalation matrix says.")
@click.option("--note", default="", metavar="TEXT", help="Added as a paragraph, word for word.")
@click.option("--format", "format_", type=click.Choice(["text", "slack", "json"]), default="text")
@config_option
@debug_option
def update(
    *, kind: Any, bundle: Path, severity: str, next_update: str, note: str, format_: str, config_path: Path | None,
    debug: bool,
) -> int:  # fmt: skip
    """Write what people outside the team are told about the incident in BUNDLE (a folder or .tar.gz), in plain words
    and from its evidence: what is affected, since when, how much, what was done, and when they hear more.

    Nothing is sent. What the evidence does not tell stands as <...> in the text and is named on stderr. Exit codes:
    0 written, 1 no bundle that can be read, or a template or option that can't be used.
    """
    from gather_diagnostics import windows
    from gather_diagnostics.bundle import read
    from gather_diagnostics.cli.show import page
    from gather_diagnostics.document import view
    from gather_diagnostics.redaction.messages import hidden
    from gather_diagnostics.response.updates import tell, written

    interval = windows.duration(next_update, "--next-update") if next_update else None
    settings = load_config(config_path).settings.response
    evidence = read(bundle)
    document = view(evidence)
    level, usual = _level(document, severity, settings)
    note = note if note or kind != "resolved" else _asked(document, evidence.tables)
    told = tell(
        document, evidence.tables, kind, severity=level, now=datetime.now(UTC), interval=interval or usual,
        note=hidden(note) if note else "",
    )  # fmt: skip
    page(written(told, format_, settings.templates), on_terminal=False)
    _warn(told)
    return 0


def _level(document: Mapping[str, Any], typed: str, settings: Response) -> tuple[str, timedelta]:
    """The severity's word, and how long it is until the next update."""
    from gather_diagnostics.response import escalation
    from gather_diagnostics.response.severity import judge

    there = document.get("response")
    if there and not typed:
        judged, plan = there["severity"], there["escalation"]
    else:
        judged = judge(document, typed or document["severity"]["given"], settings.severity_scheme)
        matrix = escalation.read(Path(settings.escalation_matrix) if settings.escalation_matrix else None)
        plan = escalation.plan(judged, matrix, document["owner"])
    return judged["level"], timedelta(minutes=plan["update_minutes"]) or HOURLY


def _asked(document: Mapping[str, Any], tables: Mapping[str, Any]) -> str:
    """What fixed it, from the person at the terminal, where the journal does not say so and there is one."""
    from gather_diagnostics.response.updates import doing

    if doing.done(doing.steps(tables)) or not sys.stdin.isatty():
        return ""
    words = click.prompt("What fixed it? (empty: fill it in later)", default="", show_default=False, err=True)
    return f"What fixed it: {words}" if words.strip() else ""


def _warn(told: Update) -> None:
    """What the person has to look at before sending it, on stderr."""
    from gather_diagnostics.response.updates.telling import OPEN

    missing = [words for words in OPEN if words in (told.began, told.ended, told.fix)]
    if missing:
        click.echo(f"To fill in before you send it: {', '.join(missing)}.", err=True)
    if told.kind == "resolved" and not told.duration:
        click.echo("The evidence does not show that it is over: gather again, or run the recovery check.", err=True)
