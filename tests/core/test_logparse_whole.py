"""Bytes into rows a block at a time are the rows that the parser makes line by line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.logparse import Context, Tally, batches, lanes, parse, records, split, whole
from gather_diagnostics.logparse import blocks as cutting

REFERENCE = datetime(2026, 3, 15, tzinfo=UTC)
GIVEN: dict[str, Any] = {"ref": "a.log", "service": "checkout", "instance": "i"}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of a few lines, and forms that are rare."""
    monkeypatch.setattr(lanes, "LEAST_LINES", 1)
    monkeypatch.setattr(cutting, "SMALLEST", 64)
    monkeypatch.setattr(cutting, "LARGEST", 512)


def rows(raw: bytes, context: Context, tally: Tally, cap: int, step: int) -> list[dict[str, Any]]:
    chunks = (raw[at : at + step] for at in range(0, len(raw), step))
    return _in_order(records(chunks, context, tally, cap=cap, **GIVEN))


def one_by_one(raw: bytes, context: Context, tally: Tally, cap: int) -> list[dict[str, Any]]:
    return _in_order(batches(parse(split([raw], cap, tally), context, tally), **GIVEN))


def _in_order(found: Iterator[Any]) -> list[dict[str, Any]]:
    """By line: the parser may give a record that was cut into parts later than its first line stood."""
    return sorted((row for one in found for row in one.to_pylist()), key=lambda row: int(row["ref"].rpartition(":")[2]))


def assert_same(raw: bytes, zone: tzinfo = UTC, cap: int = 65_536, step: int = 1 << 20) -> None:
    context = Context(zone, REFERENCE)
    tallies = Tally(), Tally()
    assert rows(raw, context, tallies[0], cap, step) == one_by_one(raw, context, tallies[1], cap)
    counts = [(t.lines, t.blank, t.records, t.timed, t.undecodable, t.cut, t.longest) for t in tallies]
    assert counts[0] == counts[1]


