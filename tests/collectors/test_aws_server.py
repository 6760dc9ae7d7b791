"""The AWS that other tests trust: what the extended server answers, asked by the real boto3 over HTTP."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from botocore.parsers import ResponseParserError
from servers.aws import ACCOUNT, QUICK, AwsServer, ServerError, aws

pytestmark = pytest.mark.slow

T = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
WHO = f"arn:aws:iam::{ACCOUNT}:user/testing"


def minute(number: float) -> datetime:
    return T + timedelta(minutes=number)


def ms(when: datetime) -> int:
    return round(when.timestamp() * 1000)


@pytest.fixture(scope="module")
def running() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def server(running: AwsServer) -> AwsServer:
    running.reset()
    return running


def stat(name: str, statistic: str, period: int = 60, service: str = "checkout", namespace: str = "Shop") -> Any:
    dimensions = [{"Name": "Service", "Value": service}]
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions}
    return {"Metric": metric, "Period": period, "Stat": statistic}


def data(server: AwsServer, *queries: Mapping[str, Any], client: Any = None, minutes: float = 60, **more: Any) -> Any:
    asked = {"MetricDataQueries": list(queries), "StartTime": T, "EndTime": minute(minutes)}
    client = client or server.client("cloudwatch")
    return client.get_metric_data(**asked, ScanBy="TimestampAscending", **more)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


# CloudWatch's metrics


def put_latency(server: AwsServer) -> None:
    server.put_metric("Shop", "Latency", [(T, [10, 20, 30, 40]), (minute(1), [100])], {"Service": "checkout"})


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("Average", [25, 100]),
        ("Sum", [100, 100]),
        ("Minimum", [10, 100]),
        ("Maximum", [40, 100]),
        ("SampleCount", [4, 1]),
        ("p50", [25, 100]),
        ("p100", [40, 100]),
        ("p99.9", [39.97, 100]),
        ("tm75", [20, 100]),
    ],
)
def test_statistics_are_computed_from_the_datapoints(server: AwsServer, statistic: str, expected: list[float]) -> None:
    put_latency(server)
    [result] = data(server, {"Id": "m", "MetricStat": stat("Latency", statistic)})["MetricDataResults"]
    assert result["Values"] == pytest.approx(expected)
    assert result["Timestamps"] == [T, minute(1)]


def test_a_percentile_of_what_was_put_over_the_wire(server: AwsServer) -> None:
    values = {"Values": [1.0, 2.0, 9.0], "Counts": [98.0, 1.0, 1.0], "Timestamp": minute(3)}
    datum = {"MetricName": "Latency", "Dimensions": [{"Name": "Service", "Value": "checkout"}], **values}
    server.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[datum])
    found = data(server, *({"Id": p, "MetricStat": stat("Latency", p)} for p in ("p50", "p99", "p100")))
    assert [r["Values"] for r in found["MetricDataResults"]] == [[1.0], [pytest.approx(2.07)], [9.0]]


def test_a_statistic_set_has_no_percentile(server: AwsServer) -> None:
    numbers = {"SampleCount": 10.0, "Sum": 50.0, "Minimum": 1.0, "Maximum": 9.0}
    datum = {"MetricName": "Latency", "StatisticValues": numbers, "Timestamp": T}
    datum["Dimensions"] = [{"Name": "Service", "Value": "checkout"}]
    server.client("cloudwatch").put_metric_data(Namespace="Shop", MetricData=[datum])
    server.put_metric("Shop", "Latency", [(T, 5.0), (minute(1), 7.0)], {"Service": "checkout"})
    queries = [{"Id": "a", "MetricStat": stat("Latency", "Average")}, {"Id": "p", "MetricStat": stat("Latency", "p99")}]
    assert [r["Values"] for r in data(server, *queries)["MetricDataResults"]] == [[5.0, 7.0], [7.0]]


def test_dimensions_are_part_of_the_name(server: AwsServer) -> None:
    put_latency(server)
    query = {"Id": "m", "MetricStat": stat("Latency", "Sum", service="cart")}
    bare = {"Id": "b", "MetricStat": copy.deepcopy(query["MetricStat"])}
    del bare["MetricStat"]["Metric"]["Dimensions"]
    assert [r["Values"] for r in data(server, query, bare)["MetricDataResults"]] == [[], []]


def test_the_newest_comes_first_unless_asked_otherwise(server: AwsServer) -> None:
    put_latency(server)
    query = {"Id": "m", "MetricStat": stat("Latency", "Sum")}
    client = server.client("cloudwatch")
    found = client.get_metric_data(MetricDataQueries=[query], StartTime=T, EndTime=minute(5))
    assert found["MetricDataResults"][0]["Timestamps"] == [minute(1), T]


def put_requests(server: AwsServer) -> None:
    for service, errors in {"checkout": [1, 0, 5], "cart": [2, 2, 2]}.items():
        server.put_metric("Shop", "Errors", [(minute(i), n) for i, n in enumerate(errors)], {"Service": service})
        server.put_metric("Shop", "Requests", [(minute(i), n) for i, n in enumerate([10, 0, 50])], {"Service": service})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("m1/m2*100", {0: 10, 2: 10}),  # 0/0 leaves the point out
        ("100*(m1/m2)", {0: 10, 2: 10}),
        ("-m1+1", {0: 0, 1: 1, 2: -4}),
        ("SUM(METRICS())", {0: 11, 1: 0, 2: 55}),
        ("SUM([m1,m2])", {0: 11, 1: 0, 2: 55}),
        ("MAX(METRICS('m'))", {0: 10, 1: 0, 2: 50}),
        ("FILL(m1/m2, 0)", {0: 0.1, 1: 0, 2: 0.1}),
        ("FILL(m1/m2, REPEAT)", {0: 0.1, 1: 0.1, 2: 0.1}),
        ("m1/PERIOD(m1)", {0: 1 / 60, 1: 0, 2: 5 / 60}),
        ("SUM(SEARCH('{Shop,Service} MetricName=\"Errors\"', 'Sum', 60))", {0: 3, 1: 2, 2: 7}),
    ],
)
def test_metric_math(server: AwsServer, expression: str, expected: dict[int, float]) -> None:
    put_requests(server)
    sources = {"m1": "Errors", "m2": "Requests"}
    queries = [{"Id": i, "MetricStat": stat(name, "Sum"), "ReturnData": False} for i, name in sources.items()]
    [result] = data(server, {"Id": "e", "Expression": expression}, *queries)["MetricDataResults"]
    assert dict(zip(result["Timestamps"], result["Values"], strict=True)) == {
        minute(i): pytest.approx(value) for i, value in expected.items()
    }


@pytest.mark.parametrize("expression", ["ANOMALY_DETECTION_BAND(m1)", "m1 +", "m9", "e", "5"])
def test_an_expression_that_is_not_understood_is_refused(server: AwsServer, expression: str) -> None:
    query = {"Id": "m1", "MetricStat": stat("Errors", "Sum")}
    with pytest.raises(ClientError) as error:
        data(server, query, {"Id": "e", "Expression": expression})
    assert code(error) == "ValidationError"


@pytest.mark.parametrize(
    ("words", "services"),
    [
        ('{Shop,Service} MetricName="Errors"', ["cart", "checkout"]),
        ('{Shop,Service} MetricName="Errors" Service="cart"', ["cart"]),
        ('{Shop,Service} MetricName="Errors" NOT Service="cart"', ["checkout"]),
        ('{Shop,Service} MetricName="Errors" AND (Service="cart" OR Service=check)', ["cart", "checkout"]),
        ('{Shop,Service} errors "cart"', ["cart"]),
        ('{Shop,Service,Zone} MetricName="Errors"', []),
        ('{"Other",Service} MetricName="Errors"', []),
    ],
)
def test_search(server: AwsServer, words: str, services: list[str]) -> None:
    put_requests(server)
    query = {"Id": "s", "Expression": f"SEARCH('{words}', 'Sum', 60)", "Label": "${PROP('Dim.Service')}"}
    assert [r["Label"] for r in data(server, query)["MetricDataResults"]] == services


def test_metric_data_comes_in_pages(server: AwsServer) -> None:
    put_requests(server)
    queries = [{"Id": i, "MetricStat": stat(name, "Sum")} for i, name in {"a": "Errors", "b": "Requests"}.items()]
    first = data(server, *queries, MaxDatapoints=4)
    assert [(r["Id"], len(r["Values"]), r["StatusCode"]) for r in first["MetricDataResults"]] == [
        ("a", 3, "Complete"),
        ("b", 1, "PartialData"),
    ]
    second = data(server, *queries, MaxDatapoints=4, NextToken=first["NextToken"])
    assert [(r["Id"], r["Values"], r["StatusCode"]) for r in second["MetricDataResults"]] == [
        ("b", [0.0, 50.0], "Complete")
    ]
    assert "NextToken" not in second
    with pytest.raises(ClientError) as error:
        data(server, *queries, NextToken="made up")
    assert code(error) == "InvalidNextToken"


def test_metric_statistics_have_percentiles_and_no_order(server: AwsServer) -> None:
    server.put_metric("Shop", "Latency", [(minute(i), [i, i + 10]) for i in range(30)], {"Service": "checkout"})
    asked = {"Namespace": "Shop", "MetricName": "Latency", "Dimensions": [{"Name": "Service", "Value": "checkout"}]}
    window = {"StartTime": T, "EndTime": minute(30), "Period": 60}
    client = server.client("cloudwatch")
    points = client.get_metric_statistics(**asked, **window, ExtendedStatistics=["p50"])["Datapoints"]
    found = {p["Timestamp"]: p["ExtendedStatistics"]["p50"] for p in points}
    assert found == {minute(i): pytest.approx(i + 5) for i in range(30)}
    assert list(found) != sorted(found)
    plain = client.get_metric_statistics(**asked, **window, Statistics=["Average", "Maximum"])["Datapoints"]
    assert {p["Timestamp"]: (p["Average"], p["Maximum"]) for p in plain}[T] == (5.0, 10.0)
    with pytest.raises(ClientError) as error:
        client.get_metric_statistics(**asked, **(window | {"EndTime": minute(1441)}), Statistics=["Sum"])
    assert code(error) == "InvalidParameterCombination"


def by_query_protocol(server: AwsServer) -> Any:
    """CloudWatch's client as botocore before 1.40 made it: Query instead of JSON."""
    session = botocore.session.get_session()
    session.set_credentials("testing", "testing")
    loader = session.get_component("data_loader")
    real = loader.load_service_model

    def load(service: str, kind: str, api_version: str | None = None) -> Any:
        model = copy.deepcopy(real(service, kind, api_version))
        if kind == "service-2":
            model["metadata"] |= {"protocol": "query", "protocols": ["query"]}
            del model["metadata"]["awsQueryCompatible"]
        return model

    loader.load_service_model = load
    return session.create_client("cloudwatch", server.region, endpoint_url=server.url, config=QUICK)


