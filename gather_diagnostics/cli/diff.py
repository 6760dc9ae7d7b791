"""`gather_diagnostics diff BUNDLE BUNDLE`: before and after a mitigation."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from gather_diagnostics.cli.options import debug_option
from gather_diagnostics.cli.show import colours, page, width


@click.command(short_help="Compare two bundles: better, worse or unchanged?")
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--format", "format_", type=click.Choice(["text", "json"]), default="text")
@debug_option
def diff(*, before: Path, after: Path, format_: str, debug: bool) -> int:
    """Compare two bundles of one service, BEFORE and AFTER a mitigation (folders or .tar.gz): failing requests,
    latency, error patterns, restarts, suspects, gaps.

    The time from the onset is set against the last 15 minutes of the second bundle. A measure is better or worse where
    it moved by more than the two baselines differ, and significantly. Exit codes: 0 compared, whatever came of it; 1 no
    bundle that can be read.
    """
    from gather_diagnostics.bundle import read
    from gather_diagnostics.document.difference import compare, tell
    from gather_diagnostics.document.terminaltext import blocks_text

    found = compare(read(before), read(after))
    if format_ == "json":
        page(json.dumps(found, indent=1, sort_keys=True) + "\n", on_terminal=False)
        return 0
    on_terminal = sys.stdout.isatty()
    page(blocks_text(tell(found), width=width(), colours=colours(on_terminal)), on_terminal)
    return 0
