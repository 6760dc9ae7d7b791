"""A whole bundle's evidence with its names replaced."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gather_diagnostics.model import Coverage, Evidence, Gap, KnownError, Request, Target
from gather_diagnostics.redaction.renaming import words
from gather_diagnostics.redaction.renaming.finding import find
from gather_diagnostics.redaction.renaming.replacing import Renamer
from gather_diagnostics.redaction.renaming.standins import StandIns
from gather_diagnostics.tables import TABLES, from_arrow, to_arrow

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_ESCAPED = re.compile(r"\\([^\w\s])", re.ASCII)


def renamed(evidence: Evidence, stand_ins: StandIns) -> tuple[Evidence, Renamer]:
    """The evidence under stand-ins, without findings and response: they are to be made anew, of the rows that are left.

    The renamer tells afterwards whether a text still shows a name.
    """
    tables = {name: to_arrow(name, frame) for name, frame in evidence.tables.items()}
    renamer = Renamer(find(evidence, _texts(evidence, tables)), stand_ins)
    shared = replace(
        evidence,
        request=_request(evidence.request, renamer),
        tables={name: _table(name, table, renamer) for name, table in tables.items()},
        coverage=tuple(_coverage(c, renamer) for c in evidence.coverage),
        gaps=tuple(_gap(g, renamer) for g in evidence.gaps),
        findings=(),
        response=None,
        raws={renamer.text(path): renamer.json(text) for path, text in evidence.raws.items()},
    )
    return shared, renamer


def _texts(evidence: Evidence, tables: Mapping[str, pa.Table]) -> Iterator[str]:
    """Every text there is, each once for each column."""
    request = evidence.request
    yield from (request.description, request.owner, *request.runbooks)
    for name, table in tables.items():
        for column in TABLES[name]:
            if column.is_text:
                yield from table.column(column.name).drop_null().unique().to_pylist()
    yield from evidence.raws.values()
    for covered in evidence.coverage:
        for target in covered.targets:
            yield from (target.what, target.where, target.because)
    for gap in evidence.gaps:
        yield from (gap.wanted, gap.why, gap.mend)


def _table(name: str, table: pa.Table, renamer: Renamer) -> pd.DataFrame:
    import pyarrow as pa

    arrays = []
    for column in TABLES[name]:
        values = table.column(column.name).combine_chunks()
        if column.is_text:
            encoded = values.dictionary_encode()
            kind = words.COLUMNS.get(column.name)
            clean = [
                renamer.json(text) if column.type == "json" else renamer.cell(text, kind)
                for text in encoded.dictionary.to_pylist()
            ]
            values = pa.array(clean, values.type).take(encoded.indices)
        arrays.append(values)
    return from_arrow(pa.Table.from_arrays(arrays, schema=table.schema))


def _request(request: Request, renamer: Renamer) -> Request:
    return replace(
        request,
        description=renamer.text(request.description),
        owner=renamer.cell(request.owner, "person") if request.owner else "",
        runbooks=tuple(map(renamer.text, request.runbooks)),
        known_errors=tuple(_known_error(k, renamer) for k in request.known_errors),
    )


def _known_error(known: KnownError, renamer: Renamer) -> KnownError:
    """An expression that names a host names its stand-in, without the backslashes that its dots had."""

    def expression(pattern: str) -> str:
        plain = _ESCAPED.sub(r"\1", pattern)
        shown = renamer.text(plain)
        return pattern if shown == plain else shown

    return replace(
        known, patterns=tuple(map(expression, known.patterns)), meaning=renamer.text(known.meaning),
        cause=renamer.text(known.cause), runbook=renamer.text(known.runbook), example=renamer.text(known.example),
    )  # fmt: skip


def _coverage(coverage: Coverage, renamer: Renamer) -> Coverage:
    targets = (Target(*map(renamer.text, (t.what, t.where, t.because))) for t in coverage.targets)
    return replace(coverage, targets=tuple(targets))


def _gap(gap: Gap, renamer: Renamer) -> Gap:
    return replace(gap, wanted=renamer.text(gap.wanted), why=renamer.text(gap.why), mend=renamer.text(gap.mend))
