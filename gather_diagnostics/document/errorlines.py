"""Error patterns in the logs that are new or surge: what an on-call would grep for first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.selection import ERROR_LEVELS, last_times, lines_by, lines_in, of_service, within

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "until", "count", "level", "service", "message", "template"]
MOST = 10
SURGE = 2.0
"""Times its baseline rate from which a known pattern is shown."""
LONGEST = 2000
"""Characters of a quoted example; the whole is in the table."""


def error_patterns(evidence: Evidence) -> list[dict[str, Any]]:
    """The ten that grew most in lines. `new` is null where no baseline logs came in to compare with."""
    if "logs" not in evidence.tables or evidence.tables["logs"].empty:
        return []
    request = evidence.request
    logs = of_service(evidence.tables["logs"][COLUMNS], request.service)
    errors = logs[logs["level"].isin(ERROR_LEVELS) & logs["template"].notna()]
    now = within(errors, request.incident)
    usual = lines_by(within(errors, request.baseline), "template").to_dict()
    compared = not within(logs, request.baseline).empty
    per_window = request.incident.length / request.baseline.length
    grown = []
    for template, count in lines_by(now, "template").items():
        expected = usual.get(template, 0) * per_window
        if count >= SURGE * expected:
            grown.append((expected - count, str(template)))
    return [_pattern(now, usual, compared, template) for _, template in sorted(grown)[:MOST]]


def _pattern(now: pd.DataFrame, usual: dict[Any, int], compared: bool, template: str) -> dict[str, Any]:
    rows = now[now["template"] == template]
    before = int(usual.get(template, 0))
    first = rows.iloc[0]
    return {
        "template": template,
        "level": str(first["level"]),
        "new": before == 0 if compared else None,
        "incident": lines_in(rows),
        "baseline": before,
        "first": first["time"].isoformat(),
        "last": last_times(rows).max().isoformat(),
        "example": str(first["message"])[:LONGEST],
        "supports": [{"table": "logs", "rows": [int(i) for i in rows.index[:3]], "total": len(rows)}],
    }


def errors_a_minute(evidence: Evidence, window: Window) -> list[list[Any]]:
    """[[time, error lines in the minute from then on]] over the window, from the service's logs."""
    import numpy as np
    import pandas as pd

    from gather_diagnostics.selection import line_times, seconds

    logs = of_service(evidence.tables["logs"][COLUMNS], evidence.request.service)
    rows = within(logs[logs["level"].isin(ERROR_LEVELS)], window)
    minutes = pd.date_range(window.start, window.end, freq="1min", inclusive="left")
    counts, _ = np.histogram(line_times(rows), [*seconds(minutes), window.end.timestamp()])
    return [[time.isoformat(), int(count)] for time, count in zip(minutes, counts, strict=True)]
