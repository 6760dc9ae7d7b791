"""Requests from addresses that the baseline did not have. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from analyzers.security.bursts import compared
from gather_diagnostics import Finding, Request, Window
from gather_diagnostics.selection import line_times, lines_by, support, within

LEAST = 100
"""Lines of the baseline from which on it can be told who usually comes."""
SHARE = 0.05
"""Of all requests, that those of new addresses must be."""
LOUD = 20
"""Requests that the loudest of them must have made: many visitors of one page each are the public."""


def new_sources(request: Request, logs: pd.DataFrame, named: pd.Series[Any]) -> Iterator[Finding]:
    """'security:new_sources'; `named` is what `lines.clients` found.

    What is usual is told by the baseline itself: how many requests of its later half come from addresses that its
    earlier half did not have.
    """
    its = logs.loc[named.index, ["time", "until", "count"]].assign(address=named)
    before, after = within(its, request.baseline), within(its, request.incident)
    middle = request.baseline.start + request.baseline.length / 2
    early, late = before[before["time"] < middle], before[before["time"] >= middle]
    new = after[~after["address"].isin(before["address"].unique())]
    if len(before) < LEAST or new.empty:
        return
    usual = late[~late["address"].isin(early["address"].unique())]
    burst = compared(line_times(pd.concat([usual, new])), request.incident, Window(middle, request.baseline.end))
    loudest = lines_by(new, "address")
    share = burst.count / max(len(line_times(after)), 1)
    if not burst.told or share < SHARE or loudest.iloc[0] < LOUD:
        return
    told = new[new["address"] == loudest.index[0]]
    yield Finding(
        "security:new_sources",
        "security",
        f"{burst.count:,} requests ({share:.0%}) came from {len(loudest):,} addresses that the baseline did not have,"
        f" {loudest.iloc[0]:,} of them from {loudest.index[0]}; {burst.expected:,.0f} would be usual.",
        0.7,
        "low",
        time=datetime.fromtimestamp(burst.since, UTC) if burst.since else None,
        supports=(support("logs", told.index, len(new)),),
        details={
            "observation": "new_sources",
            "lines": burst.count,
            "baseline": burst.before,
            "expected": round(burst.expected, 2),
            "chance": float(f"{burst.chance:.3g}"),
            "share": round(share, 4),
            "addresses": len(loudest),
            "top": [{"address": str(a), "lines": int(n), "new": True} for a, n in loudest.head(10).items()],
            "since": datetime.fromtimestamp(burst.since, UTC).isoformat(timespec="seconds") if burst.since else None,
        },
    )
