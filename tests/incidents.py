"""Made-up incidents for the analyzers' tests: tables as collectors would deliver them, onset and culprit known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from gather_diagnostics import Evidence, Finding, Request
from gather_diagnostics.patterns import templates
from gather_diagnostics.runner import analyze
from gather_diagnostics.tables import to_batch, to_frame

Rows = list[dict[str, Any]]


def tables(**rows: Sequence[Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """DataFrames as the runner makes them."""
    frames = {name: to_frame(name, [to_batch(name, "test", list(its))]) for name, its in rows.items() if its}
    if "logs" in frames:
        frames["logs"]["template"] = templates(frames["logs"]["message"])
    return frames


def findings(request: Request, **rows: Sequence[Mapping[str, Any]]) -> dict[str, Finding]:
    """Every built-in analyzer's findings by id. Fails when an analyzer breaks."""
    result = analyze(Evidence(request, tables(**rows), (), ()))
    assert [g for g in result.gaps if g.cause == "failed"] == []
    return {f.id: f for f in result.findings}


def samples(
    request: Request,
    metric: str,
    stat: str,
    normal: float,
    *,
    after: float | None = None,
    onset: datetime | None = None,
    until: datetime | None = None,
    unit: str = "s",
    noise: float = 0.05,
    seed: int = 1,
    step: int = 30,
    **columns: Any,
) -> Rows:
    """A series over baseline and incident: `normal`; `after` from `onset` until `until`; log-normal noise."""
    draw = np.random.default_rng(seed)
    rows = []
    time = request.baseline.start
    while time < request.incident.end:
        bad = onset is not None and onset <= time and (until is None or time < until)
        level = after if bad and after is not None else normal
        value = level * draw.lognormal(0, noise)
        rows.append(
            {"time": time, "ref": f"{metric}:{stat}", "metric": metric, "stat": stat, "unit": unit, "value": value}
            | {"service": request.service}
            | columns
        )
        time += timedelta(seconds=step)
    return rows


def lines(
    start: datetime, end: datetime, every: float, message: str, *, level: str = "INFO", seed: int = 1, **columns: Any
) -> Rows:
    """Log lines at random times, on average one in `every` seconds; '{n}' in the message is a running number."""
    draw = np.random.default_rng(seed)
    rows = []
    time = start + timedelta(seconds=float(draw.uniform(0, min(every, 2))))
    while time < end:
        text = message.replace("{n}", str(len(rows)))
        rows.append({"time": time, "ref": f"app.log:{len(rows)}", "level": level, "message": text} | columns)
        time += timedelta(seconds=float(draw.exponential(every)))
    return rows


def commit(
    time: datetime, name: str, *files: str, summary: str = "", kind: str = "commit", scope: str = "code", **columns: Any
) -> dict[str, Any]:
    details = {"files": [{"path": f, "added": 3, "deleted": 1} for f in files], "scope": scope}
    return {
        "time": time,
        "ref": f"raw/git/{name}.diff",
        "id": f"git:commit:{name}",
        "kind": kind,
        "service": "checkout",
        "revision": name,
        "summary": summary or f"commit {name}",
        "author": "Amara <a@example>",
        "details": details,
    } | columns


def deploy(time: datetime, tag: str, *commits: str, **columns: Any) -> dict[str, Any]:
    return {
        "time": time,
        "ref": tag,
        "id": f"git:tag:{tag}",
        "kind": "deploy",
        "service": "checkout",
        "revision": commits[0] if commits else "",
        "summary": f"deploy {tag}",
        "details": {"commits": list(commits)},
    } | columns
