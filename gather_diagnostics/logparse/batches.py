"""Records into Arrow batches of the table `logs`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from gather_diagnostics.logparse.records import Record
from gather_diagnostics.model import Json

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = 10_000
"""Records of one batch."""
_TEXTS = ("level", "message", "trace_id", "request_id", "tenant", "endpoint")

_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, default=str, allow_nan=False, check_circular=False
).encode


def batches(
    records: Iterable[Record], *, ref: str, service: str, instance: str | None = None, size: int = SIZE
) -> Iterator[pa.RecordBatch]:
    """Batches for `Rows("logs", batch)`, every column but `source` and `template`; `ref` becomes '<ref>:<line>'.

    `service` and `instance` stand in where a record names none. Records without a time are left out.
    """
    timed = (record for record in records if record.time_us is not None)
    while rows := list(islice(timed, size)):
        yield batch(rows, ref, service, instance)


def batch(rows: list[Record], ref: str, service: str, instance: str | None) -> pa.RecordBatch:
    """One batch; every record has a time."""
    import pyarrow as pa

    columns = {
        "time": pa.array([r.time_us for r in rows], pa.int64()).cast(pa.timestamp("us", tz="UTC")),
        "ref": _texts([f"{ref}:{r.line}" for r in rows]),
        "service": _texts([r.service or service for r in rows]),
        "instance": _texts([r.instance or instance for r in rows]),
        "labels": _texts([None if r.labels is None else _labels(r.labels) for r in rows]),
    }
    columns |= {name: _texts([getattr(r, name) for r in rows]) for name in _TEXTS}
    return pa.RecordBatch.from_pydict(columns)


def _texts(values: list[str | None]) -> pa.Array:
    import pyarrow as pa

    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        # JSON may spell lone surrogates (\ud800), which UTF-8 can't.
        return pa.array([v and v.encode("utf-8", "replace").decode() for v in values], pa.string())


def _labels(labels: dict[str, Json]) -> str:
    try:
        return _encode(labels)
    except (ValueError, RecursionError):
        # An infinite number (1e999), or lists nested thousands deep: value by value, so that one can't spoil the rest.
        return _encode({key: _plain(value) for key, value in labels.items()})


def _plain(value: Json) -> Json:
    try:
        _encode(value)
    except RecursionError:
        return "(nested too deep)"
    except ValueError:
        return str(value)
    return value
