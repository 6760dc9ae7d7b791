"""How many requests and users are hit, as far as they can be counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzers.scope.series import of_metric
from gather_diagnostics import Request, Support, Tables, Window
from gather_diagnostics.selection import ERROR_LEVELS, Served, lines_in, of_service, samples_of, support, within

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "level", "service", "tenant", "request_id", "trace_id", "count"]


@dataclass(frozen=True, slots=True)
class Count:
    share: float | None = None
    """0..1 of requests that fail."""
    failed: int | None = None
    users: int | None = None
    requests: int | None = None
    """Different ids in error lines."""
    lines: int | None = None
    supports: tuple[Support, ...] = ()


def count(request: Request, window: Window, tables: Tables) -> Count:
    share, failed = _requests(request, window, tables) if "metrics" in tables else (None, None)
    if "logs" not in tables:
        return Count(share, failed)
    logs = within(tables["logs"][COLUMNS], window)
    errors = of_service(logs[logs["level"].isin(ERROR_LEVELS)], request.service)
    by_id = _different(errors, "request_id")
    rows = (support("logs", errors.index[:5], len(errors)),) if len(errors) else ()
    ids = _different(errors, "trace_id") if by_id is None else by_id
    return Count(share, failed, _different(errors, "tenant"), ids, lines_in(errors), rows)


def _different(rows: pd.DataFrame, column: str) -> int | None:
    return int(rows[column].nunique()) or None


def _requests(request: Request, window: Window, tables: Tables) -> tuple[float | None, int | None]:
    """Share of requests that fail, and how many did.

    The mean over the minutes that have both an error and a request rate, times the time that samples cover.
    """
    start, end = window.start.timestamp() // 60 * 60, window.end.timestamp()
    names = ("error_rate", "request_rate")
    served = Served(samples_of(tables["metrics"], names), request.service)
    ratio, rate = (of_metric(served, name).loc[start:end] for name in names)
    if not len(ratio):
        return None, None
    both = ratio.to_frame("ratio").join(rate.to_frame("rate"), how="inner")
    if not len(both) or both["rate"].sum() <= 0:
        return round(float(ratio.mean()), 6), None
    failed = float((both["ratio"] * both["rate"]).mean())
    step = float(both.index.to_series().diff().median()) if len(both) > 1 else 60.0
    covered = min(end - window.start.timestamp(), float(both.index[-1] - both.index[0]) + step)
    return round(failed / float(both["rate"].mean()), 6), round(failed * covered)
