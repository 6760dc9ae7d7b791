"""When did it really start? One time with an interval, from logs and metrics together.

Every pattern of error lines and every service-wide series says on its own when it left its baseline
(`gather_diagnostics.shifts`). The onset is the earliest *corroborated* departure: one that a second, different signal
joins within a few minutes. An earlier lone error is shown as isolated, not taken for the onset.

The finding's details: signals, isolated (lists of {kind, what, time, earliest, latest, strength, words}),
before_window (bool), checked (what was looked at, in words).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from gather_diagnostics import Finding, Request, Support, Tables, Window, analyzer
from gather_diagnostics.selection import ERROR_LEVELS, of_service, seconds, service_metric, support, within
from gather_diagnostics.shifts import Shift, first_burst, first_shift

if TYPE_CHECKING:
    import pandas as pd

TOGETHER = timedelta(minutes=5)
"""Signals this close are one onset: scrape intervals and rate windows smear metrics by minutes."""
MOST_PATTERNS = 200
ALONE = 0.6
"""Strength from which a signal is believed without a second one."""


@dataclass(frozen=True, slots=True)
class Signal:
    kind: str
    what: str
    time: datetime
    earliest: datetime
    strength: float
    words: str
    support: Support

    def as_details(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "time": self.time.isoformat(),
            "earliest": self.earliest.isoformat(),
            "latest": self.time.isoformat(),
            "strength": self.strength,
            "words": self.words,
        }


@dataclass(frozen=True, slots=True)
class Series:
    """How one service-wide metric is judged."""

    kind: str
    metric: str
    stat: str
    words: str
    floor: float
    """Smallest scale believed, in the unit looked at: noise below it is nobody's incident."""
    sign: int = 1
    logarithmic: bool = False


SERIES = (
    Series("error_rate", "error_rate", "ratio", "error rate", 0.0025),
    Series("latency", "latency", "p99", "p99 latency", 0.06, logarithmic=True),
    Series("latency", "latency", "p95", "p95 latency", 0.06, logarithmic=True),
    Series("latency", "latency", "p50", "p50 latency", 0.06, logarithmic=True),
    Series("traffic", "request_rate", "rate", "request rate", 0.08, sign=-1, logarithmic=True),
)


@analyzer(needs=(), uses=("logs", "metrics"))
def onset(request: Request, tables: Tables) -> Iterator[Finding]:
    """Exactly one finding with the id 'onset'; its time is None when nothing left its baseline."""
    checked: list[str] = []
    signals = [*_from_logs(request, tables, checked), *_from_metrics(request, tables, checked)]
    signals.sort(key=lambda s: (s.time, s.kind, s.what))
    group = _earliest_corroborated(signals)
    isolated = [s for s in signals if not group or s.time < group[0].time]
    if not checked:
        headline = "No onset can be told: neither logs nor metrics came in."
        yield Finding("onset", "onset", headline, 0.0, details=_details([], [], checked, False))
    elif not group:
        yield _nothing(request, isolated, checked)
    else:
        yield _found(request, group, [s for s in signals if s not in isolated], isolated, checked)


def _from_logs(request: Request, tables: Tables, checked: list[str]) -> Iterator[Signal]:
    if "logs" not in tables:
        return
    logs = of_service(tables["logs"], request.service)
    errors = logs[logs["level"].isin(ERROR_LEVELS)]
    now, before = within(errors, request.incident), within(errors, request.baseline)
    usual = before["template"].value_counts()
    patterns = now["template"].value_counts()
    checked.append(
        f"{len(logs):,} log lines of which {len(now):,} errors in the incident window ({len(patterns):,} patterns)"
        f" against {len(before):,} in the baseline"
    )
    had_baseline = len(within(logs, request.baseline)) > 0
    length = request.baseline.length.total_seconds()
    for template in patterns.index[:MOST_PATTERNS]:
        rows = now[now["template"] == template]
        # Half an event is what a pattern never seen may still have had (Jeffreys prior for a Poisson rate).
        rate = (int(usual.get(template, 0)) + 0.5) / length
        start, end = request.incident.start.timestamp(), request.incident.end.timestamp()
        shift = first_burst(seconds(rows["time"]), usual=rate, start=start, end=end)
        if shift:
            yield _log_signal(str(template), rows, int(usual.get(template, 0)), shift, had_baseline)
        elif template not in usual.index and had_baseline:
            yield _lone(str(template), rows)


def _log_signal(template: str, rows: pd.DataFrame, usual: int, shift: Shift, had_baseline: bool) -> Signal:
    new = f"new since {_clock(shift.time)}" if not usual else f"surges from {_clock(shift.time)}"
    before = f"{usual} in the baseline" if had_baseline else "no baseline logs to compare with"
    words = f"error pattern “{_short(template)}” {new}: {len(rows):,} lines, {before}"
    strength = shift.strength if had_baseline else shift.strength / 2
    lines = support("logs", rows.index[shift.index : shift.index + 5], len(rows))
    return Signal("log_pattern", template, _time(shift.time), _time(shift.earliest), strength, words, lines)


def _lone(template: str, rows: pd.DataFrame) -> Signal:
    first = rows["time"].iloc[0].to_pydatetime()
    often = "once" if len(rows) == 1 else f"{len(rows)} times"
    words = f"error pattern “{_short(template)}” seen {often}, at {first:%H:%M:%S} UTC: too few to be a start"
    return Signal("log_pattern", template, first, first, 0.1, words, support("logs", rows.index[:5], len(rows)))


