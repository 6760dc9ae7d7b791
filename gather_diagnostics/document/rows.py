"""Rows that somebody asked for, as an aligned table, as CSV that no spreadsheet runs, or as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.escaping import csv_cell, cut, terminal

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 200
"""Rows of the aligned table."""
WIDEST = 60
"""Characters of one of its cells."""
BATCH = 2_000


def to_table(found: pa.Table) -> str:
    """The first 200 rows in columns, and how many more there are."""
    header = [cut(terminal(name), WIDEST) for name in found.column_names]
    rows = [[_short(value) for value in row] for row in _rows(found.slice(0, SHOWN))]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    numbers = [_is_number(kind) for kind in found.schema.types]
    lines = [_aligned(header, widths, numbers), "  ".join("─" * width for width in widths)]
    lines += [_aligned(row, widths, numbers) for row in rows]
    more = found.num_rows - len(rows)
    count = f"{found.num_rows:,} row{'s' if found.num_rows != 1 else ''}"
    lines.append(f"({count}{f', {more:,} of them not shown: --format csv or json has all' if more else ''})")
    return "\n".join(lines) + "\n"


def _aligned(cells: list[str], widths: list[int], numbers: list[bool]) -> str:
    padded = (c.rjust(w) if n else c.ljust(w) for c, w, n in zip(cells, widths, numbers, strict=True))
    return "  ".join(padded).rstrip()


def _is_number(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _short(value: Any) -> str:
    return "" if value is None else cut(terminal(_text(value)), WIDEST)


def to_csv(found: pa.Table) -> str:
    """RFC 4180 with line feeds; text is quoted, numbers are not, and null is empty."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in found.column_names])
    for row in _rows(found):
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return "" if value is None else csv_cell(_text(value))
    return value


def to_json(found: pa.Table) -> str:
    """A list of objects, in ASCII; two columns of one name are told apart by a number."""
    names = list(_distinct(found.column_names))
    rows = (dict(zip(names, map(_plain, row), strict=True)) for row in _rows(found))
    lines = ",\n".join(f" {json.dumps(row, ensure_ascii=True, allow_nan=False)}" for row in rows)
    return f"[\n{lines}\n]\n" if lines else "[]\n"


def _distinct(names: list[str]) -> Iterator[str]:
    taken: set[str] = set()
    for name in names:
        own, number = name, 1
        while own in taken:
            number += 1
            own = f"{name}_{number}"
        taken.add(own)
        yield own


def _rows(found: pa.Table) -> Iterator[list[Any]]:
    # By position: a query may give two columns one name.
    for batch in found.to_batches(BATCH):
        yield from ([*row] for row in zip(*(column.to_pylist() for column in batch.columns), strict=True))


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case datetime() | date() | time():
            return str(_plain(value))
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:.6g}" if math.isfinite(value) else str(value)
        case list() | dict():
            return json.dumps(_plain(value), ensure_ascii=False)
    return str(_plain(value))


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case datetime():
            return value.astimezone(UTC).isoformat() if value.tzinfo else value.isoformat()
        case date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case bytes():
            return value.hex()
        case list() | tuple():
            return [_plain(item) for item in value]
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
    return str(value)
