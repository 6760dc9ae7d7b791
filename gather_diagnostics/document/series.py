"""The service's own curves over baseline and incident, thinned to what a chart can show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.errorlines import errors_a_minute
from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.selection import service_metric, within

if TYPE_CHECKING:
    import pandas as pd

POINTS = 180
"""Of one line. A bucket keeps its largest value, as a spike thinned away is an incident hidden."""
CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("latency", "s", ("p50", "p95", "p99")),
    ("error_rate", "ratio", ("ratio",)),
    ("request_rate", "1/s", ("rate",)),
)
"""Name of chart and metric, unit, stats; in the order drawn."""


def chart_series(evidence: Evidence) -> list[dict[str, Any]]:
    """Latency, error rate (error lines a minute where no metric tells) and traffic, as far as they came in."""
    request = evidence.request
    span = Window(min(request.baseline.start, request.incident.start), request.incident.end)
    charts: dict[str, dict[str, Any]] = {}
    if "metrics" in evidence.tables:
        for name, unit, stats in CHARTS:
            rows = within(service_metric(evidence.tables["metrics"], name, request.service), span)
            if lines := _lines(rows[rows["endpoint"].isna()], stats):
                charts[name] = {"name": name, "unit": unit, "lines": lines}
    if "error_rate" not in charts and len(evidence.tables.get("logs", ())):
        points = errors_a_minute(evidence, span)
        charts["log_errors"] = {
            "name": "log_errors",
            "unit": "1/min",
            "lines": [{"name": "error lines", "points": points}],
        }
    return sorted(charts.values(), key=lambda c: c["name"] == "request_rate")


def _lines(rows: pd.DataFrame, stats: tuple[str, ...]) -> list[dict[str, Any]]:
    lines = []
    for stat in stats:
        # Several sources may measure one thing: the median of those at one instant is the curve.
        curve = rows[rows["stat"] == stat].groupby("time")["value"].median()
        if len(curve) >= 2:
            lines.append({"name": stat, "points": _thinned(curve)})
    return lines


def _thinned(curve: pd.Series[float]) -> list[list[Any]]:
    size = -(-len(curve) // POINTS)
    kept = [curve.iloc[i : i + size].idxmax() for i in range(0, len(curve), size)]
    return [[time.isoformat(), round(float(curve[time]), 6)] for time in kept]
