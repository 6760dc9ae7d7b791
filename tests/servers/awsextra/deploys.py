"""ECS service deployments and revisions, and CodeDeploy deployments that end.

moto keeps one deployment a service for ever. Here UpdateService with a new task definition or forceNewDeployment adds
one: in DescribeServices the old one becomes ACTIVE beside the PRIMARY until `finish_service_deployment`.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ListServiceDeployments.html
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from moto.codedeploy.models import codedeploy_backends
from moto.ecs.models import Service, ecs_backends
from servers.awsextra.state import ACCOUNT, CLOCK, State, after, answers, helper
from servers.awsextra.wire import AwsError, Call

Record = dict[str, Any]


def _service(region: str, cluster: str, service: str) -> Service:
    key = f"{cluster.split('/')[-1]}:{service.split('/')[-1]}"
    found: Mapping[str, Service] = ecs_backends[ACCOUNT][region].services
    if key not in found:
        raise AwsError("ServiceNotFoundException", "Service not found.")
    return found[key]


def _of(call: Call) -> Service:
    p = call.params
    return _service(call.region, p.get("cluster", "default"), p.get("service") or p["serviceName"])


@after("ecs", "CreateService")
def created(call: Call, state: State) -> None:
    service = _of(call)
    state.deployments.append(_deployment(service, None, call.region))


@after("ecs", "UpdateService")
def updated(call: Call, state: State) -> None:
    p = call.params
    if not p.get("taskDefinition") and not p.get("forceNewDeployment"):
        return
    service = _of(call)
    earlier = _deployments(service.arn, state)
    # moto stores the task definition as it was given, be it 'family:revision'; AWS always tells the ARN.
    if service.task_definition:
        backend = ecs_backends[ACCOUNT][call.region]
        service.task_definition = backend.describe_task_definition(service.task_definition).arn
    _show_rollout(service)
    state.deployments.append(_deployment(service, earlier[-1] if earlier else None, call.region))


def _show_rollout(service: Service) -> None:
    """DescribeServices' deployments: a new PRIMARY, the old one ACTIVE."""
    if not service.deployments:
        return
    now, old = CLOCK.naive(), service.deployments[0]
    known = f"ecs-svc/{uuid.uuid4().int % 10**19:019d}"
    new = {**old, "id": known, "createdAt": now, "updatedAt": now, "runningCount": 0, "rolloutState": "IN_PROGRESS"}
    new |= {
        "pendingCount": service.desired_count,
        "desiredCount": service.desired_count,
        "taskDefinition": service.task_definition,
        "rolloutStateReason": f"ECS deployment {known} in progress.",
    }
    service.deployments.insert(0, new)
    if len(service.deployments) > 1:
        service.deployments[1:] = [{**old, "status": "ACTIVE"}]


def _deployment(service: Service, earlier: Record | None, region: str) -> Record:
    """What is kept of a deployment; the answers choose from it."""
    path = f"{service.cluster_name}/{service.name}"
    prefix = f"arn:aws:ecs:{region}:{ACCOUNT}"
    return {
        "serviceDeploymentArn": f"{prefix}:service-deployment/{path}/{uuid.uuid4().hex[:21]}",
        "serviceArn": service.arn,
        "clusterArn": service.cluster_arn,
        "createdAt": CLOCK.now(),
        "startedAt": CLOCK.now(),
        "status": "IN_PROGRESS",
        "revision": f"{prefix}:service-revision/{path}/{uuid.uuid4().int % 10**19:019d}",
        "source": earlier["revision"] if earlier else None,
        "taskDefinition": service.task_definition,
        "tasks": service.desired_count,
        "launchType": service.launch_type,
    }


def _deployments(arn: str, state: State) -> list[Record]:
    return [d for d in state.deployments if d["serviceArn"] == arn]


