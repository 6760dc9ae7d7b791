"""The CloudWatch collector against a server that speaks AWS's own protocols, over HTTP and with signatures."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from conftest import NOW
from servers.aws import AwsServer, aws

from collectors.cloudwatch import CloudWatch, groups, insights, lines, permissions, trail
from gather_diagnostics import Gap, Request, Rows
from gather_diagnostics.tables import to_batch

pytestmark = pytest.mark.slow

ONSET = NOW - timedelta(minutes=20)
MINUTES = [NOW - timedelta(minutes=n) for n in range(120, 0, -1)]
GROUP = "/ecs/checkout"
Made = tuple[dict[str, list[dict[str, Any]]], list[Gap]]


@pytest.fixture(scope="module")
def running() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def server(running: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    running.reset()
    for name, value in running.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setattr(trail, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(insights, "POLL_SECONDS", 0.01)
    return running


def collect(request: Request, **settings: Any) -> Made:
    """Rows by table, each checked against its table as the runner would, and gaps."""
    rows: dict[str, list[dict[str, Any]]] = {"metrics": [], "logs": [], "changes": [], "events": []}
    gaps: list[Gap] = []
    for item in CloudWatch(CloudWatch.Settings.model_validate(settings)).collect(request):
        if isinstance(item, Rows):
            to_batch(item.table, "cloudwatch", item.rows)
            assert item.rows, "a batch without rows says nothing"
            rows[item.table] += [dict(r) for r in item.rows]
        else:
            assert isinstance(item, Gap)
            assert item.mend, item
            gaps.append(item)
    return rows, gaps


def series(rows: list[dict[str, Any]], metric: str, stat: str, **where: Any) -> list[tuple[datetime, float]]:
    picked = [r for r in rows if r["metric"] == metric and r["stat"] == stat]
    picked = [r for r in picked if all(r.get(k) == v for k, v in where.items())]
    return sorted((r["time"], r["value"]) for r in picked)


def balance(server: AwsServer) -> dict[str, str]:
    """A target group: 600 requests a minute, half of them at 0.1 s and half at 0.3 s; 60 a minute fail at the end."""
    dimensions = {"LoadBalancer": "app/shop/50dc6c495c0c9188", "TargetGroup": "targetgroup/checkout/943f017f100becff"}
    space = "AWS/ApplicationELB"
    server.put_metric(space, "RequestCount", [(t, 600.0) for t in MINUTES], dimensions)
    server.put_metric(space, "HTTPCode_Target_5XX_Count", [(t, 60.0) for t in MINUTES if t >= ONSET], dimensions)
    slow = [(t, [0.1, 0.3] if t < ONSET else [1.0, 3.0]) for t in MINUTES]
    server.put_metric(space, "TargetResponseTime", slow, dimensions)
    other = dimensions | {"TargetGroup": "targetgroup/cart/0000000000000000"}
    server.put_metric(space, "RequestCount", [(t, 1.0) for t in MINUTES], other)
    return dimensions


def test_a_load_balancer_tells_latency_load_and_failing_share(server: AwsServer, make_request: Any) -> None:
    balance(server)
    rows, gaps = collect(make_request())
    latency = series(rows["metrics"], "latency", "p50")
    assert [t for t, _ in latency] == MINUTES
    assert all(0.1 <= v <= 0.3 for t, v in latency if t < ONSET)
    assert all(1.0 <= v <= 3.0 for t, v in latency if t >= ONSET)
    assert series(rows["metrics"], "request_rate", "rate") == [(t, 10.0) for t in MINUTES]
    failing = series(rows["metrics"], "error_rate", "ratio")
    assert failing == [(t, 0.1 if t >= ONSET else 0.0) for t in MINUTES], "no sample of a failure means none failed"
    speaking = [r for r in rows["metrics"] if r["metric"] == "error_rate"]
    assert all(r.get("instance") is None and r["service"] == "checkout" for r in speaking)
    assert "metricsV2:graph=" in speaking[0]["ref"]
    assert not gaps or {g.cause for g in gaps} <= {"not_found"}


def test_of_several_resources_one_speaks_for_the_service(server: AwsServer, make_request: Any) -> None:
    balance(server)
    for name in ("checkout", "checkout-mailer"):
        server.put_metric("AWS/Lambda", "Invocations", [(t, 60.0) for t in MINUTES], {"FunctionName": name})
        server.put_metric(
            "AWS/Lambda", "Duration", [(t, 250.0) for t in MINUTES], {"FunctionName": name}, "Milliseconds"
        )
    server.put_metric(
        "AWS/SQS", "ApproximateAgeOfOldestMessage", [(t, 7.0) for t in MINUTES], {"QueueName": "checkout"}
    )
    visible = "ApproximateNumberOfMessagesVisible"
    server.put_metric("AWS/SQS", visible, [(t, 5.0) for t in MINUTES], {"QueueName": "checkout"})
    rows, _ = collect(make_request())
    assert {r.get("instance") for r in rows["metrics"] if r["metric"] == "request_rate"} == {
        None,
        "checkout",
        "checkout-mailer",
    }
    assert len(series(rows["metrics"], "request_rate", "rate", instance=None)) == len(MINUTES)
    assert series(rows["metrics"], "latency", "p95", instance="checkout")[0][1] == pytest.approx(0.25, rel=0.01)
    assert series(rows["metrics"], "queue_age", "max", callee="sqs/checkout")[0][1] == 7.0


def test_dimensions_select_what_names_do_not(server: AwsServer, make_request: Any) -> None:
    server.put_metric("AWS/Lambda", "Invocations", [(t, 60.0) for t in MINUTES], {"FunctionName": "payments-prod"})
    rows, gaps = collect(make_request())
    assert not rows["metrics"]
    assert [g.cause for g in gaps if g.wanted == "metrics of checkout"] == ["not_found"]
    rows, gaps = collect(make_request(), dimensions={"FunctionName": "payments-prod"})
    assert series(rows["metrics"], "request_rate", "rate") == [(t, 1.0) for t in MINUTES]
    assert not gaps


def test_a_mistaken_metric_does_not_spoil_the_others(server: AwsServer, make_request: Any) -> None:
    server.put_metric("Shop", "Depth", [(t, 4000.0) for t in MINUTES], {"Service": "checkout"})
    metric = {"namespace": "Shop", "metric_name": "Depth", "dimensions": {"Service": "{service}"}}
    own = [metric | {"name": "depth", "stats": ["Maximum", "p99"], "scale": 0.001, "unit": "s"}]
    rows, gaps = collect(make_request(), metrics=own)
    assert series(rows["metrics"], "depth", "max")[0][1] == 4.0
    assert series(rows["metrics"], "depth", "p99")[0][1] == pytest.approx(4.0, rel=0.01)
    assert not gaps


def test_an_alarm_and_its_history(server: AwsServer, make_request: Any) -> None:
    dimensions = balance(server)
    named = [{"Name": k, "Value": v} for k, v in dimensions.items()]
    cloudwatch = server.client("cloudwatch")
    common = {"MetricName": "TargetResponseTime", "Namespace": "AWS/ApplicationELB", "Period": 60, "Threshold": 1.0}
    common |= {"Statistic": "Average", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    with server.at(NOW - timedelta(days=30)):
        cloudwatch.put_metric_alarm(AlarmName="slow pages", Dimensions=named, **common)
        cloudwatch.put_metric_alarm(AlarmName="cart-errors", Dimensions=[{"Name": "Q", "Value": "cart"}], **common)
    server.set_alarm_state("slow pages", NOW - timedelta(hours=2), "OK")
    server.set_alarm_state("slow pages", ONSET, "ALARM", "3 datapoints were greater")
    server.set_alarm_state("cart-errors", ONSET, "ALARM")
    rows, _ = collect(make_request())
    told = [(r["object"], r["time"], r["reason"]) for r in rows["events"]]
    assert sorted(told, key=lambda t: t[1]) == [
        ("slow pages", NOW - timedelta(hours=2), "OK"),
        ("slow pages", ONSET, "ALARM"),
    ]
    assert "3 datapoints were greater" in [r["message"] for r in rows["events"]]
    server.deny("cloudwatch", "DescribeAlarmHistory")
    with server.at(NOW - timedelta(days=30)):
        cloudwatch.put_metric_alarm(AlarmName="checkout b", Dimensions=named, **common)
    rows, gaps = collect(make_request())
    assert [(r["object"], r["time"]) for r in rows["events"] if r["reason"] == "ALARM"] == [("slow pages", ONSET)]
    assert len([g for g in gaps if "DescribeAlarmHistory" in g.mend]) == 1, "asked once, told once"


def write(server: AwsServer, group: str = GROUP, per_minute: int = 5, failing: int = 3) -> int:
    """Everyday lines all the time, errors with a traceback from the onset on. Returns how many records that makes."""
    events: list[tuple[datetime, str]] = []
    for minute in MINUTES:
        events += [(minute + timedelta(seconds=n), f"INFO order {n} placed") for n in range(per_minute)]
        for n in range(failing if minute >= ONSET else 0):
            at = minute + timedelta(seconds=30 + n)
            events += [(at, f"ERROR no pool for order {n}"), (at, "Traceback (most recent call last):")]
            events += [(at, '  File "pool.py", line 7, in take'), (at, "PoolError: empty")]
    server.put_logs(group, "task/1", events)
    return per_minute * len(MINUTES) + failing * 20


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
    assert len(rows["logs"]) <= 1_000
    errors = [r for r in rows["logs"] if r["level"] == "ERROR"]
    assert len(errors) == 40, "errors are kept when everyday lines are not"
    near = [r for r in rows["logs"] if abs(r["time"] - ONSET) < timedelta(minutes=1)]
    assert {r["level"] for r in near} == {"INFO", "ERROR"}
    assert [g.cause for g in gaps if GROUP in g.wanted] == ["truncated"]
    assert len({r["ref"] for r in rows["logs"]}) == len(rows["logs"]), "no line twice"


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
        for events in insights.lines(api, GROUP, window, insights.Meter(10**9), []):
            assert len(events) < 100
            got += events
    assert len(got) == total + 3 * 20 * 3
    assert len({e["eventId"] for e in got}) == len(got)


def connected(server: AwsServer) -> Any:
    from collectors.cloudwatch import credentials
    from collectors.cloudwatch.api import Api

    return Api(credentials.session(CloudWatch.Settings()), server.region, 30)


def deploy(server: AwsServer) -> None:
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="shop")
    for version in (1, 2):
        container = {"name": "app", "image": f"shop/checkout:v{version}", "memory": 128}
        ecs.register_task_definition(family="checkout", containerDefinitions=[container])
    with server.at(NOW - timedelta(days=3)):
        ecs.create_service(cluster="shop", serviceName="checkout", taskDefinition="checkout:1", desiredCount=2)
    with server.at(ONSET - timedelta(minutes=3)):
        ecs.update_service(cluster="shop", service="checkout", taskDefinition="checkout:2")
    server.put_service_event(
        "checkout",
        ONSET,
        "(service checkout) was unable to place a task because no container instance met",
        cluster="shop",
    )


def test_an_ecs_deployment_with_its_images(server: AwsServer, make_request: Any) -> None:
    deploy(server)
    rows, gaps = collect(make_request())
    (change,) = [r for r in rows["changes"] if r["id"].startswith(f"aws:{server.region}:ecs:")]
    assert change["time"] == ONSET - timedelta(minutes=3)
    assert (change["kind"], change["revision"], change["previous"]) == (
        "deploy",
        "shop/checkout:v2",
        "shop/checkout:v1",
    )
    (event,) = [r for r in rows["events"] if r["kind"] == "ecs"]
    assert (event["reason"], event["time"], event["severity"]) == ("UnableToPlaceTask", ONSET, "warning")
    assert not [g for g in gaps if "ECS" in g.wanted]


def test_an_ecs_deployment_that_is_over(server: AwsServer, make_request: Any) -> None:
    deploy(server)
    server.finish_service_deployment("checkout", NOW - timedelta(minutes=15), cluster="shop")
    with server.at(NOW - timedelta(minutes=5)):
        server.client("ecs").update_service(cluster="shop", service="checkout", taskDefinition="checkout:1")
    server.finish_service_deployment("checkout", NOW - timedelta(minutes=1), cluster="shop")
    rows, _ = collect(make_request())
    times = sorted(r["time"] for r in rows["changes"] if ":ecs:" in r["id"])
    assert times == [ONSET - timedelta(minutes=3), NOW - timedelta(minutes=5)], "each deployment once"


def package(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("handler.py", text)
    return made.getvalue()


def test_lambda_versions(server: AwsServer, make_request: Any) -> None:
    role = server.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = server.client("lambda")
    with server.at(NOW - timedelta(days=9)):
        functions.create_function(
            FunctionName="checkout",
            Runtime="python3.12",
            Role=role,
            Handler="h.f",
            Code={"ZipFile": package("1")},
            Publish=True,
        )
    with server.at(ONSET - timedelta(minutes=5)):
        functions.update_function_code(FunctionName="checkout", ZipFile=package("2"), Publish=True)
    rows, gaps = collect(make_request())
    mine = [r for r in rows["changes"] if ":lambda:" in r["id"]]
    assert [(r["revision"], r["previous"], r["kind"]) for r in mine] == [("2", "1", "deploy")]
    assert mine[0]["time"] == ONSET - timedelta(minutes=5)
    assert not [g for g in gaps if "Lambda" in g.wanted]


def test_codedeploy(server: AwsServer, make_request: Any) -> None:
    codedeploy = server.client("codedeploy")
    ids = {}
    for name in ("checkout", "cart"):
        codedeploy.create_application(applicationName=name, computePlatform="Server")
        role = "arn:aws:iam::123456789012:role/r"
        codedeploy.create_deployment_group(applicationName=name, deploymentGroupName="prod", serviceRoleArn=role)
        place = {
            "revisionType": "S3",
            "s3Location": {"bucket": "b", "key": "app.zip", "bundleType": "zip", "version": "7"},
        }
        made = codedeploy.create_deployment(applicationName=name, deploymentGroupName="prod", revision=place)
        ids[name] = made["deploymentId"]
        server.set_deployment(
            ids[name], "Succeeded", created=ONSET, started=ONSET, completed=ONSET + timedelta(minutes=2)
        )
    rows, _ = collect(make_request())
    (change,) = [r for r in rows["changes"] if ":codedeploy:" in r["id"]]
    assert change["id"] == f"aws:{server.region}:codedeploy:{ids['checkout']}"
    assert (change["time"], change["finished"]) == (ONSET, ONSET + timedelta(minutes=2))
    assert change["revision"] == "b/app.zip@7"


def test_cloudtrail_names_the_person(server: AwsServer, make_request: Any) -> None:
    service = {"checkout": "AWS::ECS::Service"}
    arn = "arn:aws:sts::123456789012:assumed-role/Admin/ana"
    id_ = server.put_trail_event(
        ONSET,
        "UpdateService",
        "ecs.amazonaws.com",
        user="ana",
        resources=service,
        userIdentity={"arn": arn},
        requestParameters={"service": "checkout", "taskDefinition": "checkout:2", "environment": "hunter2"},
    )
    server.put_trail_event(ONSET, "DescribeServices", "ecs.amazonaws.com", resources=service, read_only=True)
    server.put_trail_event(ONSET, "UpdateService", "ecs.amazonaws.com", resources=service, errorCode="AccessDenied")
    server.put_trail_event(ONSET, "UpdateService", "ecs.amazonaws.com", resources={"cart": "AWS::ECS::Service"})
    scaled = server.put_trail_event(
        ONSET,
        "PutScalingPolicy",
        "application-autoscaling.amazonaws.com",
        resources={"service/shop/checkout": "AWS::ApplicationAutoScaling::ScalableTarget"},
    )
    rows, gaps = collect(make_request())
    mine = {r["id"]: r for r in rows["changes"] if ":cloudtrail:" in r["id"]}
    assert set(mine) == {f"aws:{server.region}:cloudtrail:{i}" for i in (id_, scaled)}
    change = mine[f"aws:{server.region}:cloudtrail:{id_}"]
    assert (change["author"], change["kind"]) == ("ana", "deploy")
    assert change["details"]["parameters"] == {"service": "checkout", "taskDefinition": "checkout:2"}
    assert "hunter2" not in json.dumps(change, default=str)
    assert mine[f"aws:{server.region}:cloudtrail:{scaled}"]["kind"] == "scale"
    assert not [g for g in gaps if "CloudTrail" in g.wanted]


def test_a_deployment_names_who_began_it(server: AwsServer, make_request: Any) -> None:
    deploy(server)
    server.put_trail_event(
        ONSET - timedelta(minutes=3, seconds=1),
        "UpdateService",
        "ecs.amazonaws.com",
        user="ana",
        resources={"checkout": "AWS::ECS::Service"},
    )
    rows, _ = collect(make_request())
    (change,) = rows["changes"]
    assert (change["author"], change["revision"]) == ("ana", "shop/checkout:v2")


def test_cloudformation(server: AwsServer, make_request: Any) -> None:
    template = {"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "checkout"}}}}
    with server.at(ONSET):
        server.client("cloudformation").create_stack(StackName="shop-checkout", TemplateBody=json.dumps(template))
    rows, _ = collect(make_request())
    (change,) = [r for r in rows["changes"] if ":cloudformation:" in r["id"]]
    assert change["kind"] == "infra"
    assert "create of stack shop-checkout" in change["summary"]


def everything(server: AwsServer) -> None:
    balance(server)
    write(server)
    deploy(server)


@pytest.mark.parametrize(
    ("service", "operation", "action", "kept"),
    [
        ("cloudwatch", "ListMetrics", "cloudwatch:ListMetrics", "logs"),
        ("logs", "FilterLogEvents", "logs:FilterLogEvents", "metrics"),
        ("logs", "StartQuery", "logs:StartQuery", "logs"),
        ("ecs", "*", "ecs:ListClusters", "logs"),
        ("cloudtrail", "*", "cloudtrail:LookupEvents", "changes"),
    ],
)
def test_what_is_denied_is_told_with_the_line_that_allows_it(
    server: AwsServer, make_request: Any, service: str, operation: str, action: str, kept: str
) -> None:
    everything(server)
    server.deny(service, operation)
    rows, gaps = collect(make_request())
    denied = [g for g in gaps if g.cause == "denied"]
    assert denied, gaps
    statement = json.loads(denied[0].mend.partition("IAM policy: ")[2])
    assert statement["Action"] == action
    assert statement["Effect"] == "Allow"
    assert rows[kept], "one refusal stops nothing else"


def test_expired_credentials_are_one_gap(server: AwsServer, make_request: Any) -> None:
    everything(server)
    server.expire()
    rows, gaps = collect(make_request())
    assert [(g.cause, "aws sso login" in g.mend) for g in gaps] == [("denied", True)]
    assert not any(rows.values())


def test_throttling_is_waited_out_or_told(server: AwsServer, make_request: Any) -> None:
    everything(server)
    server.throttle("logs", "FilterLogEvents", times=1)
    rows, gaps = collect(make_request())
    assert rows["logs"], "one refusal is tried again"
    server.throttle("cloudtrail", "LookupEvents", times=None)
    rows, gaps = collect(make_request())
    assert [g.cause for g in gaps if "CloudTrail" in g.wanted] == ["throttled"]
    assert rows["logs"]


@pytest.mark.parametrize(
    ("fault", "causes"),
    [
        (lambda s: s.fail("logs", "FilterLogEvents", times=None), {"invalid"}),
        (lambda s: s.fail("logs", "FilterLogEvents", times=None, status=200), {"invalid"}),
        (lambda s: s.truncate("logs", "FilterLogEvents", times=None), {"invalid"}),
        (lambda s: s.truncate("logs", "FilterLogEvents", times=None, closes=True), {"unreachable", "invalid"}),
    ],
)
def test_what_is_no_answer_is_told(
    server: AwsServer, make_request: Any, fault: Callable[[AwsServer], None], causes: set[str]
) -> None:
    everything(server)
    fault(server)
    rows, gaps = collect(make_request())
    told = [g for g in gaps if GROUP in g.wanted]
    assert len(told) == 1
    assert told[0].cause in causes
    assert "html" not in told[0].why or len(told[0].why) < 400
    assert rows["metrics"]
    assert rows["changes"]


def test_a_hanging_call_does_not_outlast_the_source(server: AwsServer, make_request: Any) -> None:
    everything(server)
    server.hang("logs", "FilterLogEvents", seconds=20, times=None)
    begin = time.monotonic()
    rows, gaps = collect(make_request(source_seconds=4.0))
    assert time.monotonic() - begin < 10
    assert [g.cause for g in gaps if GROUP in g.wanted] == ["timeout"]
    assert rows["metrics"]


def test_a_clock_that_is_off_is_told(server: AwsServer, make_request: Any) -> None:
    server.skew(90)
    _, gaps = collect(make_request())
    assert [g.wanted for g in gaps if g.cause == "invalid"] == ["times that can be compared"]
    collector = CloudWatch(CloudWatch.Settings())
    assert [g.wanted for g in collector.check(make_request())] == ["times that can be compared"]


def test_check_asks_two_cheap_questions(server: AwsServer, make_request: Any) -> None:
    collector = CloudWatch(CloudWatch.Settings())
    assert not list(collector.check(make_request()))
    assert [c.operation for c in server.calls()] == ["GetCallerIdentity", "ListMetrics"]
    server.deny("cloudwatch", "ListMetrics")
    (gap,) = collector.check(make_request())
    assert gap.cause == "denied"
    assert "cloudwatch:ListMetrics" in gap.mend


def test_only_declared_reads_are_sent(server: AwsServer, make_request: Any) -> None:
    everything(server)
    server.forget_calls()
    rows, _ = collect(make_request())
    assert all(rows.values())
    sent = {f"{c.service}:{c.operation}" for c in server.calls()}
    assert sent <= set(permissions.PERMISSIONS), sent - set(permissions.PERMISSIONS)
    assert len(sent) > 10


def test_a_role_is_assumed(server: AwsServer, make_request: Any) -> None:
    write(server)
    server.forget_calls()
    role = "arn:aws:iam::123456789012:role/reader"
    rows, _ = collect(make_request(), role_arn=role, external_id="{service}-x")
    (assume,) = [c for c in server.calls() if c.operation == "AssumeRole"]
    assert assume.params["ExternalId"] == "checkout-x"
    assert rows["logs"]


def test_several_regions(server: AwsServer, make_request: Any) -> None:
    write(server)
    rows, gaps = collect(make_request(), regions=[server.region, "us-east-1"], log_groups=[GROUP])
    assert rows["logs"]
    assert [g.wanted for g in gaps if "log group" in g.wanted] == [f"log group {GROUP}"]
    assert "us-east-1" in next(g.why for g in gaps if "log group" in g.wanted)


def test_an_empty_account_is_no_error(server: AwsServer, make_request: Any) -> None:
    rows, gaps = collect(make_request())
    assert not any(rows.values())
    assert {g.cause for g in gaps} == {"not_found"}
