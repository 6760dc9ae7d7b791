"""The three times that are compared: the usual one before the incident, the incident, and now. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from gather_diagnostics.document.clock import when
from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.selection import by_minute, seconds, within

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST = 3
"""Minutes with a sample that can tell how it is now."""
FEWEST_USUAL = 5
"""Minutes with a sample that can tell how it was."""
SILENT = timedelta(minutes=3)
"""A series whose last sample is older has ended; CloudWatch is that late as a rule."""
SPACINGS = 3
"""A series that comes less often than every minute may be so many of its own steps late."""

View = Mapping[str, Any]


@dataclass(frozen=True)
class Eras:
    """The bundle and the present, side by side."""

    service: str
    usual: tuple[Window, ...]
    """Before the incident; empty where the bundle holds no such time."""
    ill: Window
    """Since the onset."""
    now: Window
    then_tables: Mapping[str, pd.DataFrame]
    now_tables: Mapping[str, pd.DataFrame]

    def then(self, table: str) -> pd.DataFrame | None:
        """The bundle's rows; None where it has none."""
        frame = self.then_tables.get(table)
        return frame if frame is not None and len(frame) else None

    def present(self, table: str) -> pd.DataFrame | None:
        """The rows of now; None where there are none."""
        frame = self.now_tables.get(table)
        rows = within(frame, self.now) if frame is not None else None
        return rows if rows is not None and len(rows) else None


@dataclass(frozen=True)
class Minutes:
    """A series by minute: its means in the usual time, in the incident and now; each may be empty."""

    usual: pd.Series[float]
    ill: pd.Series[float]
    now: pd.Series[float]
    ended: bool
    """There is nothing of the last minutes."""

    @property
    def known(self) -> bool:
        """It is known how it usually is."""
        return len(self.usual) >= FEWEST_USUAL


def eras(bundle: Evidence, document: View, now: Evidence, window: Window) -> Eras:
    """Of a bundle, the dict of `document.view` of it, and what was collected for `window`."""
    usual, ill = _before(bundle, document)
    return Eras(bundle.request.service, usual, ill, window, bundle.tables, now.tables)


def _before(bundle: Evidence, document: View) -> tuple[tuple[Window, ...], Window]:
    """What was under way when the incident window opened is in the baseline, too: then the same clock hours of earlier
    days are the usual ones."""
    request, onset = bundle.request, document["onset"] or {}
    began = when(onset.get("time"))
    if onset.get("before_window"):
        return request.seasonal, request.incident
    if began and request.incident.start < began < request.incident.end:
        return (request.baseline,), Window(began, request.incident.end)
    return (request.baseline,), request.incident


Pick = Callable[["pd.DataFrame"], "pd.DataFrame"]


def minutes(found: Eras, table: str, pick: Pick, *, add: str = "") -> Minutes:
    """Means by minute of what `pick` takes of the rows of metrics; with `add`, of each value of that column, summed."""
    then, now = found.then(table), found.present(table)
    before = pick(then) if then is not None else None
    present = pick(now) if now is not None else None
    usual = _joined([_by_minute(before, window, add) for window in found.usual])
    step = _spacing(before, found.usual)
    return Minutes(
        usual, _by_minute(before, found.ill, add), _by_minute(present, found.now, add), _ended(present, found.now, step)
    )


def _by_minute(rows: pd.DataFrame | None, window: Window, add: str) -> pd.Series[float]:
    import pandas as pd

    its = within(rows, window) if rows is not None else None
    if its is None or its.empty:
        return pd.Series(dtype=float)
    return by_minute(its, add)


def _joined(parts: Sequence[pd.Series[float]]) -> pd.Series[float]:
    import pandas as pd

    there = [part for part in parts if len(part)]
    return pd.concat(there) if there else pd.Series(dtype=float)


def _spacing(rows: pd.DataFrame | None, windows: Sequence[Window]) -> timedelta:
    """The usual time from one sample to the next."""
    if rows is None or not windows:
        return timedelta(0)
    times = np.unique(seconds(within(rows, windows[0])["time"]))
    return timedelta(seconds=float(np.median(np.diff(times)))) if len(times) > 1 else timedelta(0)


def _ended(rows: pd.DataFrame | None, window: Window, step: timedelta) -> bool:
    if rows is None or rows.empty:
        return True
    last: datetime = rows["time"].max().to_pydatetime()
    return window.end - last > max(SILENT, SPACINGS * step)
