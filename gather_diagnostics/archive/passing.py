"""The pass over one part: read, decompress, parse, redact, mask, fold."""

from __future__ import annotations

import functools
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from typing import TYPE_CHECKING

from gather_diagnostics.archive.alike import Alike
from gather_diagnostics.archive.counting import MOST_ROWS, Partial, folded
from gather_diagnostics.archive.cuts import Part, Span, span
from gather_diagnostics.archive.files import S3, SOURCE, File, gap_of, opened
from gather_diagnostics.archive.learning import Known
from gather_diagnostics.logparse import Sieve, Tally, records
from gather_diagnostics.model import Gap, Window
from gather_diagnostics.patterns import masks
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.redaction.settings import Redaction
from gather_diagnostics.tables import schema, to_batch
from gather_diagnostics.unpacking import Chunks, plain

if TYPE_CHECKING:
    import pyarrow as pa

_CROWD = 100_000
"""Rows that are held before they are folded, at least."""
_TALLIED = ("lines", "blank", "records", "cut", "undecodable")


@dataclass(frozen=True)
class Pass:
    """What is done with each part; goes to other processes and machines, so it holds no more than it must."""

    service: str
    """Whose records they are where they do not say."""
    windows: tuple[Window, ...]
    """Only records in one of them are kept; none: all are."""
    key: bytes = field(repr=False)
    """The redactors' (`Redactor`). Not shown, since engines log what they run."""
    most: int = MOST_ROWS
    redaction: Redaction = field(default_factory=Redaction)

    @property
    def edges(self) -> list[datetime]:
        """Where rows end (UTC)."""
        return sorted({edge for window in self.windows for edge in (window.start, window.end)})

    def __call__(self, part: Part) -> Partial:
        """The part's patterns and counts. Never raises on what a file holds, nor where it can't be read: that is a gap.

        A row's `ref` is path, start of the span and line in the span, newlines between them and the numbers padded, so
        that refs sort as the lines do.
        """
        redactor = self.redaction.redactor(self.key)
        reading = _Reading(part.file)
        known = _known(self.redaction.model_dump_json(), part.file.zone)
        alike = Alike(known, reading.context, reading.tally, redactor, self.windows)
        found = reading.found(part)
        counts = Counter(parts=1)
        batches = reading.batches(found, self.service, alike.sieve)
        rows, rung = self._folded(batches, reading, redactor, counts, alike)
        counts.update({name: getattr(reading.tally, name) for name in _TALLIED})
        several = found is not None and found.unpack is None and part.file.size > part.block
        blocks = {part.file.path: {found.start: reading.tally.lines}} if found and several else {}
        return Partial(rows, rung, counts, blocks, frozenset(reading.gaps), redactor.report)

    def _folded(
        self,
        batches: Iterable[pa.RecordBatch],
        reading: _Reading,
        redactor: Redactor,
        counts: Counter[str],
        alike: Alike,
    ) -> tuple[pa.Table, int]:
        import pyarrow as pa

        held, rung, crowd, timed = schema("logs").empty_table(), 0, _CROWD, 0
        for batch in batches:
            inside = self._inside(batch)
            timed += batch.num_rows
            counts["outside"] += batch.num_rows - inside.num_rows
            clean = redactor.batch("logs", to_batch("logs", SOURCE, inside))
            held = pa.concat_tables([held, pa.Table.from_batches([_completed(clean, reading)])])
            if held.num_rows > crowd:
                held, rung = folded(held, rung, self.edges, self.most)
                crowd = max(_CROWD, 2 * held.num_rows)
        counted = alike.rows(reading.front, self.service, reading.file.instance)
        counts["outside"] += alike.outside
        counts["untimed"] = reading.tally.records - timed - alike.records
        held = pa.concat_tables([held, counted])
        return folded(held, rung, self.edges, self.most)

    def _inside(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        import pyarrow.compute as pc

        if not self.windows:
            return batch
        time = batch["time"]
        spans = (pc.and_(pc.greater_equal(time, w.start), pc.less(time, w.end)) for w in self.windows)
        return batch.filter(reduce(pc.or_, spans))


@functools.cache
def _known(redaction: str, zone: str) -> Known:
    """This process's: what it learned from one part it need not learn from the next. What is clean depends on what is
    redacted, what a time is on the zone."""
    return Known()


def _completed(batch: pa.RecordBatch, reading: _Reading) -> pa.RecordBatch:
    """With its masks, and refs that sort."""
    import pyarrow.compute as pc

    lines = pc.utf8_lpad(pc.utf8_slice_codeunits(batch["ref"], 1), 12, "0")
    names = batch.schema.names
    batch = batch.set_column(
        names.index("ref"), batch.schema.field("ref"), pc.binary_join_element_wise(reading.front, lines, "")
    )
    return batch.set_column(names.index("template"), "template", masks(batch["message"]))


class _Reading:
    """One part being read: what is said about it gathers here."""

    def __init__(self, file: File) -> None:
        self.file = file
        self.start = 0
        self.tally = Tally()
        self.gaps: list[Gap] = []
        self.context = file.context
        self._errors = _read_errors(file)

    def found(self, part: Part) -> Span | None:
        try:
            found = span(part)
        except self._errors as error:
            self.gaps.append(gap_of(self.file.path, error))
            return None
        self.start = found.start if found else 0
        return found

    @property
    def front(self) -> str:
        """Of refs: what stands before the line's number."""
        return f"{self.file.path}\n{self.start:020}\n"

    def batches(self, found: Span | None, service: str, sieve: Sieve) -> Iterator[pa.RecordBatch]:
        """Every timed record; `ref` is ':' and the line."""
        if found is None:
            return
        chunks, instance = self._chunks(found), self.file.instance
        yield from records(chunks, self.context, self.tally, ref="", service=service, instance=instance, sieve=sieve)
        if self.tally.records and not self.tally.timed:
            why = f"no timestamp recognised in {self.file.path}: {self.tally.records:,} records can't be placed"
            mend = "let the service log ISO 8601 times, or keep such files elsewhere"
            self.gaps.append(Gap(SOURCE, f"log lines in {self.file.path}", "invalid", why, mend))

    def _chunks(self, found: Span) -> Chunks:
        """Until they end or break: what came before the damage stays."""
        try:
            with opened(self.file, found.start, found.stop) as stream:
                unpack = found.unpack
                yield from unpack(stream) if unpack else plain(stream, found.stop - found.start)
        except self._errors as error:
            self.gaps.append(gap_of(self.file.path, error))


def _read_errors(file: File) -> tuple[type[Exception], ...]:
    """What reading and decompressing raise where the file, or the way to it, is at fault."""
    import zstandard

    if not file.path.startswith(S3):
        return (OSError, EOFError, zlib.error, zstandard.ZstdError)
    from botocore.exceptions import BotoCoreError, ClientError

    return (OSError, EOFError, zlib.error, zstandard.ZstdError, BotoCoreError, ClientError)
