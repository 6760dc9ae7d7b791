"""The last look at a bundle before it is sealed: does any of its files show a secret?

Everything was redacted long before. This is for what somebody forgot to redact, so it reads the very bytes that would
be written, Parquet's strings too. Cells and raw records are asked as they were when they were redacted; the documents,
where texts stand side by side that do not belong together, only for what its looks give away.
"""

from __future__ import annotations

import html
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gather_diagnostics.bundle.naming import RAW_FOLDER, SUMS, TABLES_FOLDER, short
from gather_diagnostics.errors import VerificationError
from gather_diagnostics.redaction import How
from gather_diagnostics.tables import TABLES, Column

if TYPE_CHECKING:
    import pyarrow as pa

    from gather_diagnostics.redaction import Redactor

_PIECE = 65_536
"""Characters of a line that are looked at as one text; pieces overlap by _OVERLAP."""
_OVERLAP = 2_048
_GROUP = 4_000_000
"""Bytes of text that are searched at once."""
_DERIVED = frozenset({"template"})
"""Columns made of redacted ones, with parts masked: composed texts."""
_PLACEHOLDERS = re.compile(r"\[redacted:[a-z0-9-]{0,32}(?::[^\]\s]{0,24})?(?:\]|…|$)?", re.ASCII)
"""Also those that a document cut, or whose digits a template masks."""
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])", re.ASCII)
Part = tuple["pa.Array", How]
"""Texts of a file, and how they are read."""


def check(files: Mapping[str, bytes], redactor: Redactor) -> None:
    """Raises VerificationError where a file shows a secret: it names kinds and files, and no value.

    `redactor` is the run's, which knows the configuration's own kinds and what is to stay.
    """
    # Many files at once, since most of the work is to compile what is searched for; one by one where something shows.
    if not any(_showing(group, redactor) for group in _groups(_parts(files))):
        return
    found = {p: kinds for p, content in sorted(files.items()) if (kinds := _showing(_parts({p: content}), redactor))}
    lines = (f"  {short(redactor.text(path, 'message'))}: {_told(kinds)}" for path, kinds in found.items())
    raise VerificationError(
        "the bundle was not written, since a last look at it found what looks like secrets:\n"
        + "\n".join(lines)
        + "\nThis should never be: please report it. If it is no secret, name it under `redaction: allow`"
    )


def look_ahead(tables: Mapping[str, Sequence[pa.RecordBatch]], raws: Mapping[str, str], redactor: Redactor) -> None:
    """Look through what will be in tables and raw records already: `check` need not look at those texts again."""
    import pyarrow as pa

    parts = [part for table, batches in tables.items() for part in _of_batches(table, batches)]
    for how, texts in _alike([*parts, (pa.array(list(raws.values()), pa.string()), "text")]):
        redactor.look_ahead(texts, how)


def _of_batches(table: str, batches: Sequence[pa.RecordBatch]) -> Iterator[Part]:
    import pyarrow as pa

    for column in TABLES[table]:
        if column.is_text:
            yield from _cells(column, pa.chunked_array([batch.column(column.name) for batch in batches], pa.string()))


def _groups(parts: Iterable[Part]) -> Iterator[list[Part]]:
    """Parts together as long as they are small, so that a large bundle is never in memory twice."""
    group: list[Part] = []
    size = 0
    for part in parts:
        group.append(part)
        size += part[0].nbytes
        if size > _GROUP:
            yield group
            group, size = [], 0
    yield group


def _showing(parts: Iterable[Part], redactor: Redactor) -> Mapping[str, int]:
    """Kinds of secrets that texts show, and how many of each."""
    total: Counter[str] = Counter()
    for how, texts in _alike(parts):
        total.update(redactor.showing(texts, how))
    return total


def _alike(parts: Iterable[Part]) -> Iterator[tuple[How, pa.Array]]:
    """What is read the same way as one."""
    import pyarrow as pa

    arrays: dict[How, list[pa.Array]] = {}
    for texts, how in parts:
        arrays.setdefault(how, []).append(texts)
    yield from ((how, pa.concat_arrays(alike)) for how, alike in arrays.items())


