"""How long the analyzers take on a large bundle.

    python benchmarks/analysis.py [--lines N] [--profile NAME]

Made from a seed, as a bundle may hold them unfolded: N log rows, 500 series of 240 samples, 2,000 events, 200 replicas
and 300 changes of an incident of 23 minutes, with stack traces, known errors, failed log-ins and calls that were
refused among the lines. Prints seconds in all and for each analyzer; `--profile` prints where one of them spends them.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from gather_diagnostics import Evidence, Finding, Request, Window, plugins
from gather_diagnostics.patterns import templates
from gather_diagnostics.runner import analyze
from gather_diagnostics.tables import to_batch, to_frame

GOAL = 20.0
"""Seconds."""
END = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
ONSET = END - timedelta(minutes=23)
REQUEST = Request(
    "checkout",
    END,
    Window(END - timedelta(hours=1), END),
    Window(END - timedelta(hours=2), END - timedelta(hours=1)),
    Window(END - timedelta(hours=24), END),
    dependencies=("orders-db", "payments", "inventory"),
)
SAMPLES, STEP = 240, timedelta(seconds=30)
PODS, ENDPOINTS = 50, 12
ORDINARY = (
    "order {} placed in {} ms",
    "GET /api/v1/orders/{} 200 in {} ms",
    "cache refresh of section {} took {} ms",
    "heartbeat of worker {}: queue depth {}",
)
TRACE = (
    "order {} not placed\nTraceback (most recent call last):\n"
    '  File "/app/checkout/order.py", line 88, in place\n    stock.reserve(order)\n'
    '  File "/app/checkout/stock.py", line 31, in reserve\n    raise OutOfStock({})\nOutOfStock'
)
FAILED = (
    "could not save order {}: dial tcp orders-db:5432: connect: connection refused after {} ms",
    "order {}: HikariPool-1 - Connection is not available, request timed out after {}ms",
    "call to payments for order {} timed out after {} ms",
    "failed login for user {} from 203.0.113.9 ({})",
    TRACE,
)


def logs(count: int) -> pd.DataFrame:
    """Rows of the service; an error in 500 before the onset, in 20 from then on."""
    draw = np.random.default_rng(1)
    start, span = REQUEST.baseline.start.timestamp(), (END - REQUEST.baseline.start).total_seconds()
    when = start + np.sort(draw.uniform(0, span, count))
    failing = draw.random(count) < np.where(when < ONSET.timestamp(), 0.002, 0.05)
    kinds = np.where(
        failing, len(ORDINARY) + draw.integers(0, len(FAILED), count), draw.integers(0, len(ORDINARY), count)
    )
    texts, figures = [*ORDINARY, *FAILED], draw.integers(1, 99_999, (2, count))
    messages = [texts[k].format(a, b) for k, a, b in zip(kinds.tolist(), *figures.tolist(), strict=True)]
    pods, endpoints = draw.integers(0, PODS, count), draw.integers(0, ENDPOINTS, count)
    batch = pa.RecordBatch.from_pydict(
        {
            "time": pa.array((when * 1e6).astype(np.int64)).cast(pa.timestamp("us", tz="UTC")),
            "ref": [f"shop/app:{n}" for n in range(count)],
            "level": pc.if_else(pa.array(failing), "ERROR", "INFO"),
            "service": pa.repeat("checkout", count),
            "instance": pa.array([f"checkout-{n:03d}" for n in range(PODS)]).take(pa.array(pods)),
            "message": messages,
            "request_id": [f"{a:08x}{b:08x}" for a, b in zip(*figures.tolist(), strict=True)],
            "tenant": pa.array([f"tenant-{n}" for n in range(40)]).take(pa.array(figures[0] % 40)),
            "endpoint": pa.array([f"/api/v1/{n}" for n in range(ENDPOINTS)]).take(pa.array(endpoints)),
        }
    )
    frame = to_frame("logs", [to_batch("logs", "benchmark", batch)])
    return frame.assign(template=templates(frame["message"]))


def metrics() -> pd.DataFrame:
    """500 series: of the service, its endpoints, its replicas, and what it calls."""
    rows = [row for number, columns in enumerate(_series()) for row in _samples(number, columns)]
    return _frame("metrics", rows)


def _series() -> Iterator[dict[str, Any]]:
    kinds = [("error_rate", "ratio", "ratio"), ("latency", "p95", "s"), ("request_rate", "rate", "1/s")]
    resources = [("cpu", "avg", "cores"), ("memory", "max", "bytes"), ("connections", "max", "count")]
    for metric, stat, unit in kinds:
        one = {"metric": metric, "stat": stat, "unit": unit, "service": "checkout"}
        yield one
        yield from (one | {"endpoint": f"/api/v1/{n}"} for n in range(ENDPOINTS))
        yield from (one | {"instance": f"checkout-{n:03d}", "version": f"v{n % 2}"} for n in range(PODS))
        yield from (one | {"service": f"s{n}", "caller": "checkout", "callee": f"s{n}"} for n in range(50))
    for metric, stat, unit in resources:
        one = {"metric": metric, "stat": stat, "unit": unit, "service": "checkout"}
        yield from (one | {"instance": f"checkout-{n:03d}"} for n in range(PODS))
    yield {"metric": "disk", "stat": "max", "unit": "ratio", "service": "checkout"}
    yield from ({"metric": f"business_{n}", "stat": "avg", "unit": "count", "service": "checkout"} for n in range(10))


def _samples(number: int, columns: dict[str, Any]) -> Iterator[dict[str, Any]]:
    draw = np.random.default_rng(number)
    normal = {"ratio": 0.004, "s": 0.12, "1/s": 40.0}.get(columns["unit"], 10.0)
    rising = 20.0 if columns["metric"] in ("error_rate", "latency") and columns["service"] == "checkout" else 1.0
    for n, noise in enumerate(draw.lognormal(0, 0.1, SAMPLES).tolist()):
        moment = REQUEST.baseline.start + n * STEP
        value = normal * noise * (rising if moment >= ONSET else 1.0)
        yield {
            "time": moment,
            "ref": columns["metric"],
            "value": min(value, 1.0 if columns["unit"] == "ratio" else value),
        } | columns


def others() -> dict[str, pd.DataFrame]:
    draw = np.random.default_rng(2)
    reasons = (
        "BackOff",
        "Unhealthy",
        "Killing",
        "Scheduled",
        "Pulled",
        "FailedScheduling",
        "NodeNotReady",
        "OOMKilling",
    )
    events = [
        {"time": END - timedelta(seconds=int(s)), "ref": f"event {n}", "kind": "kubernetes", "reason": reasons[n % 8]}
        | {
            "object": f"Pod/checkout-{n % PODS:03d}",
            "message": "Back-off restarting failed container",
            "count": 1,
            "severity": "Warning",
        }
        for n, s in enumerate(draw.integers(0, 7000, 2_000))
    ]
    workloads = [
        {
            "time": END,
            "ref": f"pod {n}",
            "kind": "Pod",
            "name": f"checkout-{n:03d}",
            "phase": "Running",
            "ready": n % 9 > 0,
        }
        | {"restarts": n % 3, "version": f"v{n % 2}", "node": f"node-{n % 12}", "limits": {"cpu": 1.0, "memory": 5e8}}
        for n in range(200)
    ]
    changes = [
        {"time": END - timedelta(seconds=int(s)), "ref": f"commit {n}", "id": f"git:commit:{n:040x}", "kind": "commit"}
        | {"service": "checkout", "summary": f"Change {n} of the order", "author": "Amara", "revision": f"{n:040x}"}
        | {"details": {"files": [{"path": f"checkout/{'order' if n % 7 else 'stock'}.py", "added": 3, "deleted": 1}]}}
        for n, s in enumerate(draw.integers(0, 86_000, 300))
    ]
    edges = [{"time": END, "ref": "mesh", "caller": "checkout", "callee": f"s{n}", "weight": 1.0} for n in range(50)]
    tables = {"events": events, "workloads": workloads, "changes": changes, "topology": edges}
    return {name: _frame(name, rows) for name, rows in tables.items()}


def _frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    return to_frame(table, [to_batch(table, "benchmark", sorted(rows, key=lambda row: row["time"]))])


def single(evidence: Evidence, name: str) -> list[Finding]:
    """One analyzer's answer, given those it builds on, as the runner gives it."""
    function = plugins.load(plugins.ANALYZERS, name)
    spec = plugins.spec_of(function)
    seen = {t: evidence.tables[t] for t in spec.needs | spec.uses if t in evidence.tables}
    before = ({q: evidence.findings_of(q) for q in spec.after},) if spec.after else ()
    return list(function(evidence.request, seen, *before))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=2_000_000, help="log rows")
    parser.add_argument("--profile", metavar="NAME", help="an analyzer to profile")
    given = parser.parse_args()
    evidence = Evidence(REQUEST, {"logs": logs(given.lines), "metrics": metrics(), **others()}, (), ())
    print(", ".join(f"{len(frame):,} {name}" for name, frame in evidence.tables.items()))
    started = time.perf_counter()
    evidence = analyze(evidence, _raise)
    whole = time.perf_counter() - started
    print(f"{whole:6.2f} s in all, goal {GOAL:.0f} s; {len(evidence.findings)} findings")
    for name in plugins.names(plugins.ANALYZERS):
        started = time.perf_counter()
        found = single(evidence, name)
        print(f"{time.perf_counter() - started:6.2f} s {name}, {len(found)} findings")
    if given.profile:
        with cProfile.Profile() as profile:
            single(evidence, given.profile)
        pstats.Stats(profile).sort_stats("cumulative").print_stats(40)
    sys.exit(whole > GOAL)


def _raise(error: BaseException) -> None:
    raise error


if __name__ == "__main__":
    main()
