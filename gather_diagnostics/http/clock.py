"""What a server's clock says, and when it lifts a limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import requests

from gather_diagnostics.model import Request, correction

_YEAR = 31_536_000
"""Seconds: less is how long it takes, more a time since 1970."""


def skew(response: requests.Response) -> float | None:
    """Seconds that the server's clock is ahead of ours, by the Date header (RFC 9110, 6.6.1); None without one.

    The header tells whole seconds, cut off: half a second is added, so that it errs to both sides alike.
    """
    told = _date(response.headers.get("Date", ""))
    return (told - datetime.now(UTC)).total_seconds() + 0.5 if told else None


def asked_on(request: Request, ahead: float | None) -> Request:
    """The request in the times of a server that is `ahead` seconds; as it is where that is not worth a correction."""
    return request.on_clock(by) if (by := correction(ahead)) else request


def is_throttled(response: requests.Response) -> bool:
    """429; 503 with a Retry-After; and GitHub's 403 with a limit that is spent, or with a Retry-After."""
    status, headers = response.status_code, response.headers
    spent = headers.get("X-RateLimit-Remaining", headers.get("RateLimit-Remaining", "")).strip() == "0"
    return status == 429 or (status in (403, 503) and "Retry-After" in headers) or (status == 403 and spent)


def lifted(response: requests.Response) -> datetime | None:
    """When a limit ends, UTC by our clock: Retry-After (RFC 9110, 10.2.3), or the reset of a rate limit, which GitHub
    and GitLab give in Unix time, PagerDuty in seconds."""
    headers, now = response.headers, datetime.now(UTC)
    after = headers.get("Retry-After", "").strip()
    if (seconds := _number(after)) is not None and seconds < 1e7:
        return now + timedelta(seconds=seconds)
    at = _date(after)
    for name in ("X-RateLimit-Reset", "RateLimit-Reset"):
        if at is None and (told := _number(headers.get(name, ""))) is not None and 0 < told < 9e9:
            if told < _YEAR:
                return now + timedelta(seconds=told)
            at = datetime.fromtimestamp(told, UTC)
    return at and at - timedelta(seconds=correction(skew(response)))


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _date(text: str) -> datetime | None:
    try:
        told = parsedate_to_datetime(text)
    except ValueError:
        return None
    return told.astimezone(UTC) if told.tzinfo else None
