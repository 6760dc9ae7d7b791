"""Counts that can be merged: rows of `logs` folded into patterns, and what a pass met on its way.

Merging is associative and commutative, so that it does not matter who merges what first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from gather_diagnostics.folding import Grain, fold
from gather_diagnostics.model import Gap
from gather_diagnostics.tables import schema

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 200_000
"""Rows above which a coarser grain is taken: some 100 MB."""
ONE_LINES = ("message", "trace_id", "request_id", "labels")
"""Columns that tell of one line alone."""
_CALLER = ("endpoint", "tenant")
_PLACE = (*_CALLER, "instance")
_NOBODY = (*_PLACE, "service")
LADDER: tuple[tuple[Grain, Grain], ...] = (
    (Grain(1), Grain(1)),
    (Grain(1, without=_CALLER), Grain(1)),
    (Grain(5, without=_CALLER), Grain(1, without=_CALLER)),
    (Grain(15, without=_CALLER), Grain(1, without=_CALLER)),
    (Grain(60, without=_CALLER), Grain(5, without=_CALLER)),
    (Grain(60, without=_PLACE), Grain(5, without=_PLACE)),
    (Grain(1440, without=_PLACE), Grain(60, without=_PLACE)),
    (Grain(1440, without=_NOBODY), Grain(1440, without=_NOBODY)),
)
"""(ordinary lines, errors): a row is a pattern, a level, a service, an instance in so many minutes. No grain keeps rare
or first lines apart, so that more lines never make fewer rows: where a part needs a coarser grain, so does the whole,
and the grain of the whole is the same however it was cut."""


@dataclass(frozen=True)
class Partial:
    """What the passes over some parts of an archive give together."""

    rows: pa.Table
    """Of `logs`, folded; `template` is the mask, `ref` is as `Pass` writes it."""
    rung: int = 0
    """Of LADDER."""
    counts: Counter[str] = field(default_factory=Counter)
    """parts, lines, blank (lines), records, untimed, outside (records), cut, undecodable (lines)."""
    blocks: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """File to start of a block to lines in it, of files with several."""
    gaps: frozenset[Gap] = frozenset()
    redactions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """As `Redactor.report`."""


def merged(partials: Sequence[Partial], edges: Sequence[datetime], most: int = MOST_ROWS) -> Partial:
    """As if one pass had been over all their parts; no row reaches across one of `edges` (UTC)."""
    import pyarrow as pa

    counts: Counter[str] = Counter()
    blocks: dict[str, Mapping[int, int]] = {}
    redactions: dict[str, Counter[str]] = {}
    for partial in partials:
        counts.update(partial.counts)
        for path, lines in partial.blocks.items():
            blocks[path] = {**blocks.get(path, {}), **lines}
        for kind, places in partial.redactions.items():
            redactions.setdefault(kind, Counter()).update(places)
    tables = [partial.rows for partial in partials] or [schema("logs").empty_table()]
    rung = max((partial.rung for partial in partials), default=0)
    rows, rung = folded(pa.concat_tables(tables), rung, edges, most)
    gaps = frozenset[Gap]().union(*(partial.gaps for partial in partials))
    return Partial(rows, rung, counts, blocks, gaps, redactions)


def folded(rows: pa.Table, rung: int, edges: Sequence[datetime], most: int = MOST_ROWS) -> tuple[pa.Table, int]:
    """The rows at the first rung, from `rung` on, that leaves at most `most` of them, or at the last; and that rung."""
    if not rows.num_rows:
        return rows, rung
    rows = fold(rows, rung, edges, LADDER)
    while rows.num_rows > most and rung < len(LADDER) - 1:
        rung += 1
        rows = fold(rows, rung, edges, LADDER)
    return _sparing(rows), rung


def _sparing(rows: pa.Table) -> pa.Table:
    """The first row of each pattern and level, and traces, word for word; of the others the template is enough.

    So what stands in a row does not depend on who counted its lines, a parser or `alike`.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    order = pc.sort_indices(rows, [(name, "ascending") for name in ("time", "source", "ref")])
    called = rows.select(["level", "template"]).take(order).to_pandas()
    first = np.empty(len(rows), bool)
    first[order.to_numpy()] = ~called.duplicated().to_numpy()
    told = pc.or_(pa.array(first), pc.match_substring(rows["message"], "\n").combine_chunks())
    for name in ONE_LINES:
        other = rows["template"] if name == "message" else pa.scalar(None, pa.string())
        values = pc.if_else(told, rows[name], other)
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), values)
    return rows


def step_minutes(rung: int) -> int:
    """The longest span of clock time that a row may stand for, in minutes."""
    return max(grain.minutes for grain in LADDER[rung])
