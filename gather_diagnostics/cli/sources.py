"""`gather_diagnostics sources`: what was found and would be used, and why."""

from __future__ import annotations

from pathlib import Path

import click

from gather_diagnostics.cli.asking import build_request, choose_sources, some_service
from gather_diagnostics.cli.options import config_option, debug_option, load_config, survey_options
from gather_diagnostics.cli.surveys import show_surveys, surveyed


@click.command(short_help="List what would be read, and why.")
@survey_options
@config_option
@debug_option
def sources(*, service: str, names: tuple[str, ...], format_: str, config_path: Path | None, debug: bool) -> int:
    """List what was found and would be used, and why. Asks nobody; `doctor` does."""
    from gather_diagnostics import runner

    config = load_config(config_path)
    service = service or some_service(config)
    request = build_request(config, service)
    read = runner.load_sources(config, service, choose_sources(names))
    found = surveyed(config, request, read, check=False)
    show_surveys(request, found, ready="in use", format_=format_)
    return 0
