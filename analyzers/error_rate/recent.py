"""Is it getting worse, in words?"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from gather_diagnostics import Window
from gather_diagnostics.selection import seconds
from gather_diagnostics.statistics.trends import trend

if TYPE_CHECKING:
    import pandas as pd

RECENT = timedelta(minutes=15)
WORDS = {
    "unknown": "too few recent samples to tell a trend",
    "flat": "steady over the last 15 minutes",
    "rising": "getting worse over the last 15 minutes",
    "falling": "easing over the last 15 minutes",
}


def recent(window: Window) -> Window:
    """The last 15 minutes; less where the onset is later, for the step up itself is no trend."""
    return Window(max(window.end - RECENT, window.start), window.end)


def direction(rows: pd.DataFrame, changed: bool) -> tuple[str, str]:
    """The trend of rows with `time` and `value`, and its words."""
    if not changed:
        # Within the baseline's range a slope is weather, and nobody should be told that it gets worse.
        return "flat", "within the baseline's range"
    series = rows.groupby("time")["value"].mean()
    found = trend(seconds(series.index), series.to_numpy(dtype=float)).direction
    return found, WORDS[found]