STAMPS = [
    "2026-03-14T03:20:11Z", "2026-03-14 03:20:11,123", "2026-03-14T03:20:11.5+01:00", "2026-02-30T03:20:11Z",
    "2026-03-14 03:20:11.123456789 -0500", "2026/03/14 03:20:11", "[2026-03-14 03:20:11,123]", "(2026-03-14 03:20:11)",
    "[14/Mar/2026:03:20:11 +0000]", "14 Mar 2026 03:20:11,123", "14-Mar-2026 03:20:11.123",
    "Sat, 14 Mar 2026 03:20:11 GMT", "Mar 14 03:20:11", "Mar  4 03:20:11", "Sat Mar 14 03:20:11 2026",
    "Mar 14 03:20:11 1826", "Mar 14, 2026 3:20:11 AM", "Mar 14, 2026 12:20:11 PM", "I0314 03:20:11.000123   1 a.go:7]",
    "E0229 03:20:11.000123   1 a.go:7]", "26/03/14 03:20:11", "20260314T032011Z", "20260314 03:20:11", "1773458411",
    "1773458411.25", "1773458411250", "9773458411", "2026-03-14 03:20:11 UTC [12]", "2026-03-14T24:00:00Z",
    "2026-03-14 03:20:60", "2026-03-14 03:20:11 +19:00", "2026-03-14 03:20:11 +01", "2026-03-14 03:20:11 #12",
    "2026-03-14T03:20:11.1234567890123Z", "2026-03-14 3:20:11", "2026-03-29 02:30:00", "2026-10-25 02:30:00",
    "10-14 03:20:11.123", "20171223-22:15:29:606", "2026-03-14t03:20:11z", "",
]  # fmt: skip
BEHIND = st.sampled_from(
    [" ", "  ", "", " - ", " | ", ": ", "\t", "] ", ", ", " host-1 app[12]: ", " host cron: ", " #7 "]
)
WORDS = st.sampled_from(
    [
        *"order placed id=5 user=7 - : | INFO ERROR failed: [worker-3] [12] app[12]: info error DEBUG: [INFO]".split(),
        *"<warn> WARN| [core:error] (ERROR) stdout F P trace_id=ab x-request-id:7 TENANT=9".split(), "level=info",
        *'/cart "quoted" 14/Mar/2026: Traceback {"a":1} key= =x , +01 Z AM 2026 [pod/a/b] <13> #12 INFO:x'.split(),
        "at com.shop.Pay.run(Pay.java:3)", ', request: "GET /x HTTP/1.1"', "\u00a0", "caf\u00e9", "\x1b[31m", "\t",
    ]
)  # fmt: skip
TEXT = st.lists(WORDS, max_size=6).map(" ".join)
STAMP = st.sampled_from(STAMPS)
ODDITIES = (
        "Traceback (most recent call last):", '  File "a.py", line 1, in f', "    f()", "KeyError: 1", "KeyError",
        "java.lang.IllegalStateException: x", "\tat a.B.c(D.java:1)", "Caused by: a.b.CError: y", "\t... 3 more",
        "    2026-03-14 an indented time", "  7", "}", "]);", "panic: boom", "goroutine 1 [running]:",
        "main.f(0x1)", "exit status 2",
        "During handling of the above exception, another exception occurred:", "", "   ", "\u3000", "\r",
        "a word", "Word: x",
        "2026-03-14T03:20:11Z stdout P par", "2026-03-14T03:20:11Z stdout F t", "2026-03-14T03:20:12Z stderr F   at x",
        "2026-03-14T03:20:11.5Z     at a.b(c)", "2026-03-14T03:20:11.5Z ValueError: x",
        "2026-03-14T03:20:11.5Z Traceback (most recent call last):", "<13>Mar 14 03:20:11 h a[1]: x",
        '<165>1 2026-03-14T03:20:11Z h app 1 - - up', "ERROR", "ERROR 2026-03-14 03:20:11 up",
        "web_1  | 2026-03-14T03:20:11Z up",
        '10.0.0.1 - - [14/Mar/2026:03:20:11 +0000] "GET /a?b=1 HTTP/1.1" 502 123 "-" "agent"',
        '10.0.0.1 - bob [14/Mar/2026:03:20:11 +0000] "GET /a\\"b HTTP/1.1" 200 -',
        '::1 - - [14/Mar/2026:03:20:11 +0000] "-" 408 0',
        '{"time": "2026-03-14T03:20:11.5Z", "level": "info", "msg": "up", "n": 1}',
        '{"level": "warn", "msg": "no time"}',
        '{"ts": 1773458411250, "level": 30, "msg": "up", "a": {"b": 1}}', "time=2026-03-14T03:20:11Z level=info msg=up",
        'ts=yesterday level=info msg="up"',
        '{"log": "INFO inner\\n", "stream": "stdout", "time": "2026-03-14T03:20:11Z"}',
)  # fmt: skip
OTHERS = st.sampled_from(ODDITIES)
LINE = st.one_of(
    st.tuples(STAMP, BEHIND, TEXT).map("".join),
    st.tuples(STAMP, BEHIND, WORDS, st.just(" "), TEXT).map("".join),
    TEXT,
    OTHERS,
)


@pytest.mark.parametrize("step", [700, 10_000])
def test_every_time_and_every_oddity_once(step: int) -> None:
    lines = [f"{stamp}{behind}order 5 placed" for stamp in STAMPS for behind in (" ", " INFO ", " host app[1]: ")]
    for turn in range(3):
        assert_same("\n".join([*lines[turn::3], *ODDITIES[turn:], *ODDITIES[:turn]]).encode(), step=step)


@pytest.mark.slow
@settings(max_examples=examples(250))
@given(st.lists(LINE, max_size=25), st.sampled_from([7, 100, 10_000]))
@example(
    ["2026-03-14 03:20:11 INFO x", "Traceback (most recent call last):", "  f()", "KeyError: 1", "java.lang.Error: x"],
    100,
)
@example(["2026-03-14T03:20:11Z ERROR x", "2026-03-14T03:20:11.5Z ValueError: x", "2026-03-14T03:20:11Z y"], 100)
def test_at_once_is_one_by_one(lines: list[str], step: int) -> None:
    assert_same("\n".join(lines).encode(), step=step)


