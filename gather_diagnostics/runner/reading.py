"""One source, read in a thread of its own."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol, get_args

from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Cause, Coverage, Gap, Raw, Request, Rows, Skew, Target
from gather_diagnostics.patterns import masks
from gather_diagnostics.progress import Progress
from gather_diagnostics.runner.faults import bug
from gather_diagnostics.runner.shelf import Shelf
from gather_diagnostics.tables import TABLES, RowError, ordered, to_batch

if TYPE_CHECKING:
    import pyarrow as pa

    from gather_diagnostics.redaction import Redactor


class Readable(Protocol):
    """The part of a collector that reading takes."""

    def plan(self, request: Request) -> Iterable[Target | Gap]: ...
    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]: ...


class Reading:
    """One source being read in a thread of its own.

    The thread is a daemon: a call that blocks past the deadline is left behind and can't hold the process.
    Once `stop` took the shelf away, whatever the thread still yields goes nowhere.
    """

    def __init__(
        self,
        name: str,
        source: Readable | Gap,
        request: Request,
        redactor: Redactor,
        progress: Progress,
        on_bug: Callable[[BaseException], None] | None,
    ) -> None:
        self.name = name
        self.shelf = Shelf()
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

    def start(self, done: queue.SimpleQueue[Reading]) -> None:
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
        return self.shelf.coverage(self.name, asked=asked)

    def _run(self, done: queue.SimpleQueue[Reading]) -> None:
        try:
            self._read()
        except Exception as error:  # noqa: BLE001 - a plug-in's bug is a gap, here and nowhere else
            self._put(bug(self.name, "the rest of the source", error))
            self._tell(error)
        with self._lock:
            self._finished = self._open
            self.shelf.seconds = time.monotonic() - self._started
            kept = dict(self.shelf.batches), dict(self.shelf.raws)
        done.put(self)
        try:
            self._look_ahead(*kept)
            del kept  # which are not to be in memory twice
            self._order()
        except Exception as error:  # noqa: BLE001 - it costs time alone: what is not done now will be then
            self._tell(error)

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
                if self.shelf.crowded:
                    self._fold()
            if self.shelf.rung is not None:
                self._fold()

    def _look_ahead(self, batches: Mapping[str, Sequence[pa.RecordBatch]], raws: Mapping[str, str]) -> None:
        """The last look for secrets, while other sources are waited for or findings made."""
        from gather_diagnostics.bundle import look_ahead

        if batches or raws:
            look_ahead(batches, raws, self._redactor)

    def _order(self) -> None:
        """Put the rows in the order of their tables, while other sources are waited for: the whole is sorted sooner."""
        for table, batches in self.shelf.batches.copy().items():
            if not self._open:
                return
            rows = ordered(table, batches).to_batches() or batches  # of no rows there is no batch
            with self._lock:
                if self._open:
                    self.shelf.batches[table] = rows
                    self.shelf.in_order.add(table)

    def _tell(self, error: Exception) -> None:
        if self._on_bug:
            self._on_bug(error)

    def _fold(self) -> None:
        """Outside the lock, as the deadline waits for nobody: whoever takes the shelf meanwhile has the lines as they
        came."""
        folded = self.shelf.folded_logs(self._request)
        with self._lock:
            if self._open:
                self.shelf.put_folded(*folded)

    def _put(self, item: Target | Rows | Raw | Gap | Skew) -> bool:
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

    def _prepared(self, item: Target | Rows | Raw | Gap | Skew) -> Iterator[tuple[str, Any]]:
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
            case Skew():
                yield "", item
            case Target(what, where, because):
                yield "", Target(*(hide(t, "target") for t in (what, where, because)))
            case _:
                raise PluginError(f"{self.name} yielded {type(item).__name__}; it may yield Rows, Raw, Gap or Skew")

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
            yield table, self._clean(table, rows)
            return
        except RowError as error:
            if table not in TABLES or not isinstance(rows, Sequence):
                raise PluginError(f"{self.name}: {error}") from error
        misfits: list[str] = []
        for row in rows:
            try:
                yield table, self._clean(table, [row])
            except RowError as error:
                misfits.append(self._redactor.text(str(error), "gap"))
        why = f"{len(misfits)} of {len(rows)} rows do not fit the table: {misfits[0]}"
        yield "", Gap(self.name, f"some rows of {table}", "invalid", why, "report it: the collector is at fault")

    def _clean(self, table: str, rows: Any) -> pa.RecordBatch:
        """Validated and redacted; log lines with their templates. Raises RowError."""
        batch = self._redactor.batch(table, to_batch(table, self.name, rows))
        if table != "logs":
            return batch
        return batch.set_column(batch.schema.get_field_index("template"), "template", masks(batch["message"]))

    def _shelve(self, table: str, value: Any) -> None:
        match value:
            case Gap():
                self.shelf.gaps.append(value)
            case Skew(seconds):
                self.shelf.skew = seconds
            case Target():
                self.shelf.targets.append(value)
            case str():
                self.shelf.raws[table] = value
            case _:
                self.shelf.put(table, value)


def _close(items: Any) -> None:
    """Let a generator run its `finally` blocks; any other iterator has nothing to close."""
    if close := getattr(items, "close", None):
        close()
