"""Series of the metrics table as readings of resources: how much of each is used, sample by sample. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from analyzers.saturation.resources import RESOURCES, Kind, Measure, Resource, plain
from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.selection import of_service, samples_of, seconds, within
from gather_diagnostics.tables import decoded

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SHARES = {"ratio": 1.0, "percent": 0.01}
_SERIES = ["metric", "stat", "unit", "instance", "callee", "endpoint", "version", "labels"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One series."""

    resource: Resource
    kind: Kind
    metric: str
    unit: str
    where: str
    """What the service calls, for a resource of its callee; '' for its own."""
    instance: str
    """The replica or part; '' for the service as a whole."""
    times: NDArray[np.float64]
    """Epoch seconds, ascending."""
    values: NDArray[np.float64]
    """0..1, used out of what there may be; of `waiting` and `refused` as in the table. Of an amount `left` whose whole
    is not known, the share of the most there was in the windows."""
    limit: float | None
    """In `unit`; None where only the share is known, or no limit is."""
    rows: NDArray[np.int64]
    """Row numbers in `metrics`."""
    floor: float = 0.0
    whole: float = 1.0
    """Of an amount `left`: the most there was in the windows, in `unit`."""

    @property
    def name(self) -> str:
        return self.instance or self.where


def readings(request: Request, tables: Tables) -> list[Reading]:
    """All series of the baseline and the incident window that tell of a resource."""
    if "metrics" not in tables:
        return []
    names = {name: plain(name) for name in tables["metrics"]["metric"].unique()}
    wanted = {plain(n) for r in RESOURCES for m in r.measures for n in (*m.metrics, *m.limits)}
    metrics = samples_of(tables["metrics"], [n for n, p in names.items() if p in wanted])
    metrics = within(of_service(metrics, request.service), Window(request.baseline.start, request.incident.end))
    metrics = metrics[metrics["caller"].isna() | (metrics["caller"] == request.service)]
    if not metrics["time"].is_monotonic_increasing:
        metrics = metrics.sort_values("time", kind="stable")
    metrics = metrics.assign(plain=metrics["metric"].map(names), at=seconds(metrics["time"]))
    declared = _declared(tables)
    known = set(metrics["plain"].unique())
    measures = [(r, m) for r in RESOURCES for m in r.measures if known & {plain(n) for n in m.metrics}]
    return [reading for resource, m in measures for reading in _of_measure(resource, m, metrics, declared)]


def _of_measure(
    resource: Resource, measure: Measure, metrics: pd.DataFrame, declared: Mapping[str, Any]
) -> Iterator[Reading]:
    rows = metrics[metrics["plain"].isin([plain(n) for n in measure.metrics])]
    if measure.stats:
        rows = rows[rows["stat"].isin(measure.stats)]
    rows = rows[rows["unit"].isin(list(_SHARES)) == (measure.kind == "share")] if measure.kind != "left" else rows
    limits = metrics[metrics["plain"].isin([plain(n) for n in measure.limits])]
    at, values, numbers = rows["at"].to_numpy(), rows["value"].to_numpy(float), rows.index.to_numpy()
    for series, its in _by_series(rows):
        limit = _limit(measure, series, limits, declared)
        if measure.kind == "used" and not limit:
            continue
        yield Reading(
            resource,
            measure.kind,
            str(series["metric"]),
            str(series["unit"]),
            _text(series["callee"]),
            _text(series["instance"]),
            at[its],
            _shares(measure.kind, str(series["unit"]), values[its], limit),
            limit,
            numbers[its],
            measure.floor,
            float(values[its].max()),
        )


def _by_series(rows: pd.DataFrame) -> Iterator[tuple[dict[str, Any], NDArray[np.intp]]]:
    """What tells each series apart, and the positions of its samples in their order."""
    code = rows.groupby(_SERIES, dropna=False, sort=True).ngroup().to_numpy()
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    told = rows[_SERIES].iloc[order[starts]].to_dict("records")
    yield from zip(told, np.split(order, starts)[1:], strict=True)


def _shares(kind: Kind, unit: str, values: NDArray[np.float64], limit: float | None) -> NDArray[np.float64]:
    match kind:
        case "share":
            return values * _SHARES[unit]
        case "used":
            return values / (limit or np.inf)
        case "left":
            most = 1 / _SHARES[unit] if unit in _SHARES else float(values.max())
            return 1 - values / most if most > 0 else np.ones_like(values)
        case _:
            return values


def _limit(
    measure: Measure, series: Mapping[str, Any], limits: pd.DataFrame, declared: Mapping[str, Any]
) -> float | None:
    """The limit of the same instance in the same unit: the latest a metric tells, else what its manifest says."""
    if measure.kind != "used":
        return None
    same = limits[limits["unit"] == series["unit"]]
    for column in ("callee", "instance"):
        value = series[column]
        same = same[same[column].isna() if pd.isna(value) else same[column] == value]
    found = (
        float(same["value"].iloc[-1])
        if len(same)
        else declared.get(_text(series["instance"]), {}).get(measure.declared)
    )
    return float(found) if isinstance(found, int | float) and found > 0 else None


def _declared(tables: Tables) -> dict[str, Any]:
    """Replica to its limits."""
    if "workloads" not in tables:
        return {}
    workloads = tables["workloads"]
    return {n: told for n, told in zip(workloads["name"], decoded(workloads, "limits"), strict=True) if told}


def _text(value: Any) -> str:
    return "" if pd.isna(value) else str(value)
