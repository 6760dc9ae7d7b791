"""Resources whose names say nothing of the service, found by their tags over AWS's own protocols."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from awsworld import MINUTES, ONSET, balance, collect, running, series, server, write
from servers.aws import ACCOUNT, REGION, AwsServer

from collectors.cloudwatch import metrics, resources, tags

pytestmark = pytest.mark.slow

TAGGED = {"service": "checkout"}
PAIRS = [{"Key": "service", "Value": "checkout"}]


def put(server: AwsServer, namespace: str, name: str, dimensions: Mapping[str, str], value: float = 60.0) -> None:
    server.put_metric(namespace, name, [(t, value) for t in MINUTES], dimensions)


def queue(server: AwsServer, name: str, tags_: Mapping[str, str] = TAGGED) -> None:
    server.client("sqs").create_queue(QueueName=name, tags=dict(tags_))
    put(server, "AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, 5.0)


def balancers(server: AwsServer) -> dict[str, str]:
    """A load balancer of everybody's with one tagged target group; returns the group's dimensions."""
    ec2, elb = server.client("ec2"), server.client("elbv2")
    subnets = ec2.describe_subnets()["Subnets"][:2]
    where = {"Subnets": [s["SubnetId"] for s in subnets]}
    front = elb.create_load_balancer(Name="front", Type="application", **where)["LoadBalancers"][0]["LoadBalancerArn"]
    asked = {"Protocol": "HTTP", "Port": 80, "VpcId": subnets[0]["VpcId"], "Tags": PAIRS}
    group = elb.create_target_group(Name="payments", **asked)["TargetGroups"][0]["TargetGroupArn"]
    return {"LoadBalancer": front.partition("loadbalancer/")[2], "TargetGroup": group.rpartition(":")[2]}


def test_a_resource_is_found_whatever_it_is_called(server: AwsServer, make_request: Any) -> None:
    dimensions = balancers(server)
    put(server, "AWS/ApplicationELB", "RequestCount", dimensions, 600.0)
    put(server, "AWS/ApplicationELB", "RequestCount", dimensions | {"TargetGroup": "targetgroup/cart/1"})
    queue(server, "orders")
    queue(server, "mails", {"service": "mailer"})
    tables = {"AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST"}
    keys = [{"AttributeName": "id", "KeyType": "HASH"}]
    server.client("dynamodb").create_table(TableName="ledger", KeySchema=keys, Tags=PAIRS, **tables)
    put(server, "AWS/DynamoDB", "SuccessfulRequestLatency", {"TableName": "ledger", "Operation": "GetItem"}, 7.0)
    sizes = {"Engine": "postgres", "DBInstanceClass": "db.t3.micro", "AllocatedStorage": 20}
    secret = {"MasterUsername": "test", "MasterUserPassword": "not-a-secret"}
    server.client("rds").create_db_instance(DBInstanceIdentifier="pg-7", Tags=PAIRS, **sizes, **secret)
    put(server, "AWS/RDS", "CPUUtilization", {"DBInstanceIdentifier": "pg-7"})
    server.client("rds").create_db_cluster(DBClusterIdentifier="au-9", Engine="aurora-postgresql", Tags=PAIRS, **secret)
    put(server, "AWS/RDS", "CPUUtilization", {"DBClusterIdentifier": "au-9"})
    server.put_database_event(ONSET, "pg-7", "Multi-AZ instance failover started", ["failover"])
    rows, gaps = collect(make_request())
    assert not gaps
    assert series(rows["metrics"], "request_rate", "rate") == [(t, 10.0) for t in MINUTES], "the cart's are not ours"
    callees = {r["callee"] for r in rows["metrics"] if r.get("callee")}
    assert callees == {"sqs/orders", "dynamodb/ledger", "rds/pg-7", "rds/au-9"}
    assert [(e["object"], e["reason"]) for e in rows["events"]] == [("pg-7", "failover")]


def test_gateways_are_found_by_id_and_measured_by_name(server: AwsServer, make_request: Any) -> None:
    server.client("apigateway").create_rest_api(name="front door", tags={"app": "checkout"})
    server.client("apigateway").create_rest_api(name="back door", tags={"app": "cart"})
    for name, value in (("front door", 90.0), ("back door", 10.0)):
        put(server, "AWS/ApiGateway", "Latency", {"ApiName": name}, value)
    made = server.client("apigatewayv2").create_api(Name="web", ProtocolType="HTTP", Tags={"app": "checkout"})
    put(server, "AWS/ApiGateway", "Latency", {"ApiId": made["ApiId"]}, 30.0)
    rows, gaps = collect(make_request())
    assert not gaps
    names = {(r["labels"].get("ApiName"), r["labels"].get("ApiId")) for r in rows["metrics"]}
    assert names == {("front door", None), (None, made["ApiId"])}


def test_changes_logs_and_alarms_of_what_is_tagged(server: AwsServer, make_request: Any) -> None:
    ecs = server.client("ecs")
    ecs.create_cluster(clusterName="shop")
    image = {"name": "app", "image": "shop/pay:v1", "memory": 128}
    ecs.register_task_definition(family="pay", containerDefinitions=[image])
    pairs = [{"key": "service", "value": "checkout"}]
    with server.at(ONSET - timedelta(minutes=3)):
        ecs.create_service(cluster="shop", serviceName="pay", taskDefinition="pay:1", desiredCount=2, tags=pairs)
        ecs.create_service(cluster="shop", serviceName="cart", taskDefinition="pay:1", desiredCount=2)
    for name in ("pay", "cart"):
        put(server, "AWS/ECS", "CPUUtilization", {"ClusterName": "shop", "ServiceName": name})
    server.put_tagged(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:charge", TAGGED)
    write(server, "/aws/lambda/charge")
    write(server, "/shop/ledger")
    write(server, "/shop/cart")
    server.client("logs").tag_log_group(logGroupName="/shop/ledger", tags=TAGGED)
    touched = {"charge": "AWS::Lambda::Function"}
    server.put_trail_event(ONSET, "UpdateFunctionCode", "lambda.amazonaws.com", user="ana", resources=touched)
    server.put_trail_event(ONSET, "UpdateFunctionCode", "lambda.amazonaws.com", resources={"cart": "AWS::Lambda"})
    watched = {"MetricName": "CPUUtilization", "Namespace": "AWS/ECS", "Period": 60, "Threshold": 1.0}
    watched |= {"Statistic": "Average", "EvaluationPeriods": 1, "ComparisonOperator": "GreaterThanThreshold"}
    given = [{"Name": "ClusterName", "Value": "shop"}, {"Name": "ServiceName", "Value": "pay"}]
    server.client("cloudwatch").put_metric_alarm(AlarmName="hot", Dimensions=given, **watched)
    server.set_alarm_state("hot", ONSET, "ALARM")
    rows, gaps = collect(make_request())
    assert not gaps
    assert {r["labels"]["ServiceName"] for r in rows["metrics"] if r["metric"] == "cpu"} == {"pay"}
    assert {c["summary"] for c in rows["changes"]} == {
        "ECS service pay to shop/pay:v1: IN_PROGRESS",
        "UpdateFunctionCode on charge by ana",
    }
    assert "hot" in {e["object"] for e in rows["events"]}
    read = {c.params["logGroupName"] for c in server.calls() if c.operation == "FilterLogEvents"}
    assert read == {"/aws/lambda/charge", "/shop/ledger"}
    assert len({r["ref"].rpartition("/")[0] for r in rows["logs"]}) == 2


def test_many_pages_are_read_to_the_end(server: AwsServer, make_request: Any) -> None:
    for number in range(250):
        server.put_tagged(f"arn:aws:sqs:{REGION}:{ACCOUNT}:other-{number}", {"service": "cart"})
    queue(server, "orders")
    server.forget_calls()
    rows, gaps = collect(make_request(), tag_keys=["service"])
    assert {r["callee"] for r in rows["metrics"] if r.get("callee")} == {"sqs/orders"}
    asked = [c.params for c in server.calls() if c.operation == "GetResources"]
    assert [bool(p.get("PaginationToken")) for p in asked] == [False, True, True], "two pages had nothing for us"
    assert not gaps


def test_where_there_are_too_many_the_rest_is_told(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tags, "MOST_PAGES", 1)
    queue(server, "orders")
    for number in range(120):
        server.put_tagged(f"arn:aws:sqs:{REGION}:{ACCOUNT}:q{number}", TAGGED)
    _, gaps = collect(make_request(), tag_keys=["service"])
    assert [(g.cause, "tag service" in g.why) for g in gaps if "tags" in g.wanted] == [("truncated", True)]


def test_a_crowded_account_is_asked_for_what_is_tagged(
    server: AwsServer, make_request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "MOST_PAGES", 1)
    for number in range(501):
        server.put_metric(
            "AWS/SQS", "ApproximateNumberOfMessagesVisible", [(MINUTES[0], 1.0)], {"QueueName": f"q{number}"}
        )
    queue(server, "zz-orders")
    rows, gaps = collect(make_request())
    assert {r["callee"] for r in rows["metrics"] if r.get("callee")} == {"sqs/zz-orders"}
    assert [g.cause for g in gaps] == ["truncated"]


def test_nothing_tagged_is_an_answer(server: AwsServer, make_request: Any) -> None:
    queue(server, "mails", {"service": "mailer"})
    rows, gaps = collect(make_request())
    assert not rows["metrics"]
    (gap,) = (g for g in gaps if g.wanted == "metrics of checkout")
    assert gap.cause == "not_found"
    assert "or tagged with it" in gap.why
    server.put_tagged(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:charge", TAGGED)
    _, gaps = collect(make_request())
    (gap,) = (g for g in gaps if g.wanted == "metrics of checkout")
    assert "1 are tagged with it and have no metrics" in gap.why


def test_a_refusal_matters_only_where_names_tell_nothing(server: AwsServer, make_request: Any) -> None:
    balance(server)
    server.deny("resourcegroupstaggingapi")
    server.forget_calls()
    rows, gaps = collect(make_request())
    assert rows["metrics"]
    assert not [g for g in gaps if g.cause == "denied"], "a run without that right is whole"
    assert [c.operation for c in server.calls()].count("GetResources") == 1, "denied once is denied for every key"
    server.reset()
    server.deny("resourcegroupstaggingapi")
    _, gaps = collect(make_request())
    (gap,) = (g for g in gaps if "metrics" in g.wanted or "resources" in g.wanted)
    assert gap.cause == "denied"
    assert "nothing in eu-west-1 is named like it" in gap.why
    statement = json.loads(gap.mend.partition("IAM policy: ")[2].partition("; sources")[0])
    assert statement == {"Effect": "Allow", "Action": "tag:GetResources", "Resource": "*"}


def test_throttling_is_waited_out_or_told(server: AwsServer, make_request: Any) -> None:
    queue(server, "orders")
    balance(server)
    server.throttle("resourcegroupstaggingapi", times=1, code="ThrottledException")
    rows, gaps = collect(make_request())
    assert "sqs/orders" in {r.get("callee") for r in rows["metrics"]}
    assert not gaps
    server.throttle("resourcegroupstaggingapi", times=None, code="ThrottledException")
    rows, gaps = collect(make_request())
    assert [(g.cause, g.wanted) for g in gaps] == [("throttled", "resources of checkout by their tags")]
    assert "tag_keys: []" in gaps[0].mend
    assert rows["metrics"], "what is named like it was read all the same"


def test_tags_that_hang_hold_nothing_up(server: AwsServer, make_request: Any) -> None:
    balance(server)
    server.hang("resourcegroupstaggingapi", seconds=20, times=None)
    begin = time.monotonic()
    rows, gaps = collect(make_request(source_seconds=8.0))
    assert time.monotonic() - begin < 7
    assert series(rows["metrics"], "request_rate", "rate") == [(t, 10.0) for t in MINUTES]
    assert [(g.cause, g.wanted) for g in gaps] == [("timeout", "resources of checkout by their tags")]


def test_without_keys_no_tag_is_asked_for(server: AwsServer, make_request: Any) -> None:
    queue(server, "orders")
    server.forget_calls()
    rows, _ = collect(make_request(), tag_keys=[])
    assert not rows["metrics"]
    assert "GetResources" not in {c.operation for c in server.calls()}
