"""What a person sees on stderr while a recovery is watched: a table on a terminal, else a line for each look."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.table import Table

    from gather_diagnostics.response.recovery import Look

Shown = Callable[["Look"], None]

_COLOURS = {"recovered": "green", "not yet": "yellow", "worse": "red", "not seen": "magenta"}


@contextmanager
def view(length: timedelta) -> Iterator[Shown]:
    """Something to be called with each look of a watch of `length`."""
    if not sys.stderr.isatty():
        yield _plain
        return
    from rich.console import Console
    from rich.live import Live

    end = time.monotonic() + length.total_seconds()
    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        yield lambda look: live.update(_table(look, end - time.monotonic()), refresh=True)


def _plain(look: Look) -> None:
    from gather_diagnostics.document.escaping import terminal
    from gather_diagnostics.response.recovery.telling import line

    click.echo(terminal(line(look)), err=True)


def _table(look: Look, seconds: float) -> Table:
    """Text objects only: rich reads markup out of plain strings, and log lines may hold some."""
    from rich.table import Table
    from rich.text import Text

    from gather_diagnostics.document.escaping import terminal
    from gather_diagnostics.response.recovery.telling import SIGNS, table

    left = max(0, round(seconds))
    told = f"{look.time:%H:%M:%S} UTC  {SIGNS[look.state]}, {left // 60}:{left % 60:02} to go"
    shown = Table.grid(padding=(0, 2))
    shown.title = Text(told)
    for state, sentence in table(look):
        shown.add_row(Text(state, style=_COLOURS.get(state, "dim")), Text(terminal(sentence)))
    return shown
