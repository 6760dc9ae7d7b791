"""Lines of the everyday shapes, a whole batch at once: Arrow's regular expressions in place of a parser a line.

Three shapes are recognised, each so narrowly that what `parse` would make of the line is known: a flat JSON object, the
pairs of logfmt, and text behind a level in capitals, with or without a time in front. They hold for lines whose
transport told their time, as Kubernetes and CloudWatch do. A recognised line never continues the record before it, so
where the next line is recognised too it is a record by itself: `everyday`. All others are for `parse`, in their order;
what it makes of them does not change by leaving the everyday ones out (tests/core/test_lanes.py).

JSON and logfmt lines of one program have few forms: with its values masked a line becomes its form, and one regular
expression a form takes the values of all its lines. The engine is RE2: linear time, whatever a line holds.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse import stamps
from gather_diagnostics.logparse.fields import path_of, plan
from gather_diagnostics.logparse.levels import LONG, level_of
from gather_diagnostics.logparse.records import Context
from gather_diagnostics.logparse.structured import level_named
from gather_diagnostics.model import Json

if TYPE_CHECKING:
    import pyarrow as pa

FIELDS = ("level", "message", "service", "instance", "trace_id", "request_id", "tenant", "endpoint")
MOST_FORMS = 40
LEAST_LINES = 20
"""The most frequent forms of a batch are taken: an expression costs about as much as twenty lines in `parse`."""

_DAY = r"(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
_TIME = rf"(?:199\d|20\d\d|21[0-8]\d)-{_DAY}[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:[.,]\d{{1,9}})?"
_ZONED = rf"{_TIME}(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)?"
_EPOCH = r"\A1\d{9}(?:\d{3}){0,3}\z"
"""Seconds, or thousandths of them, of this quarter of a century."""

_STRING = r'"[^"\\\x00-\x1f]*"'
# Numbers that JSON writes as they were read: no exponent, at most 15 digits with a fraction, which ends in no zero.
_NUMBER = r"(?:0|-?[1-9]\d{0,9})\.(?:\d{0,3}[1-9]|0)|-?[1-9]\d{0,17}|0"
_PLAIN = (
    rf"\A(?:{_TIME}Z? {{1,4}})?(?P<level>{LONG.upper()}) {{1,8}}"
    r"(?P<message>[!-+./0-9;<>-{}~][^\x00-\x1f\x7f]*)\z"
)
_SPECIAL = (
    r"(?i)(?:trace_?id|request[-_]?id|req_id|correlation[-_]?id|tenant(?:_?id)?)[=:]"
    r'| std|, request: "|\[\d\d/[a-z]{3}/|\[\d+\]:'
)
"""What `parse` looks for in plain lines: ids by name, other wrappings, requests, syslog's tags."""
_WORDS = r"\A[^=]*\z|\A(?:[!-<>-~]+ +){2}"
"""What makes no logfmt behind a level: no pair, or two words in front of the first."""


@dataclass(frozen=True)
class Form:
    """How lines of pairs are written."""

    starts: str
    value: str
    mask: tuple[str, str]
    whole: re.Pattern[str]
    """A line with its values masked."""
    key: str
    typed: bool
    """True where a value without quotes is no text but one of _SCALAR."""


# Wider than JSON, but RE2 finds the groups of such in one pass (it need never guess), three times as fast.
_TOKEN = rf'{_STRING}|[^"\s,{{}}\[\]]+'
_SCALAR = rf'\A(?:"|(?:{_NUMBER}|true|false|null)\z)'
_JSON = Form(
    r"\A\{",
    _TOKEN,
    (rf'(": ?)(?:{_TOKEN})([,}}])', r"\1?\2"),
    re.compile(r'\{"[A-Za-z@_][\w.@/\-]*": ?\?(?:, ?"[A-Za-z@_][\w.@/\-]*": ?\?)*\}', re.ASCII),
    r'"([^"]+)": ?\?',
    typed=True,
)
_BARE = r"[!#-&(-<>-\[\]-~]+"
_LOGFMT = Form(
    r"\A[A-Za-z_@][\w.@/\-]*=",
    rf"{_STRING}|{_BARE}",
    (rf"=(?:{_STRING}|{_BARE})", "=?"),
    re.compile(r"[A-Za-z_@][\w.@/\-]*=\?(?: [A-Za-z_@][\w.@/\-]*=\?)+", re.ASCII),
    r"([^ =]+)=\?",
    typed=False,
)
# With these in front `parse` looks for a time: of a month, a weekday, or klog's.
_TIMELIKE = re.compile(r"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun|[IWEF]\d")
_ACCESS = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:|\A[^\s|]{1,40} {0,4}\|"


