"""Evidence for the tests of recovery: a service that is well, then ill, then as a test wants it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import documentsample as sample
import numpy as np

from gather_diagnostics import Coverage, Evidence, Finding, Window

NOW = sample.NOW + timedelta(minutes=30)
WINDOW = Window(NOW - timedelta(minutes=5), NOW)
Row = dict[str, Any]


def bundle(rows: Mapping[str, list[Row]], *findings: Finding, **fields: Any) -> Evidence:
    """With an onset at sample.ONSET, unless another is given; every table is from the source `sample`."""
    onset = Finding("onset", "onset", "It began.", 0.9, time=sample.ONSET, details={"before_window": False})
    kept = findings if any(f.id == "onset" for f in findings) else (onset, *findings)
    return Evidence(
        sample.request(**fields), sample.tables(rows), (coverage(rows),), (), tuple(_answered(f) for f in kept)
    )


def _answered(finding: Finding) -> Finding:
    given = {"signals": [], "isolated": [], "checked": []} if finding.id == "onset" else {}
    return replace(finding, details={**given, **finding.details})


def present(rows: Mapping[str, list[Row]], *findings: Finding, window: Window = WINDOW) -> Evidence:
    """What a collection of `window` brings."""
    asked = sample.request(asked=window.end, incident=window, baseline=window.shifted(-window.length))
    return Evidence(asked, sample.tables(rows), (coverage(rows),), (), findings)


def coverage(rows: Mapping[str, list[Row]]) -> Coverage:
    return Coverage("sample", (), {table: len(its) for table, its in rows.items()}, 0.1, "complete")


def samples(
    window: Window, metric: str, value: float, *, noise: float = 0.05, step: float = 30, seed: int = 1, **more: Any
) -> list[Row]:
    """A metric around `value`; of a share never above 1."""
    stat, unit = {"error_rate": ("ratio", "ratio"), "request_rate": ("rate", "1/s")}.get(metric, ("p95", "s"))
    draw = np.random.default_rng(seed)
    return [
        {"time": time, "ref": metric, "metric": metric, "stat": stat, "unit": unit, "service": "checkout",
         "value": min(value * float(draw.lognormal(0, noise)), 1.0 if unit == "ratio" else np.inf)} | more
        for time in every(window, step)
    ]  # fmt: skip


def lines(window: Window, message: str, seconds: float, *, level: str = "ERROR", **more: Any) -> list[Row]:
    """A log line every so many seconds."""
    return [
        {"time": time, "ref": "app.log", "level": level, "service": "checkout", "message": message,
         "template": message} | more
        for time in every(window, seconds)
    ]  # fmt: skip


def every(window: Window, seconds: float) -> Iterator[datetime]:
    count = int(window.length.total_seconds() / seconds)
    yield from (window.start + timedelta(seconds=seconds * (n + 0.5)) for n in range(count))


ILL = Window(sample.ONSET, sample.NOW)
WELL = Window(sample.BASELINE.start, sample.ONSET)


def course(make: Any, well: float, ill: float, now: float, **more: Any) -> tuple[list[Row], list[Row]]:
    """Rows of the bundle and of now: `make(window, value)` for the three times."""
    then = [*make(WELL, value=well, seed=1, **more), *make(ILL, value=ill, seed=2, **more)]
    return then, make(WINDOW, value=now, seed=3, **more)


def replica(name: str, time: datetime, *, ready: bool = True, restarts: int = 0) -> Row:
    return {"time": time, "ref": name, "kind": "Pod", "name": name, "phase": "Running", "ready": ready,
            "restarts": restarts}  # fmt: skip


def health(*troubles: str, ready: int = 2, replicas: int = 2, **details: Any) -> list[Finding]:
    """As the analyzer workload_health answers."""
    summary = Finding("workload_health", "workload_health", "They are.", 0.9,
                      details={"ready": ready, "replicas": replicas})  # fmt: skip
    given = {"objects": 1, "going_on": 1, "state": "new", "until": None, "since": sample.ONSET.isoformat()}
    return [
        summary,
        *(
            Finding(f"workload_health:{reason}", "workload_health", "It is.", 0.9, "high",
                    details={"reason": reason} | given | details)
            for reason in troubles
        ),
    ]  # fmt: skip
