"""What a dependency's own error lines say, where the same run read them: often the first word of its trouble."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from analyzers.dependencies.peers import Peers
from analyzers.dependencies.signals import Signal, moment
from gather_diagnostics import Finding, Request, Tables
from gather_diagnostics.selection import ERROR_LEVELS, last_times, line_times, lines_in, seconds, support, within
from gather_diagnostics.statistics.shifts import first_burst

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "until", "count", "level", "service", "message", "template"]
PAUSE = timedelta(minutes=5)
"""Without an error of its own, after which a dependency is well again: what was over before our trouble is no cause."""
MOST_TEXT = 120


def from_peers_logs(request: Request, tables: Tables, peers: Peers, onset: Finding | None) -> Iterator[Signal]:
    """A signal for each peer with a burst of error lines of its own that goes on when our onset comes.

    Patterns that the baseline lacks are judged apart from those that it has, so that usual errors hide no new ones.
    """
    if "logs" not in tables or not peers.names:
        return
    logs = tables["logs"][COLUMNS]
    logs = logs[logs["level"].isin(ERROR_LEVELS) & (logs["service"] != request.service)]
    hosts = {service: peers.of_host(str(service).lower()) for service in logs["service"].dropna().unique()}
    theirs = logs.assign(peer=logs["service"].map(hosts)).dropna(subset="peer")
    for peer, rows in theirs.groupby("peer"):
        now, before = within(rows, request.incident), within(rows, request.baseline)
        known = now["template"].isin(before["template"])
        for some, usual in ((now[~known], 0), (now[known], lines_in(before))):
            if signal := _signal(request, str(peer), some, usual, onset):
                yield signal


def _signal(request: Request, peer: str, rows: pd.DataFrame, usual: int, onset: Finding | None) -> Signal | None:
    times = line_times(rows)
    if onset is not None and onset.time is not None:
        times = times[_stretch(times, onset.time.timestamp()) :]
    start, end = request.incident.start.timestamp(), request.incident.end.timestamp()
    # Half an event is what lines never seen may still have had (Jeffreys prior for a Poisson rate).
    shift = first_burst(times, usual=(usual + 0.5) / request.baseline.length.total_seconds(), start=start, end=end)
    if shift is None:
        return None
    told = rows[seconds(last_times(rows)) >= shift.time]
    told = told if len(told) else rows
    said = " ".join(str(told["message"].iloc[0]).split())
    said = said if len(said) <= MOST_TEXT else said[: MOST_TEXT - 1] + "…"
    words = (
        f"{lines_in(told):,} error lines of its own since {moment(shift.time):%H:%M:%S} UTC, {usual or 'none'} in the"
        f" baseline, first “{said}”"
    )
    return Signal(peer, "own_lines", moment(shift.time), words, support("logs", told.index[:5], len(told)), own=True)


def _stretch(times: Any, onset: float) -> int:
    """Position of the first of the lines (sorted, epoch seconds) that lead to `onset`, or come after it, without a
    PAUSE."""
    edges = np.append(times[times <= onset], onset)
    pauses = np.flatnonzero(np.diff(edges) > PAUSE.total_seconds())
    return int(pauses[-1]) + 1 if len(pauses) else 0
