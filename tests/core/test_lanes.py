"""Everyday lines, read a batch at once, are what the parser makes of them line by line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.logparse import Context, Part, bulk, everyday, lanes, parse
from gather_diagnostics.logparse.batches import batches

CONTEXT = Context(reference=datetime(2026, 3, 14, 3, 20, tzinfo=UTC))
LABELS = {"container": "app", "previous": True}
BASE = 1_773_458_411_000_000
GIVEN: dict[str, Any] = {"ref": "pod/app", "service": "checkout", "instance": "checkout-1"}


@pytest.fixture(autouse=True)
def every_form(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also forms that are rare in the few lines of a test."""
    monkeypatch.setattr(lanes, "LEAST_LINES", 1)


def stamped(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The line's time is in front of it: microseconds after BASE, and a blank."""
    for line in lines:
        time, _, text = line.partition(b" ")
        yield BASE + int(time), text


def parts(lines: list[bytes], size: int) -> Iterator[Part]:
    for at in range(0, len(lines), size):
        part = lines[at : at + size]
        pairs = list(stamped(part))
        texts = pa.array([_text(text) for _, text in pairs], pa.string())
        yield part, pa.array([time for time, _ in pairs], pa.int64()), texts


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def rows(found: Iterable[pa.RecordBatch]) -> list[dict[str, Any]]:
    return sorted((row for one in found for row in one.to_pylist()), key=lambda r: int(r["ref"].rpartition(":")[2]))


def one_by_one(lines: list[bytes]) -> list[dict[str, Any]]:
    records = list(parse(stamped(lines), CONTEXT))
    for record in records:
        record.labels = {**(record.labels or {}), **LABELS}
    return rows(batches(records, **GIVEN))


def at_once(lines: list[bytes], size: int) -> list[dict[str, Any]]:
    return rows(bulk(parts(lines, size), stamped, CONTEXT, **GIVEN, labels=LABELS, since=0, until=2 * BASE))


WORDS = st.sampled_from(
    [
        *"order placed user=7 id=5 - : | INFO ERROR failed: [worker-3] [12] app[12]: stdout".split(),
        *'trace_id=ab tenant:x /cart "quoted" 14/Mar/2026: Traceback {"a":1} key= =x , [14/Mar/2026:'.split(),
        "at com.shop.Pay.run(Pay.java:3)",
        "\u00a0", "caf\u00e9", "\x1b[31m", "\t",
    ]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=6).map(" ".join)
LEVEL = st.sampled_from("INFO info WARNING Error ERROR DEBUG FATAL NOTICE x 30 4 err E".split())
TIME = st.sampled_from(
    [
        "2026-03-14T03:20:11Z", "2026-03-14 03:20:11,123", "2026-03-14T03:20:11.5+01:00", "2026-02-30T03:20:11Z",
        "2026-03-14T24:20:11Z", "1773458411", "1773458411.5", "20260314T032011Z", "", "Mar 14 03:20:11", "yesterday",
        "2026-03-14T03:20:11.1234567890Z", "1979-03-14T03:20:11Z", "2026-13-14 03:20:11",
    ]
)  # fmt: skip
VALUE = st.one_of(
    st.integers(-(10**20), 10**20), st.floats(allow_nan=False), st.booleans(), st.none(), TEXT, TIME, LEVEL,
    st.sampled_from([-0.0, 0.5, 1e-5, 0.0001, 12.5, 100.0, "a\\b", "\u2028", "\x7f", ""]),
    st.dictionaries(st.sampled_from("ab"), st.integers(0, 3), max_size=1), st.lists(st.integers(0, 3), max_size=2),
)  # fmt: skip
KEY = st.sampled_from(
    "time ts level lvl levelno msg message service app pod trace_id request_id tenant path url container log stream"
    " status x.y previous @timestamp Mar14 E5 a-b error severity_number".split()
)
PAIRS = st.lists(st.tuples(KEY, VALUE), min_size=1, max_size=7)
FULL = st.tuples(TIME, LEVEL, TEXT, PAIRS).map(lambda f: [("time", f[0]), ("level", f[1]), ("msg", f[2]), *f[3]])


def as_json(pairs: list[tuple[str, Any]], ascii_only: bool, tight: bool) -> str:
    separators = (",", ":") if tight else (", ", ": ")
    inner = separators[0].join(
        f'"{k}"{separators[1]}{json.dumps(v, ensure_ascii=ascii_only, separators=separators)}' for k, v in pairs
    )
    return "{" + inner + "}"


def as_logfmt(pairs: list[tuple[str, Any]], quoted: bool) -> str:
    return " ".join(f"{k}={json.dumps(str(v), ensure_ascii=False) if quoted or ' ' in str(v) else v}" for k, v in pairs)


LINE = st.one_of(
    st.builds(as_json, st.one_of(FULL, PAIRS), st.booleans(), st.booleans()),
    st.builds(as_logfmt, st.one_of(FULL, PAIRS), st.booleans()),
    st.tuples(TIME, LEVEL, TEXT).map(" ".join),
    st.tuples(LEVEL, TEXT).map(" ".join),
    TEXT,
    st.sampled_from(
        [
            "Traceback (most recent call last):", '  File "a.py", line 1, in f', "KeyError: 1", "panic: boom", "",
            "goroutine 1 [running]:", "main.f(0x1)", "2026-03-14T03:20:11Z stdout P par",
            "2026-03-14T03:20:11Z stdout F t", "java.lang.Error: x", "\tat a.B.c(D.java:1)", "INFO fine\r",
            "exit status 2", "\ufeffINFO with a mark",
            '{"time": 2026-03-14T03:20:11Z, "level": "info", "msg": "no JSON"}', '{"level": info, "msg": "no JSON"}',
            '{"level": "info", "msg": up}', '{"level": "info", "msg": "up", "n": 01}',
            '{"level": "info", "msg": "up"}}',
        ]
    ),
)  # fmt: skip


def numbered(lines: list[str]) -> list[bytes]:
    return [f"{n} {line}".encode() for n, line in enumerate(line.replace("\n", " ") for line in lines)]


@settings(max_examples=examples(80))
@given(st.lists(LINE, max_size=30), st.sampled_from([1, 2, 5, 100]))
@example(["INFO a", "ERROR b", "2026-03-14T03:20:11Z stdout F \tat a.B.c(D.java:1)", "INFO c"], 100)
@example(["INFO a", "ERROR b", '{"log": "\\tat a.B.c(D.java:1)", "stream": "stderr"}', "INFO c"], 100)
def test_at_once_is_one_by_one(lines: list[str], size: int) -> None:
    given_lines = numbered(lines)
    assert at_once(given_lines, size) == one_by_one(given_lines)


SOUND = st.tuples(st.lists(st.tuples(KEY, VALUE), max_size=1), st.lists(st.tuples(KEY, VALUE), max_size=2)).map(
    lambda around: [*around[0], ("level", "info"), ("msg", "all is well"), *around[1]]
)
NUMBER = st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,6})?([eE]-?[0-9])?|-0|nul|True|[a-z]:[0-9]", fullmatch=True)
NEARLY = st.one_of(
    st.builds(as_json, SOUND, st.just(False), st.booleans()),
    st.builds(as_logfmt, SOUND, st.booleans()),
    NUMBER.map(lambda number: f'{{"level": "info", "msg": "up", "n": {number}}}'),
    TEXT.map("INFO {}".format),
    st.tuples(WORDS, WORDS).map(lambda words: "INFO {} level=error msg={}".format(*words)),
    st.tuples(TIME, TEXT).map("{0[0]} INFO {0[1]}".format),
)