def everyday(texts: pa.Array, extra: Mapping[str, Json], ends: Any = None) -> pa.Table:
    """The lines of `texts` (string array; null for what is no text) that are records by themselves, with their values.

    Columns: `index` (int64, the position in `texts`), FIELDS, and `labels` (JSON text, keys sorted; `extra` stands in
    it too, in place of the line's own of these names). `ends` are the positions (NumPy array) of lines whose successor
    is not the next of `texts`; the last is always one. The first line is never taken: it may begin with a BOM.
    """
    import numpy as np
    import pyarrow as pa

    parts = [*_plain(texts, extra), *_pairs(texts, _JSON, extra), *_pairs(texts, _LOGFMT, extra)]
    if not parts:
        return _table(pa.array([], pa.int64()), {}, pa.array([], pa.string()))
    found = pa.concat_tables(parts)
    index = found["index"].to_numpy()
    alone = np.zeros(len(texts), dtype=bool)
    alone[index] = True
    alone[:-1] &= alone[1:] | _begins(texts)[1:]
    alone[[0, -1]] = False
    if ends is not None:
        alone[ends] = False
    return found.filter(pa.array(alone[index]))


def _begins(texts: pa.Array) -> Any:
    """Lines that begin a record whatever they are: a digit or a brace in front, and no other line wrapped inside."""
    import pyarrow.compute as pc

    begins = pc.and_not(pc.match_substring_regex(texts, r"\A[0-9{]"), pc.match_substring_regex(texts, r' std|"log":'))
    return pc.fill_null(begins, False).to_numpy(zero_copy_only=False)


def _plain(texts: pa.Array, extra: Mapping[str, Json]) -> Iterator[pa.Table]:
    import pyarrow as pa
    import pyarrow.compute as pc

    index = _positions(texts, rf"\A(?:\d{{4}}-[^a-z]{{8,30}})?(?:{LONG.upper()}) ", _SPECIAL)
    found = pc.extract_regex(texts.take(index), _PLAIN)
    message = pc.struct_field(found, "message")
    level = by_value(pc.struct_field(found, "level"), level_of)
    labels = pa.repeat(pa.scalar(_object(extra)), len(index))
    whole = _table(index, {"level": level, "message": message}, labels)
    yield whole.filter(pc.fill_null(pc.match_substring_regex(message, _WORDS), False))


def pairs(lines: pa.Array, context: Context) -> pa.Table:
    """Of lines (strings without nulls) that each begin a record, those of pairs: as `described` makes it."""
    import pyarrow as pa

    found = [*_pairs(lines, _JSON, {}, context), *_pairs(lines, _LOGFMT, {}, context)]
    return pa.concat_tables(found) if found else described(pa.array([], pa.int64()), {}, None, None, [])


def _pairs(
    texts: pa.Array, form: Form, extra: Mapping[str, Json], context: Context | None = None
) -> Iterator[pa.Table]:
    """A table for each frequent form. With a context the time of each line is told, too."""
    import pyarrow as pa
    import pyarrow.compute as pc

    index = _positions(texts, form.starts, "" if form.typed else _ACCESS)
    lines = texts.take(index)
    masked = pc.replace_substring_regex(lines, *form.mask).dictionary_encode()
    counts = sorted(masked.indices.value_counts().to_pylist(), key=lambda c: -c["counts"])
    for entry in counts[:MOST_FORMS]:
        shape = masked.dictionary[entry["values"]].as_py()
        if entry["counts"] >= LEAST_LINES and (keys := _keys(shape, form)):
            own = pc.equal(masked.indices, pa.scalar(entry["values"], masked.indices.type))
            yield _valued(index.filter(own), lines.filter(own), shape, keys, form, extra, context)


@functools.lru_cache(maxsize=512)
def _keys(shape: str, form: Form) -> tuple[str, ...]:
    """The keys of a masked line; none where `parse` has to see such lines."""
    if not form.whole.fullmatch(shape):
        return ()
    keys = tuple(re.findall(form.key, shape))
    missing = {"level", "message"} - {field for field, _ in plan(keys)}
    odd = len(set(keys)) < len(keys) or "log" in keys or (not form.typed and _TIMELIKE.match(shape))
    return () if missing or odd else keys


