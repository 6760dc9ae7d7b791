"""Lines that Logs Insights counts where they are: which these are, the queries, and the rows; then over HTTP."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from awsworld import GROUP, MINUTES, ONSET, at, collect, running, server, write
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st
from servers.aws import AwsServer

from collectors.cloudwatch import counting, groups
from collectors.cloudwatch.counting import Pattern
from collectors.cloudwatch.remaining import Rest, Taken, ended, remaining
from gather_diagnostics import Window

WINDOW = Window(at(60), NOW)
SPANS = st.tuples(st.integers(-5, 65), st.integers(1, 30), st.booleans())


@given(st.lists(SPANS, max_size=6))
def test_what_remains_and_what_was_taken_are_the_whole(spans: list[tuple[int, int, bool]]) -> None:
    taken = [Taken(Window(at(s + n), at(s)), errors) for s, n, errors in spans]
    rests = remaining([WINDOW], taken)
    for minute in range(60):
        time = at(60) + timedelta(minutes=minute, seconds=1)
        over = [t for t in taken if time in t.window]
        left = [r for r in rests if time in r.window]
        whole = any(not t.errors for t in over)
        assert len(left) == (not whole)
        assert [r.quiet for r in left] == [bool(over)] * len(left)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=12), st.data())
def test_a_page_is_cut_between_milliseconds(times: list[int], data: Any) -> None:
    page = sorted(times)
    given = data.draw(st.integers(0, len(page) - 1))
    kept, until = ended(page, given)
    assert kept <= given
    assert all(t < until for t in page[:kept])
    if kept < given or not given or page[0] < page[given]:
        assert all(t >= until for t in page[kept:])


def pattern(text: str, severity: str = "NONE") -> Pattern:
    (made,) = counting.patterns([{"@pattern": text, "@sampleCount": "3", "@severityLabel": severity}])
    return made


@pytest.mark.parametrize(
    ("text", "severity", "message", "level"),
    [
        ("<Date-1> <Time-2> INFO order <Number-3> placed", "Info", "order <*> placed", "INFO"),
        ("[<*>] ERROR no pool for <Token-1>", "NONE", "no pool for <*>", "ERROR"),
        ('{"level":"warn","msg":"slow by <Token-1> ms","n":<Number-2>}', "NONE", "slow by <*> ms", "WARNING"),
        ("cache <Token-1> is cold", "Error", "cache <*> is cold", "ERROR"),
        ("<Token-1> <Token-2>ed", "NONE", "<*> <*>ed", None),
    ],
)
def test_a_pattern_reads_like_the_lines(text: str, severity: str, message: str, level: str | None) -> None:
    made = counting._pattern(text, severity)
    assert (made.text, made.level) == (message, level)


def test_a_line_is_of_the_pattern_with_most_text() -> None:
    rows = [
        {"@pattern": "order <Token-1>", "@sampleCount": "90"},
        {"@pattern": "order <Token-1> placed by <Token-2>", "@sampleCount": "5"},
        {"@pattern": "<Token-1>", "@sampleCount": "70"},
        {"@sampleCount": "x"},
    ]
    assert [p.words for p in counting.patterns(rows)] == [("placed", "order"), ("order",)]


@given(st.text(max_size=60))
def test_no_pattern_breaks_the_query(text: str) -> None:
    found = counting.patterns([{"@pattern": text, "@sampleCount": "1"}])
    asked = counting.query(found, [Rest(WINDOW, quiet=True)])
    quoted = re.findall(r'strcontains\(@message, "([^"]*)"\)', asked)
    assert quoted == [w for p in found for w in p.words]
    assert not re.search(r"[\\\s]", "".join(quoted))


def test_a_query_stays_below_the_limit() -> None:
    found = [Pattern("x", None, tuple(f"{n}-{i}".ljust(90, "x") for i in range(6))) for n in range(25)]
    asked = counting.query(found, [Rest(WINDOW, quiet=True)] * 3)
    assert len(asked) < 10_000
    assert " n3" in asked


def test_rows_hold_every_line_of_a_minute() -> None:
    answer = [
        {"bin(60s)": "x", "first": "2026-03-14 02:59:00.250", "last": "1773457199000", "lines": "10", "n0": "3.0"},
        {"first": "2026-03-14 02:59:00.250", "last": "2026-03-14 02:59:01.000", "lines": "0"},
        {"first": "nonsense", "last": "2026-03-14 02:59:01.000", "lines": "4"},
        {"first": "2026-03-14 04:00:00.000", "last": "2026-03-14 04:00:01.000", "lines": "4"},
    ]
    window = Window(datetime(2026, 3, 14, 2, tzinfo=UTC), datetime(2026, 3, 14, 3, tzinfo=UTC))
    found = [Pattern("order <*>", "INFO", ("order",)), Pattern("never", None, ("never",))]
    made = list(counting.rows(answer, found, window, groups.Group("/g", "eu-west-1"), "checkout"))
    assert [(r["message"], r["level"], r["count"]) for r in made] == [("order <*>", "INFO", 3), ("<*>", None, 7)]
    assert {(r["time"].second, r["until"].second) for r in made} == {(0, 59)}


def test_the_calls_are_in_botocores_model() -> None:
    model = botocore.session.get_session().get_service_model("logs")
    assert model.operation_model("StartQuery").input_shape.members["queryString"].metadata["max"] == 10_000
    asked = set(model.operation_model("StartQuery").input_shape.members)
    assert {"logGroupNames", "startTime", "endTime", "queryString", "limit"} <= asked
    assert set(model.operation_model("GetQueryResults").output_shape.members) >= {"results", "statistics", "status"}


# --- over HTTP


def flood(server: AwsServer) -> list[tuple[datetime, str]]:
    """Two kinds of everyday lines, of which few have a like, and errors."""
    lines = [(m + timedelta(milliseconds=1 + 700 * n), f"INFO order {n} placed") for m in MINUTES for n in range(40)]
    lines += [(m + timedelta(milliseconds=2 + 900 * n), f"DEBUG cache {n} is warm") for m in MINUTES for n in range(20)]
    lines += [(ONSET + timedelta(seconds=3 * n), f"ERROR no pool for order {n}") for n in range(300)]
    lines += [(m + timedelta(seconds=30), f"{n} odd") for n, m in enumerate(MINUTES)]
    server.put_logs(GROUP, "task/1", sorted(lines))
    return lines


@pytest.mark.slow
@pytest.mark.parametrize("limit", [300, 1_000, 3_000])
def test_every_line_is_fetched_or_counted_and_none_is_both(server: AwsServer, make_request: Any, limit: int) -> None:
    lines = flood(server)
    request = make_request()
    rows, gaps = collect(request, max_log_events=limit)
    counted = [r for r in rows["logs"] if r.get("count")]
    fetched = [r for r in rows["logs"] if not r.get("count")]
    assert 0 < len(fetched) <= limit
    assert len(fetched) + sum(r["count"] for r in counted) == len(lines)
    kinds = {"order <*> placed", "cache <*> is warm", "<*> odd", "no pool for order <*>"}
    assert {r["message"] for r in counted} <= kinds
    for kind in kinds:
        shape = re.compile(re.escape(kind).replace(re.escape("<*>"), r"\d+"))
        whole = Counter(t.replace(second=0, microsecond=0) for t, text in lines if shape.search(text))
        told = Counter(r["time"].replace(second=0, microsecond=0) for r in fetched if shape.search(r["message"]))
        for row in counted:
            told[row["time"].replace(second=0, microsecond=0)] += row["count"] * (row["message"] == kind)
            assert row["time"] <= row["until"]
        assert told == whole, kind
    for row in counted:
        assert any(row["time"] in w and row["until"] in w for w in (request.baseline, request.incident))
    (gap,) = [g for g in gaps if GROUP in g.wanted]
    assert gap.cause == "truncated"
    assert f"{len(lines) - len(fetched):,} others were counted in place, by pattern and minute" in gap.why
    asked = {c.operation for c in server.calls() if c.service == "logs"}
    assert asked <= {"DescribeLogGroups", "StartQuery", "GetQueryResults", "FilterLogEvents"}


@pytest.mark.slow
def test_nothing_is_counted_that_was_read_whole_nor_without_consent(server: AwsServer, make_request: Any) -> None:
    write(server)
    collect(make_request())
    assert [c.operation for c in server.calls()].count("StartQuery") == 1, "the overview alone"
    _, gaps = collect(make_request(), max_log_events=50, insights=False)
    assert [c.operation for c in server.calls()].count("StartQuery") == 1
    (gap,) = [g for g in gaps if GROUP in g.wanted]
    assert "counted in place" not in gap.why


@pytest.mark.slow
def test_counting_stops_at_the_scan_guard_and_says_so(server: AwsServer, make_request: Any) -> None:
    lines = flood(server)
    scanned = sum(len(text) for _, text in lines)
    rows, gaps = collect(make_request(), max_log_events=300, max_scan_bytes=scanned + 1)
    assert not [r for r in rows["logs"] if r.get("count")]
    guard = next(g for g in gaps if g.wanted == f"counts of the other lines of {GROUP}")
    assert (guard.cause, guard.mend) == ("truncated", "raise sources.cloudwatch.max_scan_bytes")
