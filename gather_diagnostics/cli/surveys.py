"""Showing what sources would read, and what stands in their way: for --dry-run, `sources` and `doctor`."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gather_diagnostics.config import Config
    from gather_diagnostics.model import Request
    from gather_diagnostics.runner import Source, Survey


def surveyed(config: Config, request: Request, sources: Mapping[str, Source], *, check: bool) -> dict[str, Survey]:
    """Plan every source; with `check`, ask those in use one cheap question each. Redacted as the configuration says."""
    from gather_diagnostics.runner import survey

    return survey(request, sources, config.settings.redaction.redactor(), check=check)


def show_surveys(request: Request, found: Mapping[str, Survey], *, ready: str, format_: str) -> None:
    """On stdout, as text or as one JSON document. `ready` is the word for a source in use without trouble."""
    if format_ == "json":
        _show_json(request, found)
        return
    for name, window in _windows(request):
        click.echo(f"{name:<9} {window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC")
    for name, survey in found.items():
        _show_source(name, survey, ready)


def _show_json(request: Request, found: Mapping[str, Survey]) -> None:
    from dataclasses import asdict

    document = {
        "service": request.service,
        "windows": {n: [w.start.isoformat(), w.end.isoformat()] for n, w in _windows(request)},
        "sources": {n: asdict(s) | {"used": bool(s.targets)} for n, s in found.items()},
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _windows(request: Request):  # type: ignore[no-untyped-def]
    return (("incident", request.incident), ("baseline", request.baseline), ("changes", request.changes))


def _show_source(name: str, survey: Survey, ready: str) -> None:
    from gather_diagnostics.document.brief import skew_words
    from gather_diagnostics.document.escaping import terminal

    state = "not in use" if not survey.targets else "trouble" if survey.gaps else ready
    click.echo(f"\n{name}: {state}")
    for target in survey.targets:
        click.echo(
            f"  {terminal(target.what)}\n    from {terminal(target.where)}\n    because {terminal(target.because)}"
        )
    if survey.skew is not None:
        click.echo(f"  clock: {skew_words(survey.skew)}")
    for gap in survey.gaps:
        click.echo(f"  missing: {terminal(gap.wanted)}: {terminal(gap.why)}")
        if gap.mend:
            click.echo("    mend: " + terminal(gap.mend, lines=True).replace("\n", "\n          "))
