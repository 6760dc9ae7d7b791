"""The analyzer: the signals, the earliest moment on which they agree, the finding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from analyzers.onset.errorlines import from_logs
from analyzers.onset.happenings import from_events, from_health
from analyzers.onset.series import from_metrics, from_others
from analyzers.onset.signals import CONFIRMED, Signal
from gather_diagnostics import Finding, Findings, Request, Tables, Window, analyzer

TOGETHER = timedelta(minutes=5)
"""Signals this close are one onset: scrape intervals and rate windows smear metrics by minutes."""
PRIMARY = ("error_rate", "latency", "traffic", "log_pattern", "restarts")
"""Kinds of signals that users feel."""
MEASURED = ("error_rate", "latency", "traffic")
"""Those that tell when they are over."""
ALONE = 0.6
"""Strength from which a signal is believed without a second one."""


@analyzer(needs=(), uses=("logs", "metrics", "events"), after=("workload_health",))
def onset(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """Exactly one finding with the id 'onset'; its time is None when nothing left its baseline."""
    checked: list[str] = []
    signals = [
        *from_logs(request, tables, checked),
        *from_metrics(request, tables, checked),
        *from_events(request, tables, checked),
        *from_health(request, findings["workload_health"]),
    ]
    if not any(s.kind in PRIMARY for s in signals):
        signals += from_others(request, tables, checked, alarmed=any(s.kind == "alert" for s in signals))
    signals.sort(key=lambda s: (s.time, s.kind, s.what))
    group = _earliest_corroborated(signals)
    isolated = [s for s in signals if not group or s.time < group[0].time]
    if not checked:
        headline = "No onset can be told: neither logs nor metrics nor events came in."
        yield Finding("onset", "onset", headline, 0.0, details=_details([], [], checked))
    elif not group:
        yield _nothing(request, isolated, checked)
    else:
        yield _found(request, group, [s for s in signals if s not in isolated], isolated, checked)


def _earliest_corroborated(signals: Sequence[Signal]) -> list[Signal]:
    """The signals of the earliest moment that two different ones agree on; else the strongest single one.

    An alert tells that something is wrong, but not when it began: it confirms a departure that came before it, and is
    itself the onset only where there is no other.
    """
    alerts = [s for s in signals if s.kind == "alert"]
    others = [s for s in signals if s.kind != "alert"]
    for first in others:
        group = [s for s in others if first.time <= s.time <= first.time + TOGETHER and s.strength > 0.1]
        if first in group and len({(s.kind, s.what) for s in group}) > 1 and sum(s.strength for s in group) >= ALONE:
            return group + [a for a in alerts if a.time >= first.time][:1]
    alone = max(others, key=lambda s: s.strength, default=None)
    if alone and alone.strength >= ALONE:
        return [alone]
    confirmed = [s for s in others if s.strength >= CONFIRMED and any(a.time >= s.time for a in alerts)]
    if confirmed:
        best = max(confirmed, key=lambda s: s.strength)
        return [best, next(a for a in alerts if a.time >= best.time)]
    return alerts[:1]


def _found(
    request: Request, group: list[Signal], signals: list[Signal], isolated: list[Signal], checked: list[str]
) -> Finding:
    time = group[0].time
    earliest = min(time - timedelta(seconds=1), max(s.earliest for s in group if s.earliest <= time))
    kinds = len({s.kind for s in group})
    confidence = {1: 0.55, 2: 0.8}.get(kinds + (len(group) > 2) * (kinds == 1), 0.9)
    if group[0].kind == "alert":
        confidence = 0.3
    before_window = time <= request.incident.start + timedelta(seconds=60)
    agree = f"{len(group)} signals agree" if len(group) > 1 else "one signal, not corroborated"
    headline = f"It began at {time:%H:%M:%S} UTC (not before {earliest:%H:%M:%S}): {agree}; first: {group[0].words}."
    if before_window:
        headline = (
            f"It was under way when the window opens at {request.incident.start:%H:%M} UTC: look further back with"
            f" --since; first sign there: {group[0].words}."
        )
    over = _recovered(signals)
    if over:
        headline += f" It is over: back at the baseline since {over:%H:%M:%S} UTC."
    return Finding(
        "onset",
        "onset",
        headline,
        confidence if not before_window else confidence / 2,
        time=time,
        span=Window(earliest, time),
        supports=tuple(s.support for s in group),
        details=_details(signals, isolated, checked, before_window, over),
    )


def _recovered(signals: Sequence[Signal]) -> datetime | None:
    """Since when all series that users feel are back; None where one is not, or none was measured."""
    ends = [s.until for s in signals if s.kind in MEASURED]
    return max((e for e in ends if e), default=None) if all(ends) else None


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
        details=_details([], isolated, checked),
    )


def _details(
    signals: list[Signal],
    isolated: list[Signal],
    checked: list[str],
    before_window: bool = False,
    recovered: datetime | None = None,
) -> Mapping[str, Any]:
    return {
        "signals": [s.as_details() for s in signals[:20]],
        "isolated": [s.as_details() for s in isolated[:10]],
        "before_window": before_window,
        "recovered": recovered.isoformat() if recovered else None,
        "checked": checked,
    }
