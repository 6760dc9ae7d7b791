"""Runs collectors side by side, each against its deadline, then the analyzers.

Whatever goes wrong inside a plug-in becomes a Gap. This is the one place that may catch everything.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, get_args

from gather_diagnostics import plugins
from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Cause, Coverage, Evidence, Finding, Gap, Raw, Request, Rows, Severity, Target
from gather_diagnostics.plugins import Collector
from gather_diagnostics.progress import Progress, Silent, Step
from gather_diagnostics.tables import TABLES, RowError, to_batch, to_frame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from gather_diagnostics.config import Config
    from gather_diagnostics.redaction import Redactor

Source = Collector | Gap
"""A collector ready to run, or the reason why there is none."""


class _Readable(Protocol):
    """The part of a collector that reading takes."""

    def plan(self, request: Request) -> Iterable[Target | Gap]: ...
    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap]: ...


_LOST: frozenset[str] = frozenset({"unreachable", "denied", "timeout", "not_found", "failed", "invalid", "throttled"})


@dataclass
class _Shelf:
    """What has come from one source so far. The source's thread writes, the main thread reads when it is done."""

    targets: list[Target] = field(default_factory=list)
    batches: list[tuple[str, pa.RecordBatch]] = field(default_factory=list)
    raws: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    """Of the raws: no raw may have the name of one."""
    gaps: list[Gap] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def step(self, status: str) -> Step:
        return Step(sum(self.rows.values()), len(self.gaps), self.seconds, status)


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
        _Reading(name, source, request, redactor, progress or Silent(), on_bug) for name, source in sources.items()
    ]
    done: queue.SimpleQueue[_Reading] = queue.SimpleQueue()
    for reading in readings:
        reading.start(done)
    interrupted = _wait(readings, done, request.source_seconds)
    for reading in readings:
        reading.stop(interrupted)
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


def _wait(readings: Sequence[_Reading], done: queue.SimpleQueue[_Reading], seconds: float) -> bool:
    """Until all are done or the deadline falls. True when a person interrupted."""
    # A frame of its own: CPython 3.11 lets an interrupt that hits the loop's backward jump slip past a `try` around it.
    try:
        _drain(len(readings), done, time.monotonic() + seconds)
    except KeyboardInterrupt:
        return True
    return False


def _drain(waiting: int, done: queue.SimpleQueue[_Reading], end: float) -> None:
    while waiting and (left := end - time.monotonic()) > 0:
        try:
            # Short waits: on some platforms an interrupt is only seen between two of them.
            reading = done.get(timeout=min(left, 0.2))
        except queue.Empty:
            continue
        waiting -= 1
        reading.told = True
        reading.progress.step(reading.name, reading.shelf.step(reading.coverage(asked=False).status))