@settings(max_examples=examples(250))
@given(NEARLY)
@example('{"level": "info", "msg": "up", "log": "within", "stream": "stdout"}')
@example('{"level": "info", "msg": "up", "log": "up"}')
@example('{"log": "INFO inner", "level": "info", "stream": "stdout"}')
@example("INFO level=error msg=up")
def test_a_line_that_is_nearly_everyday(line: str) -> None:
    """Between two others, so that nothing but its own shape decides."""
    lines = numbered(["INFO before", line, "INFO after", "INFO last"])
    assert at_once(lines, 100) == one_by_one(lines)


@settings(max_examples=examples(60))
@given(st.lists(st.one_of(st.binary(max_size=40), LINE.map(str.encode)), max_size=12))
def test_any_bytes(lines: list[bytes]) -> None:
    given_lines = [b"%d %s" % (n, line.replace(b"\n", b" ")) for n, line in enumerate(lines)]
    assert at_once(given_lines, 5) == one_by_one(given_lines)


@pytest.mark.parametrize(
    "line",
    [
        '{"time": "2026-03-14T03:20:11.5Z", "level": "info", "msg": "up", "n": 1, "path": "/cart?x=1"}',
        '{"ts":1773458411250,"level":30,"msg":"up","ok":true,"took":12.5,"error":null}',
        'time=2026-03-14T03:20:11Z level=info msg="all is well" took=12ms',
        "2026-03-14T03:20:11.123Z INFO  [worker-3] order 5 placed",
        "2026-03-14 03:20:11,123 ERROR order placed id=5",
        "WARN pool is nearly empty",
    ],
)
def test_what_is_everyday(line: str) -> None:
    """Without it, equality would also hold if nothing were ever taken."""
    texts = pa.array([line] * 4)
    assert everyday(texts, {})["index"].to_pylist() == [1, 2]
    assert len(at_once(numbered([line] * 4), 100)) == 4


def test_a_line_that_may_go_on_is_not_taken() -> None:
    texts = pa.array(
        ["INFO a", "INFO b", "ERROR c", "Traceback (most recent call last):", "INFO d", "INFO e", "INFO f"]
    )
    assert everyday(texts, {})["index"].to_pylist() == [1, 4, 5]


def test_records_outside_of_the_span_are_left_out() -> None:
    given_lines = numbered(["INFO a line"] * 10 + ["odd"] * 10)
    found = bulk(parts(given_lines, 100), stamped, CONTEXT, **GIVEN, labels={}, since=BASE + 5, until=BASE + 15)
    assert [r["ref"] for r in rows(found)] == [f"pod/app:{n}" for n in range(6, 16)]
