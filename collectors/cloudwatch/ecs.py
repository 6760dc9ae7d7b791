"""Deployments and events of ECS services."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change, event, person, when
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

MOST_CLUSTERS = 20
MOST_SERVICES = 20
MOST_DEFINITIONS = 8
BATCH = 10
"""Of DescribeServices: AWS's limit."""

_HOME = re.compile(r":service/([^/]+)/")
"""The cluster in a service's ARN; in those of before 2018 it is not."""

Items = Iterator[Rows | Gap]


def read(api: Api, request: Request, known: Collection[str] = ()) -> Items:
    """Deployments in the change window, and what ECS says about the service in it; `known`: ARNs of services that are
    the service's, whatever they are called."""
    wanted = f"ECS deployments of {request.service}"
    try:
        for cluster, arns in (yield from _found(api, request, known)).items():
            for first in range(0, len(arns), BATCH):
                part = arns[first : first + BATCH]
                answer = api.call("ecs", "describe_services", cluster=cluster, services=part)
                for service in answer.get("services") or ():
                    yield from _service(api, request, cluster, service)
    except CallError as error:
        yield gap(error, wanted)


def _found(api: Api, request: Request, known: Collection[str]) -> Any:
    """Yields gaps; returns cluster ARN to the ARNs of services that are ours. Raises CallError."""
    clusters = [c for page in api.pages("ecs", "list_clusters") for c in page.get("clusterArns") or ()]
    homes = {m[1] for arn in known if (m := _HOME.search(arn))}
    clusters.sort(key=lambda c: (_short(c) not in homes, names.rank(request.service, _short(c)) is None, c))
    found: dict[str, list[str]] = {}
    for cluster in clusters[:MOST_CLUSTERS]:
        pages = api.pages("ecs", "list_services", cluster=cluster)
        arns = [a for page in pages for a in page.get("serviceArns") or ()]
        own = {_short(a) for a in arns if a in known}
        ranked = sorted((r, a) for a in arns if (r := names.belonging(request.service, _short(a), own)) is not None)
        if ranked:
            found[cluster] = [a for _, a in ranked[:MOST_SERVICES]]
    if len(clusters) > MOST_CLUSTERS:
        why = f"{api.region} has {len(clusters)} ECS clusters; {MOST_CLUSTERS} were looked through"
        yield truncated(f"all ECS services of {request.service}", why, "name the cluster like the service")
    return found


def _service(api: Api, request: Request, cluster: str, service: Mapping[str, Any]) -> Items:
    images: dict[str, str] = {}
    yield from _images(api, service, images)
    if rows := list(deployments(service, images, request.service, api.region, request.changes)):
        yield Rows("changes", rows)
    if rows := list(events(service, api.region, request.changes)):
        yield Rows("events", rows)
    yield from _past(api, request, cluster, service)


def _images(api: Api, service: Mapping[str, Any], into: dict[str, str]) -> Items:
    """Fill in which image each task definition of the deployments runs."""
    definitions = [str(d["taskDefinition"]) for d in service.get("deployments") or () if d.get("taskDefinition")]
    for arn in list(dict.fromkeys(definitions))[:MOST_DEFINITIONS]:
        try:
            answer = api.call("ecs", "describe_task_definition", taskDefinition=arn)
        except CallError as error:
            yield gap(error, f"images of {_short(arn)}")
            return
        containers = (answer.get("taskDefinition") or {}).get("containerDefinitions") or ()
        into[arn] = ", ".join(str(c["image"]) for c in containers if c.get("essential", True) and c.get("image"))


def _past(api: Api, request: Request, cluster: str, service: Mapping[str, Any]) -> Items:
    """Deployments that are over: DescribeServices forgets them."""
    asked = {"cluster": cluster, "service": str(service.get("serviceArn")), "maxResults": 100}
    window = {"after": request.changes.start, "before": request.changes.end}
    try:
        answer = api.call("ecs", "list_service_deployments", createdAt=window, **asked)
    except CallError as error:
        yield gap(error, f"past ECS deployments of {service.get('serviceName')}")
        return
    briefs = answer.get("serviceDeployments") or ()
    if rows := list(past(briefs, service, request.service, api.region, request.changes)):
        yield Rows("changes", rows)