class _Reading:
    """One source being read in a thread of its own.

    The thread is a daemon: a call that blocks past the deadline is left behind and can't hold the process.
    Once `stop` took the shelf away, whatever the thread still yields goes nowhere.
    """

    def __init__(
        self,
        name: str,
        source: _Readable | Gap,
        request: Request,
        redactor: Redactor,
        progress: Progress,
        on_bug: Callable[[BaseException], None] | None,
    ) -> None:
        self.name = name
        self.shelf = _Shelf()
        self.progress = progress
        self.told = False
        """Whether progress was told how it ended."""
        self._source = source
        self._request = request
        self._redactor = redactor
        self._on_bug = on_bug
        self._lock = threading.Lock()
        self._open = True
        self._finished = False
        self._started = time.monotonic()

    def start(self, done: queue.SimpleQueue[_Reading]) -> None:
        threading.Thread(target=self._run, args=(done,), name=f"collect-{self.name}", daemon=True).start()

    def stop(self, interrupted: bool) -> None:
        with self._lock:
            self._open = False
            if self._finished:
                return
            seconds = self.shelf.seconds = time.monotonic() - self._started
            if interrupted:
                gap = Gap(self.name, "the rest of the source", "interrupted", f"interrupted after {seconds:.1f} s")
            else:
                why = f"it had not finished after {seconds:.1f} s; what came until then is kept"
                gap = Gap(self.name, "the rest of the source", "timeout", why, "allow more time with --deadline")
            self.shelf.gaps.append(gap)

    def coverage(self, *, asked: bool) -> Coverage:
        shelf = self.shelf
        lost = any(g.cause in _LOST for g in shelf.gaps)
        if not shelf.targets and not lost and not asked:
            status = "not_used"
        elif not shelf.gaps:
            status = "complete"
        elif (lost or not shelf.targets) and not shelf.rows:
            status = "failed"
        else:
            status = "partial"
        return Coverage(self.name, tuple(shelf.targets), dict(shelf.rows), round(shelf.seconds, 3), status)  # type: ignore[arg-type]

    def _run(self, done: queue.SimpleQueue[_Reading]) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - a plug-in's bug is a gap, here and nowhere else
            self._put(_bug(self.name, "the rest of the source", error))
            if self._on_bug:
                self._on_bug(error)
        with self._lock:
            self._finished = self._open
            self.shelf.seconds = time.monotonic() - self._started
        done.put(self)

    def _read(self) -> None:
        if isinstance(self._source, Gap):
            self._put(self._source)
            return
        for planned in self._source.plan(self._request):
            self._put(planned)
        if self.shelf.targets:
            self.progress.step(self.name, self.shelf.step("reading"))
            items = self._source.collect(self._request)
            for item in items:
                if not self._put(item):
                    _close(items)
                    return

    def _put(self, item: Target | Rows | Raw | Gap) -> bool:
        """Redact and shelve one item. False once nobody waits for it any more."""
        prepared = list(self._prepared(item))
        with self._lock:
            if self._open:
                for table, value in prepared:
                    self._shelve(table, value)
        if self._open and isinstance(item, Rows):
            self.shelf.seconds = time.monotonic() - self._started
            self.progress.step(self.name, self.shelf.step("reading"))
        return self._open

    def _prepared(self, item: Target | Rows | Raw | Gap) -> Iterator[tuple[str, Any]]:
        hide = self._redactor.text
        match item:
            case Rows(table, rows):
                yield from self._batches(table, rows)
            case Raw(name, text):
                yield self._named(name), hide(text, f"raw/{self.name}")
            case Gap():
                if item.cause not in get_args(Cause):
                    raise PluginError(f"{self.name} yielded a Gap of the unknown cause {item.cause!r}")
                wanted, why, mend = (hide(t, "gap") for t in (item.wanted, item.why, item.mend))
                yield "", Gap(self.name, wanted, item.cause, why, mend)
            case Target(what, where, because):
                yield "", Target(*(hide(t, "target") for t in (what, where, because)))
            case _:
                raise PluginError(f"{self.name} yielded {type(item).__name__}; it may yield Rows, Raw or Gap")

    def _named(self, name: str) -> str:
        """The path of a Raw below raw/. Raises PluginError for one that could not be written there."""
        from gather_diagnostics.bundle import is_plain

        path = f"{self.name}/{name}"
        parents = {str(p) for p in PurePosixPath(path).parents}
        if not is_plain(path) or parents & self.shelf.raws.keys() or path in self.shelf.folders:
            raise PluginError(f"{self.name} yielded a Raw that can't be a file: {name!r}")
        self.shelf.folders |= parents
        return path

    def _batches(self, table: str, rows: Any) -> Iterator[tuple[str, Any]]:
        """One batch; where a row does not fit, the rows one by one, and a gap that names the first misfit."""
        try:
            yield table, self._redactor.batch(table, to_batch(table, self.name, rows))
            return
        except RowError as error:
            if table not in TABLES or not isinstance(rows, Sequence):
                raise PluginError(f"{self.name}: {error}") from error
        misfits: list[str] = []
        for row in rows:
            try:
                yield table, self._redactor.batch(table, to_batch(table, self.name, [row]))
            except RowError as error:
                misfits.append(self._redactor.text(str(error), "gap"))
        why = f"{len(misfits)} of {len(rows)} rows do not fit the table: {misfits[0]}"
        yield "", Gap(self.name, f"some rows of {table}", "invalid", why, "report it: the collector is at fault")

    def _shelve(self, table: str, value: Any) -> None:
        match value:
            case Gap():
                self.shelf.gaps.append(value)
            case Target():
                self.shelf.targets.append(value)
            case str():
                self.shelf.raws[table] = value
            case _:
                self.shelf.batches.append((table, value))
                self.shelf.rows[table] = self.shelf.rows.get(table, 0) + value.num_rows


def _close(items: Any) -> None:
    """Let a generator run its `finally` blocks; any other iterator has nothing to close."""
    if close := getattr(items, "close", None):
        close()


def _bug(source: str, wanted: str, error: BaseException) -> Gap:
    last = traceback.extract_tb(error.__traceback__)[-1:]
    place = f" ({last[0].filename.rpartition('/')[2]}:{last[0].lineno})" if last else ""
    why = f"it broke: {type(error).__name__}: {error}"[:300] + place
    return Gap(source, wanted, "failed", why, "this is a bug, not your system: run again with --debug and report it")


def _frames(readings: Sequence[_Reading]) -> dict[str, pd.DataFrame]:
    from gather_diagnostics.patterns import templates

    by_table: dict[str, list[pa.RecordBatch]] = {}
    for reading in readings:
        for table, batch in reading.shelf.batches:
            by_table.setdefault(table, []).append(batch)
    frames = {table: to_frame(table, by_table[table]) for table in TABLES if table in by_table}
    if "logs" in frames:
        frames["logs"]["template"] = templates(frames["logs"]["message"])
    return frames


