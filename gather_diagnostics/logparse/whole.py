"""Bytes into Arrow batches of the table `logs`: most lines a block at once, in threads, the others through `Joiner`.

    for batch in records(chunks, Context(zone=UTC), tally, ref="/var/log/a.log", service="checkout"):
        yield Rows("logs", batch)

The rows are those of `batches(parse(split(chunks)))` (tests/core/test_logparse_whole.py). Arrow lets go of the
interpreter's lock, so that blocks are understood while whoever takes the batches works on the ones before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse.arrays import ranges
from gather_diagnostics.logparse.batches import batch
from gather_diagnostics.logparse.blocks import LARGEST, Block, blocks
from gather_diagnostics.logparse.lanes import FIELDS, described, pairs
from gather_diagnostics.logparse.lines import LINE_BYTES, Tally
from gather_diagnostics.logparse.prose import prose
from gather_diagnostics.logparse.records import Context, Record
from gather_diagnostics.logparse.starts import begins, spans
from gather_diagnostics.logparse.stream import HELD, Joiner, parse

if TYPE_CHECKING:
    import pyarrow as pa

Sieve = Callable[[Iterator[Block]], Iterator[Block]]
WORKERS = 2
"""Threads; as many blocks and one more are in memory. More brought nothing on two cores (benchmarks/logs.py)."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A block of which most lines are understood."""

    told: pa.Table
    """Records as `lanes.described` makes them; `index` is the number of the first line."""
    numbers: list[int]
    texts: list[str]
    """The other lines, in order, and their numbers."""
    ends: bool
    """Whether no record reaches over the block's end."""


def records(
    chunks: Iterable[bytes],
    context: Context | None = None,
    tally: Tally | None = None,
    *,
    ref: str,
    service: str,
    instance: str | None = None,
    cap: int = LINE_BYTES,
    sieve: Sieve | None = None,
) -> Iterator[pa.RecordBatch]:
    """Batches for `Rows("logs", batch)`, every column but `source` and `template`; `ref` becomes '<ref>:<line>'.

    `service` and `instance` stand in where a record names none; records of a stream that shows no time are left out.
    `tally` counts along. Never raises on what a line holds; memory is bounded by a few blocks. `sieve` may take lines
    out of blocks that are records by themselves with a time of their own, if the line behind is such a one, too.
    """
    tally = tally if tally is not None else Tally()
    context = context or Context()
    joiner = Joiner(context, tally)
    dates = _Dates(tally)
    # A sieve wants to see many lines before it lets the first through.
    found = blocks(chunks, cap, tally, context.first_line, LARGEST if sieve else None)
    for block in _ahead(sieve(found) if sieve else found, context):
        tally.zoneless += _true(block.told["zoneless"])
        others = list(_joined(joiner, block))
        yield from dates.dated(block.told, others, ref, service, instance)
    yield from dates.dated(None, list(joiner.rest()), ref, service, instance)
    tally.zoneless += joiner.clock.zoneless


def singles(lines: pa.Array, context: Context) -> pa.Table:
    """What the parser makes of each line (string array) alone, as `lanes.described` makes it; `index` numbers them.

    Lines are missing that may go on with a record before them, and those that the parser sees no record in.
    """
    import numpy as np
    import pyarrow as pa

    sure = np.flatnonzero(begins(lines))
    alone = lines.take(pa.array(sure))
    found = understand(Block(alone, sure, False, True), context)
    tables = [found.told]
    for number, text in zip(found.numbers, found.texts, strict=True):
        tally = Tally()
        # Not the first line of a file, which may begin with a BOM.
        records = list(parse([text.encode()], replace(context, first_line=2), tally))
        if len(records) == 1:
            tables.append(_single(number, records[0], tally.zoneless > 0))
    return pa.concat_tables(tables)


