"""Alerts and platform events about a dependency."""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.dependencies.peers import Peers
from analyzers.dependencies.signals import Signal
from gather_diagnostics import Request, Tables
from gather_diagnostics.selection import support, within

FIRING = ("FIRING", "ALARM")


def from_events(request: Request, tables: Tables, peers: Peers) -> Iterator[Signal]:
    """Warnings and firing alerts whose object names a peer, and not us, of a reason that the baseline has not."""
    if "events" not in tables or not peers.names:
        return
    events = tables["events"]
    told = events[(events["severity"] == "Warning") | events["reason"].isin(FIRING)]
    told = told[told["object"].notna() & ~told["object"].str.contains(_word(request.service), regex=True)]
    for peer in peers.names:
        its = told[told["object"].str.contains(_word(peer), regex=True)]
        known = set(within(its, request.baseline)["reason"])
        now = within(its, request.incident)
        for reason, rows in now[~now["reason"].isin(known)].groupby("reason"):
            time = rows["time"].iloc[0].to_pydatetime()
            words = f"{reason} of {rows['object'].iloc[0][:80]} at {time:%H:%M:%S} UTC"
            yield Signal(peer, "event", time, words, support("events", rows.index, len(rows)))


def _word(name: str) -> str:
    """The name between characters that are no part of a name: in 'Pod/payments-6c9', not in 'prepayments'."""
    return rf"(?:^|[^A-Za-z0-9]){re.escape(name)}(?:$|[^A-Za-z0-9])"