def test_both_protocols_get_the_same_answers(server: AwsServer) -> None:
    put_requests(server)
    clients = [server.client("cloudwatch"), by_query_protocol(server)]
    assert [c.meta.service_model.resolved_protocol for c in clients] == ["json", "query"]
    query = {"Id": "m", "MetricStat": stat("Errors", "p90")}
    found = [data(server, query, client=client, MaxDatapoints=2) for client in clients]
    assert found[0]["MetricDataResults"] == found[1]["MetricDataResults"] != []
    codes = []
    server.deny("cloudwatch")
    for client in clients:
        with pytest.raises(ClientError) as error:
            client.describe_alarm_history()
        codes.append(code(error))
    assert codes == ["AccessDenied", "AccessDenied"]


def test_alarm_history(server: AwsServer) -> None:
    client = server.client("cloudwatch")
    rule = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Period": 60, "Statistic": "Sum"}
    with server.at(minute(0)):
        for name in ("errors", "other"):
            client.put_metric_alarm(AlarmName=name, MetricName="Errors", Namespace="Shop", Threshold=1, **rule)
    assert client.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"] == "INSUFFICIENT_DATA"
    for number, state in enumerate(["OK", "ALARM", "ALARM", "OK"], start=1):
        server.set_alarm_state("errors", minute(number), state)
    asked = {"AlarmName": "errors", "HistoryItemType": "StateUpdate", "StartDate": minute(2), "EndDate": minute(4)}
    items = client.describe_alarm_history(**asked)["AlarmHistoryItems"]
    assert [(i["Timestamp"], i["HistorySummary"]) for i in items] == [
        (minute(4), "Alarm updated from ALARM to OK"),
        (minute(2), "Alarm updated from OK to ALARM"),
    ]
    assert json.loads(items[0]["HistoryData"])["oldState"]["stateValue"] == "ALARM"
    alarms = client.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 1})
    assert [[a["AlarmName"] for a in page["MetricAlarms"]] for page in alarms] == [["errors"], ["other"]]
    pages = client.get_paginator("describe_alarm_history").paginate(PaginationConfig={"PageSize": 2})
    sizes = [len(page["AlarmHistoryItems"]) for page in pages]
    assert sizes == [2, 2, 1]  # two created, three changed


