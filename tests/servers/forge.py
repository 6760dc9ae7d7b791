"""A forge on loopback that speaks GitHub's and GitLab's REST: pages with Link headers, rate limits, ETags, refusals.

Shapes and rules are those of https://docs.github.com/en/rest and https://docs.gitlab.com/ee/api/: what the real ones
refuse (a filter without its ordering, a page beyond 100 entries, a token that is none) is refused here too.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from servers.prometheus import Answer, Stub, saying, stub

TOKEN = "tok_0123456789abcdefghij"
REPOSITORY = "acme/shop"
Query = Mapping[str, str]


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(status)
        self.status, self.body = status, body


def sha(number: int) -> str:
    """The hash of the commit of this number on the branch's one line."""
    return hashlib.sha1(str(number).encode()).hexdigest()


def stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


@dataclass
class Deploy:
    """A deployment as the tests tell it: statuses are (state, time) in GitHub's words or GitLab's."""

    id: int
    commit: int
    created: datetime
    steps: Sequence[tuple[str, datetime]] = ()
    environment: str = "production"
    ref: str = "main"
    description: str = ""


@dataclass
class Repo:
    """What the server knows. Commits 0, 1, 2, ... are one line; commit n changes app/f<n>.py."""

    deploys: list[Deploy] = field(default_factory=list)
    releases: list[tuple[str, int, datetime]] = field(default_factory=list)
    """(tag, commit, published)."""
    merges: list[tuple[int, int, datetime]] = field(default_factory=list)
    """(number, commit, merged)."""
    page: int = 100
    """Entries of a page at most."""
    answers: list[Answer] = field(default_factory=list)
    """Given before anything else, one a request."""
    instead: dict[str, Answer] = field(default_factory=dict)
    """Given for every path that holds the key."""
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def forge(kind: str, repo: Repo) -> Iterator[Stub]:
    """A running server; `Stub.url` is the API's address."""
    routes = GITHUB if kind == "github" else GITLAB

    def answer(handler: BaseHTTPRequestHandler) -> None:
        if repo.answers:
            repo.answers.pop(0)(handler)
            return
        if chosen := next((a for part, a in repo.instead.items() if part in handler.path), None):
            chosen(handler)
            return
        status, body, headers = _answered(handler, kind, repo, routes)
        saying(status, body, headers=headers)(handler)

    with stub(answer) as running:
        yield running


def _answered(
    handler: BaseHTTPRequestHandler, kind: str, repo: Repo, routes: Mapping[str, Any]
) -> tuple[int, str, dict[str, str]]:
    headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "4999", **repo.headers}
    try:
        if handler.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"message": "Bad credentials" if kind == "github" else "401 Unauthorized"})
        document = _routed(handler.path, repo, routes)
        if isinstance(document, list):
            document = _page(handler, document, repo, headers)
    except Refused as refused:
        return refused.status, json.dumps(refused.body), headers
    body = json.dumps(document)
    headers["ETag"] = f'W/"{hashlib.sha256(body.encode()).hexdigest()}"'
    if handler.headers.get("If-None-Match") == headers["ETag"]:
        return 304, "", headers
    return 200, body, headers


def _routed(path: str, repo: Repo, routes: Mapping[str, Any]) -> Any:
    parts = urlsplit(path)
    query = {k: v[0] for k, v in parse_qs(parts.query, keep_blank_values=True).items()}
    for pattern, route in routes.items():
        if found := re.fullmatch(pattern, parts.path):
            return route(repo, query, *(unquote(g) for g in found.groups()))
    raise Refused(404, {"message": "Not Found"})


