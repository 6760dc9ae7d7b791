"""Picking rows out of the tables: by window, by service, since the onset. Shared by the analyzers.

Frames keep their index, so that a row picked here still carries its row number in the bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Finding, Request, Support, Window

if TYPE_CHECKING:
    import pandas as pd

ERROR_LEVELS = ("ERROR", "CRITICAL")


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Rows whose time lies in the half-open window."""
    return frame[(frame["time"] >= window.start) & (frame["time"] < window.end)]


def seconds(times: Any) -> Any:
    """Epoch seconds (float64 array) of a datetime Series or index."""
    import pandas as pd

    return pd.DatetimeIndex(times).as_unit("us").asi8 / 1e6


def of_service(frame: pd.DataFrame, service: str) -> pd.DataFrame:
    """Rows of the service, and those that do not say whose they are."""
    return frame[frame["service"].isna() | (frame["service"] == service)]


def service_metric(metrics: pd.DataFrame, metric: str, service: str) -> pd.DataFrame:
    """Samples of the service as a whole, and of its endpoints; not of single instances, versions or edges."""
    rows = of_service(metrics[metrics["metric"] == metric], service)
    return rows[rows["instance"].isna() & rows["version"].isna() & rows["caller"].isna() & rows["callee"].isna()]


def since_onset(request: Request, findings: Mapping[str, Sequence[Finding]]) -> Window:
    """From the onset found to the end of the incident window; the whole window where none was found in it."""
    time = next((f.time for f in findings.get("onset", ()) if f.time), None)
    if time and request.incident.start < time < request.incident.end:
        return Window(time, request.incident.end)
    return request.incident


def support(table: str, index: Iterable[Any], total: int) -> Support:
    """A Support from the first 20 of some row numbers."""
    return Support(table, tuple(int(i) for i in list(index)[:20]), total)
