"""`gather_diagnostics doctor`: is each source reachable, may we read it, does its clock agree, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from gather_diagnostics.cli.asking import build_request, choose_sources, some_service
from gather_diagnostics.cli.options import config_option, debug_option, load_config, survey_options
from gather_diagnostics.cli.surveys import show_surveys, surveyed
from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_PARTIAL, NoSourceError

OURS = ("analyzers", "collectors", "gather_diagnostics", "runbooks")


@click.command(short_help="Check every source; say how to mend what is missing.")
@survey_options
@config_option
@debug_option
def doctor(*, service: str, names: tuple[str, ...], format_: str, config_path: Path | None, debug: bool) -> int:
    """Ask every source in use one small real question: is it reachable, may we read it, does its clock agree.

    Exit code 0 when all is well, 2 when something would be missing, 3 when no source is in use.
    """
    from gather_diagnostics import runner

    config = load_config(config_path)
    service = service or some_service(config)
    request = build_request(config, service, deadline="40s")
    read = runner.load_sources(config, service, choose_sources(names))
    found = surveyed(config, request, read, check=True)
    show_surveys(request, found, ready="ready", format_=format_)
    for warning in shadowed():
        click.echo(f"warning: {warning}", err=True)
    used = [s for s in found.values() if s.targets]
    if not used:
        raise NoSourceError("no source is in use: see what each one says above")
    return EXIT_PARTIAL if any(s.gaps for s in used) else EXIT_COMPLETE


def shadowed() -> Iterator[str]:
    """Sentences about foreign distributions that ship a top-level package of our name: theirs may overwrite ours."""
    from importlib.metadata import packages_distributions

    owners = packages_distributions()
    for package in OURS:
        others = sorted(set(owners.get(package, ())) - {"gather-diagnostics"})
        if others:
            yield (
                f"the package {package!r} is also shipped by {', '.join(others)}: install gather-diagnostics into an"
                " environment of its own (pipx, uv tool)"
            )
