"""Requests a second of the service as a whole, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.selection import Served, of_service, samples_of, seconds, within

if TYPE_CHECKING:
    import pandas as pd

METRIC, STAT = "request_rate", "rate"
FEWEST = 8
"""Samples of the baseline below which nobody knows what is usual."""
FEWEST_NOW = 3
"""Samples of the incident window below which nothing is told of it."""


@dataclass(frozen=True)
class Counts:
    """What was counted, in 1/s."""

    request: Request
    rows: pd.DataFrame
    """Of `metrics`, that make up the values; their index is the row number."""
    values: Any
    """Series by time (UTC, ascending): baseline, incident and seasonal windows."""

    @property
    def near(self) -> Any:
        """Baseline and incident window."""
        return self.between(Window(self.request.baseline.start, self.request.incident.end))

    def between(self, window: Window) -> Any:
        start, end = self.values.index.searchsorted([window.start, window.end])
        return self.values.iloc[start:end]

    @property
    def enough(self) -> bool:
        now = self.between(self.request.incident)
        return len(self.between(self.request.baseline)) >= FEWEST and len(now) >= FEWEST_NOW


def counted(request: Request, tables: Tables) -> Counts | None:
    """None where no source counted the service's requests."""
    if "metrics" not in tables:
        return None
    rows = _of_one_source(request, _whole(rates(tables["metrics"]), request.service))
    return Counts(request, rows, _joined(rows)) if len(rows) else None


def rates(metrics: pd.DataFrame) -> pd.DataFrame:
    return samples_of(metrics, [METRIC], STAT)


def _whole(rows: pd.DataFrame, service: str) -> pd.DataFrame:
    """Samples of the service as a whole; where there are none, those of its replicas as they serve."""
    whole = Served(rows, service).whole(METRIC)
    if len(whole):
        # A sum beside its own parts by tenant or zone is the one without labels.
        bare = whole[whole["labels"].isna()]
        return bare if len(bare) else whole
    rows = of_service(rows, service)
    serving = rows["callee"].isna() | (rows["callee"] == service)
    return rows[serving & rows["instance"].notna() & rows["endpoint"].isna() & rows["caller"].isna()]


def _of_one_source(request: Request, rows: pd.DataFrame) -> pd.DataFrame:
    """Of the source with most samples: two that count at different places would show a step where one of them ends."""
    near = within(rows, Window(request.baseline.start, request.incident.end))
    if near.empty:
        return rows.iloc[:0]
    samples = near["source"].value_counts()
    return rows[rows["source"] == min(samples[samples == samples.max()].index)]


def _joined(rows: pd.DataFrame) -> Any:
    """The sum of all series of the source. Replicas and load balancers are read some seconds apart: of several series a
    minute is one instant, told at its first sample."""
    series = [rows[column].fillna("") for column in ("instance", "version", "labels")]
    if rows.groupby(series).ngroups == 1:
        return rows.groupby("time")["value"].mean()
    minute = rows["time"].dt.floor("min")
    each = rows.groupby([minute, *series])["value"].mean().groupby(level=0).sum()
    return each.set_axis(rows.groupby(minute)["time"].min().array)


def epochs(values: Any) -> Any:
    """Epoch seconds (float64 array) of a Series by time."""
    return seconds(values.index)
