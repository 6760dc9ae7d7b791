"""The AWS that other tests trust: CloudWatch Logs and Logs Insights, asked by the real boto3 over HTTP."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from awsworld import LINES, T, code, minute, ms, put_lines, running, server
from botocore.exceptions import ClientError
from servers.aws import AwsServer

pytestmark = pytest.mark.slow


# CloudWatch Logs


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("ERROR", [1, 3]),
        ("ERROR timeout", [1]),
        ("?INFO ?WARN", [0, 2]),
        ("ERROR ?WARN", [1, 3]),
        ("ERROR -cache", [1]),
        ("-ERROR", [0, 2, 4, 5]),
        ('"db timeout"', [1]),
        ('ERROR -"db timeout"', [3]),
        (r"%timeout after \d+ ms%", [1]),
        ('{ $.level = "error" }', [4]),
        ('{ $.level != "error" }', [5]),
        ("{ $.status >= 500 }", [4]),
        ('{ $.level = "info" && $.status = 200 }', [5]),
        ('{ ($.level = "nothing" || $.status = 503) && $.user.id = "u-*" }', [4]),
        ('{ $.tags[1] = "b" }', [5]),
        ("{ $.ok IS FALSE }", [4]),
        ("{ $.gone IS NULL }", [4]),
        ("{ $.user NOT EXISTS }", [5]),
        ("{ $.level = %err.r% }", [4]),
    ],
)
def test_filter_patterns(server: AwsServer, pattern: str, expected: list[int]) -> None:
    put_lines(server)
    found = server.client("logs").filter_log_events(logGroupName="/ecs/checkout", filterPattern=pattern)
    assert [LINES.index(event["message"]) for event in found["events"]] == expected


@pytest.mark.parametrize("pattern", ["[ip, user]", "{ $.level = }", "%(%", '{ $.level ~ "x" }', "{ $.a = 1"])
def test_a_filter_pattern_that_is_not_understood_is_refused(server: AwsServer, pattern: str) -> None:
    put_lines(server)
    with pytest.raises(ClientError) as error:
        server.client("logs").filter_log_events(logGroupName="/ecs/checkout", filterPattern=pattern)
    assert code(error) == "InvalidParameterException"


def test_log_events_come_in_pages_by_time_over_all_streams(server: AwsServer) -> None:
    for stream in range(3):
        server.put_logs("/g", f"s/{stream}", [(minute(i + stream / 10), f"{stream} {i}") for i in range(4)])
    client = server.client("logs")
    window = {"startTime": ms(minute(1)), "endTime": ms(minute(3))}
    server.empty_pages(1)
    pages = list(client.get_paginator("filter_log_events").paginate(logGroupName="/g", limit=3, **window))
    times = [event["timestamp"] for page in pages for event in page["events"]]
    assert [len(page["events"]) for page in pages] == [0, 3, 3, 1]
    assert times == sorted(times)
    assert (times[0], times[-1]) == (ms(minute(1)), ms(minute(3)))  # both ends are included
    one = client.filter_log_events(logGroupName="/g", logStreamNamePrefix="s/2")["events"]
    assert {event["logStreamName"] for event in one} == {"s/2"}


def test_a_page_of_logs_holds_a_megabyte(server: AwsServer) -> None:
    server.put_logs("/g", "s", [(minute(i), "x" * 300_000) for i in range(5)])
    pages = server.client("logs").get_paginator("filter_log_events").paginate(logGroupName="/g")
    assert [len(page["events"]) for page in pages] == [3, 2]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"nextToken": "made up"}, "InvalidParameterException"),
        ({"logGroupName": "/other"}, "ResourceNotFoundException"),
        ({"logStreamNames": ["none"]}, "ResourceNotFoundException"),
    ],
)
def test_bad_log_questions_are_refused(server: AwsServer, asked: dict[str, Any], expected: str) -> None:
    put_lines(server)
    with pytest.raises(ClientError) as error:
        server.client("logs").filter_log_events(**({"logGroupName": "/ecs/checkout"} | asked))
    assert code(error) == expected


# Logs Insights


def query(server: AwsServer, text: str, group: str = "/ecs/checkout", **more: Any) -> Any:
    client = server.client("logs")
    window = {"startTime": int(T.timestamp()), "endTime": int(minute(60).timestamp())}
    known = client.start_query(logGroupName=group, queryString=text, **window, **more)["queryId"]
    assert client.get_query_results(queryId=known)["status"] == "Running"
    found = client.get_query_results(queryId=known)
    assert found["status"] == "Complete"
    return found


def rows(found: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{f["field"]: f["value"] for f in row if f["field"] != "@ptr"} for row in found["results"]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "fields @message | filter @message like /ERROR/ | sort @timestamp asc",
            [{"@message": LINES[1]}, {"@message": LINES[3]}],
        ),
        ('fields @message | filter @message like "db timeout"', [{"@message": LINES[1]}]),
        (
            "fields @message | filter @message not like /(?i)error|level/ | sort @message asc | limit 1",
            [{"@message": LINES[0]}],
        ),
        (
            "fields @timestamp, level, user.id as who | filter status >= 500 and not ispresent(tags.0)",
            [{"@timestamp": "2026-03-14 03:04:00.000", "level": "error", "who": "u-1"}],
        ),
        ("fields level | filter level in ['info', 'x'] or status = 1", [{"level": "info"}]),
        ("fields level | filter status != 200 and ispresent(status)", [{"level": "error"}]),
        ("stats count(*)", [{"count(*)": "6"}]),
        ("filter @message = 'none' | stats count(*) as n", [{"n": "0"}]),
        (
            "stats count(*) as n by bin(5m) as t | sort t asc",
            [{"t": "2026-03-14 03:00:00.000", "n": "5"}, {"t": "2026-03-14 03:05:00.000", "n": "1"}],
        ),
        (
            "filter ispresent(level) | stats count(*), max(status) by level | sort level desc",
            [
                {"level": "info", "count(*)": "1", "max(status)": "200"},
                {"level": "error", "count(*)": "1", "max(status)": "503"},
            ],
        ),
        (
            "stats avg(status), pct(status, 50), sum(status) as s",
            [{"avg(status)": "351.5", "pct(status, 50)": "351.5", "s": "703"}],
        ),
        ("parse @message /after (?<took>\\d+) ms/ | filter took > 100 | display took", [{"took": "250"}]),
        ('parse @message "ERROR * miss" as what | filter ispresent(what) | display what', [{"what": "cache"}]),
        (
            "filter @message like /ERROR d/ | pattern @message",
            [
                {
                    "@pattern": "ERROR db timeout after <Token-1> ms",
                    "@ratio": "1",
                    "@sampleCount": "1",
                    "@severityLabel": "ERROR",
                }
            ],
        ),
        (
            "filter toMillis(@timestamp) >= 0 and not (@message like /INFO|info/)"
            ' | fields strcontains(@message, "ERROR") * strcontains(@message, "cache") as c0'
            " | fields 1 - c0 as r0 | stats sum(c0) as a, sum(r0) as b",
            [{"a": "1", "b": "3"}],
        ),
        (
            "fields @message # all of them\n| filter @log = '123456789012:/ecs/checkout' | limit 1",
            [{"@message": LINES[5]}],
        ),
    ],
)
def test_insights(server: AwsServer, text: str, expected: list[dict[str, str]]) -> None:
    put_lines(server)
    assert rows(query(server, text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "fields 1 - as x",
        "fields strcontains(@message) * 2 as x",
        'fields 2 * "a" as x',
        "anomaly @message",
        "fields @message | sort @timestamp",
        "limit 10001",
        "filter @message like",
        "stats mode(x)",
        "fields @message |",
        "filter a ~ b",
    ],
)
def test_a_query_that_is_not_understood_is_refused(server: AwsServer, text: str) -> None:
    put_lines(server)
    with pytest.raises(ClientError) as error:
        query(server, text)
    assert code(error) == "MalformedQueryException"


def test_a_record_is_found_by_its_pointer(server: AwsServer) -> None:
    put_lines(server)
    found = query(server, "fields @message | filter level = 'error'")
    assert found["statistics"]["recordsMatched"] == 1
    assert found["statistics"]["recordsScanned"] == 6
    [pointer] = [f["value"] for f in found["results"][0] if f["field"] == "@ptr"]
    record = server.client("logs").get_log_record(logRecordPointer=pointer)["logRecord"]
    assert (record["@message"], record["@timestamp"], record["user.id"]) == (LINES[4], str(ms(minute(4))), "u-1")
    with pytest.raises(ClientError):
        server.client("logs").get_log_record(logRecordPointer="made up")


def test_matched_are_the_events_before_they_are_folded(server: AwsServer) -> None:
    put_lines(server)
    found = query(server, "filter @message like /ERROR/ | stats count(*) as n | filter n > 9")
    assert (found["results"], found["statistics"]["recordsMatched"]) == ([], 2)


def test_ten_thousand_rows_are_the_most(server: AwsServer) -> None:
    server.put_logs("/big", "s", [(T + timedelta(milliseconds=i), f"line {i}") for i in range(10_050)])
    found = query(server, "fields @message", group="/big")
    assert len(found["results"]) == 10_000
    assert found["statistics"]["recordsMatched"] == 10_050
    assert rows(found)[0] == {"@message": "line 10049"}  # the newest ones
    assert len(query(server, "fields @message", group="/big", limit=7)["results"]) == 7


def test_a_query_can_be_stopped_and_can_fail(server: AwsServer) -> None:
    put_lines(server)
    client = server.client("logs")
    asked = {"logGroupName": "/ecs/checkout", "startTime": int(T.timestamp()), "endTime": int(minute(9).timestamp())}
    known = client.start_query(**asked, queryString="stats count(*)")["queryId"]
    assert client.stop_query(queryId=known)["success"]
    assert client.get_query_results(queryId=known)["status"] == "Cancelled"
    with pytest.raises(ClientError) as error:
        client.stop_query(queryId=known)
    assert code(error) == "InvalidParameterException"
    server.set_queries(polls=0, ends="Timeout")
    known = client.start_query(**asked, queryString="stats count(*)")["queryId"]
    assert client.get_query_results(queryId=known)["results"] == []
    statuses = {q["queryId"]: q["status"] for q in client.describe_queries()["queries"]}
    assert sorted(statuses.values()) == ["Cancelled", "Timeout"]
