"""Is a kind of log line new, more frequent than before, or usual? Incident window against baseline.

Pure; shared by the analyzers that count kinds of lines. The counts are lines: a folded row stands for several.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from gather_diagnostics.model import Request, Window
from gather_diagnostics.selection import lines_in, within

if TYPE_CHECKING:
    import pandas as pd

RISE = 2.0
"""Times the baseline's rate below which more of the same is usual: errors come in clumps."""
CHANCE = 1e-3
"""Probability under equal rates below which a rise is believed."""

State = Literal["new", "risen", "usual", "unknown"]


@dataclass(frozen=True, slots=True)
class Frequency:
    """How often a kind of line came in the incident window and in the baseline."""

    state: State
    """new: none in the baseline; unknown: no lines at all came in from the baseline to compare with."""
    count: int
    """Lines in the incident window."""
    baseline_count: int
    first: datetime
    """The first in the incident window, UTC."""

    @property
    def stands_out(self) -> bool:
        return self.state != "usual"

    def words(self) -> str:
        """'312 times (baseline: none, so it is new), first at 02:47:12 UTC'."""
        times = "once" if self.count == 1 else f"{self.count:,} times"
        compared = {
            "new": "none in the baseline, so it is new",
            "risen": f"baseline {self.baseline_count:,}",
            "usual": f"baseline {self.baseline_count:,}, so it is usual",
            "unknown": "no baseline to compare with",
        }[self.state]
        return f"{times} ({compared}), first at {self.first:%H:%M:%S} UTC"


def frequency(rows: pd.DataFrame, request: Request, compared: bool) -> Frequency | None:
    """Of the `rows` of table `logs` that are of one kind; None when none of them lies in the incident window.

    `compared`: the baseline window has lines of any kind. A rise is judged by the conditional binomial test for two
    Poisson rates (Przyborowski and Wilenski, Biometrika 31, 1940) and by its size.
    """
    now, before = within(rows, request.incident), within(rows, request.baseline)
    if now.empty:
        return None
    count, baseline_count = lines_in(now), lines_in(before)
    state = _state(count, baseline_count, request.incident, request.baseline) if compared else "unknown"
    return Frequency(state, count, baseline_count, now["time"].min().to_pydatetime())


def _state(count: int, before: int, incident: Window, baseline: Window) -> State:
    from scipy.stats import binomtest

    if not before:
        return "new"
    ratio = (count / incident.length.total_seconds()) / (before / baseline.length.total_seconds())
    share = incident.length / (incident.length + baseline.length)
    rare = binomtest(count, count + before, share, "greater").pvalue < CHANCE
    return "risen" if ratio >= RISE and rare else "usual"