def _single(number: int, record: Record, zoneless: bool) -> pa.Table:
    import pyarrow as pa

    made = batch([record], "", "", None)
    columns = {name: made.column(name) for name in FIELDS} | {"service": pa.array([record.service], pa.string())}
    time = pa.array([record.time_us if record.own_time else None], pa.int64())
    return described(pa.array([number], pa.int64()), columns, made.column("labels"), time, [zoneless])


def _true(column: pa.ChunkedArray) -> int:
    import pyarrow.compute as pc

    return int(pc.sum(column).as_py() or 0)


def _ahead(found: Iterator[Block], context: Context) -> Iterator[Understood]:
    """The blocks understood, in order, a few of them ahead of time."""
    with ThreadPoolExecutor(WORKERS, "logparse") as pool:
        waiting: deque[Future[Understood]] = deque()
        try:
            for block in found:
                waiting.append(pool.submit(understand, block, context))
                if len(waiting) > WORKERS:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _joined(joiner: Joiner, block: Understood) -> Iterator[Record]:
    import numpy as np

    told = np.sort(block.told["index"].to_numpy())
    # How many records that were told stand before each of the other lines.
    before = np.searchsorted(told, block.numbers).tolist()
    passed = 0
    for number, text, count in zip(block.numbers, block.texts, before, strict=True):
        if count > passed and (ended := joiner.passed()) is not None:
            yield ended
        passed = count
        if (ended := joiner.take(number, text)) is not None:
            yield ended
    if (len(told) > passed or block.ends) and (ended := joiner.passed()) is not None:
        yield ended


def understand(block: Block, context: Context) -> Understood:
    """Pure; lets go of the interpreter's lock nearly all the time."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lines = block.texts
    found = spans(lines, block.goes_on, block.ends)
    starts = lines.take(pa.array(found.first))
    in_pairs = pc.match_substring_regex(starts, r"\A(?:\{|[A-Za-z_@][\w.@/\-]*=)").to_numpy(zero_copy_only=False)
    structured = np.flatnonzero(in_pairs)
    told = pairs(starts.take(pa.array(structured)), context)
    told = told.set_column(0, "index", pa.array(structured).take(told["index"]))
    plain = np.flatnonzero(~in_pairs)
    told = pa.concat_tables([told, *prose(starts.take(pa.array(plain)), pa.array(plain), context)])
    told, rest = _whole_records(told.combine_chunks(), found, lines)
    numbers = block.numbers[rest].tolist()
    index = pa.array(block.numbers[found.first]).take(told["index"])
    return Understood(told.set_column(0, "index", index), numbers, lines.take(pa.array(rest)).to_pylist(), block.ends)


def _whole_records(told: pa.Table, found: Any, lines: pa.Array) -> tuple[pa.Table, Any]:
    """Messages with the lines that follow; and the positions of all lines that are in none."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    index = told["index"].to_numpy()
    calm = pc.is_in(told["level"], pa.array(["INFO", "DEBUG"])).to_numpy()
    # An uncaught exception after an everyday line is a record of its own.
    keep = ~(found.blames[index] & calm)
    told, index = told.filter(pa.array(keep)), index[keep]
    sizes = found.sizes[index]
    taken = np.zeros(len(found.first), bool)
    taken[index] = True
    left = np.zeros(len(lines), bool)
    left[found.rest] = True
    spots = found.first[~taken]
    left[ranges(spots, found.sizes[~taken])] = True
    many = sizes > 1
    if many.any():
        told = _with_followers(told, index, many, found, lines)
    return told, np.flatnonzero(left)


