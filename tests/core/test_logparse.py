"""Log lines into records: every format in the wild that is claimed, and that no bytes can break it."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.logparse import Context, Record, Tally, batches, line_time, parse, split
from gather_diagnostics.tables import to_batch

DATA = Path(__file__).parents[1] / "data" / "logfiles"
NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
CONTEXT = Context(reference=NOW)
AT = datetime(2026, 3, 14, 3, 20, 11, tzinfo=UTC)


def records(text: str | bytes, context: Context = CONTEXT, tally: Tally | None = None) -> list[Record]:
    raw = text.encode() if isinstance(text, str) else text
    return list(parse(split([raw], tally=tally), context, tally))


def one(text: str, context: Context = CONTEXT) -> Record:
    found = records(text, context)
    assert len(found) == 1
    return found[0]


def micro(n: int) -> datetime:
    return AT + timedelta(microseconds=n)


@pytest.mark.parametrize(
    ("line", "when"),
    [
        ("2026-03-14T03:20:11Z up", AT),
        ("2026-03-14t03:20:11.5z up", micro(500_000)),
        ("2026-03-14 03:20:11,123 up", micro(123_000)),
        ("2026-03-14T03:20:11.123456789Z up", micro(123_456)),
        ("2026-03-14T04:20:11.5+01:00 up", micro(500_000)),
        ("2026-03-13 22:20:11 -0500 up", AT),
        ("2026-03-14 03:20:11.123+00 [12] LOG:  up", micro(123_000)),
        ("2026-03-14 03:20:11 UTC [12] LOG:  up", AT),
        ("2026/03/14 03:20:11 up", AT),
        ("2026/03/14 03:20:11.000007 up", micro(7)),
        ("[2026-03-14 03:20:11,123] up", micro(123_000)),
        ("[14/Mar/2026:03:20:11 +0000] up", AT),
        ("14 Mar 2026 03:20:11,123 up", micro(123_000)),
        ("14-Mar-2026 03:20:11.123 up", micro(123_000)),
        ("Sat, 14 Mar 2026 03:20:11 GMT up", AT),
        ("Mar 14 03:20:11 host app[1]: up", AT),
        ("Sat Mar 14 03:20:11 2026 up", AT),
        ("Mar 14, 2026 3:20:11 AM com.shop.Pay charge", AT),
        ("I0314 03:20:11.000123   1 a.go:7] up", micro(123)),
        ("26/03/14 03:20:11 INFO up", AT),
        ("20260314T032011Z up", AT),
        ("20260314 03:20:11 up", AT),
        ("1773458411 up", AT),
        ("1773458411.25 up", micro(250_000)),
        ("1773458411250 up", micro(250_000)),
        ("ERROR 2026-03-14 03:20:11 up", AT),
        ("[main] 2026-03-14 03:20:11 up", AT),
        ("I, [2026-03-14T03:20:11.000005 #9]  INFO -- : up", micro(5)),
        ("1:M 14 Mar 2026 03:20:11.123 * up", micro(123_000)),
        ("web_1  | 2026-03-14T03:20:11Z up", AT),
        ("\x1b[2m2026-03-14T03:20:11.5Z\x1b[0m \x1b[32m INFO\x1b[0m up", micro(500_000)),
        ("[Sat Mar 14 03:20:11.000009 2026] [core:error] [pid 7:tid 1] up", micro(9)),
    ],
)
def test_times_of_plain_lines(line: str, when: datetime) -> None:
    record = one(line)
    assert record.time == when
    assert record.own_time
    assert record.message
    assert "2026" not in record.message


@pytest.mark.parametrize(
    "line",
    [
        "no time at all",
        "2026-13-45 99:99:99 broken",
        "1234567890 orders were placed before lunch",
        "certificate expires 2027-01-01 00:00:00",
        "192.168.0.1 connected",
        "0000-00-00 00:00:00 zero",
        "Foo 14 03:20:11 no month",
        "9999-12-31T23:59:59Z never",
    ],
)
def test_what_is_no_time(line: str) -> None:
    record = one(line)
    assert record.time is None
    assert not record.own_time
    assert record.message == line


def test_zone_of_zoneless_times() -> None:
    berlin = Context(zone=ZoneInfo("Europe/Berlin"), reference=NOW)
    assert one("2026-03-14 04:20:11 x", berlin).time == AT
    assert one("2026-07-14 05:20:11 x", berlin).time == datetime(2026, 7, 14, 3, 20, 11, tzinfo=UTC)
    assert one("2026-03-14T03:20:11Z x", berlin).time == AT


def test_the_hour_that_comes_twice_goes_on_from_the_line_before() -> None:
    berlin = Context(zone=ZoneInfo("Europe/Berlin"))
    local = ["02:30:00", "02:59:59", "02:00:00", "02:30:00", "03:00:01"]
    found = records("\n".join(f"2026-10-25 {t} x" for t in local), berlin)
    assert [r.time.strftime("%H:%M:%S") for r in found if r.time] == [
        "00:30:00", "00:59:59", "01:00:00", "01:30:00", "02:00:01",
    ]  # fmt: skip


def test_year_of_yearless_times() -> None:
    new_year = Context(reference=datetime(2026, 1, 2, tzinfo=UTC))
    assert one("Dec 31 23:59:59 h a: x", new_year).time == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert one("Jan  1 00:00:01 h a: x", new_year).time == datetime(2026, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert one("Feb 29 00:00:00 h a: x", new_year).time == datetime(2024, 2, 29, tzinfo=UTC)
    assert one("Mar 14 03:20:11 h a: x", Context()).time is None


@pytest.mark.parametrize("key", ["time", "timestamp", "@timestamp", "ts", "t", "datetime", "eventTime", "@t"])
@pytest.mark.parametrize("value", ["2026-03-14T03:20:11Z", 1773458411, 1773458411.0, 1773458411000, 1773458411 * 10**6,
                                   1773458411 * 10**9, "1773458411"])  # fmt: skip
def test_times_of_json_lines(key: str, value: object) -> None:
    assert one(json.dumps({"msg": "x", key: value})).time == AT


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("info", "INFO"), ("WARN", "WARNING"), ("Error", "ERROR"), ("fatal", "CRITICAL"), ("NOTICE", "INFO"),
        ("trace", "DEBUG"), ("SEVERE", "ERROR"), (10, "DEBUG"), (20, "DEBUG"), (30, "INFO"), (40, "WARNING"),
        (50, "ERROR"), (60, "CRITICAL"), ("50", "ERROR"), (3, "ERROR"), (6, "INFO"), ("banana", None), (None, None),
        (True, None), (99999, None),
    ],
)  # fmt: skip
def test_levels_of_json_lines(value: object, level: str | None) -> None:
    assert one(json.dumps({"msg": "x", "level": value})).level == level


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ("2026-03-14 03:20:11 ERROR lost it", "ERROR", "lost it"),
        ("2026-03-14 03:20:11 [WARN] lost it", "WARNING", "lost it"),
        ("2026-03-14 03:20:11 error: lost it", "ERROR", "lost it"),
        ("2026-03-14T03:20:11Z\tinfo\tstarted", "INFO", "started"),
        ("2026-03-14 03:20:11 - shop - ERROR - lost it", "ERROR", "shop - ERROR - lost it"),
        ("2026-03-14 03:20:11 [main] DEBUG c.s.Pay - ok", "DEBUG", "[main] DEBUG c.s.Pay - ok"),
        ("2026-03-14 03:20:11 nothing of note", None, "nothing of note"),
        ("2026-03-14 03:20:11 the error rate is normal", None, "the error rate is normal"),
        ("CRITICAL: disk is gone", "CRITICAL", "disk is gone"),
        ("error rates are normal", None, "error rates are normal"),
        ("Information about us", None, "Information about us"),
        ("<11>Mar 14 03:20:11 h app[2]: lost it", "ERROR", "lost it"),
        ("<14>Mar 14 03:20:11 h app[2]: ERROR lost it", "ERROR", "lost it"),
    ],
)
def test_levels_of_plain_lines(line: str, level: str | None, message: str) -> None:
    record = one(line)
    assert (record.level, record.message) == (level, message)


def test_fields_of_json_lines() -> None:
    line = {
        "@timestamp": "2026-03-14T03:20:11Z",
        "log": {"level": "error"},
        "message": "boom",
        "trace": {"id": "t1"},
        "service": {"name": "pay"},
        "host": {"name": "h1"},
        "http": {"request": {"id": "r1", "method": "POST"}},
        "url": {"path": "/api/pay?card=1"},
        "customer_id": 42,
        "tags": ["a", "b"],
        "error": {"type": "Oops"},
    }
    r = one(json.dumps(line))
    assert (r.time, r.level, r.message, r.trace_id, r.service) == (AT, "ERROR", "boom", "t1", "pay")
    assert (r.instance, r.request_id, r.endpoint, r.tenant) == ("h1", "r1", "/api/pay", "42")
    assert r.labels == {"http.request.method": "POST", "tags": ["a", "b"], "error.type": "Oops"}


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ({"dd.trace_id": "1"}, "trace_id", "1"),
        ({"otelTraceID": "2"}, "trace_id", "2"),
        ({"traceId": "3"}, "trace_id", "3"),
        ({"X-Request-Id": "4"}, "request_id", "4"),
        ({"correlationId": "5"}, "request_id", "5"),
        ({"req": {"id": "6", "url": "/a?b"}}, "endpoint", "/a"),
        ({"url": "https://u:p@x.example/a/b?c#d"}, "endpoint", "/a/b"),
        ({"url": "http://[broken"}, "endpoint", None),
        ({"rpc.method": "Pay/Charge"}, "endpoint", "Pay/Charge"),
        ({"accountId": 7}, "tenant", "7"),
        ({"app": "cart"}, "service", "cart"),
        ({"kubernetes": {"pod_name": "p-1"}}, "instance", "p-1"),
    ],
)
def test_other_names_of_fields(line: dict[str, object], field: str, value: str | None) -> None:
    assert getattr(one(json.dumps({"msg": "x", **line})), field) == value


def test_the_second_best_key_is_used_when_the_best_does_not_fit_and_nothing_is_lost() -> None:
    r = one('{"time":"soon","ts":1773458411,"level":{"a":1},"severity":"error","message":"m","msg":"n"}')
    assert (r.time, r.level, r.message) == (AT, "ERROR", "m")
    assert r.labels == {"time": "soon", "level.a": 1, "msg": "n"}


def test_structured_access_line_gets_level_and_message_from_its_status() -> None:
    r = one('{"ts":1773458411,"method":"GET","path":"/a?b=1","status":503}')
    assert (r.level, r.message, r.endpoint) == ("ERROR", "GET /a 503", "/a")


def test_json_without_a_message_keeps_the_line() -> None:
    line = '{"ts":1773458411,"n":1}'
    assert one(line).message == line


def test_logfmt() -> None:
    r = one(r'time=2026-03-14T03:20:11Z level=error msg="say \"hi\"\n" request_id=r1 path=/x?y=1 empty= n=3')
    assert (r.time, r.level, r.message, r.request_id, r.endpoint) == (AT, "ERROR", 'say "hi"\n', "r1", "/x")
    assert r.labels == {"empty": "", "n": "3"}


@pytest.mark.parametrize("line", ["a=1 b=2", "level=info", "x = y and level = high", 'msg="open level=info'])
def test_what_is_no_logfmt(line: str) -> None:
    assert one(line).message == line


def test_one_file_of_everything() -> None:
    tally = Tally()
    found = records((DATA / "mixed.log").read_bytes(), tally=tally)
    brief = [(r.time.strftime("%M:%S.%f")[:9] if r.time else None, r.level, r.lines) for r in found]
    assert brief == [
        ("01:00.250", "INFO", 1),
        ("02:00.500", "ERROR", 6),
        ("03:00.000", "WARNING", 1),
        ("04:00.000", "ERROR", 1),
        ("05:00.003", "INFO", 1),
        ("06:00.000", "INFO", 1),
        ("07:00.123", "INFO", 1),
        ("08:00.000", "ERROR", 1),
        ("09:00.600", "ERROR", 2),
        ("10:00.100", "ERROR", 1),
        ("11:00.123", "WARNING", 1),
        ("12:00.123", "CRITICAL", 1),
        ("13:00.000", "ERROR", 1),
        ("14:00.000", "ERROR", 5),
        ("14:00.000", None, 1),
    ]
    assert [r.own_time for r in found] == [True] * 14 + [False]
    java, access, syslog, cri, docker, pod, python = (found[n] for n in (1, 3, 4, 8, 9, 10, 13))
    assert java.trace_id == "4bf92f3577b34da6"
    assert java.message.endswith("\t... 12 more")
    assert (access.endpoint, access.labels) == (
        "/cart/7", {"client": "10.0.0.7", "method": "GET", "status": 502, "bytes": 157},
    )  # fmt: skip
    assert (syslog.service, syslog.instance, syslog.message) == ("checkout", "web-1", "slow query")
    assert syslog.labels == {"pid": "811", "msgid": "ID47", "region": "eu"}
    assert found[7].endpoint == "/api/pay"
    assert (cri.message, cri.request_id, cri.labels) == ("cut in two", "r-9", {"stream": "stderr"})
    assert (docker.message, docker.trace_id) == ("boom", "abc")
    assert (pod.instance, pod.labels, pod.message) == ("checkout-7d9f", {"container": "app"}, "disk is slow")
    assert python.message.endswith("ValueError: x")
    assert tally.lines == tally.blank + sum(r.lines for r in found) == 25


def test_kubectl_timestamps_win_over_the_lines_own_time() -> None:
    r = one('2026-03-14T03:20:11.5Z {"time":"2026-03-14T03:00:00Z","level":"warn","msg":"x"}')
    assert (r.time, r.level, r.message) == (micro(500_000), "WARNING", "x")
    r = one("2026-03-14T03:20:11.5Z 2026-03-14 03:00:00 ERROR x")
    assert (r.time, r.level, r.message) == (micro(500_000), "ERROR", "x")


def test_traces_are_joined_when_each_line_carries_the_runtimes_time() -> None:
    inner = ["ERROR it broke", "Traceback (most recent call last):", '  File "a.py", line 1, in f', "    g()",
             "KeyError: 'x'", "INFO next"]  # fmt: skip
    for wrap in (
        "2026-03-14T03:20:11.{}Z {}",
        "2026-03-14T03:20:11.{}Z stderr F {}",
        "[pod/p/c] 2026-03-14T03:20:11.{}Z {}",
    ):
        found = records("\n".join(wrap.format(n, text) for n, text in enumerate(inner)))
        assert [(r.level, r.lines) for r in found] == [("ERROR", 5), ("INFO", 1)]
        assert found[0].message.splitlines()[-1] == "KeyError: 'x'"


def test_lines_padded_after_a_runtimes_time_are_no_continuation() -> None:
    found = records("2026-03-14T03:20:11Z  INFO a: one\n2026-03-14T03:20:12Z  WARN a: two")
    assert [(r.level, r.message) for r in found] == [("INFO", "a: one"), ("WARNING", "a: two")]


def test_an_uncaught_exception_does_not_hide_in_an_everyday_line() -> None:
    found = records("2026-03-14 03:20:11 INFO ok\nTraceback (most recent call last):\n  File\nOSError: x\nbye")
    assert [(r.level, r.lines, r.time) for r in found] == [("INFO", 1, AT), ("ERROR", 3, AT), (None, 1, AT)]


def test_a_go_panic_is_one_record() -> None:
    text = "panic: bad\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/a.go:3 +0x1\ncreated by main.main\n\t/a.go:9\n"
    tally = Tally()
    found = records("2026/03/14 03:20:11 ok\n" + text + "exit status 2\n2026/03/14 03:20:12 back", tally=tally)
    assert [(r.level, r.lines) for r in found] == [(None, 1), ("CRITICAL", 7), (None, 1)]
    assert tally.blank == 1


def test_interleaved_partial_lines_of_two_streams() -> None:
    t = "2026-03-14T03:20:11.000000001Z"
    found = records(f"{t} stdout P a\n{t} stderr P x\n{t} stdout F b\n{t} stderr F y\n{t} stdout P left")
    assert [(r.message, r.lines, r.line) for r in found] == [("ab", 2, 1), ("xy", 2, 2), ("left", 1, 5)]


def test_docker_joins_what_it_cut_at_16_kib() -> None:
    def line(log: str) -> str:
        return json.dumps({"log": log, "stream": "stdout", "time": "2026-03-14T03:20:11.1Z"}, separators=(",", ":"))

    found = records("\n".join([line("a" * 16384), line("b\n"), line("short, no newline"), line("next\n")]))
    assert [(len(r.message), r.lines) for r in found] == [(16385, 2), (17, 1), (4, 1)]


def test_times_known_to_the_transport() -> None:
    stamp = int(AT.timestamp()) * 1_000_000
    lines = [(stamp, b"ERROR one\n  more"), (stamp + 1, b'{"time":"2026-03-14T00:00:00Z","msg":"two"}')]
    found = list(parse(lines))
    assert [(r.time_us, r.message) for r in found] == [(stamp, "one\n  more"), (stamp + 1, "two")]


def test_long_records_are_cut_and_every_line_is_counted() -> None:
    head = "2026-03-14 03:20:11 ERROR x\n"
    many = records(head + "\tat a\n" * 800)
    assert many[0].lines == 801
    assert many[0].message.endswith(" …[cut, 301 more lines]")
    wide = records(head + ("\t" + "w" * 30_000 + "\n") * 5)
    assert wide[0].lines == 6
    assert len(wide[0].message) < 66_000
    assert "…[cut" in wide[0].message


def test_lines_before_the_first_time_take_it() -> None:
    found = records("banner\nwelcome\n2026-03-14T03:20:11Z one\nlater")
    assert [(r.time, r.own_time) for r in found] == [(AT, False), (AT, False), (AT, True), (AT, False)]
    waiting = records("x\n" * 1500 + "2026-03-14T03:20:11Z one")
    assert [r.time for r in waiting].count(None) == 500
    assert [r.line for r in waiting] == list(range(1, 1502))


def test_a_line_of_50_mb_is_never_held() -> None:
    def chunks() -> object:
        yield b"2026-03-14T03:20:11Z ERROR "
        for _ in range(800):
            yield b"x" * 65_536
        yield b"\n2026-03-14T03:20:12Z fine\n"

    tally = Tally()
    longest = 0
    lines = []
    for line in split(chunks(), tally=tally):  # type: ignore[arg-type]
        longest = max(longest, len(line))
        lines.append(line)
    long, fine = parse(lines, CONTEXT, tally)
    assert longest < 65_536 + 40
    assert (tally.cut, tally.longest) == (1, 27 + 800 * 65_536)
    assert long.message.endswith(f" …[cut, {tally.longest} bytes]")
    assert (long.level, long.time, fine.message) == ("ERROR", AT, "fine")


def test_a_json_line_that_was_cut_keeps_time_and_level() -> None:
    line = '{"ts":"2026-03-14T03:20:11Z","level":"error","msg":"big","blob":"' + "x" * 100_000 + '"}'
    r = one(line)
    assert (r.time, r.level) == (AT, "ERROR")
    assert "…[cut, " in r.message


def test_undecodable_bytes_control_characters_and_byte_order_mark() -> None:
    tally = Tally()
    found = records(b"\xef\xbb\xbf2026-03-14T03:20:11Z a\xff\x00\x07b\r\n2026-03-14T03:20:11Z ok", tally=tally)
    assert [r.message for r in found] == ["a\ufffd\x00\x07b", "ok"]
    assert tally.undecodable == 1


@given(st.lists(st.binary(max_size=300)), st.integers(1, 40), st.integers(1, 200))
def test_split_gives_what_a_naive_split_gives(parts: list[bytes], step: int, cap: int) -> None:
    whole = b"\n".join(parts)
    chunks = [whole[i : i + step] for i in range(0, len(whole), step)]
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    tally = Tally()
    found = list(split(chunks, cap, tally))
    assert len(found) == len(expected)
    assert tally.cut == sum(len(line) > cap for line in expected)
    for line, real in zip(found, expected, strict=True):
        if len(real) <= cap:
            assert line == real
        else:
            assert line.endswith(f" …[cut, {len(real)} bytes]".encode())
            assert real.startswith(line[: line.rindex(" …[cut".encode())])


PIECES = st.sampled_from(
    ["2026-03-14T03:20:11Z ", "2026-03-14 03:20:11,5 ", "Mar 14 03:20:11 ", "stdout P ", "stderr F ", "<34>1 ", "<34>",
     "[pod/a/b] ", "{", "}", '"', "\\", "=", "[", "]", '{"log":"', '","stream":"stdout"}', "level=", "ERROR ", "\tat ",
     "Traceback (most recent call last):", "goroutine 1", "I0314 03:20:11.123456 ", "14/Mar/2026:03:20:11 +0000] ",
     " \ud7ff\x00", "\x1b[31m", "1773458411 ", '"GET / HTTP/1.1" 500 ', "\n", "\r\n", "\ufeff", "٣", "request_id=",
     '{"a":1e999,"time":NaN,"level":[],"msg":{}}', '{"a":"\\ud800"}', "[" * 50, "trace", ", request: \"GET "]
)  # fmt: skip


@settings(max_examples=examples(300))
@given(st.one_of(st.binary(max_size=2000), st.lists(PIECES, max_size=40).map(lambda p: "".join(p).encode())))
@example(b'{"a":' + b"[" * 60_000)
@example(b'{"a":' * 60_000)
@example(b'{"msg":"x","a":' + b"[" * 900 + b"]" * 900 + b"}")
@example(b'{"ts":' + b"9" * 5000 + b"}")
def test_no_bytes_break_it_and_no_line_is_lost(raw: bytes) -> None:
    tally = Tally()
    found = records(raw, Context(zone=ZoneInfo("America/New_York"), reference=NOW), tally)
    assert tally.lines == len(raw.split(b"\n")) - (raw.endswith(b"\n") or not raw)
    assert tally.lines == tally.blank + sum(r.lines for r in found)
    assert tally.records == len(found)
    assert all(r.message for r in found)
    for batch in batches(found, ref="f", service="s"):
        table = to_batch("logs", "logfiles", batch)
        table.validate(full=True)
        for labels in table.column("labels").to_pylist():
            json.loads(labels or "{}", parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@given(st.datetimes(datetime(1981, 1, 1), datetime(2199, 1, 1)))
def test_iso_times_come_back(moment: datetime) -> None:
    when = moment.replace(tzinfo=UTC)
    stamp = int((when - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    for zone in (UTC, ZoneInfo("Asia/Kolkata"), ZoneInfo("America/St_Johns")):
        for separator in "T ":
            text = when.astimezone(zone).isoformat(separator, "microseconds")[: 26 + 6]
            assert abs((line_time(f"{text} x".encode()) or 0) - stamp) <= 1


@pytest.mark.parametrize(
    "line",
    [
        '"' * 65_000, "\\" * 65_000, "a=" * 32_000, 'a="' * 20_000, "[" * 65_000,
        "<34>1 - - - - - [" + 'a="\\' * 15_000,
        "[14/Mar/2026:03:20:11 +0000] " + '"\\' * 30_000, "a.b" * 20_000 + "Exception",
        " " * 65_000 + "x", "(" * 65_000,
        '{"a":"' + "\\" * 60_000, "- " * 30_000, "trace_id=" * 7_000, "I, [" * 16_000, "2" * 65_000, "A: " * 20_000,
        "x | " * 16_000, "main.f(" * 9_000,
    ],
    ids=lambda line: line[:12],
)  # fmt: skip
def test_no_line_takes_long(line: str) -> None:
    trace = "2026-03-14T03:20:11Z x\ngoroutine 1 [running]:\n"
    began = time.process_time()
    for context in ("", trace, "2026-03-14T03:20:11Z ", "2026-03-14T03:20:11Z stdout F "):
        records(context + line)
    assert time.process_time() - began < 1


def test_batches_have_the_columns_of_the_table() -> None:
    text = "\n".join(f'{{"ts":{1773458411 + n},"msg":"m{n}","b":{n},"a":"x"}}' for n in range(25))
    made = list(batches(records(text), ref="/x.log", service="checkout", instance="i", size=10))
    assert [b.num_rows for b in made] == [10, 10, 5]
    row = to_batch("logs", "logfiles", made[2]).to_pylist()[4]
    assert row["time"] == AT + timedelta(seconds=24)
    assert (row["ref"], row["service"], row["instance"]) == ("/x.log:25", "checkout", "i")
    assert row["labels"] == '{"a": "x", "b": 24}'
    assert row["level"] is None


def test_records_without_any_time_are_no_rows() -> None:
    assert list(batches(records("a\nb"), ref="f", service="s")) == []
