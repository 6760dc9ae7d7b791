"""What people type for times and durations, turned into the request's windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gather_diagnostics.errors import InputError
from gather_diagnostics.model import Window

DEFAULT_LENGTH = timedelta(minutes=60)
AFTER_ALERT = timedelta(minutes=15)
"""How far the incident window reaches past `--at`: what an alert says goes on for a while."""
LONGEST = timedelta(days=366)
SEASONS = (timedelta(days=1), timedelta(days=7))
FORMS = "2026-03-14T02:47Z, '2026-03-14 02:47' (local time), 02:47 (today, local time), '25m ago' or now"

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(s|m|h|d|w)")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")


@dataclass(frozen=True, slots=True)
class Windows:
    incident: Window
    baseline: Window
    seasonal: tuple[Window, ...]
    changes: Window


def zone(name: str) -> ZoneInfo:
    """Raises InputError for a name the time zone database does not know."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError(f"there is no time zone {name!r}: use a name such as Europe/Berlin or UTC") from error


def duration(text: str, option: str) -> timedelta:
    """'90s', '45m', '2h', '1d', '1h30m' -> timedelta; InputError for anything else, zero, or above a year."""
    compact = text.strip().lower().replace(" ", "")
    parts = _DURATION.findall(compact)
    if not parts or "".join(n + u for n, u in parts) != compact:
        raise InputError(f"{option} takes a duration such as 90s, 45m, 2h, 1h30m or 1d, not {text!r}")
    seconds = sum(float(n) * _UNITS[u] for n, u in parts)
    if not 1 <= seconds <= LONGEST.total_seconds():
        raise InputError(f"{option} {text} is out of range: it must be between one second and one year")
    return timedelta(seconds=seconds)


def moment(text: str, option: str, now: datetime, local: ZoneInfo) -> datetime:
    """One of FORMS -> UTC. Times without an offset are in `local`; a clock time later than now is yesterday's."""
    typed = text.strip()
    if typed.lower() == "now":
        return now
    if typed.lower().endswith("ago") or typed.startswith("-"):
        return now - duration(typed.lower().removesuffix("ago").strip().lstrip("-"), option)
    if match := _CLOCK.fullmatch(typed):
        return _clock(match, text, option, now, local)
    try:
        parsed = datetime.fromisoformat(typed)
    except ValueError as error:
        raise InputError(f"{option} {text!r} is not a time: use {FORMS}") from error
    return _utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=local), text, option)


def _clock(match: re.Match[str], text: str, option: str, now: datetime, local: ZoneInfo) -> datetime:
    try:
        clock = time(int(match[1]), int(match[2]), int(match[3] or 0))
    except ValueError as error:
        raise InputError(
            f"{option} {text!r} is not a time of day: hours go to 23, minutes and seconds to 59"
        ) from error
    today = now.astimezone(local).date()
    at = datetime.combine(today, clock, local).astimezone(UTC)
    return at if at <= now else datetime.combine(today - timedelta(days=1), clock, local).astimezone(UTC)


def _utc(value: datetime, text: str, option: str) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise InputError(f"{option} {text!r} is outside the calendar: use a time of this era") from error


def choose(
    *,
    now: datetime,
    local: ZoneInfo,
    since: str | None = None,
    at: str | None = None,
    start: str | None = None,
    end: str | None = None,
    change_window: str = "24h",
) -> Windows:
    """The windows for the options as typed. `now` is UTC.

    Without options the incident is the last 60 minutes. `--since D` makes it the last D. `--at T` ends it
    15 minutes after T (never later than now) and starts it 45 minutes, or D, before T. `--from`/`--to` say
    both ends. The baseline is as long, directly before. Raises InputError for windows that are reversed, in
    the future, empty or contradictory.
    """
    incident = _incident(now, local, since, at, start, end)
    reach = duration(change_window, "--change-window")
    return Windows(
        incident=incident,
        baseline=incident.shifted(-incident.length),
        seasonal=tuple(incident.shifted(-s) for s in SEASONS if incident.length <= s),
        changes=Window(min(incident.end - reach, incident.start), incident.end),
    )


def _incident(
    now: datetime, local: ZoneInfo, since: str | None, at: str | None, start: str | None, end: str | None
) -> Window:
    if (start or end) and (since or at):
        raise InputError("--from/--to and --since/--at exclude each other: say the window one way")
    if end and not start:
        raise InputError("--to needs --from: say where the incident window starts")
    if start:
        return _checked(moment(start, "--from", now, local), moment(end or "now", "--to", now, local), now)
    length = duration(since, "--since") if since else DEFAULT_LENGTH
    if not at:
        return Window(now - length, now)
    alert = moment(at, "--at", now, local)
    if alert > now:
        raise InputError(f"--at {at} lies in the future: it is {now:%Y-%m-%d %H:%M:%S} UTC now")
    before = length if since else DEFAULT_LENGTH - AFTER_ALERT
    return Window(alert - before, min(alert + AFTER_ALERT, now))


def _checked(first: datetime, last: datetime, now: datetime) -> Window:
    if first >= last:
        raise InputError(
            f"the window is reversed or empty: --from {first:%Y-%m-%d %H:%M:%S} UTC is not before"
            f" --to {last:%Y-%m-%d %H:%M:%S} UTC"
        )
    if first >= now:
        raise InputError(
            f"--from {first:%Y-%m-%d %H:%M:%S} UTC lies in the future: it is {now:%Y-%m-%d %H:%M:%S} UTC now"
        )
    if last > now + timedelta(minutes=1):
        raise InputError(f"--to {last:%Y-%m-%d %H:%M:%S} UTC lies in the future: leave --to out to end now")
    if last - first > LONGEST:
        raise InputError("the window is longer than a year: ask for a shorter one")
    return Window(first, min(last, now))
