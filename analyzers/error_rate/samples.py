"""Failing requests, as metrics have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzers.error_rate.recent import direction, recent
from gather_diagnostics import Finding, Request, Tables, Window
from gather_diagnostics.selection import Served, service_metric, support, within
from gather_diagnostics.slicing.breakdown import Breakdown, as_details, compared, of_samples, words
from gather_diagnostics.slicing.slices import carriers

if TYPE_CHECKING:
    import pandas as pd

    from gather_diagnostics.model import Severity

MOST_ENDPOINTS = 10
LEAST = 0.002
"""Rise of the failing share below which it is noise."""
STEPS: tuple[tuple[float, Severity], ...] = ((0.25, "critical"), (0.05, "high"), (0.01, "medium"), (0.0, "low"))
STATS = ("ratio", "avg")


def from_metrics(request: Request, window: Window, tables: Tables) -> Iterator[Finding]:
    metrics = tables["metrics"]
    rows = service_metric(metrics, "error_rate", request.service)
    whole = rows[rows["endpoint"].isna()]
    overall = (
        _compare(request, window, whole, "error_rate", "Failing requests")
        if len(whole)
        else _of_replicas(request, window, metrics)
    )
    if overall:
        yield overall
    yield from _endpoints(request, window, rows[rows["endpoint"].notna()])
    found = of_samples(request, window, tables, "error_rate", STATS, _rose)
    if found.slices and ((overall and overall.details["changed"]) or found.any_rose):
        yield _slice(window, found)


def _of_replicas(request: Request, window: Window, metrics: pd.DataFrame) -> Finding | None:
    """The service as a whole, where only its replicas are measured."""
    rows = Served(metrics, request.service).replicas("error_rate")
    name = f"Failing requests, the mean of {rows['instance'].nunique()} replicas,"
    return _compare(request, window, rows, "error_rate", name)


def _endpoints(request: Request, window: Window, rows: pd.DataFrame) -> Iterator[Finding]:
    rows = rows[["time", "value", "endpoint"]]
    usual = dict(iter(within(rows, request.baseline).groupby("endpoint")["value"]))
    now = within(rows, window).groupby("endpoint")["value"]
    # Most endpoints did not change, and a whole comparison of each takes milliseconds.
    risen = [e for e, values in now if e in usual and _rose(usual[e], values)]
    compared = (
        _compare(request, window, rows[rows["endpoint"] == e], f"error_rate:endpoint:{e}", f"Failing requests of {e}")
        for e in risen
    )
    found = [finding for finding in compared if finding]
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
    trend, trend_words = direction(within(rows, recent(window)), changed)
    headline = (
        f"{name} rose from {baseline:.2%} to {incident:.2%}; peak {after['value'].max():.2%} at"
        f" {after['time'][peak]:%H:%M:%S} UTC; {trend_words}."
        if changed
        else f"{name}: {incident:.2%}, no more than the baseline's {baseline:.2%}."
        if incident - baseline < max(LEAST, 0.5 * baseline)
        else f"{name}: {incident:.2%} against the baseline's {baseline:.2%}, but in a part of the window only; peak"
        f" {after['value'].max():.2%} at {after['time'][peak]:%H:%M:%S} UTC."
    )
    return Finding(
        id_,
        "error_rate",
        headline,
        0.9 if len(before) >= 20 and len(after) >= 5 else 0.6,
        _severity(incident) if changed else "info",
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


def _severity(share: float) -> Severity:
    return next(s for edge, s in STEPS if share >= edge)


def _rose(before: pd.Series[float], after: pd.Series[float]) -> bool:
    from scipy.stats import mannwhitneyu

    if after.mean() - before.mean() < max(LEAST, 0.5 * before.mean()):
        return False
    p = mannwhitneyu(after, before, alternative="greater").pvalue
    return bool(p < (0.01 if len(after) >= 4 else 0.1))


def _slice(window: Window, found: Breakdown) -> Finding:
    best = carriers(found.slices)
    first = best[0] if best else None
    weighed = bool(first and found.weighed[first.dimension])
    if first:
        usual, now = first.levels()
        told = f"{usual:.2%} of their requests failed before, {now:.2%} now"
        unsure = "" if weighed else "; traffic is not known and taken as equal"
        headline = f"Failing requests: {words(first, weighed)}; {told}{unsure}."
    else:
        headline = f"Failing requests: no slice carries the rise ({compared(found)} compared)."
    rows = [s.row for s in first.slices] if first else []
    return Finding(
        "error_rate:slice",
        "error_rate",
        headline,
        (0.85 if weighed else 0.7) if first else 0.6,
        "info",
        span=window,
        supports=(support("metrics", rows, len(rows)),) if rows else (),
        details={"basis": "metrics", "weights": "request_rate" if weighed else "equal", **as_details(found, best)},
    )