def _from_metrics(request: Request, tables: Tables, checked: list[str]) -> Iterator[Signal]:
    if "metrics" not in tables:
        return
    metrics = tables["metrics"]
    for series in SERIES:
        rows = service_metric(metrics, series.metric, request.service)
        rows = rows[(rows["stat"] == series.stat) & rows["endpoint"].isna()]
        if len(rows):
            checked.append(f"{series.words} ({len(rows):,} samples)")
            if signal := _metric_signal(request, series, rows):
                yield signal


def _metric_signal(request: Request, series: Series, rows: pd.DataFrame) -> Signal | None:
    near = within(rows, Window(request.baseline.start, request.incident.end))
    # Several sources may measure one thing: the median of those at one instant is the series.
    joined = near.groupby("time")["value"].median()
    if len(joined) < 8:
        return None
    values = joined.to_numpy(dtype=float)
    shown = np.log(np.maximum(values, 1e-9)) if series.logarithmic else values
    times = seconds(joined.index)
    baseline = times < request.incident.start.timestamp()
    shift = first_shift(times, shown, baseline, floor=series.floor, sign=series.sign)
    if shift is None or _usual_at_this_hour(request, series, rows, float(np.median(values[shift.index :]))):
        return None
    before, after = float(np.median(values[baseline])), float(np.median(values[shift.index :]))
    verb = "rises" if series.sign > 0 else "falls"
    words = f"{series.words} {verb} from {_figure(series, before)} to {_figure(series, after)} at {_clock(shift.time)}"
    told = near[near["time"] >= joined.index[shift.index]].index
    samples = support("metrics", told[:5], len(told))
    return Signal(series.kind, series.words, _time(shift.time), _time(shift.earliest), shift.strength, words, samples)


def _usual_at_this_hour(request: Request, series: Series, rows: pd.DataFrame, after: float) -> bool:
    """Did the same clock hours look like this a day or a week before?"""
    for window in request.seasonal:
        past = within(rows, window)["value"]
        if len(past) >= 8:
            edge = past.quantile(0.9) if series.sign > 0 else past.quantile(0.1)
            if series.sign * (after - edge) <= 0.1 * abs(edge):
                return True
    return False


def _earliest_corroborated(signals: list[Signal]) -> list[Signal]:
    """The signals of the earliest moment that two different ones agree on; else the strongest single one."""
    for first in signals:
        group = [s for s in signals if first.time <= s.time <= first.time + TOGETHER and s.strength > 0.1]
        if first in group and len({(s.kind, s.what) for s in group}) > 1 and sum(s.strength for s in group) >= ALONE:
            return group
    alone = max(signals, key=lambda s: s.strength, default=None)
    return [alone] if alone and alone.strength >= ALONE else []


def _found(
    request: Request, group: list[Signal], signals: list[Signal], isolated: list[Signal], checked: list[str]
) -> Finding:
    time = group[0].time
    earliest = min(time - timedelta(seconds=1), max(s.earliest for s in group if s.earliest <= time))
    kinds = len({s.kind for s in group})
    confidence = {1: 0.55, 2: 0.8}.get(kinds + (len(group) > 2) * (kinds == 1), 0.9)
    before_window = time <= request.incident.start + timedelta(seconds=60)
    agree = f"{len(group)} signals agree" if len(group) > 1 else "one signal, not corroborated"
    headline = f"It began at {time:%H:%M:%S} UTC (not before {earliest:%H:%M:%S}): {agree}; first: {group[0].words}."
    if before_window:
        headline = (
            f"It was under way when the window opens at {request.incident.start:%H:%M} UTC: look further back with"
            f" --since; first sign there: {group[0].words}."
        )
    return Finding(
        "onset",
        "onset",
        headline,
        confidence if not before_window else confidence / 2,
        time=time,
        span=Window(earliest, time),
        supports=tuple(s.support for s in group),
        details=_details(signals, isolated, checked, before_window),
    )


def _nothing(request: Request, isolated: list[Signal], checked: list[str]) -> Finding:
    headline = (
        f"No onset between {request.incident.start:%H:%M} and {request.incident.end:%H:%M} UTC:"
        f" nothing left its baseline in {len(checked)} kinds of signal."
    )
    return Finding(
        "onset",
        "onset",
        headline,
        0.7 if len(checked) > 1 else 0.5,
        supports=tuple(s.support for s in isolated[:3]),
        details=_details([], isolated, checked, False),
    )


def _details(
    signals: list[Signal], isolated: list[Signal], checked: list[str], before_window: bool
) -> Mapping[str, Any]:
    return {
        "signals": [s.as_details() for s in signals[:20]],
        "isolated": [s.as_details() for s in isolated[:10]],
        "before_window": before_window,
        "checked": checked,
    }


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _clock(seconds: float) -> str:
    return f"{_time(seconds):%H:%M:%S} UTC"


def _figure(series: Series, value: float) -> str:
    if series.metric == "error_rate":
        return f"{value:.2%}"
    return f"{value * 1000:.0f} ms" if series.metric == "latency" else f"{value:.1f}/s"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
