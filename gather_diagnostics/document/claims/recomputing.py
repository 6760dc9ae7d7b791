"""Checks against tables: what each gives when it is computed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.claims.figures import stands_for, within
from gather_diagnostics.selection import last_times, lines_in
from gather_diagnostics.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

Check = Mapping[str, Any]
Tables = Mapping[str, "pd.DataFrame"]

LARGEST_TOLERANCE = 1e-4
"""No check may be laxer, whatever it says of itself."""
COUNTS = ("rows", "lines", "different")
"""Measures that are 0 where the table is missing."""


def chosen(
    tables: Tables,
    table: str,
    where: Sequence[Mapping[str, Any]],
    window: Mapping[str, str] | None = None,
    rows: Sequence[int] | None = None,
) -> pd.DataFrame:
    """The rows that a check is about. Raises ValueError for a table, column or row that there is not."""
    import numpy as np

    if table not in tables:
        raise ValueError(f"there is no table {table}")
    frame = tables[table]
    if rows is not None:
        if not all(0 <= row < len(frame) for row in rows):
            raise ValueError(f"{table} has no such row")
        frame = frame.iloc[list(rows)]
    known = {c.name for c in TABLES[table]}
    picked = np.ones(len(frame), dtype=bool)
    for condition in where:
        if condition["column"] not in known:
            raise ValueError(f"{table} has no column {condition['column']}")
        column, values = frame[condition["column"]], condition["values"]
        if values is None:
            picked &= column.notna().to_numpy()
        else:
            fits = column.isin([v for v in values if v is not None])
            picked &= (fits | column.isna() if None in values else fits).to_numpy()
    if window is not None:
        start, end = (datetime.fromisoformat(window[edge]) for edge in ("start", "end"))
        picked &= ((frame["time"] >= start) & (frame["time"] < end)).to_numpy()
    return frame[picked]


def recomputed(check: Check, tables: Tables) -> float | str | None:
    """What the tables give for a check: a number, or a time in ISO 8601; None where no row is left to compute it from.

    Raises ValueError for a check that can't be computed.
    """
    if check["table"] not in TABLES:
        raise ValueError(f"there is no table {check['table']}")
    if check["table"] not in tables and check["measure"] in COUNTS:
        return 0
    frame = chosen(tables, check["table"], check["where"], check["window"], check["rows"])
    match check["measure"]:
        case "rows":
            return len(frame)
        case "different" if check["column"] in frame:
            return int(frame[check["column"]].nunique())
        case "lines" | "lines_a_minute" | "share" if check["table"] == "logs":
            return _lines(check, frame, tables)
        case "mean" | "median" | "max" | "time_of_max" if check["table"] == "metrics":
            return _level(check["measure"], frame)
        case "first" | "last":
            return _edge(check, frame)
    raise ValueError(f"{check['measure']} can't be computed from {check['table']}")


def _lines(check: Check, frame: pd.DataFrame, tables: Tables) -> float | None:
    lines = lines_in(frame)
    if check["measure"] == "lines":
        return lines
    if check["window"] is None:
        raise ValueError(f"{check['measure']} needs a window")
    if check["measure"] == "share":
        whole = lines_in(chosen(tables, "logs", check["of"] or (), check["window"]))
        return lines / whole if whole else None
    start, end = (datetime.fromisoformat(check["window"][edge]) for edge in ("start", "end"))
    return lines / max((end - start).total_seconds() / 60, 1 / 60)


def _level(measure: str, frame: pd.DataFrame) -> float | str | None:
    if frame.empty:
        return None
    if measure == "time_of_max":
        return str(frame["time"][frame["value"].idxmax()].isoformat())
    return float(getattr(frame["value"], measure)())


def _edge(check: Check, frame: pd.DataFrame) -> str | None:
    if frame.empty:
        return None
    if check["measure"] == "first":
        return str(frame["time"].min().isoformat())
    return str((last_times(frame) if check["table"] == "logs" else frame["time"]).max().isoformat())


def differs(check: Check, sentence: str, tables: Tables) -> str:
    """How the tables contradict a check of a sentence, in words; empty where they bear it out."""
    try:
        found = recomputed(check, tables)
    except (ValueError, TypeError, OverflowError) as error:
        return f"{check['name']} can't be recomputed: {error}"
    said = check["value"]
    if not _same(said, found, check["tolerance"]):
        return f"{check['name']} is said to be {said}, and the tables give {found}"
    figure = check["figure"]
    if figure is not None and not (within(sentence, figure) and stands_for(figure, said)):
        return f"{check['name']} is {said}, and the sentence does not say so"
    return ""


def _same(said: float | str, found: float | str | None, tolerance: float) -> bool:
    if isinstance(said, str) or isinstance(found, str) or found is None:
        return isinstance(said, str) and isinstance(found, str) and _time(said) == _time(found)
    return abs(said - found) <= min(tolerance, LARGEST_TOLERANCE)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