# CloudTrail


def test_trail_events_are_looked_up(server: AwsServer) -> None:
    client = server.client("cloudtrail")
    for number in range(7):
        server.put_trail_event(minute(number), "DescribeServices", "ecs.amazonaws.com", user="bot", read_only=True)
    server.put_trail_event(
        minute(3.5),
        "UpdateService",
        "ecs.amazonaws.com",
        user="ana",
        resources={"checkout": "AWS::ECS::Service"},
        requestParameters={"taskDefinition": "checkout:7"},
    )
    with server.at(minute(30)):  # without a window, CloudTrail looks back from now
        named = [{"AttributeKey": "ResourceName", "AttributeValue": "checkout"}]
        [event] = client.lookup_events(LookupAttributes=named)["Events"]
        writes = client.lookup_events(LookupAttributes=[{"AttributeKey": "ReadOnly", "AttributeValue": "false"}])
        assert (event["EventTime"], event["Username"], event["ReadOnly"]) == (minute(3.5), "ana", "false")
    assert json.loads(event["CloudTrailEvent"])["requestParameters"] == {"taskDefinition": "checkout:7"}
    assert [e["EventName"] for e in writes["Events"]] == ["UpdateService"]
    pages = client.get_paginator("lookup_events").paginate(
        LookupAttributes=[{"AttributeKey": "EventSource", "AttributeValue": "ecs.amazonaws.com"}],
        StartTime=minute(1),
        EndTime=minute(5),
        PaginationConfig={"PageSize": 4},
    )
    assert [[e["EventTime"] for e in page["Events"]] for page in pages] == [
        [minute(5), minute(4), minute(3.5), minute(3)],
        [minute(2), minute(1)],
    ]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"NextToken": "made up"}, "InvalidNextTokenException"),
        ({"MaxResults": 51}, "InvalidMaxResultsException"),
        ({"StartTime": minute(5), "EndTime": T}, "InvalidTimeRangeException"),
        (
            {
                "LookupAttributes": [
                    {"AttributeKey": "Username", "AttributeValue": "a"},
                    {"AttributeKey": "ReadOnly", "AttributeValue": "false"},
                ]
            },
            "InvalidLookupAttributesException",
        ),
    ],
)
def test_bad_lookups_are_refused(server: AwsServer, asked: dict[str, Any], expected: str) -> None:
    with pytest.raises(ClientError) as error:
        server.client("cloudtrail", Config(parameter_validation=False, retries=QUICK.retries)).lookup_events(**asked)
    assert code(error) == expected


