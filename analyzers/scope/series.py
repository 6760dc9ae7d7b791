"""The service as a whole, minute by minute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gather_diagnostics import Request, Window
from gather_diagnostics.selection import Served, by_minute, line_times

if TYPE_CHECKING:
    import pandas as pd


def of_metric(served: Served, metric: str, stat: str = "") -> Any:
    """Means by minute (Series; its index epoch seconds), in the metric's unit. Where only replicas are measured, their
    mean, of request rates their sum. Empty where there is nothing."""
    return by_minute(served.of(metric, stat), "instance" if metric == "request_rate" else "")


def of_lines(errors: pd.DataFrame, request: Request) -> Any:
    """Error lines a minute over baseline and incident (Series; its index epoch seconds)."""
    import pandas as pd

    window = Window(request.baseline.start, request.incident.end)
    edges = np.arange(window.start.timestamp(), window.end.timestamp() + 60, 60)
    return pd.Series(np.histogram(line_times(errors), edges)[0].astype(float), index=edges[:-1])
