"""`gather_diagnostics query BUNDLE "SQL"`: ask the tables of a bundle."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gather_diagnostics.cli.options import debug_option

if TYPE_CHECKING:
    import pyarrow as pa


@click.command(short_help="Ask a bundle's tables in SQL.")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.argument("sql")
@click.option("--format", "format_", type=click.Choice(["table", "csv", "json"]), default="table",
              help="table shows 200 rows, the others all.")  # fmt: skip
@debug_option
def query(*, bundle: Path, sql: str, format_: str, debug: bool) -> int:
    """Ask the tables of BUNDLE (a folder or .tar.gz) with one SELECT of DuckDB's SQL.

    Tables have the names of the files in tables/; column `row` is the number by which the document names a row. Times
    are in UTC, JSON columns are text (details->>'$.files'). It only reads, and sees no file and no network. "SHOW
    TABLES" and "DESCRIBE logs" tell what there is. In CSV, text that a spreadsheet would take for a formula begins with
    an apostrophe. Exit codes: 0 answered, 1 no answer: a query or a bundle that can't be used; 130 interrupted.
    """
    from gather_diagnostics.bundle import read
    from gather_diagnostics.document.escaping import encodable
    from gather_diagnostics.document.sql import query as ask
    from gather_diagnostics.errors import InputError

    found = ask(read(bundle).tables, sql)
    try:
        text = _shown(found, format_)
    except (ValueError, OverflowError) as error:
        # SQL's times reach further than Python's.
        raise InputError("the answer holds a time that can't be shown: cast it to VARCHAR") from error
    sys.stdout.write(encodable(text, sys.stdout.encoding or "utf-8"))
    sys.stdout.flush()
    return 0


def _shown(found: pa.Table, format_: str) -> str:
    from gather_diagnostics.document import rows

    match format_:
        case "csv":
            return rows.to_csv(found)
        case "json":
            return rows.to_json(found)
    return rows.to_table(found)
