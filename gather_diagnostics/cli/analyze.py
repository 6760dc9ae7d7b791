"""`gather_diagnostics analyze BUNDLE`: run the analyzers again on somebody's bundle, offline."""

from __future__ import annotations

from pathlib import Path

import click

from gather_diagnostics.cli.options import on_bug, output_options, show


@click.command(short_help="Run the analyzers again on a bundle, offline.")
@click.argument("bundle", type=click.Path(path_type=Path))
@output_options
def analyze(*, bundle: Path, out: Path, format_: str, quiet: bool, debug: bool) -> int:
    """Run the analyzers again on BUNDLE (a folder or .tar.gz) and write a new bundle. Needs no source, no network."""
    from gather_diagnostics import pipeline, runner
    from gather_diagnostics.bundle import read

    delivered = pipeline.deliver(runner.analyze(read(bundle), on_bug(debug)), out)
    show(delivered, format_)
    return delivered.exit_code
