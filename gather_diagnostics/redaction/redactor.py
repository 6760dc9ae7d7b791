"""The redactor: one per run, shared by its threads."""

from __future__ import annotations

import functools
import hashlib
import hmac
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from gather_diagnostics.redaction import custom, encoded, keys, manifests, rules, shapes, structured, wrapping
from gather_diagnostics.redaction.blocks import Blocks
from gather_diagnostics.redaction.patterns import PEM_WORDS, PLACEHOLDER
from gather_diagnostics.redaction.spans import Span, merged
from gather_diagnostics.tables import TABLES, Column

if TYPE_CHECKING:
    import pyarrow as pa

UNREADABLE = "unreadable"
"""Kind of what could not be looked through."""
_PASSES = 8
"""A replacement changes what stands beside it; texts settle in two passes, and one that never does is unreadable."""

BROKEN = (
    *(ValueError, LookupError, ArithmeticError, TypeError, RuntimeError),
    *(AttributeError, AssertionError, MemoryError, OSError),
)
"""What looking through a text may raise, bugs of ours too: who was to tell of one would have to redact its words."""

_SMALL = 4_000_000
"""Bytes of text up to which a batch's columns are searched as one."""
_FEW = 1_000
"""Bytes of text that Python has looked through sooner than an expression is compiled for RE2, or that others are told
to be the same."""

_REMEMBERED = 10_000
"""Composed texts whose redaction is remembered."""

_STREAM = ("source", "service", "instance")
"""Columns of `logs` that tell one stream of records from another."""

Tally = Counter[str]
"""Kind to how many."""
How = Literal["text", "json", "composed"]
"""How a text came about, which decides what in it is a secret."""
Find = Callable[[str], Iterable[Span]]
"""Text to where its secrets are."""


class Unsettled(ValueError):
    """Every pass found something new."""


