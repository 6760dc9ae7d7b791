"""GitHub's REST API: https://docs.github.com/en/rest (deployments, releases, pulls, compare), version 2022-11-28."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from collectors.forge import fields
from collectors.forge.client import Client
from collectors.forge.records import Brought, Deployment, Merged, Release, State
from gather_diagnostics import Window

_ENDED: Mapping[str, State] = {"success": "success", "inactive": "success", "failure": "failure", "error": "failure"}
_WAITING = frozenset({"queued", "waiting"})
DRAFTED = timedelta(days=30)
"""Releases are listed by when they were drafted; older drafts than this are not looked for."""


class GitHub:
    """Reads; what it read is shaped by the functions below."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._root = client.place.root
        self._address = f"{client.place.api}/{self._root}"

    def greeting(self) -> str:
        return "rate_limit"  # costs nothing of the limit itself

    def branch(self) -> str:
        answer = fields.mapping(self._client.get(self._root).document, "repository")
        return fields.line(answer.get("default_branch")) or "main"

    def deployments(self, environment: str, window: Window) -> Iterator[Deployment]:
        for one in self._client.pages(f"{self._root}/deployments", {"environment": environment}):
            found = deployment(fields.mapping(one, "deployment"), self._address)
            if found.created < window.end:
                yield found

    def told(self, deployment: Deployment) -> Deployment:
        path = f"{self._root}/deployments/{deployment.id}/statuses"
        answer = list(self._client.pages(path, {}))
        return with_statuses(deployment, list(fields.entries(answer, "statuses")))

    def brought(self, old: str, new: str) -> Brought:
        path = f"{self._root}/compare/{quote(old)}...{quote(new)}"
        answer = fields.mapping(self._client.get(path).document, "comparison")
        found = brought(answer)
        if found.commits or not fields.count(answer, "behind_by"):
            return found
        back = self._client.get(f"{self._root}/compare/{quote(new)}...{quote(old)}").document
        return replace(found, taken_back=brought(fields.mapping(back, "comparison")).commits)

    def releases(self, window: Window) -> Iterator[Release]:
        for one in self._client.pages(f"{self._root}/releases", {}):
            document = fields.mapping(one, "release")
            if fields.needed(document, "created_at") < window.start - DRAFTED:
                return
            found = release(document, self._address)
            if found and found.time in window:
                yield replace(found, revision=self._commit(found.tag))

    def _commit(self, ref: str) -> str | None:
        answer = self._client.get(f"{self._root}/commits", {"sha": ref, "per_page": 1}).document
        return next((fields.sha(c, "sha") for c in fields.entries(answer, "commits")), None)

    def merged(self, branch: str, window: Window) -> Iterator[Merged]:
        asked = {"state": "closed", "base": branch, "sort": "updated", "direction": "desc"}
        for one in self._client.pages(f"{self._root}/pulls", asked):
            document = fields.mapping(one, "pull request")
            if fields.needed(document, "updated_at") < window.start:
                return  # sorted by it, and a merge is an update
            found = merged(document, self._address)
            if found and found.time in window:
                yield found

    def files(self, merged: Merged) -> tuple[dict[str, Any], ...]:
        answer = list(self._client.pages(f"{self._root}/pulls/{merged.number}/files", {}))
        return files(fields.entries(answer, "files"))


def deployment(document: Mapping[str, Any], address: str) -> Deployment:
    """An entry of 'List deployments', its statuses still unknown."""
    key = fields.number(document, "id")
    created = fields.needed(document, "created_at")
    return Deployment(
        id=key,
        environment=fields.line(document.get("environment")),
        revision=fields.sha(document, "sha"),
        ref=fields.line(document.get("ref")),
        created=created,
        time=created,
        finished=None,
        state="unknown",
        said="",
        author=fields.name_of(document.get("creator")),
        description=fields.line(document.get("description")),
        address=f"{address}/deployments/{key}",
    )


def with_statuses(deployment: Deployment, statuses: Sequence[Mapping[str, Any]]) -> Deployment:
    """Fold 'List deployment statuses' into it.

    It began with its first status of work under way, and ended with its first of an end: later ones ('inactive')
    tell of its successor.
    """
    steps = sorted(((fields.needed(s, "created_at"), fields.line(s.get("state")), s) for s in statuses), key=_by_time)
    begun = next((time for time, said, _ in steps if said == "in_progress"), None)
    end = next(((time, said, s) for time, said, s in steps if said in _ENDED), None)
    if not steps:
        return deployment
    if end is None:
        said = steps[-1][1]
        waiting = begun is None and said in _WAITING
        return replace(
            deployment, time=begun or deployment.created, state="waiting" if waiting else "running", said=said
        )
    finished, said, status = end
    return replace(
        deployment,
        time=min(begun or deployment.created, finished),
        finished=finished if said != "inactive" else None,
        state=_ENDED[said],
        said=said,
        description=deployment.description or fields.line(status.get("description")),
        url=fields.link(status.get("environment_url")),
        log_url=fields.link(status.get("log_url")) or fields.link(status.get("target_url")),
    )


def _by_time(step: tuple[Any, str, Mapping[str, Any]]) -> Any:
    return step[0], fields.count(step[2], "id")


def brought(document: Mapping[str, Any]) -> Brought:
    """'Compare two commits': at most 250 commits, oldest first, and 300 files."""
    shas = [fields.sha(c, "sha") for c in fields.entries(document.get("commits"), "commits")]
    commits = tuple(s for s in reversed(shas) if s)
    return Brought(
        commits=commits,
        total=max(fields.count(document, "total_commits"), len(commits)),
        files=files(fields.entries(document.get("files"), "files")) if commits else (),
    )


def files(entries: Iterator[Mapping[str, Any]]) -> tuple[dict[str, Any], ...]:
    """Entries of a comparison's or a pull request's 'files'."""
    return tuple(
        {
            "path": fields.line(f.get("filename")),
            "added": fields.count(f, "additions"),
            "deleted": fields.count(f, "deletions"),
        }
        | ({"old_path": fields.line(f["previous_filename"])} if f.get("previous_filename") else {})
        for f in entries
    )


def release(document: Mapping[str, Any], address: str) -> Release | None:
    """An entry of 'List releases'; None for a draft or a pre-release, which are not for everybody."""
    published = fields.moment(document, "published_at")
    if published is None or document.get("draft") or document.get("prerelease"):
        return None
    key = fields.number(document, "id")
    tag = fields.line(document.get("tag_name"))
    return Release(
        key=str(key),
        tag=tag,
        time=published,
        revision=None,
        author=fields.name_of(document.get("author")),
        title=fields.line(document.get("name")) or tag,
        body=fields.body(document.get("body")),
        address=f"{address}/releases/{key}",
        page=fields.link(document.get("html_url")),
    )


def merged(document: Mapping[str, Any], address: str) -> Merged | None:
    """An entry of 'List pull requests'; None for one that was closed unmerged."""
    time = fields.moment(document, "merged_at")
    if time is None:
        return None
    number = fields.number(document, "number")
    return Merged(
        number=number,
        time=time,
        revision=fields.sha(document, "merge_commit_sha"),
        branch=fields.line(fields.mapping(document.get("base") or {}, "base").get("ref")),
        author=fields.name_of(document.get("user")),
        title=fields.line(document.get("title")),
        body=fields.body(document.get("body")),
        labels=tuple(fields.line(label.get("name")) for label in fields.entries(document.get("labels"), "labels")),
        address=f"{address}/pulls/{number}",
        page=fields.link(document.get("html_url")),
    )
