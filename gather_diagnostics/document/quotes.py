"""The rows that claims point to, quoted so that a reader without the tables can check the claim."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

EACH = 5
"""Rows quoted of one support; it lists up to 20 row numbers."""
MOST = 300
LONGEST = 2000
"""Characters of a quoted text; the whole is in the table."""


def quote_rows(tables: Mapping[str, pd.DataFrame], supports: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The first rows of every support, by table and row number. Row numbers that a table does not have are left out."""
    wanted: dict[tuple[str, int], None] = {}
    for support in supports:
        frame = tables.get(support["table"])
        rows = [] if frame is None else [row for row in support["rows"][:EACH] if 0 <= row < len(frame)]
        wanted |= {(support["table"], row): None for row in rows}
    chosen = sorted(list(wanted)[:MOST])
    return [_quote(table, row, tables[table].iloc[row].to_dict()) for table, row in chosen]


def _quote(table: str, row: int, record: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "table": table,
        "row": row,
        "time": record["time"].isoformat(),
        "source": str(record["source"]),
        "text": words_of(table, record)[:LONGEST],
        "ref": str(record["ref"]),
    }


def words_of(table: str, record: Mapping[Any, Any]) -> str:
    """One row in words: what a person would read out."""
    there = {str(name): value for name, value in record.items() if not _null(value)}
    match table:
        case "logs":
            return _joined(there, "level", "instance", "message") + _others(there)
        case "metrics":
            return _sample(there)
        case "changes":
            by = f" by {there['author']}" if "author" in there else ""
            return _joined(there, "kind", "revision", "summary") + by
        case "events":
            times = f" (seen {int(there['count'])} times)" if there.get("count", 0) > 1 else ""
            return _joined(there, "kind", "reason", "object", "message") + times
    return ", ".join(f"{name}={value}" for name, value in there.items() if name not in ("time", "source", "ref"))


def _others(there: Mapping[str, Any]) -> str:
    """What a folded line stands for."""
    if there.get("count", 1) <= 1:
        return ""
    until = f" until {there['until']:%H:%M:%S} UTC" if "until" in there else ""
    return f" (and {int(there['count']) - 1:,} lines like it{until})"


def _sample(there: Mapping[str, Any]) -> str:
    where = ("service", "instance", "version", "endpoint", "caller", "callee")
    labels = ", ".join(f"{name}={there[name]}" for name in where if name in there)
    return f"{there['metric']} {there['stat']} = {there['value']:.6g} {there['unit']} {{{labels}}}"


def _joined(there: Mapping[str, Any], *names: str) -> str:
    return " ".join(str(there[name]) for name in names if name in there)


def _null(value: Any) -> bool:
    import pandas as pd

    return bool(pd.isna(value))
