"""AWS's clock and ours: how far they are apart."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.cloudwatch.settings import NAME
from gather_diagnostics import Gap, Skew

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
