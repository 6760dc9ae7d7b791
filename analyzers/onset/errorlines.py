"""Patterns of error lines that are new, or come in bursts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzers.onset.signals import Signal, clock, moment
from gather_diagnostics import Request, Tables
from gather_diagnostics.selection import (
    ERROR_LEVELS,
    last_times,
    line_times,
    lines_by,
    lines_in,
    of_service,
    seconds,
    support,
    within,
)
from gather_diagnostics.statistics.shifts import Shift, first_burst

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "until", "count", "level", "service", "template"]
MOST_PATTERNS = 200


def from_logs(request: Request, tables: Tables, checked: list[str]) -> Iterator[Signal]:
    if "logs" not in tables:
        return
    logs = of_service(tables["logs"][COLUMNS], request.service)
    errors = logs[logs["level"].isin(ERROR_LEVELS)]
    now, before = within(errors, request.incident), within(errors, request.baseline)
    usual = lines_by(before, "template")
    patterns = lines_by(now, "template")
    checked.append(
        f"{lines_in(logs):,} log lines of which {lines_in(now):,} errors in the incident window"
        f" ({len(patterns):,} patterns) against {lines_in(before):,} in the baseline"
    )
    had_baseline = len(within(logs, request.baseline)) > 0
    length = request.baseline.length.total_seconds()
    for template in patterns.index[:MOST_PATTERNS]:
        rows = now[now["template"] == template]
        # Half an event is what a pattern never seen may still have had (Jeffreys prior for a Poisson rate).
        rate = (int(usual.get(template, 0)) + 0.5) / length
        start, end = request.incident.start.timestamp(), request.incident.end.timestamp()
        shift = first_burst(line_times(rows), usual=rate, start=start, end=end)
        if shift:
            yield _log_signal(str(template), rows, int(usual.get(template, 0)), shift, had_baseline)
        elif template not in usual.index and had_baseline:
            yield _lone(str(template), rows)


def _log_signal(template: str, rows: pd.DataFrame, usual: int, shift: Shift, had_baseline: bool) -> Signal:
    new = f"new since {clock(shift.time)}" if not usual else f"surges from {clock(shift.time)}"
    before = f"{usual} in the baseline" if had_baseline else "no baseline logs to compare with"
    words = f"error pattern “{_short(template)}” {new}: {lines_in(rows):,} lines, {before}"
    strength = shift.strength if had_baseline else shift.strength / 2
    lines = support("logs", rows.index[seconds(last_times(rows)) >= shift.time][:5], len(rows))
    return Signal("log_pattern", template, moment(shift.time), moment(shift.earliest), strength, words, lines)


def _lone(template: str, rows: pd.DataFrame) -> Signal:
    first = rows["time"].iloc[0].to_pydatetime()
    lines = lines_in(rows)
    often = "once" if lines == 1 else f"{lines} times"
    words = f"error pattern “{_short(template)}” seen {often}, at {first:%H:%M:%S} UTC: too few to be a start"
    return Signal("log_pattern", template, first, first, 0.1, words, support("logs", rows.index[:5], len(rows)))


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
