"""The analyzer: percentiles against their baseline, as a whole and by slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from gather_diagnostics import Finding, Findings, Request, Tables, Window, analyzer
from gather_diagnostics.selection import service_metric, since_onset, support, within
from gather_diagnostics.slicing.breakdown import Breakdown, as_details, compared, of_samples, words
from gather_diagnostics.slicing.slices import Carrier, carriers

if TYPE_CHECKING:
    import pandas as pd

    from gather_diagnostics.model import Severity

STATS = ("p50", "p95", "p99")
SLICED = ("p95", "p99", "p50", "avg")
"""What slices are compared by: the first of these that there is by slice."""
CLEARLY = 1.2
"""Ratio below which a change of latency is nobody's incident, however significant."""
MOST_ENDPOINTS = 10


@analyzer(needs=("metrics",), uses=("workloads",), after=("onset",))
def latency(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """Medians over the samples since the onset (or of the whole incident window) against the baseline window."""
    rows = service_metric(tables["metrics"], "latency", request.service)
    window = since_onset(request, findings)
    whole = rows[rows["endpoint"].isna()]
    told = (_compare(request, window, whole[whole["stat"] == s], s, f"latency:{s}", s) for s in STATS)
    overall = [finding for finding in told if finding]
    yield from overall
    yield from _endpoints(request, window, rows[rows["endpoint"].notna() & (rows["stat"] == "p95")])
    found = of_samples(request, window, tables, "latency", SLICED, _slower)
    if found.slices and (any(_rose(f) for f in overall) or found.any_rose):
        yield _slice(window, found)


def _rose(finding: Finding) -> bool:
    return bool(finding.details["changed"]) and (finding.details["ratio"] or CLEARLY) > 1


def _endpoints(request: Request, window: Window, rows: pd.DataFrame) -> Iterator[Finding]:
    found = []
    for endpoint, its in rows[["time", "value", "endpoint"]].groupby("endpoint"):
        finding = _compare(request, window, its, "p95", f"latency:endpoint:{endpoint}", f"p95 of {endpoint}")
        if finding and finding.details["changed"]:
            found.append(finding)
    # From nothing to something is the largest ratio of all.
    found.sort(key=lambda f: (-(f.details["ratio"] or float("inf")), f.id))
    yield from found[:MOST_ENDPOINTS]


def _compare(request: Request, window: Window, rows: pd.DataFrame, stat: str, id_: str, name: str) -> Finding | None:
    before, after = within(rows, request.baseline)["value"], within(rows, window)["value"]
    if len(before) < 3 or len(after) < 1:
        return None
    baseline, incident = float(before.median()), float(after.median())
    ratio = _ratio(baseline, incident)
    changed = _moved(before, after, ratio)
    peak = after.idxmax()
    verb = ("rose" if ratio > 1 else "fell") if changed else "is unchanged"
    moved = (
        f"from {_ms(baseline)} to {_ms(incident)} ({ratio:.1f} times)"
        if changed
        else f"at {_ms(incident)} (baseline {_ms(baseline)})"
    )
    return Finding(
        id_,
        "latency",
        f"{name} {verb} {moved}; peak {_ms(float(after.max()))} at {rows['time'][peak]:%H:%M:%S} UTC.",
        0.9 if len(before) >= 20 and len(after) >= 5 else 0.6,
        _severity(ratio, changed),
        span=window,
        supports=(support("metrics", after.nlargest(3).index, len(after)),),
        details={
            "stat": stat,
            "unit": "s",
            "baseline": round(baseline, 6),
            "incident": round(incident, 6),
            "peak": round(float(after.max()), 6),
            "peak_time": rows["time"][peak].isoformat(),
            "ratio": round(ratio, 3) if ratio != float("inf") else None,
            "changed": changed,
        },
    )


def _ratio(baseline: float, incident: float) -> float:
    return incident / baseline if baseline > 0 else float("inf") if incident > 0 else 1.0


def _moved(before: pd.Series[float], after: pd.Series[float], ratio: float) -> bool:
    """Larger than CLEARLY and significant by a two-sided Mann-Whitney U test (Mann and Whitney, 1947)."""
    from scipy.stats import mannwhitneyu

    if 1 / CLEARLY < ratio < CLEARLY:
        return False
    return bool(mannwhitneyu(before, after).pvalue < (0.01 if len(after) >= 4 else 0.1))


def _slower(before: pd.Series[float], after: pd.Series[float]) -> bool:
    ratio = _ratio(float(before.median()), float(after.median()))
    return ratio > 1 and _moved(before, after, ratio)


def _slice(window: Window, found: Breakdown) -> Finding:
    best = carriers(found.slices)
    weighed = bool(best and found.weighed[best[0].dimension])
    rows = [s.row for s in best[0].slices] if best else []
    return Finding(
        "latency:slice",
        "latency",
        _sliced(best[0], weighed, found) if best else f"{found.stat}: {_NONE} ({compared(found)} compared).",
        (0.8 if weighed else 0.7) if best else 0.6,
        "info",
        span=window,
        supports=(support("metrics", rows, len(rows)),) if rows else (),
        details={
            "stat": found.stat,
            "unit": "s",
            "weights": "request_rate" if weighed else "equal",
            **as_details(found, best),
        },
    )


_NONE = "no slice carries the rise"


def _sliced(carrier: Carrier, weighed: bool, found: Breakdown) -> str:
    usual, now = carrier.levels()
    unsure = "" if weighed else "; traffic is not known and taken as equal"
    return f"{found.stat}: {words(carrier, weighed)}; from {_ms(usual)} to {_ms(now)} there{unsure}."


def _severity(ratio: float, changed: bool) -> Severity:
    if not changed or ratio <= 1:
        return "info"
    return "high" if ratio >= 5 else "medium" if ratio >= 2 else "low"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"
