"""Names of AWS resources: from what is told of deployments, and from the dimensions of CloudWatch's metrics. Pure.

A change's id is 'aws:<region>:<what>:<own id>'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.changes import Change
from gather_diagnostics.response.facts.details import mapping, text, texts
from gather_diagnostics.response.facts.labels import labels_of

Pair = tuple[str, object]

DIMENSIONS: Mapping[str, tuple[str, str]] = {
    "ClusterName": ("AWS/ECS", "ecs_cluster"),
    "ServiceName": ("AWS/ECS", "ecs_service"),
    "FunctionName": ("AWS/Lambda", "lambda_function"),
    "DBInstanceIdentifier": ("AWS/RDS", "database"),
    "QueueName": ("AWS/SQS", "queue"),
}
"""Dimension to the namespace it is read in, and the name it tells.

Source: the CloudWatch metrics page of each service's documentation.
"""


def of_change(change: Change, changes: Sequence[Change]) -> Iterator[Pair]:
    """What one change tells; nothing for those of others than AWS."""
    parts = change.id.split(":", 3)
    if parts[0] != "aws" or len(parts) < 4:
        return
    yield "region", parts[1]
    details = change.details
    match parts[2]:
        case "ecs":
            yield "ecs_cluster", details.get("cluster")
            yield "ecs_service", parts[3].partition("/")[0]
            yield "task_definition", details.get("task_definition")
            yield "previous_task_definition", _previous_definition(change, changes)
            yield from _images(change)
        case "lambda":
            yield "lambda_function", details.get("function")
            yield "revision", change.revision
            yield "previous_revision", change.previous if (change.previous or "").isdigit() else None
            yield from (("alias", a) for a in texts(details, "aliases"))
        case "codedeploy":
            yield "codedeploy_deployment", parts[3]
            yield "previous_version", change.previous
        case "rds":
            yield "database", details.get("database")
        case "cloudtrail":
            yield from _parameters(text(details, "event"), mapping(details, "parameters"))


def _previous_definition(change: Change, changes: Sequence[Change]) -> str | None:
    """Where the images of a deployment are not known, `previous` is a task definition; else an earlier row tells."""
    now = text(change.details, "task_definition")
    if change.revision == now and change.previous:
        return change.previous
    family = now.rpartition(":")[0]
    before = [c for c in changes if c.platform == "ecs" and c.time < change.time]
    told = [text(c.details, "task_definition") for c in before]
    return next((t for t in reversed(told) if t != now and t.rpartition(":")[0] == family and family), None)


def _images(change: Change) -> Iterator[Pair]:
    if change.revision != change.details.get("task_definition"):
        yield "image", change.revision
        yield "previous_image", change.previous


def _parameters(event: str, given: Mapping[str, Any]) -> Iterator[Pair]:
    """Of a call that CloudTrail recorded."""
    if event == "UpdateService":
        yield "ecs_cluster", _short(given.get("cluster"))
        yield "ecs_service", _short(given.get("service"))
    if event in ("UpdateAlias", "PublishVersion") or event.startswith("UpdateFunctionCode"):
        yield "lambda_function", _short(given.get("functionName"), ":")
    if event == "UpdateAlias":
        yield "alias", given.get("name")
    yield "database", given.get("dBInstanceIdentifier")


def _short(arn: Any, by: str = "/") -> str | None:
    return str(arn).rpartition(by)[2] if arn else None


def of_tables(evidence: Evidence) -> Iterator[Pair]:
    """What dimensions of metrics and events of databases tell."""
    for labels in labels_of(evidence, "metrics", "cloudwatch"):
        yield "region", labels.get("region")
        for dimension, (namespace, name) in DIMENSIONS.items():
            if labels.get("namespace") == namespace:
                yield name, labels.get(dimension)
    events = evidence.tables.get("events")
    if events is not None:
        yield from (("database", o) for o in events.loc[events["kind"] == "rds", "object"].dropna().unique())
