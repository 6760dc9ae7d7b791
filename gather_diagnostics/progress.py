"""What a person sees while sources are read: one line a source on a terminal, plain lines when piped.

Progress is talk, so it goes to stderr; stdout is the product's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from rich.table import Table


@dataclass(frozen=True, slots=True)
class Step:
    """Where a source stands."""

    rows: int = 0
    gaps: int = 0
    seconds: float = 0.0
    status: str = "waiting"
    """waiting, reading, then a Coverage status."""


class Progress(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(self, *raised: Any) -> None: ...
    def step(self, source: str, step: Step) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """For `--quiet`, and for use as a library."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        return None

    def step(self, source: str, step: Step) -> None:
        return None

    def say(self, text: str) -> None:
        return None


class Plain(Silent):
    """One line when a source is done; nothing that moves."""

    def step(self, source: str, step: Step) -> None:
        if step.status not in ("waiting", "reading"):
            self.say(f"{source}: {_words(step)}")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)  # noqa: T201


class Live:
    """A rich live table on stderr. Only used when stderr is a terminal."""

    def __init__(self, sources: Iterable[str]) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._steps = dict.fromkeys(sources, Step())
        self._lock = threading.Lock()
        self._live = RichLive(
            console=Console(stderr=True), get_renderable=self._table, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *raised: Any) -> None:
        self._live.__exit__(*raised)

    def step(self, source: str, step: Step) -> None:
        with self._lock:
            self._steps[source] = replace(step)

    def say(self, text: str) -> None:
        self._live.console.print(text, markup=False, highlight=False)

    def _table(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        with self._lock:
            steps = dict(self._steps)
        for source, step in steps.items():
            sign = Spinner("dots") if step.status == "reading" else Text(_SIGNS.get(step.status, "·"))
            table.add_row(sign, Text(source, style="bold"), Text(_words(step)))
        return table


_SIGNS = {"complete": "✓", "partial": "!", "failed": "✗", "not_used": "-"}


def _words(step: Step) -> str:
    if step.status == "waiting":
        return "waiting"
    if step.status == "not_used":
        return "not in use"
    parts = [f"{step.rows:,} rows"]
    if step.gaps:
        parts.append(f"{step.gaps} gap{'s' if step.gaps > 1 else ''}")
    return f"{step.status.replace('_', ' ')}, {', '.join(parts)}, {step.seconds:.1f} s"


def choose(sources: Iterable[str], *, quiet: bool) -> Progress:
    if quiet:
        return Silent()
    return Live(sources) if sys.stderr.isatty() else Plain()
