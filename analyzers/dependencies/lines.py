"""Our own lines about calls that failed, by whom they name."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzers.dependencies.peers import Peers
from analyzers.dependencies.signals import Signal, moment
from analyzers.dependencies.texts import INBOUND, KINDS, OWN_POOL, Target, target
from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.distinct import Distinct, matching
from gather_diagnostics.selection import line_times, lines_by, lines_in, of_service, support, within
from gather_diagnostics.statistics.shifts import first_burst

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ["time", "until", "count", "level", "service", "message"]
QUIET = ("DEBUG", "INFO")
"""Levels at which a failed call is nobody's trouble. Retries are often told as warnings."""
MOST_MESSAGES = 10_000
"""Different messages that are read for the host they name."""
UNNAMED = "unnamed"


def from_logs(request: Request, tables: Tables, peers: Peers) -> Iterator[Signal]:
    """A signal for each one that is named in a burst of lines that the baseline lacks."""
    if "logs" not in tables:
        return
    logs = tables["logs"][COLUMNS]
    near = within(logs[~logs["level"].isin(QUIET)], Window(request.baseline.start, request.incident.end))
    failed = _failed(of_service(near, request.service), request.service, peers)
    for (name, kind), rows in failed.groupby(["name", "kind"], sort=True):
        if signal := _signal(request, str(name), str(kind), rows):
            yield signal


def _failed(logs: pd.DataFrame, service: str, peers: Peers) -> pd.DataFrame:
    """The lines about calls that failed, with the columns kind, name and port."""
    messages = Distinct(logs["message"])
    kinds = _kinds(messages.texts)
    codes = messages.by_row(np.arange(len(kinds)), -1)
    matched = kinds[codes] >= 0
    rows = logs[matched].assign(code=codes[matched])
    read = [int(code) for code in rows["code"].unique()[:MOST_MESSAGES]]
    found = {code: target(messages.texts[code].as_py(), peers) or Target(UNNAMED) for code in read}
    told = rows[rows["code"].isin(read)]
    told = told.assign(
        kind=[KINDS[kinds[c]][0] for c in told["code"]],
        name=[found[c].name for c in told["code"]],
        port=[found[c].port for c in told["code"]],
    )
    return told[told["name"].str.partition(".")[0] != service] if len(told) else told


def _kinds(messages: pa.Array) -> Any:
    """The position in KINDS for each message, -1 where it is about nothing of the sort."""
    found = np.full(len(messages), -1)
    inbound = matching(messages, INBOUND)
    candidates = np.flatnonzero(matching(messages, "|".join(pattern for _, _, pattern in KINDS)) & ~inbound)
    some = pc.replace_substring_regex(messages.take(pa.array(candidates)), pattern=OWN_POOL, replacement="")
    for number in reversed(range(len(KINDS))):
        found[candidates[matching(some, KINDS[number][2])]] = number
    return found


def _signal(request: Request, name: str, kind: str, rows: pd.DataFrame) -> Signal | None:
    now, before = within(rows, request.incident), within(rows, request.baseline)
    # Half an event is what lines never seen may still have had (Jeffreys prior for a Poisson rate).
    usual = (lines_in(before) + 0.5) / request.baseline.length.total_seconds()
    start, end = request.incident.start.timestamp(), request.incident.end.timestamp()
    shift = first_burst(line_times(now), usual=usual, start=start, end=end)
    if shift is None:
        return None
    seen = f"{lines_in(before):,} in the baseline" if len(before) else "none in the baseline"
    said = next(words for k, words, _ in KINDS if k == kind)
    words = f"{lines_in(now):,} lines say “{said}” since {moment(shift.time):%H:%M:%S} UTC, {seen}"
    ports = lines_by(now.dropna(subset="port"), "port")
    told = now[now["time"] >= moment(shift.time)]
    told = told if len(told) else now
    return Signal(
        name,
        kind,
        moment(shift.time),
        words,
        support("logs", told.index[:5], len(told)),
        port=int(ports.index[0]) if len(ports) else None,
    )
