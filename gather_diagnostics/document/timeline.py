"""What happened, in order: changes, the onset, its signals, first lines of new errors, the platform's events, and what
people checked and did about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.quotes import words_of
from gather_diagnostics.model import Evidence
from gather_diagnostics.selection import is_history
from gather_diagnostics.tables import JOURNAL

if TYPE_CHECKING:
    import pandas as pd

MOST = 200
LONGEST = 300

Entry = dict[str, Any]
Row = tuple[str, int, Mapping[Any, Any]]


def tell(
    evidence: Evidence,
    onset: Mapping[str, Any] | None,
    candidates: Sequence[Mapping[str, Any]],
    patterns: Sequence[Mapping[str, Any]],
) -> tuple[list[Entry], int]:
    """At most 200 entries by time, and how many were left out: of changes and events, those far from the onset, and of
    the journal the earliest where it alone is longer."""
    told = [*_onset(onset), *_patterns(patterns)]
    onset_time = datetime.fromisoformat(onset["time"]) if onset and onset["time"] else None
    centre = onset_time or evidence.request.asked
    shown = {table: _shown(evidence, table) for table in ("changes", "events", JOURNAL)}
    # Of thousands of events only those that may be told are made records of.
    found = [*_rows("changes", shown["changes"]), *_rows("events", _nearest(shown["events"], centre))]
    ranked = {c["id"] for c in candidates}
    found.sort(key=lambda f: _distance(f, centre, ranked))
    found[:0] = reversed([*_rows(JOURNAL, shown[JOURNAL])])
    room = max(0, MOST - len(told))
    entries = told + [_of_row(*f) for f in found[:room]]
    left = sum(len(frame) for frame in shown.values() if frame is not None) - len(found[:room])
    return sorted(entries, key=lambda e: (e["time"], e["kind"], e["what"])), left


def _shown(evidence: Evidence, table: str) -> pd.DataFrame | None:
    frame = evidence.tables.get(table)
    return frame[~is_history(frame)] if frame is not None and table == "changes" else frame


def _nearest(frame: pd.DataFrame | None, centre: datetime) -> pd.DataFrame | None:
    if frame is None or len(frame) <= MOST:
        return frame
    return frame.loc[(frame["time"] - centre).abs().sort_values(kind="stable").index[:MOST]]


def _rows(table: str, frame: pd.DataFrame | None) -> Iterator[Row]:
    if frame is not None:
        for row, record in zip(frame.index, frame.to_dict("records"), strict=True):
            yield table, int(row), record


def _distance(found: Row, centre: datetime, ranked: set[str]) -> tuple[bool, float, str, int]:
    """Ranked changes first, then what is near the onset."""
    table, row, record = found
    return record.get("id") not in ranked, abs((record["time"] - centre).total_seconds()), table, row


def _onset(onset: Mapping[str, Any] | None) -> Iterator[Entry]:
    if onset is None:
        return
    if onset["time"]:
        yield _entry(onset["time"], "onset", onset["headline"], onset["supports"])
    for signal in onset["signals"][:20]:
        if signal.get("time"):
            yield _entry(signal["time"], "signal", signal.get("words", ""), ())


def _patterns(patterns: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    for pattern in patterns:
        if pattern["new"]:
            yield _entry(pattern["first"], "first error", pattern["template"], pattern["supports"])


def _entry(time: str, kind: str, what: str, supports: Sequence[Mapping[str, Any]]) -> Entry:
    table, row = (supports[0]["table"], supports[0]["rows"][0]) if supports else (None, None)
    return {"time": time, "kind": kind, "what": what[:LONGEST], "ref": None, "table": table, "row": row}


def _of_row(table: str, row: int, record: Mapping[Any, Any]) -> Entry:
    kind = str(record["kind"])
    return {
        "time": record["time"].isoformat(),
        "kind": kind,
        "what": _words(table, record).removeprefix(kind).strip()[:LONGEST],
        "ref": str(record["ref"]),
        "table": table,
        "row": row,
    }


def _words(table: str, record: Mapping[Any, Any]) -> str:
    if table != JOURNAL:
        return words_of(table, record)
    title = str(record["title"])
    told = f"{title}{'' if title[-1:] in '?!.' else ':'} {str(record['outcome']).replace('_', ' ')}"
    return f"{told}. {record['answer']}" if isinstance(record["answer"], str) else told