# CloudWatch Logs

LINES = [
    "INFO start",
    "ERROR db timeout after 250 ms",
    'WARN retry "twice"',
    "ERROR cache miss",
    json.dumps({"level": "error", "status": 503, "user": {"id": "u-1"}, "ok": False, "gone": None}),
    json.dumps({"level": "info", "status": 200, "tags": ["a", "b"]}),
]


def put_lines(server: AwsServer) -> None:
    server.put_logs("/ecs/checkout", "task/1", [(minute(i), line) for i, line in enumerate(LINES)])


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


# Deployments


def make_service(server: AwsServer) -> Any:
    client = server.client("ecs")
    client.create_cluster(clusterName="shop")
    for version in (1, 2):
        container = {"name": "app", "image": f"shop/checkout:{version}", "memory": 64}
        client.register_task_definition(family="checkout", containerDefinitions=[container])
    with server.at(minute(-60)):
        asked = {"serviceName": "checkout", "desiredCount": 3, "launchType": "FARGATE"}
        client.create_service(cluster="shop", taskDefinition="checkout:1", **asked)
    server.finish_service_deployment("checkout", minute(-55), cluster="shop")
    return client


def test_an_updated_ecs_service_has_a_second_deployment(server: AwsServer) -> None:
    client = make_service(server)
    with server.at(T):
        client.update_service(cluster="shop", service="checkout", taskDefinition="checkout:2")
    [service] = client.describe_services(cluster="shop", services=["checkout"])["services"]
    shown = [(d["status"], d["taskDefinition"].split("/")[-1], d["createdAt"]) for d in service["deployments"]]
    assert shown == [("PRIMARY", "checkout:2", T), ("ACTIVE", "checkout:1", minute(-60))]
    listed = client.list_service_deployments(cluster="shop", service="checkout")["serviceDeployments"]
    assert [(d["status"], d["createdAt"]) for d in listed] == [("IN_PROGRESS", T), ("SUCCESSFUL", minute(-60))]
    arns = [d["serviceDeploymentArn"] for d in listed]
    [newest] = client.describe_service_deployments(serviceDeploymentArns=arns[:1])["serviceDeployments"]
    assert newest["sourceServiceRevisions"][0]["arn"] == listed[1]["targetServiceRevisionArn"]
    revisions = client.describe_service_revisions(
        serviceRevisionArns=[d["targetServiceRevisionArn"] for d in listed] + ["arn:none"]
    )
    images = [r["containerImages"][0]["image"] for r in revisions["serviceRevisions"]]
    assert images == ["shop/checkout:2", "shop/checkout:1"]
    assert revisions["failures"] == [{"arn": "arn:none", "reason": "MISSING"}]


