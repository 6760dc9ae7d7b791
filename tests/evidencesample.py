"""A small, realistic Evidence for tests of whatever handles evidence after collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from gather_diagnostics import Coverage, Evidence, Finding, Gap, Request, Support, Target, Window
from gather_diagnostics.tables import to_batch, to_frame

DOCUMENTS = {
    "evidence.md": "# checkout: p95 latency ×4\n".encode(),
    "evidence.html": b"<!doctype html><title>checkout</title>\n",
    "evidence.json": b'{"service": "checkout"}\n',
}
"""Stand-ins for what the document room renders; a bundle takes any bytes."""


def sample_request(now: datetime, **fields: Any) -> Request:
    hour = timedelta(hours=1)
    incident = Window(now - hour, now)
    known: dict[str, Any] = {
        "service": "checkout",
        "asked": now,
        "incident": incident,
        "baseline": incident.shifted(-hour),
        "changes": Window(now - 24 * hour, now),
        "seasonal": (incident.shifted(-24 * hour), incident.shifted(-168 * hour)),
        "description": "p95 above 2 s — Kasse zäh",
        "severity": "SEV2",
        "timezone": "Europe/Berlin",
        "dependencies": ("payments", "inventory"),
        "runbooks": ("high-latency",),
        "owner": "team-shop",
    }
    return Request(**known | fields)


def sample_evidence(now: datetime) -> Evidence:
    """Changes, logs, metrics, events and workloads (the latter two with nulls among their integers), and an empty
    topology; findings that rest on them; a gap; one source that was not used."""
    onset = now - timedelta(minutes=22)
    return Evidence(
        request=sample_request(now),
        tables={
            "changes": _frame("changes", "git", _changes(onset)),
            "logs": _frame("logs", "logfiles", _logs(onset)),
            "metrics": _frame("metrics", "prometheus", _metrics(now, onset)),
            "events": _frame("events", "kubernetes", _events(onset)),
            "workloads": _frame("workloads", "kubernetes", _workloads(now)),
            "topology": _frame("topology", "prometheus", []),
        },
        coverage=_coverage(),
        gaps=(
            Gap("logfiles", "lines of app.log.2.gz", "denied", "permission denied", "chmod +r /var/log/app.log.2.gz"),
            Gap("analyzer:saturation", "the answer to 'saturation'", "skipped", "no source delivered spans"),
        ),
        findings=_findings(onset),
        raws={
            "git/patches/4f2a9c1.patch": "--- a/pool.py\r\n+++ b/pool.py\n-size = 50\n+size = 5\n",
            "prometheus/query-1.json": '{"status": "success", "note": "größer"}',
            "prometheus/empty.txt": "",
        },
        redactions={"bearer": {"logs.message": 2, "raw/git": 1}},
    )


def _frame(table: str, source: str, rows: Sequence[Mapping[str, Any]]) -> Any:
    return to_frame(table, [to_batch(table, source, rows)])


def _changes(onset: datetime) -> list[dict[str, Any]]:
    ages = (timedelta(minutes=3), timedelta(hours=5), timedelta(hours=9))
    return [
        {
            "time": onset - age,
            "ref": f"git:{number}",
            "id": f"git:commit:{number:040x}",
            "kind": "deploy" if number == 0 else "commit",
            "service": "checkout",
            "revision": f"{number:040x}",
            "author": "Zoë Ω",
            "summary": f"Change number {number}",
            "finished": onset - age + timedelta(minutes=1) if number == 0 else None,
            "details": {"files": [{"path": "pool.py", "added": 1, "deleted": number}]},
        }
        for number, age in enumerate(ages)
    ]


def _logs(onset: datetime) -> list[dict[str, Any]]:
    return [
        {
            "time": onset + timedelta(seconds=7 * n, microseconds=n),
            "ref": f"/var/log/checkout/app.log:{n + 1}",
            "level": "ERROR" if n % 3 == 0 else None,
            "service": "checkout",
            "message": f"pool exhausted after {n} ms\n  at Pool.acquire",
            "template": "pool exhausted after <num> ms",
            "labels": {"thread": n} if n % 2 else None,
        }
        for n in range(60)
    ]


def _metrics(now: datetime, onset: datetime) -> list[dict[str, Any]]:
    times = [now - timedelta(minutes=m) for m in range(120)]
    return [
        {
            "time": time,
            "ref": "histogram_quantile(0.95, ...)",
            "metric": "latency",
            "stat": "p95",
            "value": 2.1 if time >= onset else 0.1 + 0.2,
            "unit": "s",
            "service": "checkout",
        }
        for time in times
    ]


def _events(onset: datetime) -> list[dict[str, Any]]:
    row = {"time": onset, "ref": "uid-1", "kind": "kubernetes", "reason": "BackOff", "object": "pod/checkout-1"}
    return [row | {"count": 12}, row | {"ref": "uid-2", "count": None}]


def _workloads(now: datetime) -> list[dict[str, Any]]:
    row = {"time": now, "kind": "Pod", "phase": "Running", "limits": {"cpu": 0.5, "memory": 2**29}}
    return [
        row | {"ref": "a", "name": "checkout-1", "ready": True, "restarts": 3, "last_exit_code": 137},
        row | {"ref": "b", "name": "checkout-2", "ready": None, "restarts": None},
        row | {"ref": "c", "name": "checkout-3", "ready": False, "restarts": 0},
    ]


def _coverage() -> tuple[Coverage, ...]:
    log = Target("lines of /var/log/checkout/app.log", "/var/log/checkout/app.log", "named in diagnostics.yaml")
    return (
        Coverage(
            "git",
            (Target("commits", "/src/shop (branch main)", "the current folder"),),
            {"changes": 3},
            0.4,
            "complete",
        ),
        Coverage("logfiles", (log,), {"logs": 60}, 1.25, "partial"),
        Coverage("prometheus", (), {"metrics": 120, "topology": 0}, 0.9, "complete"),
        Coverage("kubernetes", (), {}, 0.0, "not_used"),
    )


def _findings(onset: datetime) -> tuple[Finding, ...]:
    return (
        Finding(
            "onset:latency:p95",
            "onset",
            "p95 latency rose from 0.30 s to 2.1 s at 02:58",
            0.9,
            "high",
            time=onset,
            span=Window(onset - timedelta(minutes=1), onset + timedelta(minutes=1)),
            supports=(Support("metrics", (97, 98), total=23),),
            details={"before": 0.1 + 0.2, "after": 2.1, "series": [1, None, {"deep": True}]},
        ),
        Finding(
            "changes:git:commit:0",
            "changes",
            "Change number 0 went out 3 min before",
            0.8,
            supports=(Support("changes", (2,)),),
        ),
        Finding("error_rate:none", "error_rate", "No rise of the error rate in 60 min", 0.7),
    )
