"""Which known errors stand in the logs, and are they new?

Counted are lines of the incident window against the baseline, of all services that are in the logs (a database's or the
kernel's lines explain much), DEBUG left out. Events of the platform are another question's.

Findings: one 'known_errors:<id>' per entry of the catalogue that matches, new and risen ones first, and 'known_errors'
where none is new or risen. Details of the former: error (the entry's id), system, meaning, cause, runbook, count,
baseline_count, state (new, risen, usual, unknown), first (ISO 8601, UTC), services, example (a line, cut); of the
latter: checked (entries), lines, usual (ids).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyzers.known_errors.catalogue import catalogue
from analyzers.known_errors.matching import matches
from gather_diagnostics import Finding, Request, Tables, analyzer
from gather_diagnostics.model import KnownError
from gather_diagnostics.selection import lines_in, support, within
from gather_diagnostics.statistics.frequency import Frequency, frequency

if TYPE_CHECKING:
    from gather_diagnostics.model import Severity

COLUMNS = ["time", "level", "service", "message", "count"]
"""All that is looked at: a table of millions of rows is not copied whole."""
FEW = 3
"""Lines below which an error may be a hiccup."""
LONGEST_EXAMPLE = 300


@dataclass(frozen=True)
class Seen:
    """An entry that stands in the incident window, with its rows in both windows."""

    entry: KnownError
    rows: pd.DataFrame
    how_often: Frequency


@analyzer(needs=("logs",))
def known_errors(request: Request, tables: Tables) -> Iterator[Finding]:
    """Known error messages of databases, brokers, run times and the like, and what they point to."""
    logs = tables["logs"][COLUMNS]
    now, before = within(logs, request.incident), within(logs, request.baseline)
    entries = catalogue(request.known_errors)
    seen = _seen(request, pd.concat([before, now]), entries, compared=len(before) > 0)
    if not any(s.how_often.stands_out for s in seen):
        yield _nothing(now, entries, seen)
    for one in seen:
        yield _finding(request, one)


def _seen(request: Request, logs: pd.DataFrame, entries: Sequence[KnownError], compared: bool) -> list[Seen]:
    """In the findings' order."""
    rows = logs[logs["level"] != "DEBUG"]
    seen = []
    for entry, index in matches(rows["message"], entries):
        its = rows.loc[index]
        if how_often := frequency(its, request, compared):
            seen.append(Seen(entry, its, how_often))
    return sorted(seen, key=lambda s: (not s.how_often.stands_out, -s.how_often.count, s.entry.id))


def _finding(request: Request, seen: Seen) -> Finding:
    entry, often = seen.entry, seen.how_often
    now = within(seen.rows, request.incident)
    who = f"{entry.system}: " if entry.system else ""
    pointing = f" It points to: {entry.cause.rstrip('.')}." if often.stands_out else ""
    return Finding(
        f"known_errors:{entry.id}",
        "known_errors",
        f"{who}{entry.meaning.rstrip('.')}: {often.words()}.{pointing}",
        _confidence(often),
        _severity(entry, often),
        time=often.first,
        supports=(support("logs", now.sort_values("time", kind="stable").index, len(now)),),
        details={
            "error": entry.id,
            "system": entry.system,
            "meaning": entry.meaning,
            "cause": entry.cause,
            "runbook": entry.runbook,
            "count": often.count,
            "baseline_count": often.baseline_count,
            "state": often.state,
            "first": often.first.isoformat(),
            "services": sorted(now["service"].dropna().unique())[:20],
            "example": str(now["message"].iloc[0])[:LONGEST_EXAMPLE],
        },
    )


def _severity(entry: KnownError, often: Frequency) -> Severity:
    if not often.stands_out:
        return "low"
    if often.count < FEW and entry.severity == "high":
        return "medium"
    return entry.severity


def _confidence(often: Frequency) -> float:
    """That it matters here; that the line means what the catalogue says is certain."""
    if often.state == "unknown":
        return 0.6
    return 0.9 if often.count >= FEW or not often.stands_out else 0.7


def _nothing(now: pd.DataFrame, entries: Sequence[KnownError], seen: Sequence[Seen]) -> Finding:
    lines = lines_in(now)
    if seen:
        words = f"No known error is new or more frequent; {len(seen)} came as often as in the baseline"
    else:
        words = f"None of {len(entries)} known errors stands in the logs"
    return Finding(
        "known_errors",
        "known_errors",
        f"{words} ({lines:,} lines of the incident window looked at).",
        0.8 if lines else 0.3,
        details={"checked": len(entries), "lines": lines, "usual": [s.entry.id for s in seen]},
    )