class Redactor:
    """Replaces secrets with `[redacted:<kind>:<8 hex>]` and counts them. Thread-safe.

    The hex digits are the beginning of an HMAC-SHA256 (RFC 2104) of the secret under a key drawn for this object
    and kept in memory alone: the same secret is the same placeholder throughout a run, and nobody can try guesses
    against it later. Redacting twice is redacting once. Where several processes share a run, each redactor is given
    the same `key`: 32 random bytes that no disk sees.

    `emails` and `addresses` also take e-mail and IP addresses, which an on-call engineer mostly needs to see;
    `patterns` are further kinds with an RE2 expression each, and what one of `allow` matches as a whole stays.
    """

    def __init__(
        self,
        *,
        emails: bool = False,
        addresses: bool = False,
        patterns: Mapping[str, str] = MappingProxyType({}),
        allow: Sequence[str] = (),
        key: bytes = b"",
    ) -> None:
        self._custom = dict(patterns)
        self._allow = tuple(allow)
        self._key = key or secrets.token_bytes(32)
        self._rules = (
            *rules.RULES,
            *((rules.EMAILS,) if emails else ()),
            *((rules.ADDRESSES,) if addresses else ()),
        )
        self._prefilters = (*rules.prefilters(self._rules), *self._custom.values())
        self._lettered = rules.prefilters(tuple(rule for rule in self._rules if rule is not rules.BY_DIGITS))
        self._by_looks = tuple(rule for rule in rules.RULES if rule is not rules.BY_DIGITS)
        self._counts: dict[str, Counter[str]] = {}
        self._blocks = Blocks()
        self._seen: dict[How, list[pa.Array]] = {}
        self._looking = threading.RLock()
        self._lock = threading.Lock()
        # Findings are gone over again when there is a response to them, and their details have the same keys.
        self._composed = functools.lru_cache(_REMEMBERED)(self._closed_by_looks)

    def __reduce__(self) -> str:
        raise TypeError("a Redactor can't be pickled: its key stays in this process")

    def text(self, value: str, place: str) -> str:
        """One text without secrets. `place` says where it stood, for the report: 'gap', 'raw/git'."""
        clean, tally = self._closed(value, self._settled)
        self._count(place, tally)
        return clean

    def composed(self, value: str, place: str) -> str:
        """A text that was put together here, of words of ours and of redacted ones, without what its looks give away.

        Keys are not asked: in 'password: 3 lines a minute' the key is one text's and the value another's.
        """
        clean, tally = self._composed(value)
        self._count(place, tally)
        return clean

    def showing(self, texts: pa.Array, how: How = "text") -> Mapping[str, int]:
        """Kinds of secrets that these texts (string array) show, and how many of each; counted in no report.

        Texts that came out of here show none: `composed` as of that method, all others as of `text` and `batch`.
        """
        redact = {"text": self._settled, "json": self._json, "composed": self._settled_by_looks}[how]
        texts = texts.drop_null().unique()
        if texts.nbytes > _FEW:
            prefilters = (*rules.prefilters(self._by_looks), *self._custom.values()) if how == "composed" else ()
            texts = self._unseen(texts, how)
            texts = texts.filter(self._match(texts, prefilters)) if len(texts) else texts
        found: Tally = Counter()
        for value in texts.to_pylist():
            clean, tally = self._closed(value, redact)
            if clean != value:
                found.update(tally or {UNREADABLE: 1})
        return found

    def look_ahead(self, texts: pa.Array, how: How) -> None:
        """Look through texts (string array) that `showing` will be asked about, while there is time to.

        Where none of them shows anything they are kept, in memory alone, and not looked through again.
        """
        texts = texts.drop_null().unique()
        with self._looking:
            if not self.showing(texts, how):
                self._seen.setdefault(how, []).append(texts)

    def _unseen(self, texts: pa.Array, how: How) -> pa.Array:
        """Of different texts those that nobody looked through ahead."""
        import pyarrow.compute as pc

        with self._looking:  # who looks already will be done sooner than another who begins
            seen = tuple(self._seen.get(how, ()))
        for known in seen if len(texts) else ():
            texts = texts.filter(pc.invert(pc.is_in(texts, value_set=known)))
        return texts

    def batch(self, table: str, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with every text and JSON column redacted; schema, order and nulls stay.

        RE2 goes over whole columns; Python sees only what it lets through, and of equal values one.
        KeyError for a table that is not declared.
        """
        import pyarrow as pa

        batch = self._without_keys(batch) if table == "logs" else batch
        columns = [c for c in TABLES[table] if c.is_text and c.name in batch.schema.names]
        values = [batch.column(column.name) for column in columns]
        try:
            found = self._hits(values)
        except BROKEN:
            # Without the engine that is fast Python has to see every value.
            found = [pa.array([value is not None for value in array.to_pylist()], pa.bool_()) for array in values]
        arrays = {name: batch.column(name) for name in batch.schema.names}
        for column, hits in zip(columns, found, strict=True):
            if hits.true_count:
                arrays[column.name] = self._column(f"{table}.{column.name}", column, arrays[column.name], hits)
        return pa.RecordBatch.from_arrays(list(arrays.values()), schema=batch.schema)

    def suspects(self, texts: pa.Array) -> pa.BooleanArray:
        """Which texts (string array without nulls) may hold something, `suspects_by_digits` aside; a text that differs
        from another in digits alone is suspect if that is. All others stay as they are."""
        return self._match(texts, self._lettered)

    def suspects_by_digits(self, texts: pa.Array) -> pa.BooleanArray:
        """Which texts (string array without nulls) may hold something by what their digits are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        may = pc.match_substring_regex(texts, rules.BY_DIGITS.needs)
        is_taken = [any(shapes.spans_of(text, rules.BY_DIGITS)) for text in texts.filter(may).to_pylist()]
        found = pc.replace_with_mask(may, may, pa.array(is_taken, pa.bool_()))
        own = (pc.match_substring_regex(texts, pattern) for pattern in self._custom.values())
        return functools.reduce(pc.or_, own, found)

    @property
    def digits_enough(self) -> str:
        """RE2 and Python: a text without a match is never `suspects_by_digits`, whatever its digits."""
        return "" if self._custom else rules.DIGITS_ENOUGH

    @property
    def in_key(self) -> bool:
        """Whether a stream of records is inside of a key block (`batch`)."""
        return bool(self._blocks)

    def _without_keys(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Log records that are lines of a key block, by what came before them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        messages = batch.column("message")
        if not self._blocks and not pc.any(pc.match_substring(messages, PEM_WORDS)).as_py():
            return batch
        streams = list(zip(*(batch.column(name).to_pylist() for name in _STREAM), strict=True))
        texts = messages.to_pylist()
        with self._lock:
            found = self._blocks.bodies(streams, texts)
        for number, (start, end) in found.items():
            text = texts[number]
            texts[number] = text[:start] + self._placeholder(text[start:end], "key-material") + text[end:]
        self._count("logs.message", {"key-material": len(found)} if found else {})
        place = batch.schema.get_field_index("message")
        return batch.set_column(place, batch.schema.field(place), pa.array(texts, messages.type))

    @property
    def report(self) -> Mapping[str, Mapping[str, int]]:
        """Kind to place to how many were replaced, in alphabetical order: a copy."""
        with self._lock:
            return {kind: dict(sorted(places.items())) for kind, places in sorted(self._counts.items())}

    def _count(self, place: str, tally: Mapping[str, int], times: int = 1) -> None:
        if not tally:
            return
        with self._lock:
            for kind, count in tally.items():
                self._counts.setdefault(kind, Counter())[place] += count * times

    def _hits(self, arrays: list[pa.Array]) -> list[pa.BooleanArray]:
        """For each column which values Python has to see."""
        import pyarrow as pa

        if sum(array.nbytes for array in arrays) > _SMALL:
            return [self._match(array) for array in arrays]
        found, offset = self._match(pa.concat_arrays(arrays)), 0
        parts = []
        for array in arrays:
            parts.append(found.slice(offset, len(array)))
            offset += len(array)
        return parts

    def _match(self, array: pa.Array, prefilters: Sequence[str] = ()) -> pa.BooleanArray:
        """Which values may hold something, as they are or with broken words made whole. Equal values are one."""
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = array.dictionary_encode()
        distinct = encoded.dictionary
        # Arrow compiles a pattern anew on every call, which for a few rows is most of the work: so one call for both.
        broken = self._broken(distinct)
        whole = pc.replace_substring_regex(distinct.take(broken), wrapping.BREAK, "")
        found = self._any(pa.concat_arrays([distinct, whole]), prefilters or self._prefilters)
        hits = pa.concat_arrays(
            [pc.indices_nonzero(found.slice(0, len(distinct))), broken.filter(found.slice(len(distinct)))]
        )
        return pc.is_in(encoded.indices, value_set=hits.cast(encoded.indices.type))

    def _broken(self, texts: pa.Array) -> pa.Array:
        """Where the texts with a line's end inside are: mostly none, which a look at their bytes tells soonest."""
        import pyarrow as pa
        import pyarrow.compute as pc

        data = texts.buffers()[2]
        held = data.to_pybytes() if data else b""
        if b"\n" not in held and b"\\n" not in held:
            return pa.array([], pa.uint64())
        return pc.indices_nonzero(pc.match_substring_regex(texts, wrapping.BREAK))

    def _any(self, array: pa.Array, prefilters: Sequence[str]) -> pa.BooleanArray:
        import pyarrow.compute as pc

        each = (pc.match_substring_regex(array, prefilter) for prefilter in prefilters)
        return functools.reduce(pc.or_, each)

    def _column(self, place: str, column: Column, array: pa.Array, hits: pa.BooleanArray) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        encoded = array.filter(hits).dictionary_encode()
        times = {entry["values"]: entry["counts"] for entry in encoded.indices.value_counts().to_pylist()}
        clean = [
            self._cell(place, column, value, times[index]) for index, value in enumerate(encoded.dictionary.to_pylist())
        ]
        replaced = pa.array(clean, array.type).take(encoded.indices)
        return pc.replace_with_mask(array, hits, replaced)

    def _cell(self, place: str, column: Column, value: str, times: int) -> str:
        clean, tally = self._closed(value, self._json if column.type == "json" else self._settled)
        self._count(place, tally, times)
        # A JSON column holds JSON, also where it could not be read.
        return f'{{"redacted": "{clean}"}}' if column.type == "json" and UNREADABLE in tally else clean

    def _closed(self, value: str, redact: Callable[[str, Tally], str]) -> tuple[str, Tally]:
        """Fails closed: what can't be looked through is replaced as a whole."""
        tally: Tally = Counter()
        try:
            return redact(value, tally), tally
        except BROKEN:
            return self._placeholder(value, UNREADABLE), Counter({UNREADABLE: 1})

    def _closed_by_looks(self, value: str) -> tuple[str, Tally]:
        return self._closed(value, self._settled_by_looks)

    def _json(self, value: str, tally: Tally) -> str:
        return structured.redact(
            value, lambda text: self._settled(text, tally), lambda secret, kind: self._replace(secret, kind, tally)
        )

    def _settled_by_looks(self, value: str, tally: Tally) -> str:
        return self._settled(value, tally, self._looks)

    def _settled(self, value: str, tally: Tally, find: Find | None = None) -> str:
        for _ in range(_PASSES):
            once = "".join(self._pass(value, tally, find or self._spans))
            if once == value:
                return once
            value = once
        raise Unsettled("a text in which every replacement gives rise to another")

    def _pass(self, value: str, tally: Tally, find: Find) -> Iterator[str]:
        """Placeholders as they are, and what stands between them redacted."""
        position = 0
        for placeholder in PLACEHOLDER.finditer(value):
            yield from self._piece(value[position : placeholder.start()], tally, find)
            yield placeholder[0]
            position = placeholder.end()
        yield from self._piece(value[position:], tally, find)

    def _piece(self, piece: str, tally: Tally, find: Find) -> Iterator[str]:
        position = 0
        for span in merged(find(piece)):
            if self._allow and custom.is_allowed(piece[span.start : span.end], self._allow):
                continue
            yield piece[position : span.start] + span.wrap
            yield self._replace(span.meaning or piece[span.start : span.end], span.kind, tally) + span.wrap
            position = span.end
        yield piece[position:]

    def _spans(self, piece: str) -> Iterator[Span]:
        yield from self._worn(piece)
        yield from keys.spans(piece)
        yield from manifests.spans(piece)
        yield from custom.spans(piece, self._custom)
        yield from wrapping.spans(piece, self._worn)

    def _looks(self, piece: str) -> Iterator[Span]:
        """The secrets among what is known by its looks. Numbers are left: a document is full of them."""
        yield from shapes.spans(piece, self._by_looks)
        yield from encoded.spans(piece, self._plain)
        yield from custom.spans(piece, self._custom)

    def _worn(self, piece: str) -> Iterator[Span]:
        """What is known by its looks, in base64 too."""
        yield from shapes.spans(piece, self._rules)
        yield from encoded.spans(piece, self._plain)

    def _plain(self, piece: str) -> Iterator[Span]:
        yield from shapes.spans(piece, self._rules)
        yield from keys.spans(piece)

    def _replace(self, secret: str, kind: str, tally: Tally) -> str:
        tally[kind] += 1
        return self._placeholder(secret, kind)

    def _placeholder(self, secret: str, kind: str) -> str:
        digest = hmac.new(self._key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        return f"[redacted:{kind}:{digest[:8]}]"
