"""How many requests fail against the baseline, where, and is it getting worse?

From metrics where there are any (share of requests), and from error lines in logs (lines a minute). Details: baseline,
incident, peak, peak_time, changed, trend (rising, falling, flat, unknown), trend_words, basis (metrics or logs).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from gather_diagnostics import Finding, Findings, Request, Tables, Window, analyzer
from gather_diagnostics.selection import (
    ERROR_LEVELS,
    of_service,
    seconds,
    service_metric,
    since_onset,
    support,
    within,
)

if TYPE_CHECKING:
    import pandas as pd

    from gather_diagnostics.model import Severity

RECENT = timedelta(minutes=15)
MOST_ENDPOINTS = 10
LEAST = 0.002
"""Rise of the failing share below which it is noise."""
STEPS: tuple[tuple[float, Severity], ...] = ((0.25, "critical"), (0.05, "high"), (0.01, "medium"), (0.0, "low"))


@analyzer(needs=(), uses=("metrics", "logs"), after=("onset",))
def error_rate(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """'error_rate' for the service, 'error_rate:endpoint:<e>' for endpoints that got worse, 'log_errors' from logs."""
    window = since_onset(request, findings)
    if "metrics" in tables:
        rows = service_metric(tables["metrics"], "error_rate", request.service)
        yield from _overall(request, window, rows[rows["endpoint"].isna()])
        yield from _endpoints(request, window, rows[rows["endpoint"].notna()])
    if "logs" in tables:
        yield from _from_logs(request, window, tables["logs"])


def _overall(request: Request, window: Window, rows: pd.DataFrame) -> Iterator[Finding]:
    if finding := _compare(request, window, rows, "error_rate", "Failing requests"):
        yield finding


def _endpoints(request: Request, window: Window, rows: pd.DataFrame) -> Iterator[Finding]:
    found = []
    for endpoint, its in rows.groupby("endpoint"):
        finding = _compare(request, window, its, f"error_rate:endpoint:{endpoint}", f"Failing requests of {endpoint}")
        if finding and finding.details["changed"]:
            found.append(finding)
    found.sort(key=lambda f: (-f.details["incident"], f.id))
    yield from found[:MOST_ENDPOINTS]


def _compare(request: Request, window: Window, rows: pd.DataFrame, id_: str, name: str) -> Finding | None:
    before = within(rows, request.baseline)
    after = within(rows, window)
    if not len(before) or not len(after):
        return None
    baseline, incident = float(before["value"].mean()), float(after["value"].mean())
    changed = _rose(before["value"], after["value"])
    peak = after["value"].idxmax()
    trend, trend_words = _trend(within(rows, _recent(request)), changed)
    headline = (
        f"{name} rose from {baseline:.2%} to {incident:.2%}; peak {after['value'].max():.2%} at"
        f" {after['time'][peak]:%H:%M:%S} UTC; {trend_words}."
        if changed
        else f"{name}: {incident:.2%}, no more than the baseline's {baseline:.2%}."
    )
    return Finding(
        id_,
        "error_rate",
        headline,
        0.9 if len(before) >= 20 and len(after) >= 5 else 0.6,
        next(s for edge, s in STEPS if incident >= edge) if changed else "info",
        span=window,
        supports=(support("metrics", after["value"].nlargest(3).index, len(after)),),
        details={
            "baseline": round(baseline, 6),
            "incident": round(incident, 6),
            "peak": round(float(after["value"].max()), 6),
            "peak_time": after["time"][peak].isoformat(),
            "changed": changed,
            "trend": trend,
            "trend_words": trend_words,
            "basis": "metrics",
        },
    )


def _rose(before: pd.Series[float], after: pd.Series[float]) -> bool:
    from scipy.stats import mannwhitneyu

    if after.mean() - before.mean() < max(LEAST, 0.5 * before.mean()):
        return False
    p = mannwhitneyu(after, before, alternative="greater").pvalue
    return bool(p < (0.01 if len(after) >= 4 else 0.1))


def _from_logs(request: Request, window: Window, logs: pd.DataFrame) -> Iterator[Finding]:
    logs = of_service(logs, request.service)
    errors = logs[logs["level"].isin(ERROR_LEVELS)]
    before, after = within(errors, request.baseline), within(errors, window)
    if not within(logs, request.baseline).empty or len(after):
        yield _log_finding(request, window, errors, before, after)


def _log_finding(
    request: Request, window: Window, errors: pd.DataFrame, before: pd.DataFrame, after: pd.DataFrame
) -> Finding:
    from scipy.stats import binomtest

    usual = len(before) / (request.baseline.length.total_seconds() / 60)
    now = len(after) / max(window.length.total_seconds() / 60, 1 / 60)
    # Under equal rates, an error falls into the window with the share of time it covers (conditional binomial test).
    share = window.length / (window.length + request.baseline.length)
    total = len(before) + len(after)
    changed = total > 0 and now > 1.5 * usual and binomtest(len(after), total, share, "greater").pvalue < 0.001
    per_minute = _per_minute(within(errors, _recent(request)), _recent(request))
    trend, trend_words = _trend(per_minute, bool(changed))
    if changed:
        headline = f"Error lines in the logs rose from {usual:.2f} to {now:.1f} a minute; {trend_words}."
    else:
        headline = f"Error lines in the logs: {now:.2f} a minute, no more than the baseline's {usual:.2f}."
    return Finding(
        "log_errors",
        "error_rate",
        headline,
        0.85 if total >= 10 else 0.6,
        ("medium" if now > 1 else "low") if changed else "info",
        span=window,
        supports=(support("logs", after.index[:5], len(after)),) if len(after) else (),
        details={
            "baseline": round(usual, 4),
            "incident": round(now, 4),
            "peak": float(per_minute["value"].max()) if len(per_minute) else 0.0,
            "peak_time": None,
            "changed": bool(changed),
            "trend": trend,
            "trend_words": trend_words,
            "basis": "logs",
        },
    )


def _per_minute(errors: pd.DataFrame, window: Window) -> pd.DataFrame:
    import pandas as pd

    minutes = pd.date_range(window.start, window.end, freq="1min", inclusive="left")
    counts = np.histogram(seconds(errors["time"]), [*seconds(pd.Series(minutes)), window.end.timestamp()])[0]
    return pd.DataFrame({"time": minutes, "value": counts.astype(float)})


def _trend(rows: pd.DataFrame, changed: bool) -> tuple[str, str]:
    """Mann-Kendall test for the direction (Kendall's tau against time), Theil-Sen for the slope."""
    from scipy.stats import kendalltau, theilslopes

    if not changed:
        # Within the baseline's range a slope is weather, and nobody should be told that it gets worse.
        return "flat", "within the baseline's range"
    series = rows.groupby("time")["value"].mean()
    if len(series) < 6:
        return "unknown", "too few recent samples to tell a trend"
    minutes = seconds(series.index.to_series()) / 60
    if series.nunique() == 1:
        return "flat", "steady over the last 15 minutes"
    tau = kendalltau(minutes, series.to_numpy())
    slope = float(theilslopes(series.to_numpy(), minutes).slope)
    span = minutes[-1] - minutes[0]
    # A rise that is certain but tiny is steady to a person: it has to move a tenth of the level over the span.
    if tau.pvalue >= 0.01 or abs(slope * span) < 0.1 * float(series.mean()):
        return "flat", "steady over the last 15 minutes"
    return (
        ("rising", "getting worse over the last 15 minutes")
        if slope > 0
        else ("falling", "easing over the last 15 minutes")
    )


def _recent(request: Request) -> Window:
    return Window(max(request.incident.end - RECENT, request.incident.start), request.incident.end)
