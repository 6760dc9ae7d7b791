"""Figures in words, the same for all criteria."""

from __future__ import annotations

from gather_diagnostics.document.escaping import cut, visible

_LONGEST = 80


def percent(share: float) -> str:
    """'0.20%'"""
    return f"{share:.2%}"


def length(seconds: float) -> str:
    """'120 ms', '12.1 s'"""
    return f"{seconds * 1000:,.0f} ms" if seconds < 10 else f"{seconds:,.1f} s"


def rate(per_minute: float) -> str:
    """'0.20 a minute', 'none'"""
    if not per_minute:
        return "none"
    return f"{per_minute:,.2f} a minute" if per_minute < 10 else f"{per_minute:,.0f} a minute"


def traffic(per_second: float) -> str:
    """'40 requests a second'"""
    return f"{per_second:,.3g} requests a second"


def quoted(text: str) -> str:
    """A name or pattern that nobody vouches for, in one line."""
    return f"“{cut(visible(text), _LONGEST)}”"


def named(text: str) -> str:
    """The same without quotation marks."""
    return cut(visible(text), _LONGEST)