@answers("ecs", "ListServiceDeployments")
def list_service_deployments(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    window = p.get("createdAt") or {}
    found = [
        d
        for d in reversed(_deployments(_of(call).arn, state))
        if d["status"] in (p.get("status") or [d["status"]])
        and window.get("after", d["createdAt"]) <= d["createdAt"] <= window.get("before", d["createdAt"])
    ]
    offset = int(state.pages.get(p["nextToken"], -1)) if p.get("nextToken") else 0
    if offset < 0:
        raise AwsError("InvalidParameterException", "Invalid token")
    size = p.get("maxResults") or 20
    answer: dict[str, Any] = {"serviceDeployments": [_brief(d) for d in found[offset : offset + size]]}
    if offset + size < len(found):
        answer["nextToken"] = str(uuid.uuid4())
        state.pages[answer["nextToken"]] = offset + size
    return answer


def _brief(d: Record) -> Record:
    names = ("serviceDeploymentArn", "serviceArn", "clusterArn", "createdAt", "startedAt", "finishedAt", "status")
    brief = {name: d[name] for name in (*names, "statusReason") if name in d}
    return brief | {"targetServiceRevisionArn": d["revision"]}


@answers("ecs", "DescribeServiceDeployments")
def describe_service_deployments(call: Call, state: State) -> dict[str, Any]:
    known = {d["serviceDeploymentArn"]: d for d in state.deployments}
    asked = call.params["serviceDeploymentArns"]
    found = [_full(known[arn]) for arn in asked if arn in known]
    return {"serviceDeployments": found, "failures": _missing(asked, known)}


def _full(d: Record) -> Record:
    brief = {name: value for name, value in _brief(d).items() if name != "targetServiceRevisionArn"}
    done = d["status"] == "SUCCESSFUL"
    target = {"arn": d["revision"], "requestedTaskCount": d["tasks"], "runningTaskCount": d["tasks"] if done else 0}
    return brief | {
        "updatedAt": d.get("finishedAt", d["createdAt"]),
        "sourceServiceRevisions": [{"arn": d["source"]}] if d["source"] else [],
        "targetServiceRevision": target | {"pendingTaskCount": 0 if done else d["tasks"]},
        "deploymentConfiguration": {"maximumPercent": 200, "minimumHealthyPercent": 100, "strategy": "ROLLING"},
    }


@answers("ecs", "DescribeServiceRevisions")
def describe_service_revisions(call: Call, state: State) -> dict[str, Any]:
    known = {d["revision"]: d for d in state.deployments}
    asked = call.params["serviceRevisionArns"]
    found = [_revision(known[arn], call.region) for arn in asked if arn in known]
    return {"serviceRevisions": found, "failures": _missing(asked, known)}


def _revision(d: Record, region: str) -> Record:
    task = ecs_backends[ACCOUNT][region].describe_task_definition(d["taskDefinition"]) if d["taskDefinition"] else None
    images = task.container_definitions if task else []
    revision = {
        "serviceRevisionArn": d["revision"],
        "serviceArn": d["serviceArn"],
        "clusterArn": d["clusterArn"],
        "launchType": d["launchType"] or "EC2",
        "createdAt": d["createdAt"],
        "containerImages": [{"containerName": c["name"], "image": c["image"]} for c in images],
    }
    return revision | ({"taskDefinition": d["taskDefinition"]} if task else {})


def _missing(asked: list[str], known: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"arn": arn, "reason": "MISSING"} for arn in asked if arn not in known]


@helper
def finish_service_deployment(
    state: State, region: str, cluster: str, service: str, time: datetime, status: str, reason: str
) -> None:
    found = _service(region, cluster, service)
    newest = _deployments(found.arn, state)[-1]
    newest |= {"status": status, "finishedAt": time.astimezone(UTC)}
    newest |= {"statusReason": reason} if reason else {}
    if not found.deployments:
        return
    done = status == "SUCCESSFUL"
    first = found.deployments[0]
    first |= {"rolloutState": "COMPLETED" if done else "FAILED", "updatedAt": time.astimezone(UTC).replace(tzinfo=None)}
    if done:
        first |= {"runningCount": found.desired_count, "pendingCount": 0}
        first["rolloutStateReason"] = f"ECS deployment {first['id']} completed."
        found.deployments[:] = [first]
        found.running_count, found.pending_count = found.desired_count, 0


@helper
def put_service_event(state: State, region: str, cluster: str, service: str, time: datetime, text: str) -> None:
    naive = time.astimezone(UTC).replace(tzinfo=None)
    events = _service(region, cluster, service).events
    events.append({"id": str(uuid.uuid4()), "createdAt": naive, "message": text})
    events.sort(key=lambda event: event["createdAt"], reverse=True)


@helper
def set_deployment(
    state: State,
    region: str,
    deployment: str,
    status: str,
    created: datetime | None,
    started: datetime | None,
    completed: datetime | None,
) -> None:
    """Of CodeDeploy."""
    found = codedeploy_backends[ACCOUNT][region].deployments[deployment]
    found.status = status
    for name, value in {"create_time": created, "start_time": started, "complete_time": completed}.items():
        if value is not None:
            setattr(found, name, value.astimezone(UTC).replace(tzinfo=None))
