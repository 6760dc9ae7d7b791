"""Every table, declared once: the columns, what they mean, their units.

In memory a table is a pandas DataFrame, in the bundle a Parquet file; both come from the Arrow schema
made here. Times are timestamp[us, UTC]. A `json` column holds JSON text (Parquet and SQL read it
anywhere); collectors hand over the Python value and analyzers get it back with `decoded`.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: Literal["time", "text", "int", "float", "bool", "json"]
    meaning: str
    required: bool = False

    @property
    def is_text(self) -> bool:
        return self.type in ("text", "json")


_EVERY = (
    Column("time", "time", "when it happened", required=True),
    Column("source", "text", "the collector that read it", required=True),
    Column("ref", "text", "leads back to the raw record: URL, path:line, raw/ file, PromQL, UID", required=True),
)

TABLES: Mapping[str, tuple[Column, ...]] = {
    "changes": (
        *_EVERY,
        Column("id", "text", "stable: 'git:commit:<sha>', 'git:tag:<name>'", required=True),
        Column("kind", "text", "commit, deploy, config, scale, infra or flag", required=True),
        Column("service", "text", "the service it changes"),
        Column("revision", "text", "commit, version or image after it"),
        Column("previous", "text", "the same before it"),
        Column("author", "text", "who"),
        Column("summary", "text", "what, in one line", required=True),
        Column("finished", "time", "when it was done; null while unknown or under way"),
        Column("details", "json", "files [{path, added, deleted}], commits [sha], before_window (no candidate), ..."),
    ),
    "logs": (
        *_EVERY,
        Column("level", "text", "DEBUG, INFO, WARNING, ERROR, CRITICAL, or null when the line has none"),
        Column("service", "text", "the service that wrote it"),
        Column("instance", "text", "pod, host or file"),
        Column("message", "text", "the line without time and level; a multi-line record is one row", required=True),
        Column("template", "text", "the message with its variable parts masked; filled in by the runner"),
        Column("trace_id", "text", "W3C or vendor trace id"),
        Column("request_id", "text", "request or correlation id"),
        Column("tenant", "text", "tenant, customer or account"),
        Column("endpoint", "text", "route or RPC method"),
        Column("labels", "json", "the other fields of a structured line"),
        Column("count", "int", "how many like lines this row stands for, itself the earliest; null: this one alone"),
        Column("until", "time", "the last of those lines; null where the row is one line"),
    ),
    "metrics": (
        *_EVERY,
        Column("metric", "text", "latency, error_rate, request_rate, cpu, memory, connections, ...", required=True),
        Column("stat", "text", "p50, p95, p99, avg, max, ratio, rate", required=True),
        Column("value", "float", "in `unit`; never NaN", required=True),
        Column("unit", "text", "s, ratio (0..1), 1/s, cores, bytes, percent, count", required=True),
        Column("service", "text", "the service measured"),
        Column("instance", "text", "pod or host; null for the whole service"),
        Column("version", "text", "version of the instance"),
        Column("endpoint", "text", "route or RPC method; null for all"),
        Column("caller", "text", "calling service of an edge metric"),
        Column("callee", "text", "called service of an edge metric"),
        Column("labels", "json", "the series' other labels"),
    ),
    "events": (
        *_EVERY,
        Column("kind", "text", "alert, kubernetes, rds, ...", required=True),
        Column("reason", "text", "in the platform's own word: OOMKilling, BackOff, FIRING", required=True),
        Column("object", "text", "what it is about"),
        Column("message", "text", "the platform's sentence"),
        Column("count", "int", "how often it was seen"),
        Column("severity", "text", "as the platform gives it"),
    ),
    "workloads": (
        *_EVERY,
        Column("kind", "text", "Pod, Task, Function, ...", required=True),
        Column("name", "text", "of the replica", required=True),
        Column("version", "text", "version or image"),
        Column("phase", "text", "as the platform names it"),
        Column("ready", "bool", "takes traffic"),
        Column("restarts", "int", "since it was made"),
        Column("last_exit_reason", "text", "e.g. OOMKilled"),
        Column("last_exit_code", "int", "exit status"),
        Column("requests", "json", "{cpu: cores, memory: bytes}"),
        Column("limits", "json", "{cpu: cores, memory: bytes}"),
        Column("node", "text", "where it runs"),
    ),
    "spans": (
        *_EVERY,
        Column("trace_id", "text", "", required=True),
        Column("span_id", "text", "", required=True),
        Column("parent_id", "text", "null for a root"),
        Column("service", "text", ""),
        Column("operation", "text", ""),
        Column("duration_ms", "float", "milliseconds"),
        Column("status", "text", "ok or error"),
    ),
    "topology": (
        *_EVERY,
        Column("caller", "text", "", required=True),
        Column("callee", "text", "", required=True),
        Column("weight", "float", "calls per second, or 1 where unknown"),
    ),
    "journal": (
        Column("time", "time", "when it was checked or done", required=True),
        Column("source", "text", "who says so: runbook, recovery, attach, person, ...", required=True),
        Column("ref", "text", "leads back: the runbook and its step, the ticket, the other bundle", required=True),
        Column("kind", "text", "check, decide, act, verify, note, recovery or attach", required=True),
        Column("runbook", "text", "id of the runbook; null outside of one"),
        Column("step", "text", "id of the runbook's step"),
        Column("title", "text", "what was checked or done, in one line", required=True),
        Column("outcome", "text", "yes, no, unknown, done, skipped, recovered, not_recovered or worse", required=True),
        Column("answer", "text", "what was answered or noted, in words"),
        Column("details", "json", "the query and its answer, the command that was shown, ..."),
    ),
}


JOURNAL = "journal"
"""The table that no collector fills: what people and the tool checked and did while they answered the incident."""


class RowError(ValueError):
    """A row that does not fit its table; the message names table, column and value."""


@functools.cache
def schema(table: str) -> pa.Schema:
    """The Arrow schema of one table. KeyError for a name that is not declared."""
    import pyarrow as pa

    types = {
        "time": pa.timestamp("us", tz="UTC"),
        "text": pa.string(),
        "json": pa.string(),
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
    }
    return pa.schema([pa.field(c.name, types[c.type], nullable=not c.required) for c in TABLES[table]])


def to_batch(table: str, source: str, rows: Sequence[Mapping[str, Any]] | pa.RecordBatch) -> pa.RecordBatch:
    """Validate rows against the table's schema.

    Missing optional columns become null, `source` is set, JSON columns are serialised with sorted keys.
    Raises RowError for an unknown table or column, a missing required value, a naive time or a wrong type.
    """
    import pyarrow as pa

    if table not in TABLES:
        raise RowError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    if isinstance(rows, pa.RecordBatch):
        columns: dict[str, Any] = {name: rows.column(name) for name in rows.schema.names}
        length = rows.num_rows
    else:
        names = {name for row in rows for name in row}
        columns = {name: [row.get(name) for row in rows] for name in names}
        length = len(rows)
    declared = {c.name: c for c in TABLES[table]}
    if unknown := sorted(set(columns) - set(declared)):
        raise RowError(f"table {table!r} has no column {unknown[0]!r}; it has {', '.join(declared)}")
    columns["source"] = pa.repeat(pa.scalar(source), length)
    return pa.RecordBatch.from_arrays(
        [_array(table, declared[name], columns.get(name), length) for name in declared], schema=schema(table)
    )


def _array(table: str, column: Column, values: Any, length: int) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = schema(table).field(column.name).type
    if values is None:
        values = pa.nulls(length, wanted)
    elif isinstance(values, list):
        values = [_plain(table, column, v) for v in values]
    try:
        array = values.cast(wanted) if isinstance(values, pa.Array) else pa.array(values, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise RowError(f"column {column.name!r} of table {table!r}: {error}") from error
    if column.required and column.type == "float" and pc.any(pc.is_nan(array)).as_py():
        raise RowError(f"column {column.name!r} of table {table!r} holds NaN: leave such a row out")
    if column.required and array.null_count:
        raise RowError(
            f"column {column.name!r} of table {table!r} is required and is missing in {array.null_count} rows"
        )
    return array


def _plain(table: str, column: Column, value: Any) -> Any:
    if value is None:
        return None
    if column.type == "json":
        return _encodable(json.dumps(value, sort_keys=True, ensure_ascii=False, default=str))
    if column.type == "time":
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise RowError(f"column {column.name!r} of table {table!r} takes timezone-aware datetimes, not {value!r}")
        return value.astimezone(UTC)
    if column.type == "text":
        if not isinstance(value, str):
            raise RowError(f"column {column.name!r} of table {table!r} takes text, not {type(value).__name__}")
        return _encodable(value)
    return value


def _encodable(text: str) -> str:
    """Lone surrogates (undecodable bytes) can't be written as UTF-8: they are replaced here, once, for everyone."""
    return text.encode("utf-8", "replace").decode()


def to_frame(table: str, batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    """One DataFrame in a canonical order (time, then every other column), so that equal evidence is equal bytes."""
    return from_arrow(ordered(table, batches))


def ordered(table: str, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """The rows in the canonical order. What is in this order already takes half as long or less."""
    import pyarrow as pa

    whole = pa.Table.from_batches(list(batches), schema=schema(table))
    return whole.sort_by([(c.name, "ascending") for c in TABLES[table]])


def from_arrow(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(date_as_object=False)


def to_arrow(table: str, frame: pd.DataFrame) -> pa.Table:
    """The Arrow table of a DataFrame that `to_frame` or `from_arrow` made."""
    import pyarrow as pa

    wanted = schema(table)
    # NaN is null in pandas' eyes; in a required column it must stay a number, or one bad sample is in the whole's way.
    arrays = [pa.array(frame[field.name], field.type, from_pandas=field.nullable) for field in wanted]
    return pa.Table.from_arrays(arrays, schema=wanted)


def decoded(frame: pd.DataFrame, column: str) -> list[Any]:
    """The Python values of a JSON column; {} where it is null."""
    return [json.loads(text) if isinstance(text, str) else {} for text in frame[column]]
