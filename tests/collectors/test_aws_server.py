"""The AWS that other tests trust: its metrics and alarms, and the server itself, asked by the real boto3 over HTTP."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import botocore.session
import pytest
from awsworld import PATIENT, T, code, data, make_service, minute, put_lines, put_requests, running, server, stat
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, Shape, StructureShape
from servers.aws import QUICK, AwsServer, ServerError, aws

pytestmark = pytest.mark.slow


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