def test_an_ecs_deployment_ends(server: AwsServer) -> None:
    client = make_service(server)
    with server.at(T):
        client.update_service(cluster="shop", service="checkout", forceNewDeployment=True)
        client.update_service(cluster="shop", service="checkout", desiredCount=5)  # is no deployment
    server.finish_service_deployment("checkout", minute(4), cluster="shop")
    server.put_service_event("checkout", minute(4), "(service checkout) has reached a steady state.", cluster="shop")
    [service] = client.describe_services(cluster="shop", services=["checkout"])["services"]
    assert [(d["status"], d["rolloutState"], d["runningCount"]) for d in service["deployments"]] == [
        ("PRIMARY", "COMPLETED", 5)
    ]
    assert service["events"][0]["createdAt"] == minute(4)
    window = {"after": minute(-10), "before": minute(10)}
    listed = client.list_service_deployments(cluster="shop", service="checkout", createdAt=window, maxResults=1)
    assert [(d["status"], d["finishedAt"]) for d in listed["serviceDeployments"]] == [("SUCCESSFUL", minute(4))]
    assert "nextToken" not in listed
    everything = client.list_service_deployments(cluster="shop", service="checkout", maxResults=1)
    rest = client.list_service_deployments(cluster="shop", service="checkout", nextToken=everything["nextToken"])
    assert [d["createdAt"] for d in rest["serviceDeployments"]] == [minute(-60)]
    with pytest.raises(ClientError) as error:
        client.list_service_deployments(cluster="shop", service="none")
    assert code(error) == "ServiceNotFoundException"


