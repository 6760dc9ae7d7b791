"""Alerts that fired and replicas that are ill: what the platform itself noticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from analyzers.onset.signals import Signal
from gather_diagnostics import Finding, Request, Tables
from gather_diagnostics.selection import support, within

if TYPE_CHECKING:
    import pandas as pd

FIRING = ("FIRING", "ALARM")
PATIENCE = timedelta(minutes=15)
"""An alert fires after its condition held for a while (Prometheus' `for`, CloudWatch's evaluation periods)."""


def from_events(request: Request, tables: Tables, checked: list[str]) -> Iterator[Signal]:
    """Reasons that the incident window has and the baseline has not."""
    if "events" not in tables:
        return
    events = tables["events"]
    checked.append(f"alerts and platform events ({len(events):,})")
    before = within(events, request.baseline)
    now = within(events, request.incident)
    alerts = now[(now["kind"] == "alert") & now["reason"].isin(FIRING)]
    yield from (_alert(rows) for _, rows in _new(alerts, before, "object"))


def _new(now: pd.DataFrame, before: pd.DataFrame, column: str) -> Iterator[tuple[str, pd.DataFrame]]:
    known = set(before[before["kind"].isin(now["kind"].unique())][column])
    for name, rows in now.groupby(column):
        if name not in known:
            yield str(name), rows


def _alert(rows: pd.DataFrame) -> Signal:
    time = rows["time"].iloc[0].to_pydatetime()
    name = rows["object"].iloc[0]
    words = f"alert “{name}” fires at {time:%H:%M:%S} UTC"
    return Signal("alert", name, time, time - PATIENCE, 0.5, words, support("events", rows.index, len(rows)))


def from_health(request: Request, found: Sequence[Finding]) -> Iterator[Signal]:
    """Troubles of replicas that began in the incident window; those that a rollout brings and ends are none."""
    for finding in found:
        if finding.details.get("state") == "new" and finding.time and finding.time in request.incident:
            reason = finding.details["reason"]
            words = f"{reason} since {finding.time:%H:%M:%S} UTC ({finding.details['pods']} replicas)"
            earliest = finding.time - timedelta(minutes=1)
            # What still befalls a replica is no hiccup and can stand alone.
            strength = 0.6 if finding.details["going_on"] else 0.3
            yield Signal("restarts", reason, finding.time, earliest, strength, words, finding.supports[0])
