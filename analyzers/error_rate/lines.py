"""Error lines, as logs have them: the second source, and the only one where metrics are missing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from analyzers.error_rate.recent import direction, recent
from gather_diagnostics import Finding, Request, Tables, Window
from gather_diagnostics.selection import ERROR_LEVELS, line_times, lines_in, of_service, seconds, support, within
from gather_diagnostics.slicing.breakdown import as_details, compared, of_error_lines, words
from gather_diagnostics.slicing.slices import carriers

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "level", "service", "instance", "tenant", "endpoint", "labels", "count", "until"]
"""All that is looked at: a table of millions of rows is not copied whole."""


def from_logs(request: Request, window: Window, tables: Tables) -> Iterator[Finding]:
    logs = of_service(tables["logs"][COLUMNS], request.service)
    errors = logs[logs["level"].isin(ERROR_LEVELS)]
    if within(logs[["time"]], request.baseline).empty and within(errors, window).empty:
        return
    finding = _finding(request, window, logs, errors)
    yield finding
    if finding.details["changed"]:
        others = logs.loc[~logs["level"].isin(ERROR_LEVELS), ["instance", "tenant", "endpoint", "count"]]
        yield from _slice(request, window, tables, errors, others)


def _finding(request: Request, window: Window, logs: pd.DataFrame, errors: pd.DataFrame) -> Finding:
    from scipy.stats import binomtest

    before, after = within(errors, request.baseline), within(errors, window)
    seen, failed = lines_in(before), lines_in(after)
    usual = seen / (request.baseline.length.total_seconds() / 60)
    now = failed / max(window.length.total_seconds() / 60, 1 / 60)
    # Under equal rates, an error falls into the window with the share of time it covers (conditional binomial test).
    share = window.length / (window.length + request.baseline.length)
    total = seen + failed
    changed = bool(total > 0 and now > 1.5 * usual and binomtest(failed, total, share, "greater").pvalue < 0.001)
    per_minute = _per_minute(within(errors, recent(window)), recent(window))
    trend, trend_words = direction(per_minute, changed)
    if changed:
        headline = f"Error lines in the logs rose from {usual:.2f} to {now:.1f} a minute; {trend_words}."
    elif now > 1.5 * usual:
        headline = f"Error lines in the logs: {now:.2f} a minute against {usual:.2f} before, too few to call it a rise."
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
            "changed": changed,
            "trend": trend,
            "trend_words": trend_words,
            "basis": "logs",
            "share": _share(failed, within(logs[["time", "count"]], window)),
            "baseline_share": _share(seen, within(logs[["time", "count"]], request.baseline)),
        },
    )


def _share(errors: int, rows: pd.DataFrame) -> float | None:
    return round(errors / lines_in(rows), 6) if len(rows) else None


def _per_minute(errors: pd.DataFrame, window: Window) -> pd.DataFrame:
    import pandas as pd

    minutes = pd.date_range(window.start, window.end, freq="1min", inclusive="left")
    counts = np.histogram(line_times(errors), [*seconds(pd.Series(minutes)), window.end.timestamp()])[0]
    return pd.DataFrame({"time": minutes, "value": counts.astype(float)})


def _slice(
    request: Request, window: Window, tables: Tables, errors: pd.DataFrame, others: pd.DataFrame
) -> Iterator[Finding]:
    found = of_error_lines(request, window, tables, errors, others)
    if not found.slices:
        return
    best = carriers(found.slices, found.rise)
    first = best[0] if best else None
    weighed = bool(first and found.weighed[first.dimension])
    if first:
        figures = (
            f"{sum(s.usual for s in first.slices):.2f} a minute before, {sum(s.now for s in first.slices):.1f} now"
        )
        headline = f"Error lines: {words(first, weighed)}; {figures}."
    else:
        headline = f"Error lines: no slice carries the rise ({compared(found)} compared)."
    rows = [s.row for s in first.slices if s.row >= 0] if first else []
    yield Finding(
        "log_errors:slice",
        "error_rate",
        headline,
        (0.75 if weighed else 0.55) if first else 0.5,
        "info",
        span=window,
        supports=(support("logs", rows, len(rows)),) if rows else (),
        details={"basis": "logs", "weights": "lines" if weighed else "equal", **as_details(found, best)},
    )
