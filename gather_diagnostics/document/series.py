"""The service's own curves over baseline and incident, thinned to what a chart can show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.errorlines import errors_a_minute
from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.selection import ERROR_LEVELS, Served, line_times, of_service, seconds, within

if TYPE_CHECKING:
    import pandas as pd

POINTS = 180
"""Of one line. A bucket keeps its largest value, as a spike thinned away is an incident hidden."""
BINS = 60
"""Of a pattern's sparkline, at most."""
RESOURCES = 4
"""Lines of the chart of saturation: those nearest their limit."""
CHARTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("latency", "s", ("p50", "p95", "p99")),
    ("error_rate", "ratio", ("ratio",)),
    ("request_rate", "1/s", ("rate",)),
)
"""Name of chart and metric, unit, stats."""
ORDER = ("latency", "error_rate", "log_errors", "saturation", "request_rate", "log_patterns")
_SHARES: Mapping[str, float] = {"ratio": 1.0, "percent": 0.01}
_LIMITED = "_of_limit"
"""How the names of metrics end that say how much of a limit is used."""


def chart_series(evidence: Evidence, patterns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Latency, error rate (error lines a minute where no metric tells), saturation and traffic, as far as they came in;
    last `log_patterns`, a line for each of the patterns of error lines, which goes beside it as a sparkline."""
    request = evidence.request
    span = Window(min(request.baseline.start, request.incident.start), request.incident.end)
    charts: list[dict[str, Any]] = []
    if "metrics" in evidence.tables:
        served = Served(evidence.tables["metrics"], request.service)
        for name, unit, stats in CHARTS:
            rows = within(served.whole(name), span)
            charts.append({"name": name, "unit": unit, "lines": _lines(rows, stats)})
        charts.append({"name": "saturation", "unit": "ratio", "lines": _limits(evidence, span)})
    if len(evidence.tables.get("logs", ())):
        if not any(c["name"] == "error_rate" and c["lines"] for c in charts):
            lines = [{"name": "error lines", "points": errors_a_minute(evidence, span)}]
            charts.append({"name": "log_errors", "unit": "1/min", "lines": lines})
        charts.append({"name": "log_patterns", "unit": "1/min", "lines": _patterns(evidence, span, patterns)})
    return sorted((c for c in charts if c["lines"]), key=lambda c: ORDER.index(c["name"]))


def bin_minutes(span: Window) -> int:
    """Whole minutes that one bar of a sparkline stands for."""
    return max(1, -(-int(span.length.total_seconds()) // (60 * BINS)))


def _lines(rows: pd.DataFrame, stats: tuple[str, ...]) -> list[dict[str, Any]]:
    lines = []
    for stat in stats:
        # Several sources may measure one thing: the median of those at one instant is the curve.
        curve = rows[rows["stat"] == stat].groupby("time")["value"].median()
        if len(curve) >= 2:
            lines.append({"name": stat, "points": _thinned(curve)})
    return lines


def _limits(evidence: Evidence, span: Window) -> list[dict[str, Any]]:
    """Shares of limits, of each resource the replica that is nearest its own: an average hides the one that is full."""
    # What the analyzer found saturated is drawn under whatever name its source gave it.
    found = {f.details.get("metric") for f in evidence.findings if f.question == "saturation"}
    rows = of_service(within(evidence.tables["metrics"], span), evidence.request.service)
    named = rows["metric"].isin([m for m in found if m]) | rows["metric"].str.endswith(_LIMITED)
    rows = rows[named & rows["unit"].isin(list(_SHARES)) & rows["caller"].isna()]
    shares = rows.assign(value=rows["value"] * rows["unit"].map(_SHARES).astype(float))
    curves = [(str(metric), its.groupby("time")["value"].max()) for metric, its in shares.groupby("metric")]
    curves = sorted((c for c in curves if len(c[1]) >= 2), key=lambda c: (-float(c[1].max()), c[0]))
    names = [metric.removesuffix(_LIMITED) for metric, _ in curves]
    return [{"name": name, "points": _thinned(c)} for name, (_, c) in zip(names, curves[:RESOURCES], strict=False)]


def _patterns(evidence: Evidence, span: Window, patterns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Lines a minute of each error pattern; minutes without one are left out."""
    import numpy as np
    import pandas as pd

    logs = evidence.tables["logs"][["time", "until", "count", "level", "service", "template"]]
    logs = within(of_service(logs, evidence.request.service), span)
    logs = logs[logs["level"].isin(ERROR_LEVELS)]
    minutes = bin_minutes(span)
    starts = pd.date_range(span.start, span.end, freq=f"{minutes}min", inclusive="left")
    edges = [*seconds(starts), span.end.timestamp()]
    lines = []
    for template in [str(p["template"]) for p in patterns]:
        counts, _ = np.histogram(line_times(logs[logs["template"] == template]), edges)
        points = [[time.isoformat(), round(int(n) / minutes, 3)] for time, n in zip(starts, counts, strict=True) if n]
        lines.append({"name": template, "points": points})
    return lines


def _thinned(curve: pd.Series[float]) -> list[list[Any]]:
    values, size = curve.to_numpy(dtype=float), -(-len(curve) // POINTS)
    kept = [start + int(values[start : start + size].argmax()) for start in range(0, len(values), size)]
    return [[time.isoformat(), round(float(values[at]), 6)] for at, time in zip(kept, curve.index[kept], strict=True)]
