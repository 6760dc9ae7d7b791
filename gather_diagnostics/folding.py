"""Many like log lines as one row that says how many they were: what keeps memory bounded when millions come in.

Lines of one span of clock time, service, instance, level, template, endpoint and tenant become one row of the table
`logs`: the earliest of them word for word, `count` (lines) and `until` (time of the last). No line is lost from a
count. What an on-call reads word for word stays single as long as there is room: errors, and lines unlike all others.
How much is folded is a rung of `LADDER`; a source climbs it as far as its lines need, and never back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gather_diagnostics.patterns import MASK
from gather_diagnostics.selection import ERROR_LEVELS, LARGEST_COUNT
from gather_diagnostics.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

ALL = 2**62
"""More lines than there are."""
KEYS = ("service", "instance", "level", "template", "endpoint", "tenant")
"""Besides the time, what lines that become one row have in common."""
_CALLER = ("endpoint", "tenant")
_PLACE = (*_CALLER, "instance")


@dataclass(frozen=True, slots=True)
class Grain:
    """How finely lines are kept apart."""

    minutes: int
    """Lines within so many minutes of the clock (UTC) may become one row."""
    single: int = 0
    """Of each group, the earliest so many lines stay rows of their own."""
    rare: int = 0
    """All lines of a template that has at most so many stay rows of their own."""
    without: tuple[str, ...] = ()
    """KEYS that no longer keep lines apart; null in a row whose lines differ in them."""
    lump: int = 0
    """Templates with at most so many lines are taken as one, '<*>': anything."""


LADDER: tuple[tuple[Grain, Grain], ...] = (
    (Grain(1, rare=5), Grain(1, single=ALL)),
    (Grain(1, rare=5), Grain(1, single=10)),
    (Grain(5, rare=5), Grain(1, single=3)),
    (Grain(15), Grain(1, single=1)),
    (Grain(60), Grain(1)),
    (Grain(60, without=_PLACE, lump=10), Grain(1)),
    (Grain(60, without=_PLACE, lump=1000), Grain(5, without=_CALLER)),
    (Grain(60, without=_PLACE, lump=ALL), Grain(5, without=_PLACE, lump=10)),
    (Grain(60, without=(*_PLACE, "service"), lump=ALL), Grain(60, without=(*_PLACE, "service"), lump=ALL)),
)
"""(ordinary lines, errors). Each rung keeps apart nothing that the one before it put together, so that folding what
was folded gives what folding the lines themselves would have given; only lumping forgets. Ordinary lines lose detail
before errors do, and errors lose their place before their minute: the onset is read from it."""


def fit(lines: pa.Table, most: int, rung: int, edges: Iterable[datetime]) -> tuple[pa.Table, int]:
    """`lines` folded until they take at most `most` bytes, and the rung that did it; of the last rung, what comes.

    `rung` is where to begin: the one their first part was folded at. `edges` (UTC) are times that no row may reach
    across, such as the ends of the request's windows, so that a row lies in a window with all its lines.
    """
    ends = sorted(edges)
    folded = fold(lines, rung, ends)
    while folded.nbytes > most and rung < len(LADDER) - 1:
        rung += 1
        folded = fold(folded, rung, ends)
    return folded, rung


def fold(
    lines: pa.Table, rung: int, edges: Sequence[datetime], ladder: Sequence[tuple[Grain, Grain]] = LADDER
) -> pa.Table:
    """Rows of `logs`, folded or not yet, at one rung of the ladder; the sum of their counts stays.

    Takes and gives the schema of `logs`, templates filled in; the order of rows says nothing.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    rows = _rows(lines)
    parts = zip((rows[~rows["error"]], rows[rows["error"]]), ladder[rung], strict=True)
    kept = pd.concat([_folded(part, grain, edges) for part, grain in parts]).sort_values("row")
    mask = np.zeros(len(lines), dtype=bool)
    mask[kept["row"]] = True
    # A filter takes chunk by chunk, where sorting or taking would copy every line first.
    return _described(lines.filter(pa.array(mask)).combine_chunks(), kept)


def _rows(lines: pa.Table) -> pd.DataFrame:
    """What folding looks at, in canonical order: a group's earliest line is its first row, however the lines came.

    KEYS are integers here (equal text, equal integer; null is one too), times are microseconds.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pd.DataFrame({name: _codes(lines[name]) for name in KEYS})
    rows["row"] = np.arange(len(rows))
    rows["time"] = lines["time"].cast(pa.int64()).to_numpy()
    rows["end"] = np.maximum(pc.coalesce(lines["until"], lines["time"]).cast(pa.int64()).to_numpy(), rows["time"])
    rows["lines"] = np.clip(pc.fill_null(lines["count"], 1).to_numpy(), 1, LARGEST_COUNT)
    rows["error"] = pc.is_in(lines["level"], pa.array(ERROR_LEVELS)).to_numpy()
    rows["anything"] = pc.fill_null(pc.equal(lines["template"], MASK), False).to_numpy()
    return rows.iloc[pc.sort_indices(lines, [(column.name, "ascending") for column in TABLES["logs"]]).to_numpy()]


def _codes(column: pa.ChunkedArray) -> Any:
    return column.dictionary_encode(null_encoding="encode").combine_chunks().indices.to_numpy()


def _folded(rows: pd.DataFrame, grain: Grain, edges: Sequence[datetime]) -> pd.DataFrame:
    """One row for what becomes one: `row` it is made of, `lines`, `end`, and for each of KEYS whether it differs."""
    import numpy as np

    totals = rows.groupby("template")["lines"].transform("sum")
    group = _groups(rows, grain, totals <= grain.lump, edges)
    one = rows["lines"] == 1
    earlier = one.groupby(group).cumsum() - one
    single = one & ((earlier < grain.single) | (totals <= grain.rare))
    groups = rows.groupby(group.mask(single, -1 - np.arange(len(rows))), sort=False)
    made = groups.agg(row=("row", "first"), lines=("lines", "sum"), end=("end", "max"))
    return made.assign(**{name: groups[name].min() != groups[name].max() for name in KEYS})


def _groups(rows: pd.DataFrame, grain: Grain, lumped: pd.Series[bool], edges: Sequence[datetime]) -> pd.Series[int]:
    """The number of each row's group, from 0."""
    import numpy as np

    keys = rows[[name for name in KEYS if name not in grain.without]]
    keys = keys.assign(
        template=keys["template"].mask(lumped | rows["anything"], -1),
        span=rows["time"] // (grain.minutes * 60_000_000),
        part=np.searchsorted([round(e.timestamp() * 1e6) for e in edges], rows["time"], side="right"),
    )
    return keys.groupby(list(keys), sort=False).ngroup()


def _described(lines: pa.Table, kept: pd.DataFrame) -> pa.Table:
    """The lines that stand for others, with how many these are and until when, and without what differs among them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    one = kept["lines"].to_numpy() == 1
    none = pa.scalar(None, pa.string())
    differing = [name for name in KEYS if kept[name].any()]
    other = {name: MASK if name == "template" else none for name in differing}
    new = {name: pc.if_else(pa.array(kept[name]), other[name], lines[name]) for name in differing}
    new["count"] = pa.array(kept["lines"].to_numpy(), mask=one)
    new["until"] = pa.array(kept["end"].to_numpy(), mask=one)
    for name, values in new.items():
        field = lines.schema.field(name)
        lines = lines.set_column(lines.schema.get_field_index(name), field, values.cast(field.type))
    return lines
