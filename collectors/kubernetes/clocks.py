"""Rows of several clusters on one clock: a source has one skew, which the runner takes off every row of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from gather_diagnostics import Gap, Rows, Skew
from gather_diagnostics.model import correction

if TYPE_CHECKING:
    import pyarrow as pa

Item = Rows | Gap | Skew


def on_the_first(clusters: Iterable[Iterable[Item]]) -> Iterator[Item]:
    """All items; rows as the clock of the first cluster that told its own would have dated them.

    A cluster tells its Skew before its rows. Of the Skews the first is passed on.
    """
    first: float | None = None
    for items in clusters:
        ahead = timedelta(0)
        for item in items:
            match item:
                case Skew(seconds):
                    if first is None:
                        first = seconds
                        yield item
                    ahead = _corrected(seconds) - _corrected(first)
                case Rows() if ahead:
                    yield replace(item, rows=_moved(item.rows, -ahead))
                case _:
                    yield item


def _corrected(skew: float) -> timedelta:
    return timedelta(seconds=correction(skew))


def _moved(rows: Any, by: timedelta) -> Any:
    if not isinstance(rows, list):
        return _moved_batch(rows, by)
    return [{k: v + by if isinstance(v, datetime) else v for k, v in row.items()} for row in rows]


def _moved_batch(batch: pa.RecordBatch, by: timedelta) -> pa.RecordBatch:
    import pyarrow as pa
    import pyarrow.compute as pc

    difference = pa.scalar(by, pa.duration("us"))
    columns = [pc.add(c, difference) if pa.types.is_timestamp(c.type) else c for c in batch.columns]
    return pa.RecordBatch.from_arrays(columns, schema=batch.schema)