def analyze(evidence: Evidence, on_bug: Callable[[BaseException], None] | None = None) -> Evidence:
    """The same evidence with its findings made anew. Gaps of earlier analyzers are replaced, the sources' kept."""
    findings: dict[str, tuple[Finding, ...]] = {}
    gaps: list[Gap] = [g for g in evidence.gaps if not g.source.startswith("analyzer:")]
    for name, function in _ordered(gaps):
        missing = [t for t in sorted(plugins.spec_of(function).needs) if not len(evidence.tables.get(t, ()))]
        if missing:
            why = f"no source delivered {' or '.join(missing)}"
            gaps.append(Gap(f"analyzer:{name}", f"the answer to {name!r}", "skipped", why))
            continue
        try:
            findings[name] = tuple(_sound(f, evidence) for f in _run(function, evidence, findings))
        except Exception as error:  # noqa: BLE001 - as in _Reading._run
            gaps.append(_bug(f"analyzer:{name}", f"the answer to {name!r}", error))
            if on_bug:
                on_bug(error)
    return replace(evidence, findings=tuple(f for found in findings.values() for f in found), gaps=tuple(gaps))


def _run(function: Any, evidence: Evidence, findings: Mapping[str, tuple[Finding, ...]]) -> Iterable[Finding]:
    spec = plugins.spec_of(function)
    seen = {t: evidence.tables[t] for t in sorted(spec.needs | spec.uses) if len(evidence.tables.get(t, ()))}
    if not spec.after:
        return function(evidence.request, seen)  # type: ignore[no-any-return]
    return function(evidence.request, seen, {q: findings.get(q, ()) for q in spec.after})  # type: ignore[no-any-return]


def _sound(finding: Finding, evidence: Evidence) -> Finding:
    """The finding as it is. Raises PluginError for one that could not be shown, or not be traced to its rows."""
    if not 0 <= finding.confidence <= 1 or finding.severity not in get_args(Severity):
        raise PluginError(f"finding {finding.id!r}: confidence {finding.confidence}, severity {finding.severity!r}")
    for support in finding.supports:
        rows = len(evidence.tables.get(support.table, ()))
        if not support.rows or not all(0 <= row < rows for row in support.rows):
            raise PluginError(f"finding {finding.id!r} points to rows that {support.table!r} does not have")
    return finding


def _ordered(gaps: list[Gap]) -> list[tuple[str, Any]]:
    """All analyzers, each after those it builds on. One that can't be imported becomes a gap."""
    loaded: dict[str, Any] = {}
    for name in plugins.names(plugins.ANALYZERS):
        try:
            loaded[name] = plugins.load(plugins.ANALYZERS, name)
            plugins.spec_of(loaded[name])
        except Exception as error:  # noqa: BLE001 - importing a stranger's module may raise anything
            loaded.pop(name, None)
            gaps.append(_bug(f"analyzer:{name}", f"the answer to {name!r}", error))
    placed: dict[str, Any] = {}

    def place(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise PluginError(f"analyzers wait for each other: {' -> '.join((*path, name))}")
        if name in loaded and name not in placed:
            for earlier in plugins.spec_of(loaded[name]).after:
                place(earlier, (*path, name))
            placed[name] = loaded[name]

    for name in loaded:
        place(name, ())
    return list(placed.items())


@dataclass(frozen=True)
class Survey:
    """What one source would read, and what stands in its way."""

    targets: tuple[Target, ...]
    gaps: tuple[Gap, ...]


def survey(request: Request, sources: Mapping[str, Source], redactor: Redactor, *, check: bool) -> dict[str, Survey]:
    """Plan every source; with `check`, also ask those in use one cheap question each, side by side.

    Without `check` nothing is sent or read but settings, environment and the names of local files.
    """
    readings = [
        _Reading(
            name, source if isinstance(source, Gap) else _Surveyor(source, check), request, redactor, Silent(), None
        )
        for name, source in sources.items()
    ]
    done: queue.SimpleQueue[_Reading] = queue.SimpleQueue()
    for reading in readings:
        reading.start(done)
    interrupted = _wait(readings, done, request.source_seconds)
    for reading in readings:
        reading.stop(interrupted)
    if interrupted:
        raise KeyboardInterrupt
    return {r.name: Survey(tuple(r.shelf.targets), tuple(r.shelf.gaps)) for r in readings}


class _Surveyor:
    """A collector that checks instead of collecting, so that a survey runs under the same deadlines and guards."""

    def __init__(self, collector: Collector, check: bool) -> None:
        self.plan = collector.plan
        self._check = collector.check if check else lambda request: ()

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap]:
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
            sources[name] = _bug(name, "the whole source", error)
            continue
        sources[name] = config.collector(kind, service)
    return sources
