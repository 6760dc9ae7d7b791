"""Shaping: deployments, releases and merged changes into rows of the table `changes`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from collectors.forge.records import Brought, Deployment, Merged, Release

MOST_LISTED = 500
MOST_FILES = 300

Row = dict[str, Any]
Files = Sequence[dict[str, Any]]


def deployment_row(
    deployment: Deployment, previous: Deployment | None, brought: Brought, kind: str, service: str
) -> Row:
    """A row of kind deploy. Its time is when the deployment began; `finished` is when it succeeded."""
    details: Row = {
        "environment": deployment.environment,
        "ref": deployment.ref,
        "state": deployment.said or deployment.state,
        "description": deployment.description,
        "created": deployment.created.isoformat(),
        "url": deployment.log_url or deployment.url,
        "environment_url": deployment.url,
    }
    if deployment.state == "failure" and deployment.finished:
        details["failed"] = deployment.finished.isoformat()
    return {
        "time": deployment.time,
        "ref": deployment.address,
        "id": f"{kind}:deployment:{deployment.id}",
        "kind": "deploy",
        "service": service,
        "revision": deployment.revision,
        "previous": previous.revision if previous else None,
        "author": deployment.author,
        "summary": _deployment_summary(deployment, brought),
        "finished": deployment.finished if deployment.state == "success" else None,
        "details": {k: v for k, v in (details | _brought_details(brought)).items() if v},
    }


def _deployment_summary(deployment: Deployment, brought: Brought) -> str:
    what = deployment.ref or (deployment.revision or "")[:12] or "something"
    verb = {"failure": "failed to deploy", "running": "deploying"}.get(deployment.state, "deployed")
    if brought.taken_back:
        count = f" (takes back {counted(len(brought.taken_back))})"
    else:
        count = f" ({counted(brought.total)})" if brought.total else ""
    said = f": {deployment.description}" if deployment.description else ""
    return f"{verb} {what} to {deployment.environment}{count}{said}"


def counted(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"


def _brought_details(brought: Brought) -> Row:
    details: Row = {
        "commits": list(brought.commits[:MOST_LISTED]),
        "commits_total": brought.total,
        **_files_details(brought.files),
    }
    if brought.taken_back:
        details |= {"rollback": True, "rolled_back": list(brought.taken_back[:MOST_LISTED])}
    return details


def _files_details(files: Files) -> Row:
    return {
        "files": list(files[:MOST_FILES]),
        "files_total": len(files) if len(files) > MOST_FILES else 0,
        "insertions": sum(f["added"] for f in files),
        "deletions": sum(f["deleted"] for f in files),
    }


def release_row(release: Release, kind: str, service: str) -> Row:
    """A row of kind deploy: published is the nearest to deployed that such a repository tells."""
    details = {"tag": release.tag, "message": release.body, "url": release.page, "time_is": "published"}
    title = f": {release.title}" if release.title != release.tag else ""
    return {
        "time": release.time,
        "ref": release.address,
        "id": f"{kind}:release:{release.key}",
        "kind": "deploy",
        "service": service,
        "revision": release.revision,
        "author": release.author,
        "summary": f"released {release.tag}{title}",
        "details": {k: v for k, v in details.items() if v},
    }


def merged_row(merged: Merged, files: Files, kind: str, service: str) -> Row:
    """A row of kind commit: the change as it landed on the branch."""
    pull = kind == "github"
    details: Row = {
        "pr": merged.number,
        "branch": merged.branch,
        "body": merged.body,
        "labels": list(merged.labels),
        "url": merged.page,
        **_files_details(files),
    }
    return {
        "time": merged.time,
        "ref": merged.address,
        "id": f"{kind}:{'pull' if pull else 'merge_request'}:{merged.number}",
        "kind": "commit",
        "service": service,
        "revision": merged.revision,
        "author": merged.author,
        "summary": f"{merged.title or 'untitled'} ({'#' if pull else '!'}{merged.number})",
        "details": {k: v for k, v in details.items() if v},
    }