def _told(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{count} of the kind {kind}" for kind, count in sorted(kinds.items()))


def _parts(files: Mapping[str, bytes]) -> Iterator[Part]:
    """What there is to read in files, their names included."""
    import pyarrow as pa

    yield pa.array(list(files), pa.string()), "text"
    for path, content in files.items():
        yield from _texts(path, content)


def _texts(path: str, content: bytes) -> Iterator[Part]:
    import pyarrow as pa

    if path == SUMS:
        return
    if path.startswith(f"{TABLES_FOLDER}/") and path.endswith(".parquet"):
        yield from _columns(path, content)
    elif path.startswith(f"{RAW_FOLDER}/"):
        yield pa.array([content.decode("utf-8", "replace")]), "text"
    elif path.endswith(".json"):
        yield pa.array([_whole(text) for text in _strings(json.loads(content))], pa.string()), "composed"
    else:
        text = _unescaped(content.decode("utf-8", "replace"), is_markdown=path.endswith(".md"))
        yield pa.array([_whole(line) for line in _lines(text)], pa.string()), "composed"


def _columns(path: str, content: bytes) -> Iterator[Part]:
    """Every string of a table; of its footer too, where a writer may leave texts of its own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    declared = {c.name: c for c in TABLES[path.removeprefix(f"{TABLES_FOLDER}/").removesuffix(".parquet")]}
    # As dictionaries: of a text that stands in thousands of rows one copy is read.
    file = pq.ParquetFile(io.BytesIO(content), read_dictionary=[c.name for c in declared.values() if c.is_text])
    names = [f.name for f in file.schema_arrow if pa.types.is_string(f.type) or pa.types.is_dictionary(f.type)]
    cells = file.read(columns=names, use_threads=False)
    for name in names:
        yield from _cells(declared[name], _values(cells.column(name)))
    notes = [part.decode("utf-8", "replace") for pair in (file.schema_arrow.metadata or {}).items() for part in pair]
    yield pa.array(notes, pa.string()), "composed"


def _values(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Of cells that are dictionaries what they hold."""
    import pyarrow as pa

    if not pa.types.is_dictionary(cells.type):
        return cells
    return pa.chunked_array([chunk.dictionary for chunk in cells.chunks], cells.type.value_type)


def _cells(column: Column, cells: pa.ChunkedArray) -> Iterator[Part]:
    """Every different text of a column."""
    import pyarrow as pa

    texts = cells.unique().drop_null()
    if column.name in _DERIVED:
        yield pa.array([_whole(text) for text in texts.to_pylist()], pa.string()), "composed"
    else:
        yield texts, "json" if column.type == "json" else "text"


def _strings(value: object) -> Iterator[str]:
    """Keys and texts of a JSON value, each once, as it is read and not as it stands escaped."""
    found: set[str] = set()
    left = [value]
    while left:
        inner = left.pop()
        if isinstance(inner, str):
            found.add(inner)
        elif isinstance(inner, dict):
            found.update(inner)
            left += inner.values()
        elif isinstance(inner, list):
            left += inner
    return (text.encode("utf-8", "replace").decode() for text in found)


def _unescaped(text: str, *, is_markdown: bool) -> str:
    """As a reader sees it: 'ghp\\_x' and 'glpat&#45;x' are tokens, too."""
    plain = html.unescape(text).replace("\u200b", "")
    return _ESCAPED.sub(r"\1", plain) if is_markdown else plain


def _whole(text: str) -> str:
    """The text with each placeholder in the form in which the redactor knows it."""
    return _PLACEHOLDERS.sub("[redacted:secret:00000000]", text) if "[redacted:" in text else text


def _lines(text: str) -> Iterator[str]:
    """Lines, long ones (a page without line ends) in pieces that overlap by more than most secrets are long."""
    for line in dict.fromkeys(text.splitlines()):
        for start in range(0, max(len(line), 1), _PIECE - _OVERLAP):
            yield line[start : start + _PIECE]