def deployments(
    service: Mapping[str, Any], images: Mapping[str, str], ours: str, region: str, window: Window
) -> Iterator[dict[str, Any]]:
    """Rows of the deployments DescribeServices knows, those in the window. Pure."""
    known = sorted(
        (d for d in service.get("deployments") or () if when(d.get("createdAt"))), key=lambda d: d["createdAt"]
    )
    for before, one in zip([{}, *known], known, strict=False):
        if one["createdAt"] not in window:
            continue
        after, previous = (str(d.get("taskDefinition", "")) for d in (one, before))
        state = str(one.get("rolloutState") or one.get("status") or "")
        name = str(service.get("serviceName", ""))
        done = state in ("COMPLETED", "FAILED")
        yield change(
            region=region,
            what="ecs",
            id_=f"{name}/{one.get('id', '')}",
            time=one["createdAt"],
            finished=when(one.get("updatedAt")) if done else None,
            kind="deploy",
            summary=f"ECS service {name} to {images.get(after) or _short(after)}: {state}",
            service=ours,
            ref=links.ecs(region, _short(str(service.get("clusterArn", ""))), name),
            revision=images.get(after) or _short(after),
            previous=images.get(previous) or _short(previous),
            author=person(service.get("createdBy")) if len(known) == 1 else "",
            details=_details(service, one),
        )


def _details(service: Mapping[str, Any], one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "cluster": _short(str(service.get("clusterArn", ""))),
        "task_definition": _short(str(one.get("taskDefinition", ""))),
        "desired": one.get("desiredCount"),
        "running": one.get("runningCount"),
        "failed_tasks": one.get("failedTasks"),
        "reason": one.get("rolloutStateReason"),
    }


def past(
    briefs: Sequence[Mapping[str, Any]], service: Mapping[str, Any], ours: str, region: str, window: Window
) -> Iterator[dict[str, Any]]:
    """Rows of ListServiceDeployments' answer; those DescribeServices told of too are left to it. Pure."""
    told = [when(d.get("createdAt")) for d in service.get("deployments") or ()]
    name = str(service.get("serviceName", ""))
    for brief in briefs:
        time = when(brief.get("startedAt")) or when(brief.get("createdAt"))
        made = when(brief.get("createdAt")) or time
        if (
            time is None
            or made is None
            or time not in window
            or any(t and abs(t - made).total_seconds() < 5 for t in told)
        ):
            continue
        revision = _short(str(brief.get("targetServiceRevisionArn", "")))
        status = str(brief.get("status", ""))
        yield change(
            region=region,
            what="ecs",
            id_=f"{name}/{_short(str(brief.get('serviceDeploymentArn', '')))}",
            time=time,
            finished=when(brief.get("finishedAt")),
            kind="deploy",
            summary=f"ECS service {name} to service revision {revision}: {status}",
            service=ours,
            ref=links.ecs(region, _short(str(service.get("clusterArn", ""))), name),
            revision=revision,
            details={"status": status, "reason": brief.get("statusReason")},
        )


def events(service: Mapping[str, Any], region: str, window: Window) -> Iterator[dict[str, Any]]:
    """What ECS says about the service, as rows of the events table. Pure."""
    name = str(service.get("serviceName", ""))
    ref = links.ecs(region, _short(str(service.get("clusterArn", ""))), name)
    for one in service.get("events") or ():
        time, message = when(one.get("createdAt")), str(one.get("message", ""))
        if time is not None and time in window:
            bad = any(w in message for w in ("unable", "unhealthy", "failed", "error", "rolling back"))
            reason = _reason(message)
            severity = "warning" if bad else "info"
            yield event(kind="ecs", reason=reason, object_=name, message=message, time=time, ref=ref, severity=severity)


def _reason(message: str) -> str:
    words = {
        "unable to place": "UnableToPlaceTask",
        "unhealthy": "Unhealthy",
        "rolling back": "RollingBack",
        "steady state": "SteadyState",
        "has started": "TasksStarted",
        "has stopped": "TasksStopped",
        "deployment completed": "DeploymentCompleted",
        "deployment failed": "DeploymentFailed",
    }
    return next((reason for phrase, reason in words.items() if phrase in message), "ServiceEvent")


def _short(arn: str) -> str:
    return arn.rpartition("/")[2]