@pytest.mark.slow
@settings(max_examples=examples(150))
@given(STAMP, BEHIND, TEXT, st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]))
def test_one_line_between_others_in_any_zone(stamp: str, behind: str, text: str, zone: str) -> None:
    line = f"{stamp}{behind}{text}"
    raw = f"2026-03-13 00:00:00 a\n{line}\n2026-03-14 00:00:00 b\n".encode()
    assert_same(raw, UTC if zone == "UTC" else ZoneInfo(zone))


@pytest.mark.slow
@given(st.lists(st.one_of(st.binary(max_size=60), LINE.map(str.encode)), max_size=12), st.sampled_from([1, 13, 1000]))
def test_any_bytes(lines: list[bytes], step: int) -> None:
    assert_same(b"\n".join(lines), step=step)


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(st.lists(st.integers(0, 90).map(lambda n: "é" * n), max_size=10), st.sampled_from([5, 50, 1000]), st.booleans())
def test_long_lines_are_cut_alike(lines: list[str], step: int, windows: bool) -> None:
    raw = ("\r\n" if windows else "\n").join(f"2026-03-14 03:20:11 {line}" for line in lines).encode()
    assert_same(raw, cap=64, step=step)


def test_every_usual_line_is_understood_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, equality would also hold if nothing were."""
    monkeypatch.setattr(cutting, "SMALLEST", 10_000)
    lines = [
        "2026-03-14T03:20:11.123Z INFO  [worker-3] order 5 placed", "Mar 14 03:20:11 host-1 app[12]: all is well",
        "I0314 03:20:11.000123   1 a.go:7] up", "[2026-03-14 03:20:11,123] [ERROR] up", "a line without a time",
        "1773458411.25 up", "26/03/14 03:20:11 INFO executor.X: up", "Mar 14, 2026 3:20:11 AM com.shop.Pay charge",
        '10.0.0.1 - - [14/Mar/2026:03:20:11 +0000] "GET /a?b=1 HTTP/1.1" 502 123 "-" "agent"',
        '{"time": "2026-03-14T03:20:11.5Z", "level": "info", "msg": "up", "n": 1}',
        'time=2026-03-14T03:20:11Z level=info msg="all is well"', "2026-03-14 03:20:11 ERROR order 5 failed",
        "Traceback (most recent call last):", '  File "a.py", line 1, in f', "ConnectionError: no answer",
        "2026-03-14 03:20:11,123 ERROR [main] com.shop.Pay - failed", "java.lang.IllegalStateException: x",
        "\tat a.B.c(D.java:1)", "Caused by: a.b.CError: y", "\t... 3 more",
    ]  # fmt: skip
    raw = "\n".join([*lines, "2026-03-14 03:20:11 last", ""]).encode()
    found = [whole.understand(b, Context(reference=REFERENCE)) for b in cutting.blocks([raw], 1000, Tally())]
    assert [one.texts for one in found] == [[], []]
    assert [len(one.told) for one in found] == [13, 1]


def test_nothing_is_held_back_where_no_beginning_is_sure() -> None:
    raw = b"\n".join(b"\x1b[31m2026-03-14 03:20:11 red %d" % n for n in range(200))
    assert_same(raw)
    chunks = [raw[at : at + 100] for at in range(0, len(raw), 100)]
    assert max(len(block.texts) for block in cutting.blocks(chunks, 1000, Tally())) < 50


def test_a_frame_behind_another_record_does_not_go_on_with_the_trace_before_it() -> None:
    trace = "goroutine 7 [running]:\nmain.f(0x1)\n\t/a.go:5\n"
    order = "2026-03-14T02:00:00.000Z INFO order placed\n"
    data = (order + trace + order + "main.g(0x2)\n\t/a.go:9\n" + trace).encode()
    lines = [int(ref[1:]) for batch in records([data], ref="", service="s") for ref in batch["ref"].to_pylist()]
    assert lines == [record.line for record in parse(split([data]))]