def test_codedeploy_deployments_are_filtered_and_end(server: AwsServer) -> None:
    client = server.client("codedeploy")
    made = []
    for number, name in enumerate(["checkout", "cart"]):
        client.create_application(applicationName=name, computePlatform="Server")
        group = {"applicationName": name, "deploymentGroupName": "prod"}
        client.create_deployment_group(**group, serviceRoleArn=f"arn:aws:iam::{ACCOUNT}:role/deploy")
        revision = {"revisionType": "GitHub", "gitHubLocation": {"repository": f"shop/{name}", "commitId": "c0ffee"}}
        with server.at(minute(10 * number)):
            made.append(client.create_deployment(**group, revision=revision)["deploymentId"])
    server.set_deployment(made[0], "Succeeded", started=minute(1), completed=minute(4))
    listed = client.list_deployments(applicationName="checkout", deploymentGroupName="prod")["deployments"]
    assert listed == [made[0]]
    late = client.list_deployments(createTimeRange={"start": minute(5), "end": minute(15)})["deployments"]
    assert late == [made[1]]
    assert client.list_deployments(includeOnlyStatuses=["Succeeded"])["deployments"] == [made[0]]
    info = client.get_deployment(deploymentId=made[0])["deploymentInfo"]
    assert (info["status"], info["createTime"], info["completeTime"]) == ("Succeeded", T, minute(4))


# Permissions


def test_the_policy_simulator_says_what_the_table_says(server: AwsServer) -> None:
    server.simulate({"logs:StartQuery": "explicitDeny"})
    server.deny("logs", "FilterLogEvents")
    actions = ["logs:StartQuery", "logs:FilterLogEvents", "cloudwatch:GetMetricData"]
    found = server.client("iam").simulate_principal_policy(PolicySourceArn=WHO, ActionNames=actions)
    assert {r["EvalActionName"]: r["EvalDecision"] for r in found["EvaluationResults"]} == dict(
        zip(actions, ["explicitDeny", "implicitDeny", "allowed"], strict=True)
    )
    with pytest.raises(ClientError, match="is not authorized to perform: logs:FilterLogEvents") as error:
        server.client("logs").filter_log_events(logGroupName="/g")
    assert code(error) == "AccessDeniedException"


# Faults

PATIENT = Config(retries={"total_max_attempts": 4, "mode": "standard"})


@pytest.mark.parametrize(("service", "expected"), [("logs", "ThrottlingException"), ("cloudwatch", "Throttling")])
def test_throttled_calls_are_counted(server: AwsServer, service: str, expected: str) -> None:
    operation = {"logs": ("DescribeLogGroups", "describe_log_groups"), "cloudwatch": ("ListMetrics", "list_metrics")}
    name, method = operation[service]
    server.throttle(service, name, times=2)
    with pytest.raises(ClientError) as error:
        getattr(server.client(service), method)()
    assert code(error) == expected
    answer = getattr(server.client(service, PATIENT), method)()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    assert [call.operation for call in server.calls()] == [name] * 3


def test_a_throttled_rest_service(server: AwsServer) -> None:
    server.throttle("lambda", "ListFunctions", code="TooManyRequestsException")
    with pytest.raises(ClientError) as error:
        server.client("lambda").list_functions()
    assert code(error) == "TooManyRequestsException"
    assert server.client("lambda").list_functions()["Functions"] == []


def test_a_server_that_is_down_says_so_in_html(server: AwsServer) -> None:
    server.fail("logs", times=2)
    with pytest.raises(ClientError) as error:
        server.client("logs").describe_log_groups()
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert server.client("logs", PATIENT).describe_log_groups()["logGroups"] == []


