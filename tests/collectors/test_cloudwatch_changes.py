"""What AWS tells of changes, without AWS: answers of each service as rows."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from awsworld import WINDOW, at
from conftest import NOW

from collectors.cloudwatch import (
    causes,
    changerows,
    codedeploy,
    databases,
    functions,
    stacks,
    trail,
)


def test_a_version_with_the_same_code_is_a_configuration() -> None:
    def version(number: str, code: str, minutes: int) -> dict[str, Any]:
        modified = f"{at(minutes):%Y-%m-%dT%H:%M:%S.000+0000}"
        return {"FunctionName": "checkout", "Version": number, "CodeSha256": code, "LastModified": modified}

    versions = [version("$LATEST", "b", 5), version("1", "a", 9_000), version("2", "b", 60), version("10", "b", 30)]
    rows = list(functions.shaped(versions, [{"Name": "live", "FunctionVersion": "2"}], "checkout", "r", WINDOW))
    assert [(r["revision"], r["previous"], r["kind"]) for r in rows] == [
        ("2", "1", "deploy"),
        ("10", "2", "config"),
        ("$LATEST", "10", "config"),
    ]
    assert rows[0]["details"]["aliases"] == ["live"]
    published = [version("$LATEST", "b", 31), *versions[1:]]
    assert "$LATEST" not in {r["revision"] for r in functions.shaped(published, [], "checkout", "r", WINDOW)}


@pytest.mark.parametrize(
    ("revision", "text"),
    [
        ({"revisionType": "GitHub", "gitHubLocation": {"repository": "a/b", "commitId": "abc"}}, "abc"),
        ({"s3Location": {"bucket": "b", "key": "k.zip", "eTag": "e"}}, "b/k.zip@e"),
        ({"appSpecContent": {"content": "x", "sha256": "d"}}, "d"),
        (None, ""),
        ({"gitHubLocation": None}, ""),
    ],
)
def test_revisions_of_codedeploy(revision: Any, text: str) -> None:
    assert codedeploy.revision(revision) == text


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("UpdateFunctionCode20150331v2", "deploy"),
        ("UpdateFunctionConfiguration20150331v2", "config"),
        ("UpdateService", "deploy"),
        ("PutParameter", "config"),
        ("ModifyDBInstance", "config"),
        ("UpdateAutoScalingGroup", "scale"),
        ("PutScalingPolicy", "scale"),
        ("AuthorizeSecurityGroupIngress", "infra"),
    ],
)
def test_kinds_of_trail_events(name: str, kind: str) -> None:
    assert trail.kind(name) == kind


def test_codedeploy_deployments_outside_the_window_or_of_others() -> None:
    info = {"applicationName": "checkout", "deploymentId": "d-1", "createTime": at(9), "creator": "user"}
    infos = [
        info,
        info | {"createTime": at(24 * 60 + 1)},
        info | {"applicationName": "cart"},
        {"applicationName": "checkout"},
    ]
    assert [r["time"] for r in codedeploy.shaped(infos, "checkout", "r", WINDOW)] == [at(9)]


def trailed(**record: Any) -> dict[str, Any]:
    return {
        "EventId": "e1",
        "EventName": "UpdateService",
        "EventTime": at(10),
        "Username": "ana",
        "CloudTrailEvent": json.dumps(record),
    }


def test_trail_events_keep_telling_parameters_only() -> None:
    given_ = {
        "service": "checkout",
        "desiredCount": 4,
        "environment": {"PASSWORD": "hunter2"},
        "masterUserPassword": "x",
    }
    (row,) = trail.shaped([trailed(requestParameters=given_)], "checkout", "r", WINDOW)
    assert row["details"]["parameters"] == {"service": "checkout", "desiredCount": 4}
    assert "hunter2" not in json.dumps(row, default=str)
    assert row["author"] == "ana"


@pytest.mark.parametrize(
    "event",
    [
        trailed(requestParameters={"service": "checkout"}, errorCode="AccessDenied"),
        trailed(requestParameters={"service": "checkout"}, readOnly=True),
        trailed(requestParameters={"service": "cart"}),
        trailed(requestParameters={"service": "checkout"}) | {"EventTime": at(24 * 60 + 1)},
        trailed(requestParameters={"service": "checkout"}) | {"EventName": "AssumeRole"},
        trailed() | {"CloudTrailEvent": "[" * 100_000},
        {},
    ],
)
def test_trail_events_that_changed_nothing_of_ours(event: dict[str, Any]) -> None:
    assert not list(trail.shaped([event], "checkout", "r", WINDOW))


def stacked(minutes: int, status: str, *, own: bool = True, id_: str = "Queue") -> dict[str, Any]:
    physical = "arn:stack" if own else id_
    return {
        "EventId": f"e{minutes}",
        "StackId": "arn:stack",
        "StackName": "checkout",
        "PhysicalResourceId": physical,
        "LogicalResourceId": "checkout" if own else id_,
        "ResourceType": stacks.STACK if own else "AWS::SQS::Queue",
        "ResourceStatus": status,
        "Timestamp": at(minutes),
        "ResourceStatusReason": "no such role",
    }


def test_one_change_for_each_operation_on_a_stack() -> None:
    told = [
        stacked(30, "UPDATE_COMPLETE"),
        stacked(33, "UPDATE_COMPLETE", own=False),
        stacked(35, "UPDATE_IN_PROGRESS"),
        stacked(10, "UPDATE_ROLLBACK_IN_PROGRESS"),
        stacked(11, "UPDATE_FAILED", own=False, id_="Table"),
        stacked(12, "UPDATE_IN_PROGRESS"),
    ]
    first, second = stacks.shaped(told, "checkout", "r", WINDOW)
    assert (first["time"], first["finished"]) == (at(35), at(30))
    assert first["details"]["resources"] == [{"id": "Queue", "type": "AWS::SQS::Queue"}]
    assert second["finished"] is None
    assert second["details"]["failed"] == ["Table: no such role"]


def test_rds_events() -> None:
    told = [
        {"SourceIdentifier": "checkout-db", "Message": "Failed over", "Date": at(9), "EventCategories": ["failover"]},
        {
            "SourceIdentifier": "checkout-db",
            "Message": "Resized",
            "Date": at(8),
            "EventCategories": ["configuration change"],
        },
        {"SourceIdentifier": "checkout-db", "Message": "no date"},
    ]
    assert [(r["reason"], r["severity"]) for r in databases.events(told, "r", WINDOW)] == [
        ("failover", "warning"),
        ("configuration change", "info"),
    ]
    assert [(r["kind"], r["summary"]) for r in databases.changes(told, "checkout", "r", WINDOW)] == [
        ("config", "RDS checkout-db: Resized")
    ]
    assert databases.belongs({"SourceIdentifier": "orders"}, "checkout", frozenset({"orders"}))


def test_an_author_is_a_person_where_the_arn_names_one() -> None:
    assert changerows.person("arn:aws:sts::123456789012:assumed-role/Admin/ana") == "ana"
    assert changerows.person("autoscaling") == "autoscaling"
    assert changerows.person(None) == ""


def told(what: str, minutes: float, **details: Any) -> dict[str, Any]:
    id_ = f"aws:r:{what}:checkout/1"
    return {
        "id": id_,
        "time": NOW - timedelta(minutes=minutes),
        "ref": f"ref {what}",
        "author": None,
        "details": details,
    }


def called(minutes: float, event: str = "UpdateService", **more: Any) -> dict[str, Any]:
    given_ = {"event": event, "api": "ecs.amazonaws.com", "resources": ["arn:aws:ecs:r:1:service/shop/checkout"]}
    return told("cloudtrail", minutes, **(given_ | more)) | {"author": "ana"}


def test_a_deployment_and_the_call_behind_it_are_one_change() -> None:
    join = causes.Join()
    assert join.add([told("ecs", 9)]) == []
    assert join.add([called(9.5), called(60), called(9.5, "PutScalingPolicy"), called(9.5, resources=["cart"])]) == []
    first, *others = join.close()
    assert (first["id"], first["author"], first["details"]["call"]) == ("aws:r:ecs:checkout/1", "ana", "ref cloudtrail")
    assert len(others) == 3, "a call without a deployment of its own is a change"
    assert join.add([called(9.6)]) == [], "it comes late, but has been told of"
    assert join.add([called(70)]) == [called(70)]


@pytest.mark.parametrize(("minutes", "same"), [(9.1, True), (8.9, True), (11.1, False), (8.5, False)])
def test_the_call_comes_shortly_before(minutes: float, same: bool) -> None:
    assert causes.caused(called(minutes), told("ecs", 9)) is same
