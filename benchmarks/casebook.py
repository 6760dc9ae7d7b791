"""Public cases as `Evidence`: the tables that the collectors would have delivered, and nothing else.

A folder is laid out like the benchmark's own: `changes/<case>/{case.json,changes.csv,metrics.csv.gz,topology.csv}` and
`onset/<case>/{case.json,metric.csv.gz}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from gather_diagnostics import Evidence, Request, Window
from gather_diagnostics.tables import to_batch, to_frame

SEARCHED = timedelta(minutes=10)
"""Before an alert: where the onset of a case of changes/ is searched; what came before is its baseline."""


def changes(root: Path) -> Iterator[tuple[str, Evidence]]:
    for folder in _cases(root / "changes"):
        case = json.loads((folder / "case.json").read_text())
        alert, end = _time(case["alert_time"]), _time(case["collected_at"])
        start = min(_time(case["first_sample"]), alert - 2 * SEARCHED)
        request = _request(case["service"], end, Window(start, alert - SEARCHED), Window(alert - SEARCHED, _after(end)))
        yield folder.name, Evidence(request, _tables(folder, alert, case["service"]), (), ())


def onsets(root: Path) -> Iterator[tuple[str, Evidence]]:
    for folder in _cases(root / "onset"):
        case = json.loads((folder / "case.json").read_text())
        alert = _time(case["alert_time"])
        samples = pd.read_csv(folder / "metric.csv.gz")
        samples["time"] = pd.to_datetime(samples["time"], utc=True)
        middle = samples["time"].min().to_pydatetime() + (alert - samples["time"].min().to_pydatetime()) / 2
        before = Window(samples["time"].min().to_pydatetime(), middle)
        rows = [
            {"time": t, "ref": "metric.csv.gz", "metric": case["metric"], "stat": "avg", "value": float(v)}
            | {"unit": "count", "service": folder.name}
            for t, v in zip(samples["time"].dt.to_pydatetime(), samples["value"], strict=True)
        ]
        tables = {"metrics": _frame("metrics", rows), "events": _frame("events", [_alert(alert, case["metric"])])}
        yield folder.name, Evidence(_request(folder.name, alert, before, Window(middle, _after(alert))), tables, (), ())


def _request(service: str, asked: datetime, baseline: Window, incident: Window) -> Request:
    looked_up = Window(incident.start - timedelta(hours=24), incident.end)
    return Request(service, asked, incident, baseline, looked_up)


def _tables(folder: Path, alert: datetime, service: str) -> dict[str, pd.DataFrame]:
    metrics = pd.read_csv(folder / "metrics.csv.gz")
    # Our tables have latency in seconds.
    metrics.loc[metrics["unit"] == "ms", "value"] /= 1000
    metrics["unit"] = metrics["unit"].replace("ms", "s")
    edges = pd.read_csv(folder / "topology.csv").assign(time=alert)
    return {
        "metrics": _frame("metrics", _records(metrics, "metrics.csv.gz")),
        "changes": _frame("changes", _records(pd.read_csv(folder / "changes.csv"), "changes.csv")),
        "topology": _frame("topology", _records(edges, "topology.csv")),
        "events": _frame("events", [_alert(alert, service)]),
    }


def _records(frame: pd.DataFrame, ref: str) -> list[dict[str, Any]]:
    frame = frame.assign(time=pd.to_datetime(frame["time"], utc=True).dt.to_pydatetime(), ref=ref)
    if "weight" in frame:
        frame["weight"] = frame["weight"].astype(float)
    return [{k: v for k, v in row.items() if not pd.isna(v)} for row in frame.to_dict("records")]


def _frame(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    for row in rows:
        row["time"] = pd.Timestamp(row["time"]).to_pydatetime()
    return to_frame(table, [to_batch(table, "benchmark", rows)])


def _alert(time: datetime, name: str) -> dict[str, Any]:
    return {"time": time, "ref": "case.json", "kind": "alert", "reason": "FIRING", "object": name, "severity": "page"}


def _after(time: datetime) -> datetime:
    """Windows are half-open: the last sample belongs to the case."""
    return time + timedelta(seconds=1)


def _cases(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if (path / "case.json").is_file())


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
