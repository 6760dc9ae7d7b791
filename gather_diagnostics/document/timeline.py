"""What happened, in order: changes, the onset, its signals, first lines of new errors, the platform's events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from gather_diagnostics.document.quotes import words_of
from gather_diagnostics.model import Evidence

MOST = 200
LONGEST = 300

Entry = dict[str, Any]


def tell(
    evidence: Evidence,
    onset: Mapping[str, Any] | None,
    candidates: Sequence[Mapping[str, Any]],
    patterns: Sequence[Mapping[str, Any]],
) -> tuple[list[Entry], int]:
    """At most 200 entries by time, and how many were left out: of changes and events, those far from the onset."""
    told = [*_onset(onset), *_patterns(patterns)]
    found = [*_changes(evidence, candidates), *_events(evidence)]
    centre = datetime.fromisoformat(onset["time"] if onset and onset["time"] else evidence.request.asked.isoformat())
    found.sort(key=lambda e: (e.pop("last"), abs(datetime.fromisoformat(e["time"]) - centre), e["row"]))
    room = MOST - len(told)
    entries = told + found[:room]
    return sorted(entries, key=lambda e: (e["time"], e["kind"], e["what"])), max(0, len(found) - room)


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


def _changes(evidence: Evidence, candidates: Sequence[Mapping[str, Any]]) -> Iterator[Entry]:
    if "changes" not in evidence.tables:
        return
    ranked = {c["id"] for c in candidates}
    frame = evidence.tables["changes"]
    for row, record in enumerate(frame.to_dict("records")):
        entry = _of_row("changes", row, record, str(record["kind"]))
        yield entry | {"last": record["id"] not in ranked}


def _events(evidence: Evidence) -> Iterator[Entry]:
    if "events" not in evidence.tables:
        return
    frame = evidence.tables["events"]
    for row, record in enumerate(frame.to_dict("records")):
        yield _of_row("events", row, record, str(record["kind"])) | {"last": True}


def _of_row(table: str, row: int, record: Mapping[Any, Any], kind: str) -> Entry:
    import pandas as pd

    words = words_of(table, pd.Series(dict(record)))
    words = words.removeprefix(kind).strip()
    return {
        "time": record["time"].isoformat(),
        "kind": kind,
        "what": words[:LONGEST],
        "ref": str(record["ref"]),
        "table": table,
        "row": row,
    }
