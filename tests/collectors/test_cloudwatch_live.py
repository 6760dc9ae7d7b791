"""The CloudWatch collector against a server that speaks AWS's own protocols, over HTTP and with signatures."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from awsworld import GROUP, MINUTES, ONSET, balance, collect, everything, running, series, server, write
from conftest import NOW
from servers.aws import AwsServer

from collectors.cloudwatch import CloudWatch, permissions
from gather_diagnostics import Gap, Skew

pytestmark = pytest.mark.slow


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
    assert [g.wanted for g in collector.check(make_request()) if isinstance(g, Gap)] == ["times that can be compared"]


def test_check_asks_two_cheap_questions(server: AwsServer, make_request: Any) -> None:
    collector = CloudWatch(CloudWatch.Settings())
    assert [type(i) for i in collector.check(make_request())] == [Skew]
    assert [c.operation for c in server.calls()] == ["GetCallerIdentity", "ListMetrics"]
    server.deny("cloudwatch", "ListMetrics")
    _, gap = collector.check(make_request())
    assert isinstance(gap, Gap)
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
