"""Picking rows out of the tables: by window, by service, since the onset. Shared by the analyzers.

Frames keep their index, so that a row picked here still carries its row number in the bundle.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Finding, Request, Support, Window
from gather_diagnostics.tables import decoded

if TYPE_CHECKING:
    import pandas as pd

ERROR_LEVELS = ("ERROR", "CRITICAL")
LARGEST_COUNT = 2**40
"""A larger `count` is taken for this one: no sum of them overflows, whoever wrote it."""
MOST_TIMES = 5_000_000
"""Times of single lines that are ever spelt out: 40 MB."""


def within(frame: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Rows whose time lies in the half-open window."""
    import numpy as np

    times = frame["time"].to_numpy("datetime64[us]")
    edges = [np.datetime64(edge.replace(tzinfo=None), "us") for edge in (window.start, window.end)]
    if (times[1:] >= times[:-1]).all():
        # Tables are in the order of time, and a slice copies nothing.
        start, end = np.searchsorted(times, np.array(edges))
        return frame.iloc[start:end]
    return frame[(times >= edges[0]) & (times < edges[1])]


def seconds(times: Any) -> Any:
    """Epoch seconds (float64 array) of a datetime Series or index."""
    import pandas as pd

    return pd.DatetimeIndex(times).as_unit("us").asi8 / 1e6


def by_minute(samples: pd.DataFrame, add: str = "") -> pd.Series[float]:
    """Means by minute (index: epoch seconds). `add`: the column by whose values the means are taken and added up."""
    # Grouped as one column: a frame is asked for a column of that name first, for which pandas spells the array out.
    value, minute = samples["value"], (seconds(samples["time"]) // 60 * 60).astype(float)
    if not add:
        return value.groupby(minute).mean()
    return value.groupby([minute, samples[add].fillna("")]).mean().groupby(level=0).sum()


def of_service(frame: pd.DataFrame, service: str) -> pd.DataFrame:
    """Rows of the service, and those that do not say whose they are."""
    own = frame["service"].isna() | (frame["service"] == service)
    return frame if own.all() else frame[own]


def is_history(changes: pd.DataFrame) -> pd.Series[bool]:
    """Which rows of `changes` lie before the change window and tell only who last changed what: no candidates."""
    import pandas as pd

    told = (isinstance(d, dict) and d.get("before_window") is True for d in decoded(changes, "details"))
    return pd.Series(told, changes.index, dtype=bool)


def line_counts(rows: pd.DataFrame) -> Any:
    """How many log lines each row stands for (int64 array, at least 1): rows of `logs` may be folded."""
    import numpy as np

    return np.clip(rows["count"].fillna(1).to_numpy(), 1, LARGEST_COUNT).astype(np.int64)


def lines_in(rows: pd.DataFrame) -> int:
    """How many log lines the rows stand for."""
    return int(line_counts(rows).sum())


def lines_by(rows: pd.DataFrame, column: str) -> pd.Series[int]:
    """Log lines by value of a column, most first, of equally many the one that came first. Nulls are left out."""
    lines = rows[[column]].assign(lines=line_counts(rows)).groupby(column, sort=False)["lines"].sum()
    return lines.sort_values(ascending=False, kind="stable")


def last_times(rows: pd.DataFrame) -> pd.Series[Any]:
    """When the last line of each row of `logs` was written (UTC): `time` where the row is one line."""
    return rows["until"].fillna(rows["time"])


def line_times(rows: pd.DataFrame) -> Any:
    """Epoch seconds (sorted float64 array) of every log line the rows stand for.

    Of a folded row the first and the last are known and the others are spread evenly between them. Above MOST_TIMES
    lines, folded rows are thinned out in proportion.
    """
    import numpy as np

    counts = line_counts(rows)
    thinned = np.maximum(1, counts // -(-int(counts.sum()) // MOST_TIMES)) if len(counts) else counts
    start, end = seconds(rows["time"]), np.maximum(seconds(last_times(rows)), seconds(rows["time"]))
    number = np.arange(thinned.sum()) - np.repeat(np.cumsum(thinned) - thinned, thinned)
    step = (end - start) / np.maximum(thinned - 1, 1)
    spread = np.repeat(start, thinned) + number * np.repeat(step, thinned)
    return np.sort(np.minimum(spread, np.repeat(end, thinned)))


def samples_of(metrics: pd.DataFrame, names: Iterable[str], stat: str = "") -> pd.DataFrame:
    """Rows of the metrics of these names, of one `stat` or of all, without `ref`, which holds most of the bytes."""
    names = list(names)
    chosen = metrics["metric"] == names[0] if len(names) == 1 else metrics["metric"].isin(names)
    return _light(metrics)[chosen & (metrics["stat"] == stat) if stat else chosen]


def service_metric(metrics: pd.DataFrame, metric: str, service: str) -> pd.DataFrame:
    """Samples of the service as a whole, and of its endpoints; not of single instances, versions or edges. Without
    `ref`."""
    chosen = metrics["metric"] == metric
    for column in ("instance", "version", "caller", "callee"):
        chosen &= metrics[column].isna()
    return of_service(_light(metrics)[chosen], service)


class Served:
    """What a service serves, of all `metrics` or those of them that are wanted. Frames are without `ref`."""

    def __init__(self, metrics: pd.DataFrame, service: str) -> None:
        self._metrics = metrics
        self._service = service

    def of(self, metric: str, stat: str = "") -> pd.DataFrame:
        """Samples of the service as a whole; where only its replicas are measured, theirs. Of one `stat` or of all."""
        found = self.whole(metric, stat)
        return found if len(found) else self.replicas(metric, stat)

    def whole(self, metric: str, stat: str = "") -> pd.DataFrame:
        return samples_of(self._whole, [metric], stat)

    def replicas(self, metric: str, stat: str = "") -> pd.DataFrame:
        """Of its replicas as they serve, not as they call."""
        return samples_of(self._replicas, [metric], stat)

    # Once for all metrics: each choice picks every cell of every column anew, and these leave few.
    @functools.cached_property
    def _whole(self) -> pd.DataFrame:
        empty = [self._metrics[c].isna() for c in ("instance", "version", "caller", "callee", "endpoint")]
        return of_service(_light(self._metrics)[functools.reduce(operator.and_, empty)], self._service)

    @functools.cached_property
    def _replicas(self) -> pd.DataFrame:
        rows = of_service(_light(self._metrics)[self._metrics["instance"].notna()], self._service)
        return rows[rows["callee"].isna() | (rows["callee"] == self._service)]


def _light(metrics: pd.DataFrame) -> pd.DataFrame:
    """Without `ref`, which is long and copied with every row that is picked."""
    return metrics[[name for name in metrics if name != "ref"]] if "ref" in metrics else metrics


def since_onset(request: Request, findings: Mapping[str, Sequence[Finding]]) -> Window:
    """From the onset found to the end of the incident window; the whole window where none was found in it."""
    time = next((f.time for f in findings.get("onset", ()) if f.time), None)
    if time and request.incident.start < time < request.incident.end:
        return Window(time, request.incident.end)
    return request.incident


def support(table: str, index: Iterable[Any], total: int) -> Support:
    """A Support from the first 20 of some row numbers."""
    return Support(table, tuple(int(i) for i in list(index)[:20]), total)