def _page(handler: BaseHTTPRequestHandler, entries: list[Any], repo: Repo, headers: dict[str, str]) -> list[Any]:
    parts = urlsplit(handler.path)
    query = {k: v[0] for k, v in parse_qs(parts.query).items()}
    size = min(int(query.get("per_page", 30)), 100, repo.page)
    number = int(query.get("page", 1))
    last = max(1, -(-len(entries) // size))
    base = f"http://{handler.headers['Host']}{parts.path}"
    links = {"next": number + 1, "last": last} if number < last else {}
    headers["Link"] = ", ".join(f'<{base}?{urlencode({**query, "page": n})}>; rel="{r}"' for r, n in links.items())
    return entries[(number - 1) * size : number * size]


def _between(old: str, new: str) -> tuple[list[int], list[int]]:
    """Commits that `new` has more, oldest first, and those that `old` has more."""
    numbers = {sha(n): n for n in range(1000)}
    if old not in numbers or new not in numbers:
        raise Refused(404, {"message": "Not Found"})
    a, b = numbers[old], numbers[new]
    return list(range(a + 1, b + 1)), list(range(b + 1, a + 1))


def _person(name: str = "ada") -> dict[str, Any]:
    return {"login": name, "username": name, "id": 7, "type": "User"}


# GitHub


def _hub_deployments(repo: Repo, query: Query) -> list[Any]:
    found = [d for d in repo.deploys if query.get("environment", d.environment) == d.environment]
    return [
        {
            "id": d.id, "sha": sha(d.commit), "ref": d.ref, "task": "deploy", "environment": d.environment,
            "description": d.description or None, "creator": _person(), "created_at": stamp(d.created),
            "updated_at": stamp(max([d.created, *(t for _, t in d.steps)])), "production_environment": True,
        }
        for d in sorted(found, key=lambda d: d.created, reverse=True)
    ]  # fmt: skip


def _hub_statuses(repo: Repo, query: Query, key: str) -> list[Any]:
    deploy = next((d for d in repo.deploys if d.id == int(key)), None)
    if deploy is None:
        raise Refused(404, {"message": "Not Found"})
    return [
        {
            "id": 100 * deploy.id + n, "state": state, "created_at": stamp(time), "creator": _person("ci"),
            "environment_url": "https://me:s3cr3t@shop.example.com/?key=1", "description": "",
            "log_url": f"https://github.example.com/{REPOSITORY}/actions/runs/{deploy.id}?token=s3cr3t",
        }
        for n, (state, time) in reversed(list(enumerate(deploy.steps)))
    ]  # fmt: skip


def _hub_compare(repo: Repo, query: Query, old: str, new: str) -> dict[str, Any]:
    ahead, behind = _between(old, new)
    return {
        "status": "ahead" if ahead else "behind" if behind else "identical",
        "ahead_by": len(ahead), "behind_by": len(behind), "total_commits": len(ahead),
        "commits": [{"sha": sha(n), "commit": {"message": f"Change {n}"}} for n in ahead[-250:]],
        "files": [{"filename": f"app/f{n}.py", "additions": 2, "deletions": 1, "status": "modified"} for n in ahead],
    }  # fmt: skip


def _hub_releases(repo: Repo, query: Query) -> list[Any]:
    draft = {"id": 1, "tag_name": "v0", "created_at": "2999-01-01T00:00:00Z", "published_at": None, "draft": True}
    return [draft] + [
        {
            "id": 9000 + commit, "tag_name": tag, "name": f"Release {tag}", "draft": False, "prerelease": False,
            "target_commitish": "main", "created_at": stamp(at), "published_at": stamp(at), "author": _person(),
            "html_url": f"https://github.example.com/{REPOSITORY}/releases/tag/{tag}", "body": "Notes.",
        }
        for tag, commit, at in sorted(repo.releases, key=lambda r: r[2], reverse=True)
    ]  # fmt: skip


def _hub_commits(repo: Repo, query: Query) -> list[Any]:
    commit = next((c for tag, c, _ in repo.releases if tag == query.get("sha")), None)
    if commit is None:
        raise Refused(404, {"message": "Not Found"})
    return [{"sha": sha(n)} for n in range(commit, -1, -1)]


def _hub_pulls(repo: Repo, query: Query) -> list[Any]:
    merges = sorted(repo.merges, key=lambda m: m[2], reverse=True) if query.get("base") == "main" else []
    return [
        {
            "number": number, "title": f"Change {commit}", "state": "closed", "merged_at": stamp(at),
            "updated_at": stamp(at), "merge_commit_sha": sha(commit), "user": _person(), "base": {"ref": "main"},
            "labels": [{"name": "pool"}], "body": "Why.",
            "html_url": f"https://github.example.com/{REPOSITORY}/pull/{number}",
        }
        for number, commit, at in merges
    ]  # fmt: skip


def _hub_files(repo: Repo, query: Query, number: str) -> list[Any]:
    commit = next(c for n, c, _ in repo.merges if n == int(number))
    return [{"filename": f"app/f{commit}.py", "additions": 2, "deletions": 1, "previous_filename": "app/old.py"}]


_R = f"/repos/{REPOSITORY}"
GITHUB: Mapping[str, Any] = {
    "/rate_limit": lambda repo, query: {"resources": {}, "rate": {"limit": 5000, "remaining": 4999, "reset": 1}},
    _R: lambda repo, query: {"id": 1, "full_name": REPOSITORY, "default_branch": "main"},
    f"{_R}/deployments": _hub_deployments,
    rf"{_R}/deployments/(\d+)/statuses": _hub_statuses,
    rf"{_R}/compare/(\w+)\.\.\.(\w+)": _hub_compare,
    f"{_R}/releases": _hub_releases,
    f"{_R}/commits": _hub_commits,
    f"{_R}/pulls": _hub_pulls,
    rf"{_R}/pulls/(\d+)/files": _hub_files,
}


# GitLab


def _lab_deployments(repo: Repo, query: Query) -> list[Any]:
    if ("updated_after" in query or "updated_before" in query) and query.get("order_by") != "updated_at":
        message = "`updated_at` filter requires `updated_at` sort"
        raise Refused(400, {"message": f"400 Bad request - {message}"})
    entries = [_lab_deployment(d) for d in repo.deploys if query.get("environment", d.environment) == d.environment]
    entries = [e for e in entries if query.get("updated_after", "") <= e["updated_at"]]
    entries = [e for e in entries if e["updated_at"] <= query.get("updated_before", "9")]
    entries = [e for e in entries if query.get("status", e["status"]) == e["status"]]
    return sorted(entries, key=lambda e: e["updated_at"], reverse=query.get("sort") == "desc")


def _lab_deployment(deploy: Deploy) -> dict[str, Any]:
    status, updated = deploy.steps[-1] if deploy.steps else ("created", deploy.created)
    started = next((stamp(t) for state, t in deploy.steps if state == "running"), None)
    ended = stamp(updated) if status in ("success", "failed", "canceled") else None
    job = {"id": 5, "started_at": started, "finished_at": ended, "commit": {"title": deploy.description or None}}
    return {
        "id": deploy.id, "iid": 1, "ref": deploy.ref, "sha": sha(deploy.commit), "status": status,
        "created_at": stamp(deploy.created), "updated_at": stamp(updated), "user": _person(),
        "environment": {"name": deploy.environment, "external_url": "https://shop.example.com"},
        "deployable": {**job, "web_url": f"https://gitlab.example.com/{REPOSITORY}/-/jobs/5"},
    }  # fmt: skip


def _lab_compare(repo: Repo, query: Query) -> dict[str, Any]:
    ahead, _ = _between(query["from"], query["to"])
    return {
        "commits": [{"id": sha(n), "created_at": f"2026-03-01T00:{n:02}:00.000+00:00"} for n in ahead],
        "diffs": [_lab_diff(n) for n in ahead], "compare_timeout": False, "compare_same_ref": False,
    }  # fmt: skip


def _lab_diff(number: int) -> dict[str, Any]:
    names = {"old_path": "app/old.py", "new_path": f"app/f{number}.py", "renamed_file": True}
    return {**names, "diff": "@@ -1,1 +1,2 @@\n-old\n+new\n+more\n"}


def _lab_releases(repo: Repo, query: Query) -> list[Any]:
    return [
        {
            "tag_name": tag, "name": f"Release {tag}", "released_at": stamp(at), "created_at": stamp(at),
            "commit": {"id": sha(commit)}, "author": _person(), "description": "Notes.",
            "_links": {"self": f"https://gitlab.example.com/{REPOSITORY}/-/releases/{tag}"},
        }
        for tag, commit, at in sorted(repo.releases, key=lambda r: r[2], reverse=True)
    ]  # fmt: skip


def _lab_merges(repo: Repo, query: Query) -> list[Any]:
    merges = sorted(repo.merges, key=lambda m: m[2], reverse=True)
    return [
        {
            "iid": number, "title": f"Change {commit}", "merged_at": stamp(at), "updated_at": stamp(at),
            "merge_commit_sha": None, "squash_commit_sha": sha(commit), "sha": "f" * 40, "author": _person(),
            "target_branch": "main", "labels": ["pool"], "description": "Why.",
            "web_url": f"https://gitlab.example.com/{REPOSITORY}/-/merge_requests/{number}",
        }
        for number, commit, at in merges
        if query.get("updated_after", "") <= stamp(at) and query.get("target_branch") == "main"
    ]  # fmt: skip


def _lab_merge_diffs(repo: Repo, query: Query, number: str) -> list[Any]:
    return [_lab_diff(next(c for n, c, _ in repo.merges if n == int(number)))]


_P = f"/projects/{quote(REPOSITORY, safe='')}"
GITLAB: Mapping[str, Any] = {
    "/version": lambda repo, query: {"version": "17.5.0", "revision": "abc"},
    _P: lambda repo, query: {"id": 1, "path_with_namespace": REPOSITORY, "default_branch": "main"},
    f"{_P}/deployments": _lab_deployments,
    f"{_P}/repository/compare": _lab_compare,
    f"{_P}/releases": _lab_releases,
    f"{_P}/merge_requests": _lab_merges,
    rf"{_P}/merge_requests/(\d+)/diffs": _lab_merge_diffs,
}
