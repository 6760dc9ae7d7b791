"""Batches of records through the sieve: whole ones where nothing is refused, row by row near the limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from collectors.logfiles.neighbourhood import Neighbourhood
from collectors.logfiles.sieve import Sieve
from gather_diagnostics.selection import ERROR_LEVELS


@dataclass(frozen=True, slots=True)
class Row:
    """One record, as sieve and neighbourhood look at it."""

    time_us: int
    level: str | None
    batch: pa.RecordBatch
    index: int


class Choice:
    """One file's batches on their way through the sieve."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        self._neighbourhood: Neighbourhood[Row] = Neighbourhood(sieve)
        self.newest = 0
        """The latest time so far (microseconds), asked for or not."""

    def kept(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """What is kept of a batch, and what an error in it brings back of those before."""
        times = batch["time"].cast(pa.int64()).to_numpy()
        self.newest = max(self.newest, int(times.max(initial=0)))
        inside = self._sieve.inside(times)
        if not inside.all():
            batch, times = batch.filter(pa.array(inside)), times[inside]
        if not len(batch):
            return
        incident = self._sieve.incident(times)
        errors = pc.is_in(batch["level"], pa.array(ERROR_LEVELS)).to_numpy(zero_copy_only=False)
        everyday = ~(errors | pc.fill_null(pc.equal(batch["level"], "WARNING"), False).to_numpy(zero_copy_only=False))
        if self._sieve.all_kept(len(batch), int((~incident).sum()), int((incident & everyday).sum())):
            self._neighbourhood.passed(len(batch), np.flatnonzero(errors & incident))
            yield batch
        else:
            yield from self._one_by_one(batch, times)

    def _one_by_one(self, batch: pa.RecordBatch, times: Any) -> Iterator[pa.RecordBatch]:
        levels = batch["level"].to_pylist()
        rows = (
            Row(time, level, batch, index)
            for index, (time, level) in enumerate(zip(times.tolist(), levels, strict=True))
        )
        chosen = [kept for row in rows for kept in self._neighbourhood.sifted(row)]
        earlier = [row for row in chosen if row.batch is not batch]
        yield from (row.batch.slice(row.index, 1) for row in earlier)
        if here := [row.index for row in chosen if row.batch is batch]:
            yield batch.take(pa.array(here))
