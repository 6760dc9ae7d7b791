"""All sources side by side: collecting from them, and surveying what they would read."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gather_diagnostics import plugins
from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Coverage, Gap, Raw, Request, Rows, Skew, Target, correction
from gather_diagnostics.patterns import merged
from gather_diagnostics.plugins import Collector
from gather_diagnostics.progress import Progress, Silent
from gather_diagnostics.runner import memory
from gather_diagnostics.runner.faults import bug
from gather_diagnostics.runner.reading import Reading
from gather_diagnostics.tables import TABLES, from_arrow, schema, to_frame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gather_diagnostics.config import Config
    from gather_diagnostics.redaction import Redactor

Source = Collector | Gap
"""A collector ready to run, or the reason why there is none."""


@dataclass(frozen=True)
class Collected:
    """Everything the sources delivered, redacted."""

    tables: Mapping[str, pd.DataFrame]
    raws: Mapping[str, str]
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    interrupted: bool


def collect(
    request: Request,
    sources: Mapping[str, Source],
    redactor: Redactor,
    *,
    asked_for: Iterable[str] = (),
    progress: Progress | None = None,
    on_bug: Callable[[BaseException], None] | None = None,
) -> Collected:
    """Read all sources at once. Returns after `request.source_seconds` at the latest, with what is there by then.

    `asked_for` names the sources a person asked for by name: there, not being configured is a failure.
    Ctrl-C (KeyboardInterrupt) ends collection early; what came is kept and `interrupted` is set.
    """
    readings = [
        Reading(name, source, request, redactor, progress or Silent(), on_bug) for name, source in sources.items()
    ]
    done: queue.SimpleQueue[Reading] = queue.SimpleQueue()
    for reading in readings:
        reading.start(done)
    interrupted = _wait(readings, done, request.source_seconds)
    for reading in readings:
        reading.stop(interrupted)
    memory.spend()
    wanted = frozenset(asked_for)
    coverage = tuple(r.coverage(asked=r.name in wanted) for r in readings)
    for covered, reading in zip(coverage, readings, strict=True):
        if not reading.told:
            reading.progress.step(covered.source, reading.shelf.step(covered.status))
    return Collected(
        tables=_frames(readings),
        raws={path: text for r in readings for path, text in r.shelf.raws.items()},
        coverage=coverage,
        gaps=tuple(gap for r in readings for gap in r.shelf.gaps),
        interrupted=interrupted,
    )


def _wait(readings: Sequence[Reading], done: queue.SimpleQueue[Reading], seconds: float) -> bool:
    """Until all are done or the deadline falls. True when a person interrupted."""
    # A frame of its own: CPython 3.11 lets an interrupt that hits the loop's backward jump slip past a `try` around it.
    try:
        _drain(len(readings), done, time.monotonic() + seconds)
    except KeyboardInterrupt:
        return True
    return False


def _drain(waiting: int, done: queue.SimpleQueue[Reading], end: float) -> None:
    while waiting and (left := end - time.monotonic()) > 0:
        try:
            # Short waits: on some platforms an interrupt is only seen between two of them.
            reading = done.get(timeout=min(left, 0.2))
        except queue.Empty:
            continue
        waiting -= 1
        reading.told = True
        reading.progress.step(reading.name, reading.shelf.step(reading.coverage(asked=False).status))


def _on_our_clock(batch: pa.RecordBatch, skew: float) -> pa.RecordBatch:
    """Every time in the batch as this machine's clock would have had it: sources are compared with each other."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ahead = pa.scalar(round(skew * 1_000_000), pa.duration("us"))
    columns = [pc.subtract(c, ahead) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)


def _frames(readings: Sequence[Reading]) -> dict[str, pd.DataFrame]:
    """The tables. Takes the batches off the shelves, so that a table's are gone when the next one is made."""
    frames = {
        table: _frame(table, rs) for table in TABLES if (rs := [r for r in readings if r.shelf.batches.get(table)])
    }
    if "logs" in frames:
        frames["logs"]["template"] = merged(frames["logs"]["template"])
    return frames


def _frame(table: str, readings: Sequence[Reading]) -> pd.DataFrame:
    """Of the rows of those that have some."""
    import pyarrow as pa

    batches = [batch for reading in readings for batch in _taken(reading, table)]
    if len(readings) == 1 and table in readings[0].shelf.in_order:
        return from_arrow(pa.Table.from_batches(batches, schema(table)))
    return to_frame(table, batches)


def _taken(reading: Reading, table: str) -> list[pa.RecordBatch]:
    ahead, batches = correction(reading.shelf.skew), reading.shelf.batches.pop(table, [])
    return [_on_our_clock(batch, ahead) for batch in batches] if ahead else batches


@dataclass(frozen=True)
class Survey:
    """What one source would read, and what stands in its way."""

    targets: tuple[Target, ...]
    gaps: tuple[Gap, ...]
    skew: float | None = None
    """As in Coverage; known only where it was asked."""


def survey(request: Request, sources: Mapping[str, Source], redactor: Redactor, *, check: bool) -> dict[str, Survey]:
    """Plan every source; with `check`, also ask those in use one cheap question each, side by side.

    Without `check` nothing is sent or read but settings, environment and the names of local files.
    """
    readings = [
        Reading(
            name, source if isinstance(source, Gap) else _Surveyor(source, check), request, redactor, Silent(), None
        )
        for name, source in sources.items()
    ]
    done: queue.SimpleQueue[Reading] = queue.SimpleQueue()
    for reading in readings:
        reading.start(done)
    interrupted = _wait(readings, done, request.source_seconds)
    for reading in readings:
        reading.stop(interrupted)
    if interrupted:
        raise KeyboardInterrupt
    return {r.name: Survey(tuple(r.shelf.targets), tuple(r.shelf.gaps), r.shelf.skew) for r in readings}


class _Surveyor:
    """A collector that checks instead of collecting, so that a survey runs under the same deadlines and guards."""

    def __init__(self, collector: Collector, check: bool) -> None:
        self.plan = collector.plan
        self._check = collector.check if check else lambda request: ()

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        return iter(self._check(request))


def load_sources(config: Config, service: str, names: Iterable[str]) -> dict[str, Source]:
    """Each named collector with its settings; a Gap in place of one whose module can't be imported.

    Raises ConfigError for settings that do not fit and PluginError for names that do not exist.
    """
    sources: dict[str, Source] = {}
    for name in names:
        try:
            kind = plugins.load(plugins.COLLECTORS, name)
        except PluginError:
            raise
        except Exception as error:  # noqa: BLE001 - importing a stranger's module may raise anything
            sources[name] = bug(name, "the whole source", error)
            continue
        sources[name] = config.collector(kind, service)
    return sources
