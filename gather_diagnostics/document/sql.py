"""SQL over the tables of a bundle: DuckDB in memory, shut off from files, network, extensions and its own settings.

https://duckdb.org/docs/stable/operations_manual/securing_duckdb/overview
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gather_diagnostics.document.escaping import cut, visible
from gather_diagnostics.errors import GatherError, InputError
from gather_diagnostics.tables import to_arrow

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

ROW = "row"
"""The column with a row's number in its table, by which the document and `supports` name it."""
MOST_MEMORY = "1GB"
"""For what DuckDB works with."""
MOST_BYTES = 256 * 1024**2
"""Of an answer, which DuckDB's own limit does not count."""
_BATCH_ROWS = 2048
_SHUT = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "python_enable_replacements": "false",  # else a Python variable's name is a table
    "temp_directory": "",
    "memory_limit": MOST_MEMORY,
}
_READING = ("SELECT", "EXPLAIN")
"""Kinds of statement that change nothing; DESCRIBE, SHOW, SUMMARIZE, FROM and VALUES are SELECTs to DuckDB."""
_TICK = 0.1


def query(tables: Mapping[str, pd.DataFrame], sql: str) -> pa.Table:
    """The answer to one reading statement; the tables are views by their names, with the number of each row as `row`.

    Raises InputError, one sentence, for whatever DuckDB does not answer. Ctrl-C stops it.
    """
    import duckdb
    import pyarrow as pa

    connection = duckdb.connect(":memory:", config=dict(_SHUT))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name, frame in tables.items():
            connection.register(name, _numbered(name, frame))
        connection.execute("SET lock_configuration = true")
        return _answer(connection, sql)
    except duckdb.PermissionException as error:
        raise InputError(
            "the query is not run: it sees the tables of the bundle and nothing else; no file is read or written, no"
            f" address asked, no extension loaded ({_first(error)})"
        ) from error
    except (duckdb.OutOfMemoryException, MemoryError) as error:
        raise InputError(f"the query takes more than {MOST_MEMORY} of memory: pick fewer rows or columns") from error
    except (duckdb.Error, pa.ArrowException) as error:
        raise InputError(_sentence(error, tables)) from error
    finally:
        connection.close()


def _numbered(name: str, frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    table = to_arrow(name, frame)
    return table.add_column(0, ROW, pa.array(range(len(frame)), pa.int64()))


def _answer(connection: duckdb.DuckDBPyConnection, sql: str) -> pa.Table:
    statements = connection.extract_statements(sql)
    kinds = [statement.type.name for statement in statements]
    if len(kinds) != 1 or kinds[0] not in _READING:
        what = (
            "holds no statement" if not kinds else f"is {kinds[0]}" if len(kinds) == 1 else "holds several statements"
        )
        raise InputError(
            f"the query {what}, and a query only reads: give one SELECT, WITH, FROM, DESCRIBE or SUMMARIZE"
        )
    return _Running(connection, statements[0]).wait()


@dataclass
class _Running:
    """A statement in a thread of its own: DuckDB does not look at signals while it works."""

    connection: duckdb.DuckDBPyConnection
    statement: Any
    batches: list[pa.RecordBatch] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    """Not the thread's own `join`, after whose interruption Python holds a thread for ended that is not."""

    def wait(self) -> pa.Table:
        import pyarrow as pa

        threading.Thread(target=self._run, name="query", daemon=True).start()
        try:
            while not self.done.wait(_TICK):
                pass
        except KeyboardInterrupt:
            # Again and again: one that comes between planning and running is lost.
            while not self.done.wait(_TICK):
                self.connection.interrupt()
            raise
        if self.errors:
            raise self.errors[0]
        return pa.Table.from_batches(self.batches[1:], self.batches[0].schema)

    def _run(self) -> None:
        import duckdb
        import pyarrow as pa

        try:
            self._read()
        except (duckdb.Error, GatherError, pa.ArrowException, MemoryError, RuntimeError) as error:
            self.errors.append(error)
        finally:
            self.done.set()

    def _read(self) -> None:
        import pyarrow as pa

        reader = self.connection.sql(self.statement).to_arrow_reader(_BATCH_ROWS)
        self.batches.append(pa.RecordBatch.from_pylist([], schema=reader.schema))
        size = 0
        for batch in reader:
            size += batch.nbytes
            if size > MOST_BYTES:
                raise InputError(f"the answer takes more than {MOST_BYTES} bytes: ask for fewer rows or columns")
            self.batches.append(batch)


def _first(error: BaseException) -> str:
    """What DuckDB says, without the part of the query that it repeats below."""
    text = str(error).partition("\n\nLINE ")[0]
    return cut(visible(" ".join(text.split())), 300)


def _sentence(error: BaseException, tables: Mapping[str, Any]) -> str:
    words = _first(error)
    if "Table with name" in words:
        there = ", ".join(tables) or "none"
        return (
            f"the query can't be answered: {words.partition(' Did you mean')[0]} The tables of the bundle are {there}"
        )
    return f"the query can't be answered: {words}"
