"""Times and lengths of time as they are said to people who read no logs."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gather_diagnostics.document.clock import when


def moment(time: datetime, zone: str, *, dated: bool = False) -> str:
    """'03:05 UTC (04:05 CET)', with `dated` 'on 14 March 2026' behind it. `time` is in UTC."""
    there = _local(time, zone)
    day = f" on {time.day} {time:%B %Y}" if dated else ""
    return f"{time:%H:%M} UTC{f' ({there})' if there else ''}{day}"


def said(text: object, zone: str, *, dated: bool = False) -> str:
    """The same of an ISO 8601 text; empty where it is none."""
    time = when(text)
    return moment(time, zone, dated=dated) if time else ""


def length(span: timedelta) -> str:
    """'1 hour 25 minutes', 'less than a minute', '2 days 3 hours'."""
    minutes = round(span.total_seconds() / 60)
    if minutes < 1:
        return "less than a minute"
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "day"), (hours, "hour"), (0 if days else minutes % 60, "minute")]
    return " ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in parts if count)


def _local(time: datetime, zone: str) -> str:
    try:
        there = time.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    if there.utcoffset() == timedelta(0):
        return ""
    name = there.tzname() or ""
    # Zones without letters of their own are named by the place: '+03' says little.
    shown = name if name.isalpha() else zone.rpartition("/")[2].replace("_", " ") + " time"
    day = "" if there.date() == time.date() else f" on {there.day} {there:%B}"
    return f"{there:%H:%M} {shown}{day}"
