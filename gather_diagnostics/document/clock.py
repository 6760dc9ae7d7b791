"""Times as people read them: UTC first, their own zone beside it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def when(text: object) -> datetime | None:
    """The UTC time of an ISO 8601 text with an offset; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time.astimezone(UTC) if time.tzinfo else None


def clock(text: object, *, seconds: bool = True) -> str:
    """'02:57:04'; '—' where there is no time."""
    time = when(text)
    return f"{time:%H:%M:%S}" if time and seconds else f"{time:%H:%M}" if time else "—"


def date_clock(text: object) -> str:
    """'2026-03-14 02:57:04'; '—' where there is no time."""
    time = when(text)
    return f"{time:%Y-%m-%d %H:%M:%S}" if time else "—"


def local(text: object, zone: str) -> str:
    """'03:57 CET', with the date where it differs from the UTC one; empty where the zone is UTC or unknown."""
    time = when(text)
    if time is None or zone in ("UTC", "Etc/UTC"):
        return ""
    try:
        there = time.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ""
    day = "" if there.date() == time.date() else f"{there:%Y-%m-%d} "
    return f"{day}{there:%H:%M:%S %Z}"


def span(start: object, end: object) -> str:
    """'2026-03-14 02:20 to 03:20 UTC', the second date only where it differs."""
    a, b = when(start), when(end)
    if a is None or b is None:
        return "—"
    return (
        f"{a:%Y-%m-%d %H:%M} to {b:%H:%M} UTC"
        if a.date() == b.date()
        else f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M} UTC"
    )