def test_a_call_that_hangs_holds_up_no_other(server: AwsServer) -> None:
    server.hang("logs", "DescribeLogGroups", seconds=2)
    impatient = Config(read_timeout=0.3, retries=QUICK.retries)
    with pytest.raises(ReadTimeoutError):
        server.client("logs", impatient).describe_log_groups()
    assert server.client("logs", impatient).describe_log_groups()["logGroups"] == []


@pytest.mark.parametrize("closes", [False, True])
def test_a_cut_answer_looks_empty_to_botocore_unless_it_is_xml(server: AwsServer, closes: bool) -> None:
    put_lines(server)
    client = server.client("logs")
    server.truncate("logs", "FilterLogEvents", closes=closes)
    assert set(client.filter_log_events(logGroupName="/ecs/checkout")) == {"ResponseMetadata"}
    assert len(client.filter_log_events(logGroupName="/ecs/checkout")["events"]) == len(LINES)
    server.truncate("iam", closes=closes)
    with pytest.raises(ResponseParserError):
        server.client("iam").list_users()


def test_a_clock_that_is_wrong_shows_and_is_refused(server: AwsServer) -> None:
    client = server.client("logs")
    server.skew(120)
    head = client.describe_log_groups()["ResponseMetadata"]["HTTPHeaders"]["date"]
    ahead = datetime.strptime(head, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC) - datetime.now(UTC)
    assert timedelta(seconds=110) < ahead < timedelta(seconds=130)
    server.skew(3600)
    with pytest.raises(ClientError, match="Signature expired") as error:
        client.describe_log_groups()
    assert code(error) == "InvalidSignatureException"
    server.heal()
    assert client.describe_log_groups()["logGroups"] == []


def test_credentials_run_out(server: AwsServer) -> None:
    server.expire()
    with pytest.raises(ClientError) as error:
        server.client("sts").get_caller_identity()
    assert code(error) == "ExpiredToken"


# The server itself


def test_what_was_asked_is_known_and_forgotten(server: AwsServer) -> None:
    server.client("sts").get_caller_identity()
    server.client("lambda").list_functions(MaxItems=3)
    assert [(c.service, c.operation, dict(c.params)) for c in server.calls()] == [
        ("sts", "GetCallerIdentity", {}),
        ("lambda", "ListFunctions", {"MaxItems": 3}),
    ]
    server.forget_calls()
    assert server.calls() == []


def test_two_servers_share_nothing(server: AwsServer) -> None:
    put_lines(server)
    with aws(region="us-east-1") as other:
        assert other.client("logs").describe_log_groups()["logGroups"] == []
        groups = server.client("logs").describe_log_groups()["logGroups"]
    assert [g["logGroupName"] for g in groups] == ["/ecs/checkout"]


def test_what_moto_lacks_is_said_at_once(server: AwsServer) -> None:
    with pytest.raises(ClientError, match="moto has no logs GetLogGroupFields") as error:
        server.client("logs", PATIENT).get_log_group_fields(logGroupName="/g")
    assert code(error) == "NotInThisServer"
    assert len(server.calls()) == 1


def test_services_that_are_not_extended_answer(server: AwsServer) -> None:
    store = server.client("s3")
    store.create_bucket(Bucket="evidence", CreateBucketConfiguration={"LocationConstraint": server.region})
    store.put_object(Bucket="evidence", Key="a/b c.json", Body=b"{}" * 70_000)
    assert store.get_object(Bucket="evidence", Key="a/b c.json")["Body"].read() == b"{}" * 70_000
    assert server.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert server.client("rds").describe_events()["Events"] == []
    assert server.client("xray").get_service_graph(StartTime=T, EndTime=minute(60))["Services"] == []
    big = [{"MetricName": "Long", "Value": float(i), "Timestamp": minute(i)} for i in range(400)]
    metrics, encodings = server.client("cloudwatch"), []
    metrics.meta.events.register(
        "before-send", lambda request, **_: encodings.append(request.headers["Content-Encoding"])
    )
    metrics.put_metric_data(Namespace="Shop", MetricData=big)
    assert encodings == [b"gzip"]
    assert len(server.calls()[-1].params["MetricData"]) == 400


