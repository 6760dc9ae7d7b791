"""What has come from one source so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gather_diagnostics.folding import fit
from gather_diagnostics.model import Coverage, Gap, Request, Target, correction
from gather_diagnostics.progress import Step

if TYPE_CHECKING:
    import pyarrow as pa

LOG_BYTES = 12_000_000
"""Log lines that one source may have in memory, in bytes of Arrow: some 30,000 usual ones, more than a person reads.
A run with two sources and two million lines then stays below 500 MB with everything (benchmarks/sources.py)."""

_LOST: frozenset[str] = frozenset({"unreachable", "denied", "timeout", "not_found", "failed", "invalid", "throttled"})


@dataclass
class Shelf:
    """The source's thread writes, the main thread reads when it is done."""

    targets: list[Target] = field(default_factory=list)
    batches: dict[str, list[pa.RecordBatch]] = field(default_factory=dict)
    """By table."""
    in_order: set[str] = field(default_factory=set)
    """Tables whose rows are in the tables' order."""
    raws: dict[str, str] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    """Of the raws: no raw may have the name of one."""
    gaps: list[Gap] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    """Delivered, by table."""
    seconds: float = 0.0
    skew: float | None = None
    log_bytes: int = 0
    folded_bytes: int = 0
    """Of these, what was left when they were last folded."""
    rung: int | None = None
    """Of folding.LADDER; None while nothing is folded."""

    def step(self, status: str) -> Step:
        return Step(sum(self.rows.values()), len(self.gaps), self.seconds, status)

    def put(self, table: str, batch: pa.RecordBatch) -> None:
        self.batches.setdefault(table, []).append(batch)
        self.rows[table] = self.rows.get(table, 0) + batch.num_rows
        if table == "logs":
            self.log_bytes += batch.nbytes

    @property
    def crowded(self) -> bool:
        # What the last rung leaves may be more than the room: doubling it keeps the work linear in the lines.
        return self.log_bytes > max(LOG_BYTES, 2 * self.folded_bytes)

    def folded_logs(self, request: Request) -> tuple[pa.Table, int]:
        """The log lines folded to half the room, and the rung of the ladder; changes nothing here."""
        import pyarrow as pa

        windows = request.on_clock(correction(self.skew)).windows()
        edges = {edge for window in windows for edge in (window.start, window.end)}
        return fit(pa.Table.from_batches(self.batches["logs"]), LOG_BYTES // 2, self.rung or 0, edges)

    def put_folded(self, logs: pa.Table, rung: int) -> None:
        """In place of the log lines that are here."""
        self.batches["logs"] = logs.to_batches()
        self.log_bytes = self.folded_bytes = logs.nbytes
        self.rung = rung

    def coverage(self, source: str, *, asked: bool) -> Coverage:
        lost = any(g.cause in _LOST for g in self.gaps)
        if not self.targets and not lost and not asked:
            status = "not_used"
        elif not self.gaps:
            status = "complete"
        elif (lost or not self.targets) and not self.rows:
            status = "failed"
        else:
            status = "partial"
        kept = {"logs": sum(b.num_rows for b in self.batches["logs"])} if self.rung is not None else {}
        seconds = round(self.seconds, 3)
        return Coverage(source, tuple(self.targets), dict(self.rows), seconds, status, self.skew, kept)  # type: ignore[arg-type]
