"""Change markers of every AWS service, from a server that speaks AWS's own protocols."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from awsworld import ONSET, collect, deploy, running, server
from conftest import NOW
from servers.aws import AwsServer

pytestmark = pytest.mark.slow


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


def test_an_update_of_a_stack_with_its_resources(server: AwsServer, make_request: Any) -> None:
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "checkout"}}
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": "checkout"}}
    stacks = server.client("cloudformation")
    with server.at(NOW - timedelta(days=20)):
        stacks.create_stack(StackName="shop-checkout", TemplateBody=json.dumps({"Resources": {"Queue": queue}}))
        stacks.create_stack(StackName="shop-cart", TemplateBody=json.dumps({"Resources": {"Q": {**queue}}}))
    with server.at(ONSET):
        both = {"Resources": {"Queue": queue, "Topic": topic}}
        stacks.update_stack(StackName="shop-checkout", TemplateBody=json.dumps(both))
    rows, gaps = collect(make_request())
    (change,) = [r for r in rows["changes"] if ":cloudformation:" in r["id"]]
    assert (change["time"], change["finished"], change["kind"]) == (ONSET, ONSET, "infra")
    assert "update of stack shop-checkout: UPDATE_COMPLETE" in change["summary"]
    assert not [g for g in gaps if "CloudFormation" in g.wanted]


def test_an_alias_of_lambda_that_was_moved(server: AwsServer, make_request: Any) -> None:
    role = server.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    functions = server.client("lambda")
    code = {"ZipFile": package("1")}
    with server.at(ONSET - timedelta(minutes=5)):
        functions.create_function(
            FunctionName="checkout", Runtime="python3.12", Role=role, Handler="h.f", Code=code, Publish=True
        )
        functions.create_alias(FunctionName="checkout", Name="live", FunctionVersion="1")
    # Lambda keeps no time of an alias: that it was moved, and by whom, CloudTrail knows.
    server.put_trail_event(
        ONSET,
        "UpdateAlias20150331",
        "lambda.amazonaws.com",
        user="ana",
        resources={"arn:aws:lambda:eu-west-1:123456789012:function:checkout": "AWS::Lambda::Function"},
        requestParameters={"functionName": "checkout", "name": "live", "functionVersion": "1"},
    )
    rows, _ = collect(make_request())
    published = next(r for r in rows["changes"] if ":lambda:" in r["id"])
    assert published["details"]["aliases"] == ["live"]
    moved = next(r for r in rows["changes"] if ":cloudtrail:" in r["id"])
    assert (moved["time"], moved["kind"], moved["author"]) == (ONSET, "deploy", "ana")
    assert moved["details"]["parameters"] == {"functionName": "checkout", "name": "live", "functionVersion": "1"}


def test_what_rds_tells_of_databases(server: AwsServer, make_request: Any) -> None:
    with server.at(NOW):
        put = server.put_database_event
        put(ONSET, "checkout-db", "Finished applying modification to DB instance class", ["configuration change"])
        put(ONSET + timedelta(minutes=2), "checkout-db", "Multi-AZ instance failover started", ["failover"])
        put(ONSET, "cart-db", "DB instance restarted", ["availability"])
        put(NOW - timedelta(days=2), "checkout-db", "DB instance created", ["creation"])
        for n in range(150):
            put(ONSET - timedelta(seconds=n), "other", "Backing up DB instance", ["backup"])
        rows, gaps = collect(make_request())
    (change,) = [r for r in rows["changes"] if ":rds:" in r["id"]]
    assert (change["time"], change["kind"]) == (ONSET, "config")
    assert change["summary"] == "RDS checkout-db: Finished applying modification to DB instance class"
    told = [(r["reason"], r["severity"]) for r in rows["events"] if r["kind"] == "rds"]
    assert sorted(told) == [("configuration change", "info"), ("failover", "warning")]
    assert [c.operation for c in server.calls()].count("DescribeEvents") == 2, "page by page"
    assert not [g for g in gaps if "RDS" in g.wanted]
