"""AWS's clock and ours: how far they are apart, and a request in AWS's times."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.cloudwatch.settings import NAME
from gather_diagnostics import Gap, Request, Skew
from gather_diagnostics.model import NOTABLE_SKEW

MOST_SKEW = 30
"""Seconds that AWS's clock may differ."""
NTP = "set this machine's clock by NTP, e.g.: sudo timedatectl set-ntp true"


def clock(skew: float | None) -> Iterator[Gap | Skew]:
    """What AWS's clock said (seconds, positive: it is ahead of ours), and a gap where it is far from ours."""
    if skew is None:
        return
    yield Skew(skew)
    if abs(skew) > MOST_SKEW:
        why = f"{_apart(skew)}: times are corrected by that, to the second at best"
        yield Gap(NAME, "times that can be compared", "invalid", why, NTP)


def _apart(skew: float) -> str:
    return f"AWS's clock is {abs(skew):,.0f} s {'ahead of' if skew > 0 else 'behind'} this machine's"


def on_clock(request: Request, skew: float | None) -> Request:
    """The request in AWS's times, where they differ by more than a Date header can tell."""
    if skew is None or abs(skew) < NOTABLE_SKEW:
        return request
    return request.on_clock(skew)
