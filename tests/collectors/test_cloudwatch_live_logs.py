"""Log lines and Logs Insights from a server that speaks AWS's own protocols."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from awsworld import GROUP, MINUTES, ONSET, collect, connected, running, series, server, write
from servers.aws import AwsServer

from collectors.cloudwatch import groups, insights, lines
from gather_diagnostics import Gap, Rows

pytestmark = pytest.mark.slow


def test_lines_with_their_times_levels_and_tracebacks(server: AwsServer, make_request: Any) -> None:
    total = write(server)
    rows, gaps = collect(make_request())
    assert len(rows["logs"]) == total
    errors = [r for r in rows["logs"] if r["level"] == "ERROR"]
    assert len(errors) == 60
    assert min(r["time"] for r in errors) == ONSET + timedelta(seconds=30)
    assert errors[0]["message"].endswith("PoolError: empty")
    assert errors[0]["instance"] == "task/1"
    assert errors[0]["ref"].startswith(f"aws://{server.region}/logs/%2Fecs%2Fcheckout/task%2F1#")
    assert len({r["ref"] for r in rows["logs"]}) == total
    minutes = series(rows["metrics"], "log_errors", "rate")
    assert [t for t, _ in minutes] == [m for m in MINUTES if m >= ONSET]
    assert minutes[0][1] == pytest.approx(3 / 60)
    assert not [g for g in gaps if "log" in g.wanted]


@pytest.mark.parametrize("counted", [True, False])
def test_a_flood_keeps_the_neighbourhood_of_the_first_error(
    server: AwsServer, make_request: Any, counted: bool
) -> None:
    write(server, per_minute=40, failing=2)
    rows, gaps = collect(make_request(), max_log_events=1_000, insights=counted)
    fetched = [r for r in rows["logs"] if "count" not in r]
    assert len(fetched) <= 1_000
    errors = [r for r in fetched if r["level"] == "ERROR"]
    assert len(errors) == 40, "errors are kept when everyday lines are not"
    near = [r for r in fetched if abs(r["time"] - ONSET) < timedelta(minutes=1)]
    assert {r["level"] for r in near} == {"INFO", "ERROR"}
    assert [g.cause for g in gaps if GROUP in g.wanted] == ["truncated"]
    assert len({r["ref"] for r in fetched}) == len(fetched), "no line twice"


def test_pages_that_are_empty_lead_on(server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "PAGE", 100)
    total = write(server)
    server.empty_pages(3)
    rows, _ = collect(make_request(), insights=False)
    assert len(rows["logs"]) == total, "a record that spans two pages is one record"


def test_what_waits_for_its_next_line_is_kept_when_the_next_page_fails(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "PAGE", 4)
    server.put_logs(GROUP, "task/1", [(ONSET + timedelta(seconds=n), f"INFO line {n}") for n in range(8)])
    request = make_request()
    reading = lines._Reading(
        connected(server), request, groups.Group(GROUP, server.region), None, 100, insights.Meter(1)
    ).items()
    first = next(reading)
    server.deny("logs", "FilterLogEvents")
    rest = list(reading)
    told = [r["message"] for item in (first, *rest) if isinstance(item, Rows) for r in item.rows]
    assert [m.removeprefix("INFO ") for m in told] == [f"line {n}" for n in range(4)]
    assert [g.cause for g in rest if isinstance(g, Gap)] == ["denied"]


def test_windows_are_half_open(server: AwsServer, make_request: Any) -> None:
    request = make_request()
    edge = [request.baseline.start, request.incident.start, request.incident.end - timedelta(milliseconds=1)]
    server.put_logs(GROUP, "task/1", [(t, "INFO in") for t in edge] + [(request.incident.end, "INFO out")])
    rows, _ = collect(request)
    assert sorted(r["time"] for r in rows["logs"]) == edge


def test_the_scan_guard_refuses_the_query_and_not_the_lines(server: AwsServer, make_request: Any) -> None:
    total = write(server)
    rows, gaps = collect(make_request(), max_scan_bytes=0)
    guard = [g for g in gaps if g.cause == "truncated"]
    assert "max_scan_bytes" in guard[0].mend
    assert "StartQuery" not in {c.operation for c in server.calls()}
    assert len(rows["logs"]) == total


def test_a_query_that_takes_too_long_is_stopped(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = write(server)
    server.set_queries(polls=10_000)
    monkeypatch.setattr(insights, "QUERY_SECONDS", 0.1)
    rows, gaps = collect(make_request())
    assert [c.operation for c in server.calls()].count("StopQuery") == 1
    assert len(rows["logs"]) == total
    assert ["by the minute" in g.wanted for g in gaps if g.cause == "invalid"] == [True]


def test_insights_splits_a_window_with_too_many_rows(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = write(server)
    server.set_queries(polls=0)
    monkeypatch.setattr(insights, "MOST_ROWS", 100)
    monkeypatch.setattr(insights, "LINES", insights.LINES.replace("10000", "100"))
    api = connected(server)
    request = make_request()
    got: list[Any] = []
    for window in (request.baseline, request.incident):
        for events in insights.lines(api, GROUP, window, insights.Meter(10**9), insights.Losses()):
            assert len(events) < 100
            got += events
    assert len(got) == total + 3 * 20 * 3
    assert len({e["eventId"] for e in got}) == len(got)


def infrequent(server: AwsServer, events: list[tuple[Any, str]]) -> None:
    """Lines in a group that FilterLogEvents does not read."""
    server.client("logs").create_log_group(logGroupName=GROUP, logGroupClass="INFREQUENT_ACCESS")
    server.put_logs(GROUP, "task/1", events)


@pytest.mark.parametrize(("shown", "mark"), [(200, ""), (1_000, ""), (1_000, "..."), (10_000, "…")])
def test_a_message_that_insights_cuts_is_fetched_whole(
    server: AwsServer, make_request: Any, shown: int, mark: str
) -> None:
    lengths = [10, shown, shown + 5, 30_000]
    told = [f"ERROR {n} ".ljust(length, "é") for n, length in enumerate(lengths)]
    ends = [*told[:-1], told[-1] + "\n"]
    infrequent(server, [(ONSET + timedelta(seconds=n), text) for n, text in enumerate(ends)])
    server.set_queries(polls=1, shown=shown, mark=mark)
    rows, gaps = collect(make_request())
    assert [r["message"] for r in rows["logs"]] == [t.removeprefix("ERROR ").strip() for t in told]
    fetched = [c for c in server.calls() if c.operation == "GetLogRecord"]
    assert len(fetched) == 2, "those that are cut, and no other"
    assert not [g for g in gaps if GROUP in g.wanted]


def test_long_messages_that_can_not_be_had_whole_are_told(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    infrequent(server, [(ONSET + timedelta(seconds=n), f"ERROR {n} ".ljust(2_000, "x")) for n in range(5)])
    monkeypatch.setattr(insights, "MOST_WHOLE", 2)
    rows, gaps = collect(make_request())
    assert sorted(len(r["message"]) > 1_900 for r in rows["logs"]) == [False] * 3 + [True] * 2
    (gap,) = [g for g in gaps if GROUP in g.wanted]
    assert (gap.cause, "2 were fetched whole, 3 were not" in gap.why) == ("truncated", True)
    server.deny("logs", "GetLogRecord")
    rows, gaps = collect(make_request())
    (gap,) = [g for g in gaps if GROUP in g.wanted]
    assert (gap.cause, "5 long lines" in gap.wanted) == ("denied", True)
    assert "logs:GetLogRecord" in gap.mend
    assert len(rows["logs"]) == 5


def test_a_second_with_more_lines_than_an_answer_is_told(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowd = [(ONSET + timedelta(milliseconds=n), f"INFO order {n}") for n in range(30)]
    infrequent(
        server, [*crowd, (ONSET - timedelta(minutes=5), "INFO early"), (ONSET + timedelta(minutes=5), "INFO late")]
    )
    monkeypatch.setattr(insights, "MOST_ROWS", 20)
    monkeypatch.setattr(insights, "LINES", insights.LINES.replace("10000", "20"))
    rows, gaps = collect(make_request(), insights=False)
    assert len(rows["logs"]) == 22, "the other seconds are read whole"
    (gap,) = [g for g in gaps if GROUP in g.wanted]
    assert (gap.cause, "1 seconds have more" in gap.why) == ("truncated", True)


@pytest.mark.parametrize("counted", [True, False])
def test_the_first_error_is_kept_in_a_flood_denser_than_the_limit(
    server: AwsServer, make_request: Any, counted: bool
) -> None:
    """The lines before the error alone are more than may be kept."""
    usual = [(m + timedelta(milliseconds=100 * n), f"INFO order {n} placed") for m in MINUTES for n in range(200)]
    first = ONSET + timedelta(seconds=12, milliseconds=50)
    errors = [(first + timedelta(seconds=n), f"ERROR no pool for order {n}") for n in range(200)]
    server.put_logs(GROUP, "task/1", sorted([*usual, *errors]))
    rows, gaps = collect(make_request(), max_log_events=400, insights=counted)
    fetched = [r for r in rows["logs"] if "count" not in r]
    assert len(fetched) <= 400
    times = [r["time"] for r in fetched if r["level"] == "ERROR"]
    assert min(times) == first
    around = [r["time"] for r in fetched if abs(r["time"] - first) < timedelta(seconds=1) and r["level"] == "INFO"]
    assert min(around) < first < max(around), "what was written just before and just after it"
    assert [g.cause for g in gaps if GROUP in g.wanted] == ["truncated"]


def test_execution_logs_of_a_rest_api_are_found_by_its_name_or_tag(server: AwsServer, make_request: Any) -> None:
    gateway = server.client("apigateway")
    named = gateway.create_rest_api(name="shop-checkout")["id"]
    tagged = gateway.create_rest_api(name="entrance", tags={"service": "checkout"})["id"]
    other = gateway.create_rest_api(name="cart")["id"]
    for id_ in (named, tagged, other):
        server.put_logs(f"API-Gateway-Execution-Logs_{id_}/prod", "s", [(ONSET, f"({id_}) Execution failed")])
    rows, gaps = collect(make_request())
    assert {r["labels"]["log_group"] for r in rows["logs"]} == {
        f"API-Gateway-Execution-Logs_{id_}/prod" for id_ in (named, tagged)
    }
    assert not [g for g in gaps if "REST" in g.wanted]
    server.deny("apigateway")
    _, gaps = collect(make_request())
    (gap,) = [g for g in gaps if g.wanted == "REST APIs of checkout"]
    assert '"Action": "apigateway:GET"' in gap.mend


def test_what_may_be_scanned_is_for_all_regions_together(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    meters: list[insights.Meter] = []

    def read(api: Any, settings: Any, request: Any, meter: insights.Meter, others: Any) -> Any:
        meters.append(meter)
        return iter(())

    monkeypatch.setattr(lines, "read", read)
    collect(make_request(), regions=[server.region, "us-east-1"], max_scan_bytes=7)
    assert [m.limit for m in meters] == [7, 7]
    assert meters[0] is meters[1]