def _valued(
    index: pa.Array,
    lines: pa.Array,
    shape: str,
    keys: tuple[str, ...],
    form: Form,
    extra: Mapping[str, Json],
    context: Context | None,
) -> pa.Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    first, *pieces = [re.escape(piece) for piece in shape.split("?")]
    groups = [f"(?P<g{number}>{form.value}){piece}" for number, piece in enumerate(pieces)]
    found = pc.extract_regex(lines, rf"\A{first}{''.join(groups)}\z")
    raw = {key: pc.struct_field(found, f"g{number}") for number, key in enumerate(keys)}
    # Of several keys for a field the most telling one; a line in which it does not do is for `parse`.
    chosen = {field: names[0] for field, names in plan(keys)}
    columns = {field: _field(field, name, raw.pop(name), form) for field, name in chosen.items()}
    checks = [pc.is_valid(column) for column in columns.values()]
    checks += [pc.match_substring_regex(column, _SCALAR) for column in raw.values() if form.typed]
    fits = functools.reduce(pc.and_, checks)
    time = columns.pop("time", None)
    labels = _labels(raw, form, extra, len(lines))
    if context is None:
        return _table(index, columns, labels).filter(fits)
    if time is None:
        return described(index, columns, labels, None, [False] * len(index)).filter(fits)
    read = stamps.read(pc.fill_null(pc.utf8_trim(time, characters='"'), ""), context, value=True)
    told = described(index, columns, labels, pa.array(read.micros), read.zoneless)
    return told.filter(pc.and_(fits, pa.array(read.known)))


def _field(field: str, name: str, raw: pa.Array, form: Form) -> pa.Array:
    """A field's value in each line; null where `parse` would look further."""
    import pyarrow.compute as pc

    if field == "level":
        if form.typed:
            return by_value(_where(raw, _SCALAR), lambda text: level_named(name, json.loads(text)))
        return by_value(raw, lambda text: level_named(name, text.strip('"')))
    if field == "time":
        return _where(raw, rf'\A"{_ZONED}"\z|{_EPOCH}' if form.typed else rf'\A"?{_ZONED}"?\z')
    value = pc.utf8_trim(_where(raw, r'\A"[^"]' if form.typed else r'\A"?[^"]'), characters='"')
    return by_value(value, path_of) if field == "endpoint" else value


def _where(raw: pa.Array, pattern: str) -> pa.Array:
    """The values that match; null for the others."""
    import pyarrow.compute as pc

    return pc.if_else(pc.match_substring_regex(raw, pattern), raw, None)


def _labels(raw: Mapping[str, pa.Array], form: Form, extra: Mapping[str, Json], length: int) -> pa.Array:
    """JSON text of the fields that are left, as json.dumps writes it: the values stand in the line as JSON has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    pieces: list[Any] = []
    for key in sorted({*raw, *extra}):
        pieces.append(f"{', ' if pieces else '{'}{json.dumps(key)}: ")
        if key in extra:
            pieces.append(json.dumps(extra[key], ensure_ascii=False))
        elif form.typed:
            pieces.append(raw[key])
        else:
            pieces += ['"', pc.utf8_trim(raw[key], characters='"'), '"']
    if not pieces:
        return pa.nulls(length, pa.string())
    columns = [pa.repeat(pa.scalar(p), length) if isinstance(p, str) else p for p in [*pieces, "}", ""]]
    return pc.binary_join_element_wise(*columns)


def _object(extra: Mapping[str, Json]) -> str | None:
    return json.dumps(dict(extra), sort_keys=True, ensure_ascii=False) if extra else None


def _positions(texts: pa.Array, pattern: str, without: str) -> pa.Array:
    import pyarrow.compute as pc

    index = pc.indices_nonzero(pc.fill_null(pc.match_substring_regex(texts, pattern), False)).cast("int64")
    if not without:
        return index
    return index.filter(pc.invert(pc.match_substring_regex(texts.take(index), without)))


def by_value(array: pa.Array, function: Callable[[str], str | None]) -> pa.Array:
    """The function of each value, called once for equal ones."""
    import pyarrow as pa

    encoded = array.dictionary_encode()
    return pa.array([function(v) for v in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def described(
    index: pa.Array, columns: Mapping[str, pa.Array], labels: pa.Array | None, time: pa.Array | None, zoneless: Any
) -> pa.Table:
    """`index`, FIELDS, `labels`, `time` (int64, microseconds; null: the line says none) and `zoneless` (bool)."""
    import pyarrow as pa

    count = len(index)
    told = _table(index, columns, labels if labels is not None else pa.nulls(count, pa.string()))
    told = told.append_column("time", (time if time is not None else pa.nulls(count)).cast(pa.int64()))
    return told.append_column("zoneless", pa.array(zoneless, pa.bool_()))


def _table(index: pa.Array, columns: Mapping[str, pa.Array], labels: pa.Array) -> pa.Table:
    import pyarrow as pa

    missing = pa.nulls(len(index), pa.string())
    named = {field: columns.get(field, missing) for field in FIELDS}
    return pa.table({"index": index, **named, "labels": labels.cast(pa.string())})
