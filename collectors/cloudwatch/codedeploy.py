"""Deployments by CodeDeploy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change, person, when
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

MOST = 500
"""Deployments looked through, the latest first."""
BATCH = 25
"""Of BatchGetDeployments: AWS's limit."""


def read(api: Api, request: Request) -> Iterator[Rows | Gap]:
    """Deployments in the change window whose application or group is named like the service."""
    wanted = f"CodeDeploy deployments of {request.service}"
    window = {"start": request.changes.start, "end": request.changes.end}
    ids: list[str] = []
    try:
        for page in api.pages("codedeploy", "list_deployments", createTimeRange=window):
            ids += page.get("deployments") or ()
            if len(ids) > MOST:
                break
        for first in range(0, min(len(ids), MOST), BATCH):
            batch = ids[first : min(first + BATCH, MOST)]
            answer = api.call("codedeploy", "batch_get_deployments", deploymentIds=batch)
            if rows := list(shaped(answer.get("deploymentsInfo") or (), request.service, api.region, request.changes)):
                yield Rows("changes", rows)
    except CallError as error:
        yield gap(error, wanted)
    if len(ids) > MOST:
        why = f"the account had more than {MOST} deployments in the change window; {MOST} were looked through"
        yield truncated(wanted, why, "ask for a shorter change window")


def shaped(infos: Sequence[Mapping[str, Any]], service: str, region: str, window: Window) -> Iterator[dict[str, Any]]:
    """Rows of the service's deployments in the window. Pure."""
    for info in infos:
        application, group = str(info.get("applicationName", "")), str(info.get("deploymentGroupName", ""))
        time = when(info.get("createTime"))
        if time is None or time not in window or names.best(service, (application, group)) is None:
            continue
        id_ = str(info.get("deploymentId", ""))
        status = str(info.get("status", ""))
        yield change(
            region=region,
            what="codedeploy",
            id_=id_,
            time=time,
            finished=when(info.get("completeTime")),
            kind="deploy",
            summary=f"CodeDeploy deployment of {application} to {group}: {status}",
            service=service,
            ref=links.deployment(region, id_),
            revision=revision(info.get("revision")),
            previous=revision(info.get("previousRevision")),
            author=person(info.get("creator")),
            details=_details(info),
        )


def _details(info: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("applicationName", "deploymentGroupName", "deploymentConfigName", "status", "description", "creator")
    counts = {k: int(v) for k, v in (info.get("deploymentOverview") or {}).items() if isinstance(v, int)}
    error = info.get("errorInformation") or {}
    rollback = info.get("rollbackInfo") or {}
    return {k: info.get(k) for k in kept} | {
        "instances": counts,
        "error": error.get("message"),
        "rollback_of": rollback.get("rollbackTriggeringDeploymentId"),
    }


def revision(value: Any) -> str:
    """The commit, object or hash that a revision names."""
    match value:
        case {"gitHubLocation": {"commitId": str(commit)}}:
            return commit
        case {"s3Location": {"key": str(key)} as place}:
            version = place.get("version") or place.get("eTag") or ""
            return f"{place.get('bucket', '')}/{key}" + (f"@{version}" if version else "")
        case {"appSpecContent": {"sha256": str(digest)}} | {"string": {"sha256": str(digest)}}:
            return digest
        case _:
            return ""