def test_a_naive_time_is_refused(server: AwsServer) -> None:
    with pytest.raises(TypeError, match="naive"):
        server.put_logs("/g", "s", [(datetime(2026, 3, 14), "x")])
    with pytest.raises(ServerError, match="KeyError"):
        server.set_deployment("none", "Succeeded")


def members(value: Any, shape: Shape, path: str = "") -> Iterator[str]:
    """What in this JSON is not of this shape."""
    match shape:
        case StructureShape():
            known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
            for key, inner in value.items():
                yield from members(inner, known[key], f"{path}.{key}") if key in known else [f"{path}.{key}"]
            yield from (f"{path}.{name} is missing" for name in shape.required_members if name not in value)
        case ListShape():
            for inner in value:
                yield from members(inner, shape.member, f"{path}[]")
        case MapShape():
            for inner in value.values():
                yield from members(inner, shape.value, f"{path}.*")
        case _:
            kinds: dict[str, Sequence[type]] = {"string": [str], "boolean": [bool], "integer": [int], "long": [int]}
            if not isinstance(value, tuple(kinds.get(shape.type_name, [int, float]))):
                yield f"{path} is {value!r}, not {shape.type_name}"
            if getattr(shape, "enum", None) and value not in shape.enum:
                yield f"{path} is {value!r}, not of {shape.enum}"


def test_every_answer_is_of_the_shape_that_botocore_knows(server: AwsServer) -> None:
    seen: dict[str, list[str]] = {}

    def check(operation_model: Any, response_dict: Any, **_: Any) -> None:
        raw = json.loads(response_dict["body"])
        seen[operation_model.name] = list(members(raw, operation_model.output_shape))

    def client(service: str) -> Any:
        made = server.client(service)
        made.meta.events.register("before-parse", check)
        return made

    put_requests(server)
    put_lines(server)
    make_service(server)
    server.put_trail_event(T, "UpdateService", "ecs.amazonaws.com", resources={"checkout": "AWS::ECS::Service"})
    metric = {"Namespace": "Shop", "MetricName": "Errors", "Dimensions": [{"Name": "Service", "Value": "cart"}]}
    cloudwatch, logs, ecs = client("cloudwatch"), client("logs"), client("ecs")
    data(server, {"Id": "m", "MetricStat": stat("Errors", "p99")}, client=cloudwatch, MaxDatapoints=1)
    window = {"StartTime": T, "EndTime": minute(9)}
    cloudwatch.get_metric_statistics(**metric, **window, Period=60, ExtendedStatistics=["p99"])
    rule = {"ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1, "Period": 60, "Statistic": "Sum"}
    server.client("cloudwatch").put_metric_alarm(AlarmName="a", Threshold=1, **metric, **rule)
    cloudwatch.describe_alarm_history()
    client("cloudtrail").lookup_events(**window)
    logs.filter_log_events(logGroupName="/ecs/checkout", limit=1)
    seconds = {"startTime": int(T.timestamp()), "endTime": int(minute(9).timestamp())}
    server.set_queries(polls=0)
    known = logs.start_query(logGroupName="/ecs/checkout", queryString="fields @message", **seconds)["queryId"]
    found = logs.get_query_results(queryId=known)
    logs.get_log_record(logRecordPointer=found["results"][0][-1]["value"])
    logs.describe_queries()
    [listed] = ecs.list_service_deployments(cluster="shop", service="checkout")["serviceDeployments"]
    ecs.describe_service_deployments(serviceDeploymentArns=[listed["serviceDeploymentArn"]])
    ecs.describe_service_revisions(serviceRevisionArns=[listed["targetServiceRevisionArn"]])
    assert {name: wrong for name, wrong in seen.items() if wrong} == {}
    assert len(seen) == 12