def _with_followers(told: pa.Table, index: Any, many: Any, found: Any, lines: pa.Array) -> pa.Table:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    sizes = found.sizes[index[many]]
    follow = ranges(found.first[index[many]], sizes)
    heads = np.cumsum(sizes) - sizes
    pieces = follow + int(many.sum())
    pieces[heads] = np.arange(len(heads))
    mask = pa.array(many)
    first = told["message"].combine_chunks().filter(mask)
    texts = pa.concat_arrays([first, lines]).take(pa.array(pieces))
    offsets = pa.array(np.append(heads, sizes.sum()).astype(np.int32))
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, texts), "\n")
    message = pc.replace_with_mask(told["message"].combine_chunks(), mask, joined)
    told = told.set_column(told.schema.get_field_index("message"), "message", message)
    level = told["level"].combine_chunks()
    blamed = pc.and_(pc.is_null(level), pa.array(found.blames[index]))
    return told.set_column(told.schema.get_field_index("level"), "level", pc.if_else(blamed, "ERROR", level))


class _Dates:
    """Gives records without a time that of the record before, or the first one, as `parse` does."""

    def __init__(self, tally: Tally) -> None:
        self._last: int | None = None
        self._held: pa.Table | None = None
        self._tally = tally

    def dated(
        self, told: pa.Table | None, others: list[Record], ref: str, service: str, instance: str | None
    ) -> Iterator[pa.RecordBatch]:
        """The records of one block, in the order of their lines."""
        import numpy as np
        import pyarrow as pa

        tables = [] if told is None else [_finished(told, ref, service, instance)]
        self._tally.records += len(others) + (len(told) if told is not None else 0)
        self._tally.timed += sum(record.own_time for record in others)
        if told is not None:
            self._tally.timed += len(told) - told["time"].null_count
        if others:
            tables.append(_of_records(others, ref, service, instance))
        if self._held is not None:
            tables.append(self._held)
            self._held = None
        if not tables:
            return
        table = pa.concat_tables(tables)
        order = np.argsort(table["place"].to_numpy(), kind="stable")
        if (np.diff(order) != 1).any():
            table = table.take(pa.array(order))
        times, known = self._filled(table["time"].combine_chunks())
        if self._last is None:
            self._held = table.slice(max(len(table) - HELD, 0))
            return
        table = table.set_column(0, "time", pa.array(times).cast(pa.timestamp("us", tz="UTC")))
        table = table.drop_columns("place").filter(pa.array(known)) if not known.all() else table.drop_columns("place")
        yield from table.combine_chunks().to_batches()

    def _filled(self, column: pa.Array) -> tuple[Any, Any]:
        """Times of all rows, and which rows have one."""
        import numpy as np
        import pyarrow.compute as pc

        own = pc.is_valid(column).to_numpy(zero_copy_only=False)
        times = pc.fill_null(column, 0).to_numpy()
        known = np.ones(len(own), bool)
        if not len(own) or own.all():
            self._last = int(times[-1]) if len(own) else self._last
            return times, known
        before = np.maximum.accumulate(np.where(own, np.arange(len(own)), -1))
        if self._last is None and own.any():
            first = int(np.argmax(own))
            self._last = int(times[first])
            known[: max(first - HELD, 0)] = False
        times = np.where(before >= 0, times[before], self._last or 0)
        self._last = int(times[-1]) if self._last is not None else None
        return times, known


def _finished(told: pa.Table, ref: str, service: str, instance: str | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    columns: dict[str, Any] = {"time": told["time"], "place": told["index"]}
    columns["ref"] = pc.binary_join_element_wise(f"{ref}:", told["index"].cast(pa.string()), "")
    columns |= {name: told[name] for name in (*FIELDS, "labels")}
    columns["service"] = pc.coalesce(columns["service"], pa.scalar(service))
    if instance is not None:
        columns["instance"] = pc.coalesce(columns["instance"], pa.scalar(instance))
    return pa.table(columns)


def _of_records(others: list[Record], ref: str, service: str, instance: str | None) -> pa.Table:
    import pyarrow as pa

    made = batch(others, ref, service, instance)
    columns = {name: made.column(name) for name in (*FIELDS, "labels")}
    times = pa.array([record.time_us for record in others], pa.int64())
    places = pa.array([record.place for record in others], pa.int64())
    return pa.table({"time": times, "place": places, "ref": made.column("ref"), **columns})
