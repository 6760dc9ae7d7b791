"""GitLab's REST API, version 4: https://docs.gitlab.com/ee/api/ (deployments, releases, merge requests, compare)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from collectors.forge import fields
from collectors.forge.client import Client
from collectors.forge.records import Brought, Deployment, Merged, Release, State
from gather_diagnostics import Window

_STATES: Mapping[str, State] = {
    "created": "waiting",
    "blocked": "waiting",
    "skipped": "waiting",
    "running": "running",
    "success": "success",
    "failed": "failure",
    "canceled": "failure",
}


class GitLab:
    """Reads; what it read is shaped by the functions below."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._root = client.place.root
        self._address = f"{client.place.api}/{self._root}"

    def greeting(self) -> str:
        return "version"

    def branch(self) -> str:
        answer = fields.mapping(self._client.get(self._root).document, "project")
        return fields.line(answer.get("default_branch")) or "main"

    def deployments(self, environment: str, window: Window) -> Iterator[Deployment]:
        asked = {"environment": environment, "order_by": "updated_at", "sort": "desc"}
        recent = self._deployments({**asked, "updated_after": _stamp(window.start)})
        yield from sorted((d for d in recent if d.time < window.end), key=lambda d: (d.time, d.id), reverse=True)
        # What the oldest of them replaced: the list above ends before it.
        yield from self._deployments({**asked, "updated_before": _stamp(window.start), "status": "success"})

    def _deployments(self, asked: Mapping[str, str]) -> Iterator[Deployment]:
        for one in self._client.pages(f"{self._root}/deployments", asked):
            yield deployment(fields.mapping(one, "deployment"), self._address)

    def told(self, deployment: Deployment) -> Deployment:
        return deployment

    def brought(self, old: str, new: str) -> Brought:
        found = brought(self._compared(old, new))
        return found if found.commits else replace(found, taken_back=brought(self._compared(new, old)).commits)

    def _compared(self, old: str, new: str) -> Mapping[str, Any]:
        answer = self._client.get(f"{self._root}/repository/compare", {"from": old, "to": new})
        return fields.mapping(answer.document, "comparison")

    def releases(self, window: Window) -> Iterator[Release]:
        asked = {"order_by": "released_at", "sort": "desc"}
        for one in self._client.pages(f"{self._root}/releases", asked):
            found = release(fields.mapping(one, "release"), self._address)
            if found.time < window.start:
                return
            if found.time in window:
                yield found

    def merged(self, branch: str, window: Window) -> Iterator[Merged]:
        asked = {
            "state": "merged",
            "target_branch": branch,
            "updated_after": _stamp(window.start),
            "order_by": "updated_at",
            "sort": "desc",
        }
        for one in self._client.pages(f"{self._root}/merge_requests", asked):
            found = merged(fields.mapping(one, "merge request"), self._address)
            if found and found.time in window:
                yield found

    def files(self, merged: Merged) -> tuple[dict[str, Any], ...]:
        path = f"{self._root}/merge_requests/{merged.number}/diffs"
        return files(fields.entries(list(self._client.pages(path, {})), "diffs"))


def _stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def deployment(document: Mapping[str, Any], address: str) -> Deployment:
    """An entry of 'List project deployments'. Its job, where it has one, knows best when it ran."""
    key = fields.number(document, "id")
    job = fields.mapping(document.get("deployable") or {}, "deployable")
    environment = fields.mapping(document.get("environment") or {}, "environment")
    said = fields.line(document.get("status"))
    state = _STATES.get(said, "unknown")
    created = fields.needed(document, "created_at")
    finished = fields.moment(job, "finished_at") or fields.moment(document, "finished_at")
    ended = finished or (fields.moment(document, "updated_at") if not job else None)
    commit = fields.mapping(job.get("commit") or {}, "commit")
    return Deployment(
        id=key,
        environment=fields.line(environment.get("name")),
        revision=fields.sha(document, "sha"),
        ref=fields.line(document.get("ref")),
        created=created,
        time=fields.moment(job, "started_at") or created,
        finished=ended if state in ("success", "failure") else None,
        state=state,
        said=said,
        author=fields.name_of(document.get("user")),
        description=fields.line(commit.get("title")),
        address=f"{address}/deployments/{key}",
        url=fields.link(environment.get("external_url")),
        log_url=fields.link(job.get("web_url")),
    )


def brought(document: Mapping[str, Any]) -> Brought:
    """'Compare branches, tags or commits'."""
    found = list(fields.entries(document.get("commits"), "commits"))
    found.sort(key=lambda c: fields.needed(c, "created_at"))
    commits = tuple(s for c in reversed(found) if (s := fields.sha(c, "id")))
    return Brought(
        commits=commits,
        total=len(commits),
        files=files(fields.entries(document.get("diffs"), "diffs")) if commits else (),
    )


def files(entries: Iterator[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Entries of 'diffs': GitLab gives the patch, not the counts; an empty patch is one that it left out."""
    found = []
    for one in entries:
        patch = str(one.get("diff") or "").split("\n")
        file: dict[str, Any] = {
            "path": fields.line(one.get("new_path")),
            "added": sum(line.startswith("+") for line in patch),
            "deleted": sum(line.startswith("-") for line in patch),
        }
        if one.get("renamed_file"):
            file["old_path"] = fields.line(one.get("old_path"))
        found.append(file)
    return tuple(found)


def release(document: Mapping[str, Any], address: str) -> Release:
    """An entry of 'List releases'."""
    tag = fields.line(document.get("tag_name"))
    links = fields.mapping(document.get("_links") or {}, "_links")
    return Release(
        key=tag,
        tag=tag,
        time=fields.needed(document, "released_at"),
        revision=fields.sha(fields.mapping(document.get("commit") or {}, "commit"), "id"),
        author=fields.name_of(document.get("author")),
        title=fields.line(document.get("name")) or tag,
        body=fields.body(document.get("description")),
        address=f"{address}/releases/{quote(tag, safe='')}",
        page=fields.link(links.get("self")),
    )


def merged(document: Mapping[str, Any], address: str) -> Merged | None:
    """An entry of 'List project merge requests'; None for one that was not merged."""
    time = fields.moment(document, "merged_at")
    if time is None:
        return None
    number = fields.number(document, "iid")
    names = ("merge_commit_sha", "squash_commit_sha", "sha")
    return Merged(
        number=number,
        time=time,
        revision=next((s for name in names if (s := fields.sha(document, name))), None),
        branch=fields.line(document.get("target_branch")),
        author=fields.name_of(document.get("author")),
        title=fields.line(document.get("title")),
        body=fields.body(document.get("description")),
        labels=tuple(fields.line(label) for label in document.get("labels") or () if isinstance(label, str)),
        address=f"{address}/merge_requests/{number}",
        page=fields.link(document.get("web_url")),
    )
