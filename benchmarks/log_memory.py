"""How much memory a whole run takes with millions of log lines, and how long it goes on after the last source.

    python benchmarks/log_memory.py [--lines N] [--pods N] [--unique SHARE]

Two made-up sources, one yielding Arrow batches as the Kubernetes collector does, one lists of dicts as CloudWatch's,
share the lines; everything after them is the real pipeline: redaction, tables, analyzers, document, bundle. The client
libraries of both are imported, since a real run has them in memory. Peak RSS is that of this process (getrusage(2)).
"""

from __future__ import annotations

import argparse
import importlib
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gather_diagnostics import Request, Rows, Target, Window, pipeline
from gather_diagnostics.progress import Silent, Step

CLIENTS = ("pandas", "scipy.stats", "boto3", "kubernetes.client", "collectors.kubernetes", "collectors.cloudwatch")
BATCH = 5_000
ONSET = 0.6
"""Share of the two windows after which errors are ten times as frequent."""
ORDINARY = (
    "request completed route=/api/v1/orders/{} status=200 duration_ms={} bytes={} upstream=inventory-7c9f cache=miss",
    "order {} placed by customer {} with {} items, payment authorised by gateway eu-west, stock reserved in depot",
    "cache refresh of catalogue section {} took {} ms and replaced {} entries; next refresh as scheduled by policy",
    "heartbeat from worker {} in shard {}: queue depth {} within limits, consumer lag steady, no rebalance is needed",
    "GET /healthz answered 200 to probe {} after {} us with {} open connections in the pool of the primary database",
)
FAILURES = (
    "no connection from pool primary after {} ms: {} in use of {} allowed, the request is given up at CheckoutService",
    "payment {} failed at gateway: timeout after {} ms on attempt {}, the order stays pending and will be tried again",
)


class Lines:
    """A source of made-up log lines of a whole cluster, one pod after the other."""

    tables: ClassVar[frozenset[str]] = frozenset({"logs"})

    def __init__(self, name: str, lines: int, pods: int, unique: float, batches: bool) -> None:
        self.name = name
        self._lines, self._pods, self._unique, self._batches = lines, pods, unique, batches

    def plan(self, request: Request) -> Iterator[Target]:
        yield Target(f"{self._lines:,} lines", "made up", "it is a benchmark")

    def collect(self, request: Request) -> Iterator[Rows]:
        draw = np.random.default_rng(1)
        for pod in range(self._pods):
            left = self._lines // self._pods
            while left > 0:
                batch = self._batch(draw, request, min(left, BATCH), pod)
                yield Rows("logs", batch if self._batches else batch.to_pylist())
                left -= batch.num_rows

    def _batch(self, draw: np.random.Generator, request: Request, size: int, pod: int) -> pa.RecordBatch:
        start = request.baseline.start.timestamp()
        span = request.incident.end.timestamp() - start
        when = np.sort(draw.uniform(0, span, size))
        failing = draw.random(size) < np.where(when < ONSET * span, 0.002, 0.02)
        text = np.where(failing, draw.choice(FAILURES, size), draw.choice(ORDINARY, size))
        figures = draw.integers(1, 99_999, (3, size))
        messages = [line.format(*f) for line, f in zip(text.tolist(), figures.T.tolist(), strict=True)]
        if self._unique:
            odd = np.flatnonzero(draw.random(size) < self._unique)
            for at in odd.tolist():
                messages[at] = "".join(map(chr, draw.integers(97, 123, 110)))
        times = pa.array(((start + when) * 1e6).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
        instance = f"checkout-7d9fc6b5d8-{pod:05d}"
        return pa.RecordBatch.from_pydict(
            {
                "time": times,
                "ref": [f"shop/{instance}/app:{n}" for n in figures[0].tolist()],
                "level": pc.if_else(pa.array(failing), "ERROR", "INFO"),
                "service": pa.repeat("checkout", size),
                "instance": pa.repeat(instance, size),
                "message": messages,
                "trace_id": [f"{a:016x}{b:016x}" for a, b, _ in figures.T.tolist()],
            }
        )


class Watch(Silent):
    """Notes when the last source ended."""

    ended = 0.0

    def step(self, source: str, step: Step) -> None:
        if step.status not in ("waiting", "reading"):
            self.ended = time.monotonic()
            print(f"{source}: {step.rows:,} rows in {step.seconds:.1f} s, peak so far {peak():.0f} MB")


def peak() -> float:
    """Peak resident memory in MB; ru_maxrss is in KiB on Linux, in bytes on macOS (getrusage(2))."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--lines", type=int, default=2_000_000, help="log lines of both sources together")
    parser.add_argument("--pods", type=int, default=200)
    parser.add_argument("--unique", type=float, default=0.0, help="share of lines that are like no other")
    given = parser.parse_args()
    for name in CLIENTS:
        importlib.import_module(name)
    print(f"imports: {peak():.0f} MB")
    hour, end = timedelta(hours=1), datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
    incident = Window(end - hour, end)
    baseline, changes = incident.shifted(-hour), Window(end - 24 * hour, end)
    request = Request("checkout", end, incident, baseline, changes, source_seconds=900)
    half, pods = given.lines // 2, given.pods // 2
    sources: dict[str, Any] = {
        "kubernetes": Lines("kubernetes", half, pods, given.unique, batches=True),
        "cloudwatch": Lines("cloudwatch", half, pods, given.unique, batches=False),
    }
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        delivered = pipeline.investigate(request, sources, Path(folder), progress=watch)
        rows = pq.read_metadata(delivered.folder / "tables" / "logs.parquet").num_rows
        bundle = sum(f.stat().st_size for f in delivered.folder.rglob("*") if f.is_file())
    after = time.monotonic() - watch.ended
    print(f"bundle written: {after:.2f} s after the last source, {bundle / 1e6:.1f} MB on disk")
    print(f"rows of logs: {rows:,}; exit code {delivered.exit_code}")
    print(f"peak: {peak():.0f} MB")


if __name__ == "__main__":
    main()
