"""CloudWatch Logs without AWS: which groups and lines are asked for, and how events become rows."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from awsworld import api_with, at, shell
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudwatch import (
    CloudWatch,
    groups,
    insights,
    logrows,
    spans,
    steps,
)
from collectors.cloudwatch.insights import Count
from gather_diagnostics import Window


def test_groups_are_listed_by_few_prefixes_that_cover_all_globs() -> None:
    globs = ["/ecs/checkout*", "/ecs/*-x", "checkout", "checkout-*", "/aws/eks/*/checkout*"]
    assert groups.prefixes(globs) == ["/aws/eks/", "/ecs/", "checkout"]
    assert groups.prefixes(["*checkout*", "/x"]) == [""]


def test_a_service_name_is_no_glob(make_request: Any) -> None:
    (pattern,) = groups.patterns(CloudWatch.Settings(log_groups=["/ecs/{service}"]), "check[o]ut*")
    assert pattern == "/ecs/check[[]o]ut[*]"


GROUP = groups.Group("/aws/lambda/checkout", "eu-west-1")


def events(*messages: str, stream: str = "s") -> list[dict[str, Any]]:
    base = spans.milliseconds(NOW)
    return [
        {"timestamp": base + n, "message": m, "logStreamName": stream, "eventId": f"{stream}{n}"}
        for n, m in enumerate(messages)
    ]


def test_events_become_rows_with_their_own_times() -> None:
    shaper = logrows.Shaper(GROUP, "checkout")
    lines = events(
        "START RequestId: 8f507cfc-xmpl Version: 3\n",
        "[ERROR]\t2026-03-14T02:57:01.123Z\t8f507cfc-1111-2222-3333-123456789012\tboom\n"
        'Traceback (most recent call last):\n  File "h.py", line 1\nKeyError: 1\n',
        '{"level": "warn", "message": "slow", "trace_id": "abc"}',
    )
    rows = shaper.rows(lines) + shaper.rest()
    assert [r["level"] for r in rows] == [None, "ERROR", "WARNING"]
    assert [r["time"] for r in rows] == [NOW + timedelta(milliseconds=n) for n in range(3)]
    assert rows[1]["request_id"] == "8f507cfc-1111-2222-3333-123456789012"
    assert "KeyError: 1" in rows[1]["message"]
    assert rows[2]["trace_id"] == "abc"
    assert rows[0]["ref"] == "aws://eu-west-1/logs/%2Faws%2Flambda%2Fcheckout/s#s0"
    assert rows[0]["instance"] == "s"


TRACE = [
    "ERROR no pool",
    "Traceback (most recent call last):",
    '  File "a.py", line 1, in f',
    "KeyError: 1",
    "INFO next",
]


@given(st.lists(st.integers(0, 10), max_size=4))
def test_pages_may_end_anywhere(cuts: list[int]) -> None:
    lines = sorted([*events(*TRACE, stream="a"), *events(*TRACE, stream="b")], key=lambda e: e["timestamp"])
    whole = logrows.Shaper(GROUP, "checkout")
    expected = whole.rows(lines) + whole.rest()
    shaper = logrows.Shaper(GROUP, "checkout")
    edges = [0, *sorted(cuts), len(lines)]
    rows = [r for a, b in itertools.pairwise(edges) for r in shaper.rows(lines[a:b])] + shaper.rest()
    assert sorted(rows, key=lambda r: r["ref"]) == sorted(expected, key=lambda r: r["ref"])
    assert len(rows) == 4


def test_odd_events_do_not_break_the_others() -> None:
    shaper = logrows.Shaper(GROUP, "checkout")
    odd = [{"message": "no time"}, {"timestamp": "x", "message": "m"}, {"timestamp": 1}, {}]
    rows = shaper.rows([*odd, *events("ERROR \ud800 x" * 20_000)]) + shaper.rest()
    assert len(rows) == 1
    assert len(rows[0]["message"]) < 70_000
    assert "cut" in rows[0]["message"]


def test_counts_out_of_insights() -> None:
    rows = [
        {
            "bin(60s)": "2026-03-14 03:00:00.000",
            "told_level": "Fatal",
            "@log": "123456789012:/ecs/checkout",
            "lines": "3",
        },
        {"bin(60s)": "2026-03-14 03:00:00.000", "@log": "/ecs/checkout", "lines": "10"},
        {"bin(60s)": "nonsense", "lines": "1"},
        {"bin(60s)": "2026-03-14 03:00:00.000", "lines": "many"},
    ]
    time = datetime(2026, 3, 14, 3, tzinfo=UTC)
    assert list(insights.counted(rows)) == [
        Count(time, "/ecs/checkout", "CRITICAL", 3),
        Count(time, "/ecs/checkout", "", 10),
    ]


def test_a_message_shorter_than_its_length_is_fetched_whole() -> None:
    time = "2026-03-14 03:00:00.250"
    row = {"@timestamp": time, "@message": "x" * 900, "@ptr": "p1", "@logStream": "s", "message_length": "901"}
    whole = [{}, {"message_length": "900"}, {"message_length": ""}, {"message_length": "5", "@message": "short\n"}]
    made = list(insights.events([row, *(row | w for w in whole[1:])], lambda pointer: f"whole {pointer}"))
    assert [e["message"] for e in made] == ["whole p1", "x" * 900, "x" * 900, "short\n"]
    assert made[0]["timestamp"] % 1000 == 250


@given(st.text(max_size=30), st.integers(0, 30))
def test_only_what_lacks_text_is_cut(message: str, shown: int) -> None:
    row = {"@message": message[:shown], "message_length": str(len(message.strip()))}
    assert insights.is_cut(row) == (len(message.strip()) > len(message[:shown]))


def test_the_meter_counts_each_query_once() -> None:
    meter = insights.Meter(100)
    meter.note("a", 40)
    meter.note("a", 60)
    meter.note("b", 30)
    assert meter.scanned == 90
    meter.check()
    meter.note("b", 50)
    with pytest.raises(insights.TooCostlyError, match="110 bytes"):
        meter.check()


def test_a_query_that_scans_too_much_is_stopped(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    api, stub = api_with(monkeypatch, "logs")
    stub.add_response("start_query", {"queryId": "q1"})
    stub.add_response("get_query_results", {"status": "Running", "statistics": {"bytesScanned": 200.0}})
    stub.add_response("stop_query", {"success": True}, {"queryId": "q1"})
    with pytest.raises(insights.TooCostlyError):
        insights.counts(api, ["g"], make_request().incident, insights.Meter(100))
    stub.assert_no_pending_responses()


def test_a_query_that_is_done_is_used_whatever_it_cost(
    monkeypatch: pytest.MonkeyPatch, shell: Path, make_request: Any
) -> None:
    api, stub = api_with(monkeypatch, "logs")
    row = [{"field": "bin(60s)", "value": "2026-03-14 03:00:00.000"}, {"field": "lines", "value": "7"}]
    stub.add_response("start_query", {"queryId": "q1"})
    done = {"status": "Complete", "statistics": {"bytesScanned": 200.0}, "results": [row]}
    stub.add_response("get_query_results", done)
    meter = insights.Meter(100)
    seconds, counts = insights.counts(api, ["g"], make_request().incident, meter)
    assert (seconds, [c.lines for c in counts]) == (60, [7])
    with pytest.raises(insights.TooCostlyError):
        meter.check()


def test_the_first_error_is_the_first_beyond_the_usual(make_request: Any) -> None:
    request = make_request()
    counts = [Count(at(90), "g", "ERROR", 2), Count(at(50), "g", "ERROR", 2), Count(at(20), "g", "ERROR", 9)]
    assert steps.first_error(counts, request) == at(20)
    assert steps.first_error(counts[:2], request) == at(50)
    assert steps.first_error([Count(at(20), "g", "INFO", 9)], request) is None


def test_a_flood_is_read_around_the_first_error(make_request: Any) -> None:
    request = make_request()
    counts = [Count(at(90), "g", "INFO", 9_000), Count(at(20), "g", "ERROR", 9)]
    plan = steps.plan(request, counts, 1_000)
    assert plan[0] == steps.Step(Window(at(22), at(15)), "", 500)
    errors = [s.window for s in plan if s.pattern and s.window in (Window(at(60), at(22)), Window(at(15), NOW))]
    assert len(errors) == 2
    assert steps.plan(request, counts, 10_000) == [
        steps.Step(request.incident, "", 10_000),
        steps.Step(request.baseline, "", 10_000),
    ]


@given(st.lists(st.one_of(st.none(), st.integers(0, 5_000)), min_size=1, max_size=20), st.integers(1, 10_000))
def test_shares(sizes: list[int | None], limit: int) -> None:
    shares = steps.shares(sizes, limit)
    assert all(s >= 1 for s in shares)
    assert sum(s for s in shares if s > 1) <= limit
    known = [s for s in sizes if s is not None]
    if len(known) == len(sizes) and sum(known) <= limit:
        assert all(s >= size for s, size in zip(shares, known, strict=True)), "what fits is kept"
