"""One table to a Parquet file and back. What is read may come from anybody and is checked against the schema.

Format: https://parquet.apache.org/docs/file-format/
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gather_diagnostics.errors import BundleError
from gather_diagnostics.tables import TABLES, from_arrow, schema, to_arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MAX_TABLE_BYTES = 1024**3
"""What one table may take in memory. A few kilobytes of Parquet can stand for terabytes of one repeated value."""

_BATCH_ROWS = 8192


def to_parquet(table: str, frame: pd.DataFrame) -> bytes:
    """Parquet with zstd and page checksums, rows in the frame's order. Raises BundleError where it does not fit."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if table not in TABLES:
        raise BundleError(f"a bundle has no table {table!r}; its tables are {', '.join(TABLES)}")
    out = io.BytesIO()
    try:
        pq.write_table(to_arrow(table, frame), out, compression="zstd", write_page_checksum=True)
    except (pa.ArrowException, ValueError, KeyError) as error:
        raise BundleError(f"table {table!r} can't be written as Parquet: {_first_line(error)}") from error
    return out.getvalue()


def from_parquet(table: str, path: Path) -> pd.DataFrame:
    """Raises BundleError for a file that is no Parquet, is damaged, too large, or not of the table's schema."""
    import pyarrow as pa

    where = f"tables/{table}.parquet"
    try:
        whole = _fitted(table, _read(path, where), where)
        whole.validate(full=True)
        _check_times(table, whole, where)
        _check_json(table, whole, where)
        return from_arrow(whole.combine_chunks())
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise BundleError(f"{where} can't be read: {_first_line(error)}") from error


def _read(path: Path, where: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from gather_diagnostics.bundle.pages import unpacked_bytes

    with path.open("rb") as stream:
        metadata = pq.read_metadata(stream)
        if unpacked_bytes(stream, metadata) > MAX_TABLE_BYTES:
            raise _too_large(where)
        leaves = [metadata.schema.column(number) for number in range(metadata.num_columns)]
        # As a dictionary, text that stands in a file once and in memory a million times can be measured first.
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        stream.seek(0)
        with pq.ParquetFile(stream, read_dictionary=texts, page_checksum_verification=True) as file:
            batches: list[pa.RecordBatch] = []
            size = 0
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, use_threads=False):
                size += sum(map(_size, batch.columns))
                if size > MAX_TABLE_BYTES:
                    raise _too_large(where)
                batches.append(_decoded(batch))
            return pa.Table.from_batches(batches, schema=_decoded(file.schema_arrow.empty_table()).schema)


def _size(column: pa.Array) -> int:
    """Bytes of memory once it is decoded."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary)
    return 4 * len(column) + int(pc.sum(pc.take(lengths, column.indices)).as_py() or 0)


def _decoded(batch: Any) -> Any:
    """A batch or table without dictionaries."""
    import pyarrow as pa

    columns = [
        column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return type(batch).from_arrays(columns, names=batch.schema.names)


def _too_large(where: str) -> BundleError:
    return BundleError(f"{where} takes more than {MAX_TABLE_BYTES} bytes of memory and is not read")


def _fitted(table: str, found: pa.Table, where: str) -> pa.Table:
    """The columns in our order and without foreign metadata; optional columns that an older version lacked are null."""
    import pyarrow as pa

    names = found.schema.names
    wanted = schema(table)
    if unknown := sorted(set(names) - set(wanted.names)) or [n for n in names if names.count(n) > 1]:
        raise BundleError(f"{where} has a column {unknown[0][:60]!r}, which table {table!r} has not, or has twice")
    columns: list[Any] = []
    for field in wanted:
        column = found.column(field.name) if field.name in names else pa.nulls(found.num_rows, field.type)
        if column.type != field.type:
            raise BundleError(f"{where}: column {field.name!r} is {column.type}, not {field.type}")
        if column.null_count and not field.nullable:
            raise BundleError(f"{where}: column {field.name!r} has rows without a value")
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=wanted)


def _check_times(table: str, found: pa.Table, where: str) -> None:
    """Parquet's times reach further than Python's; one outside the years 1 to 9999 would break far from here."""
    import pyarrow.compute as pc

    for column in TABLES[table]:
        if column.type == "time":
            ends = pc.min_max(found.column(column.name))
            try:
                ends.as_py()
            except (ValueError, OverflowError) as error:
                raise BundleError(f"{where}: column {column.name!r} holds a time out of range") from error


def _check_json(table: str, found: pa.Table, where: str) -> None:
    for column in TABLES[table]:
        if column.type != "json":
            continue
        for text in found.column(column.name).unique().to_pylist():
            try:
                text is None or json.loads(text)
            except (ValueError, RecursionError) as error:
                raise BundleError(f"{where}: column {column.name!r} holds text that is no JSON") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
