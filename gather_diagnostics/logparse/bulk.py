"""One stream's lines into Arrow batches: everyday lines a batch at once, the others through `parse`."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from gather_diagnostics.logparse.batches import batch
from gather_diagnostics.logparse.lanes import FIELDS, everyday
from gather_diagnostics.logparse.records import Context, Record
from gather_diagnostics.logparse.stream import Line, parse
from gather_diagnostics.model import Json

if TYPE_CHECKING:
    import pyarrow as pa

Part = tuple[list[bytes], "pa.Array", "pa.Array"]
"""Some lines as they came; of each its time (int64, microseconds since 1970-01-01 UTC) and its text (string), both null
where the line is not everyday's."""

HELD = 2_000
"""Records of one batch: many streams are read side by side, and a record takes a kilobyte."""


def bulk(
    parts: Iterable[Part],
    timed: Callable[[Iterable[bytes]], Iterable[Line]],
    context: Context,
    *,
    ref: str,
    service: str,
    instance: str | None,
    labels: Mapping[str, Json],
    since: int,
    until: int,
) -> Iterator[pa.RecordBatch]:
    """Batches as `batches` makes them of `parse`, of the records in [since, until) (microseconds), in another order.

    `timed` takes the transport's time off the front of lines that go to `parse`. Every record gets `labels`, which
    stand in place of its own of these names. Memory is bounded by a part and HELD records.
    """
    sieve = _Sieve(parts, labels)
    held: list[Record] = []
    for record in parse(timed(sieve.others()), context):
        if record.time_us is not None and since <= record.time_us < until:
            record.line = sieve.numbers[record.line - 1]
            record.labels = {**(record.labels or {}), **labels}
            held.append(record)
        # Each part holds back its first and last line at least, so that this is reached once a part.
        while sieve.ready:
            yield _completed(sieve.ready.pop(), ref, service, instance, since, until)
        if len(held) >= HELD:
            yield batch(held, ref, service, instance)
            held = []
    yield from (_completed(table, ref, service, instance, since, until) for table in sieve.ready)
    if held:
        yield batch(held, ref, service, instance)


class _Sieve:
    """Lets the lines through that are not everyday's."""

    def __init__(self, parts: Iterable[Part], labels: Mapping[str, Json]) -> None:
        self.ready: list[pa.Table] = []
        """Everyday lines: the columns of `everyday`, `time` (microseconds) and `line` (number)."""
        self.numbers = array("q")
        """Of the lines that were let through."""
        self._parts = parts
        self._labels = labels

    def others(self) -> Iterator[bytes]:
        import numpy as np
        import pyarrow as pa

        number = 1
        for lines, times, texts in self._parts:
            found = everyday(texts, self._labels)
            rest = np.ones(len(lines), dtype=bool)
            if len(found):
                index = found["index"]
                rest[index.to_numpy()] = False
                where = pa.array(index.to_numpy() + number)
                self.ready.append(found.append_column("time", times.take(index)).append_column("line", where))
            for position in np.flatnonzero(rest).tolist():
                self.numbers.append(number + position)
                yield lines[position]
            number += len(lines)


def _completed(table: pa.Table, ref: str, service: str, instance: str | None, since: int, until: int) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute as pc

    table = table.filter(pc.and_(pc.greater_equal(table["time"], since), pc.less(table["time"], until)))
    columns = {name: table[name].combine_chunks() for name in (*FIELDS, "labels")}
    columns["service"] = pc.coalesce(columns["service"], pa.scalar(service))
    if instance is not None:
        columns["instance"] = pc.coalesce(columns["instance"], pa.scalar(instance))
    columns["time"] = table["time"].combine_chunks().cast(pa.timestamp("us", tz="UTC"))
    columns["ref"] = pc.binary_join_element_wise(f"{ref}:", table["line"].cast(pa.string()).combine_chunks(), "")
    return pa.RecordBatch.from_pydict(columns)
