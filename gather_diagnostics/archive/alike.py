"""The pass over lines that are like others before them: counted where they stand, without being parsed.

Of the lines of an archive nearly all have a shape that was seen before. What the parser and the redactor make of such a
line follows from its shape and a few places in it (`plans`), so that only its time is read. The lines taken out are
records by themselves with a time of their own, whose next line is such a record too; so the parser makes of the others
what it would have made with these between them (tests/core/archive/test_alike.py).

No text of a counted line is kept but that of the first of its pattern, which goes through parser and redactor as any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gather_diagnostics.archive.counting import ONE_LINES
from gather_diagnostics.archive.files import SOURCE
from gather_diagnostics.archive.fronts import dated
from gather_diagnostics.archive.groups import Groups, summed
from gather_diagnostics.archive.learning import Known, Prober
from gather_diagnostics.archive.plans import NAMED
from gather_diagnostics.archive.shapes import parts, rows
from gather_diagnostics.logparse import Block, Context, Tally, singles, stamps
from gather_diagnostics.logparse.arrays import ranges
from gather_diagnostics.model import Window
from gather_diagnostics.tables import schema, to_batch

if TYPE_CHECKING:
    import pyarrow as pa

    from gather_diagnostics.redaction import Redactor

JOINED = 1 << 22
"""Bytes of lines that go through the parser at a time, about."""
_MANY = 500_000
"""Groups that are summed up."""
_KEY_WORDS = b"PRIVATE KEY"


class Alike:
    """For one part of an archive: takes lines out of its blocks, and has the counts of those in the end."""

    def __init__(
        self, known: Known, context: Context, tally: Tally, redactor: Redactor, windows: Sequence[Window]
    ) -> None:
        self._known = known
        self._context = context
        self._tally = tally
        self._redactor = redactor
        self._prober = Prober(context, redactor)
        self._windows = [tuple(round(edge.timestamp() * 1e6) for edge in (w.start, w.end)) for w in windows]
        self._edges = sorted(edge for window in self._windows for edge in window)
        self._counted: list[Groups] = []
        self._first: dict[int, tuple[int, int, str]] = {}
        """Key to time, number and text of its first line."""
        self._is_dated = False
        self.records = 0
        """Counted here, inside the windows or not."""
        self.outside = 0

    def sieve(self, blocks: Iterable[Block]) -> Iterator[Block]:
        """The blocks without the lines that are counted here, small ones joined: expressions cost by the block, too."""
        held: list[Block] = []
        size = 0
        for block in blocks:
            held.append(self.without_counted(block))
            size += held[-1].texts.nbytes
            if size >= JOINED:
                yield _one(held)
                held, size = [], 0
        if held:
            yield _one(held)

    def without_counted(self, block: Block) -> Block:
        """The block without the lines that are counted here."""
        import numpy as np
        import pyarrow as pa

        if len(block.texts) < 3 or self._may_hold_key(block.texts):
            return block
        raw, offsets = parts(block.texts)
        plan = self._known.shapes(block.texts, self._prober)
        lines = np.flatnonzero(plan >= 0)
        lines = lines[self._is_sound(block.texts, raw, offsets, plan, lines)]
        micros, known, zoneless = self._times(raw, offsets[lines], plan[lines])
        lines, micros, zoneless = lines[known], micros[known], zoneless[known]
        key = self._known.keys(block.texts, lines, raw, offsets[lines], plan[lines], self._prober)
        sound = np.zeros(len(plan), bool)
        sound[lines[key >= 0]] = True
        # The first and the last may belong with lines of other blocks; and a line may go on with the one before it, or
        # take its time, which therefore stays as well.
        taken = np.zeros(len(plan), bool)
        taken[1:-1] = sound[1:-1] & self._stands_alone(block.texts, sound)[2:]
        if not self._is_dated and sound.any():
            # What stands in front of a file's first time takes that one.
            taken[np.argmax(sound)] = False
            self._is_dated = True
        which = taken[lines]
        self._count(block, lines[which], key[which], micros[which], zoneless[which])
        rest = pa.array(~taken)
        return Block(block.texts.filter(rest), block.numbers[~taken], block.goes_on, block.ends)

    def _stands_alone(self, texts: pa.Array, sound: Any) -> Any:
        """Which lines begin a record and say its time; looked at are those behind a sound line."""
        import numpy as np
        import pyarrow as pa

        behind = np.flatnonzero(sound[:-1] & ~sound[1:]) + 1
        alone = sound.copy()
        alone[behind] = dated(texts.take(pa.array(behind)), self._context)
        return alone

    def _may_hold_key(self, texts: pa.Array) -> bool:
        data = texts.buffers()[2]
        return self._redactor.in_key or (data is not None and _KEY_WORDS in data.to_pybytes())

    def _is_sound(self, texts: pa.Array, raw: Any, offsets: Any, plan: Any, lines: Any) -> Any:
        """Which of the lines hold the numbers and digits that their plans ask for."""
        import numpy as np
        import pyarrow as pa

        at, sizes, line = self._known.places.numbers.of(offsets[lines], plan[lines])
        sound = np.ones(len(lines), bool)
        if len(at):
            digits = (raw[ranges(at, sizes)] - np.uint8(48)) < 10
            whole = np.logical_and.reduceat(digits, np.cumsum(sizes) - sizes)
            # A fraction may begin with a zero.
            padded = (raw[at] == ord("0")) & (sizes > 1) & (raw[at - 1] != ord("."))
            sound[line[~whole | padded]] = False
        risky = self._known.places.risky[plan[lines]]
        if risky.any():
            where = np.flatnonzero(risky)
            suspect = self._redactor.suspects_by_digits(texts.take(pa.array(lines[where])))
            sound[where[suspect.to_numpy(zero_copy_only=False)]] = False
        return sound

    def _times(self, raw: Any, starts: Any, plan: Any) -> tuple[Any, Any, Any]:
        """Microseconds, whether they are known, and whether no zone stood there."""
        import numpy as np

        places = self._known.places
        micros = np.zeros(len(starts), np.int64)
        known, zoneless = np.zeros(len(starts), bool), np.zeros(len(starts), bool)
        form, at = places.form[plan], starts + places.time[plan]
        for number in np.flatnonzero(np.bincount(form)).tolist():
            layout, is_value = places.forms[number]
            if layout is not None:
                which = np.flatnonzero(form == number)
                matrix = rows(raw, at[which], layout.end)
                micros[which], known[which] = stamps.of_rows(matrix, layout, self._context, value=is_value)
                zoneless[which] = layout.is_zoneless
        return micros, known, zoneless

    def _count(self, block: Block, lines: Any, key: Any, micros: Any, zoneless: Any) -> None:
        import numpy as np

        self.records += len(lines)
        self._tally.records += len(lines)
        self._tally.timed += len(lines)
        self._tally.zoneless += int(zoneless.sum())
        inside = np.zeros(len(lines), bool) if self._windows else np.ones(len(lines), bool)
        for start, end in self._windows:
            inside |= (micros >= start) & (micros < end)
        self.outside += int((~inside).sum())
        lines, key, micros = lines[inside], key[inside], micros[inside]
        if not len(lines):
            return
        part = np.searchsorted(self._edges, micros, side="right")
        found = summed(Groups.of(key, micros, part, block.numbers[lines]))
        self._note_first(block, found)
        self._counted.append(found)
        if sum(len(groups.code) for groups in self._counted) > _MANY:
            self._counted = [summed(Groups.joined(self._counted))]

    def rows(self, front: str, service: str, instance: str) -> pa.Table:
        """Of `logs`: a row for what is called the same, in each minute, and between edges of windows.

        `ref` is `front` and the line's number, 12 digits. What stands in one line alone is told of the first of each
        pattern and level.
        """
        import numpy as np
        import pandas as pd
        import pyarrow as pa

        if not self._counted:
            return schema("logs").empty_table()
        rows = summed(Groups.joined(self._counted)).in_order()
        named = pd.DataFrame([self._known.named[key] for key in rows.keys.tolist()], columns=list(NAMED))
        named["service"] = named["service"].fillna(service).replace("", service)
        named["instance"] = named["instance"].fillna(instance)
        columns = {name: pa.array(named[name], pa.string(), from_pandas=True) for name in NAMED}
        columns["message"] = columns["template"]
        moment = schema("logs").field("time").type
        alone = rows.lines == 1
        columns["time"] = pa.array(rows.time).cast(moment)
        columns["until"] = pa.array(rows.until, mask=alone).cast(moment)
        columns["count"] = pa.array(rows.lines, mask=alone)
        columns["ref"] = pa.array([f"{front}{number:012}" for number in rows.number.tolist()], pa.string())
        first = np.flatnonzero(~named.duplicated(["level", "template"]).to_numpy())
        batch = to_batch("logs", SOURCE, pa.RecordBatch.from_pydict(columns))
        return _told(pa.Table.from_batches([batch]), first, self._texts(rows.keys[first]))

    def _texts(self, keys: Any) -> pa.Table:
        """What stands in the first line of each of the keys alone."""
        import pyarrow as pa

        lines = singles(pa.array([self._first[key][2] for key in keys.tolist()], pa.string()), self._context)
        told = lines.sort_by("index").select(list(ONE_LINES)).combine_chunks()
        times = pa.array([self._first[key][0] for key in keys.tolist()]).cast(schema("logs").field("time").type)
        told = told.append_column("time", times).append_column("ref", pa.array([""] * len(keys)))
        clean = self._redactor.batch("logs", to_batch("logs", SOURCE, told.to_batches()[0]))
        return pa.Table.from_batches([clean]).select(list(ONE_LINES))

    def _note_first(self, block: Block, found: Groups) -> None:
        """Remember each key's earliest line."""
        import numpy as np

        # Groups of one key stand in the order of their times.
        heads = np.flatnonzero(np.diff(found.keys, prepend=-1))
        place = np.searchsorted(block.numbers, found.number[heads]).tolist()
        firsts = zip(found.keys[heads].tolist(), found.time[heads].tolist(), found.number[heads].tolist(), strict=True)
        for (key, time, number), line in zip(firsts, place, strict=True):
            before = self._first.get(key)
            if before is None or (time, number) < before[:2]:
                self._first[key] = (time, number, block.texts[line].as_py())


def _one(blocks: list[Block]) -> Block:
    import numpy as np
    import pyarrow as pa

    numbers = np.concatenate([block.numbers for block in blocks])
    return Block(pa.concat_arrays([b.texts for b in blocks]), numbers, blocks[0].goes_on, blocks[-1].ends)


def _told(rows: pa.Table, which: Any, texts: pa.Table) -> pa.Table:
    """The rows with these columns in which rows."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = np.zeros(len(rows), bool)
    mask[which] = True
    for name in ONE_LINES:
        new = pc.replace_with_mask(rows[name].combine_chunks(), pa.array(mask), texts[name].combine_chunks())
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), new)
    return rows
