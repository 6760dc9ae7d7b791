"""`gather_diagnostics sources`: what was found and would be used, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gather_diagnostics.cli.asking import build_request, choose_sources
from gather_diagnostics.cli.options import config_option, debug_option, load_config

if TYPE_CHECKING:
    from gather_diagnostics.model import Request
    from gather_diagnostics.runner import Source, Survey


@click.command(short_help="List what would be read, and why.")
@click.option("--service", default="", metavar="NAME", help="For this service; default: any.")
@click.option("--source", "names", multiple=True, metavar="NAME", help="This source only; repeatable.")
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@config_option
@debug_option
def sources(*, service: str, names: tuple[str, ...], format_: str, config_path: Path | None, debug: bool) -> int:
    """List what was found and would be used, and why; ask each source one cheap question."""
    from gather_diagnostics import runner

    config = load_config(config_path)
    if not service:
        service = next(iter(config.settings.services), Path.cwd().name or "unknown")
    request = build_request(config, service, deadline="20s")
    print_survey(request, runner.load_sources(config, service, choose_sources(names)), check=True, format_=format_)
    return 0


def print_survey(request: Request, sources: Mapping[str, Source], *, check: bool, format_: str) -> None:
    """What each source would read (and with `check`, whether it can), on stdout."""
    from dataclasses import asdict

    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.runner import survey

    found = survey(request, sources, Redactor(), check=check)
    if format_ == "json":
        document = {
            "service": request.service,
            "windows": {n: [w.start.isoformat(), w.end.isoformat()] for n, w in _windows(request)},
            "sources": {n: asdict(s) | {"used": bool(s.targets)} for n, s in found.items()},
        }
        json.dump(document, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return
    for name, window in _windows(request):
        click.echo(f"{name:<9} {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC")
    for name, surveyed in found.items():
        _print_source(name, surveyed, check)


def _windows(request: Request):  # type: ignore[no-untyped-def]
    return (("incident", request.incident), ("baseline", request.baseline), ("changes", request.changes))


def _print_source(name: str, surveyed: Survey, check: bool) -> None:
    from gather_diagnostics.document.escaping import terminal

    state = (
        "not in use" if not surveyed.targets else "trouble" if surveyed.gaps else "ready" if check else "would be read"
    )
    click.echo(f"\n{name}: {state}")
    for target in surveyed.targets:
        click.echo(
            f"  {terminal(target.what)}\n    from {terminal(target.where)}\n    because {terminal(target.because)}"
        )
    for gap in surveyed.gaps:
        click.echo(f"  missing: {terminal(gap.wanted)}: {terminal(gap.why)}")
        if gap.mend:
            click.echo(f"    mend: {terminal(gap.mend)}")
