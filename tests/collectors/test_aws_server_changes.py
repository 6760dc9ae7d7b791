"""The AWS that other tests trust: CloudTrail, deployments, permissions, faults, asked by the real boto3 over HTTP."""

# ruff: noqa: F401, F811 - a fixture is imported, and asked for by its name

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from awsworld import ACCOUNT, LINES, PATIENT, WHO, T, code, make_service, minute, put_lines, running, server
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.parsers import ResponseParserError
from servers.aws import ACCOUNT, QUICK, AwsServer

pytestmark = pytest.mark.slow


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


# Deployments


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
