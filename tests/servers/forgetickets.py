"""GitHub's and GitLab's comments on issues.

What their pages require is required here, and what they answer is answered, refusals too.
Pages: docs.github.com/en/rest/issues/comments, .../using-the-rest-api/getting-started-with-the-rest-api;
docs.gitlab.com/api/notes, .../api/project_markdown_uploads, .../api/rest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from servers.tickets import TOKEN, Ticket, holding
from servers.ticketserver import Call, Refused, Reply, Routes, Running, paged, served
from servers.tls import Certificates

# GitHub


@contextmanager
def github(ticket: Ticket, *, prefix: str = "", tls: Certificates | None = None) -> Iterator[Running]:
    """acme/shop#12, an issue, or a pull request, whose comments are an issue's."""
    world = _GitHub(ticket)
    with served(world.routes(), world.check, prefix, tls) as running:
        world.base = running.url.removesuffix(prefix)
        yield running


class _GitHub:
    base = ""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def check(self, call: Call) -> None:
        if not call.headers.get("User-Agent"):
            raise Refused(403, b"Request forbidden by administrative rules.", {"Content-Type": "text/html"})
        if call.headers.get("X-GitHub-Api-Version") != "2022-11-28":
            raise Refused(400, {"message": "The API version is not supported"})
        assert call.headers.get("Accept") == "application/vnd.github+json"
        if call.headers.get("Authorization") != f"Bearer {TOKEN}":
            raise Refused(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/rest"})

    def routes(self) -> Routes:
        issues = "/repos/([^/]+/[^/]+)/issues"
        return [
            ("GET", f"{issues}/(\\d+)/comments", self.comments),
            ("POST", f"{issues}/(\\d+)/comments", self.add),
            ("PATCH", f"{issues}/comments/(\\d+)", self.edit),
        ]

    def _there(self, repository: str, number: str) -> None:
        if (repository, number) != ("acme/shop", "12"):
            raise Refused(404, {"message": "Not Found", "status": "404"})

    def comments(self, call: Call, repository: str, number: str) -> Reply:
        self._there(repository, number)
        return paged(call, self.ticket.comments, self.base)

    def _body(self, call: Call) -> str:
        body = call.json()["body"]
        if len(body) > 65_536:
            error = {"resource": "IssueComment", "code": "unprocessable", "field": "data",
                     "message": "Body is too long (maximum is 65536 characters)"}  # fmt: skip
            raise Refused(422, {"message": "Validation Failed", "errors": [error]})
        return body

    def add(self, call: Call, repository: str, number: str) -> Reply:
        self._there(repository, number)
        if self.ticket.locked:
            raise Refused(403, {"message": "Unable to create comment because issue is locked.", "status": "403"})
        id_ = 3000 + len(self.ticket.comments)
        page = f"https://github.com/{repository}/issues/{number}#issuecomment-{id_}"
        self.ticket.comments.append({"id": id_, "body": self._body(call), "html_url": page, "user": {"login": "ada"}})
        return Reply(201, self.ticket.comments[-1])

    def edit(self, call: Call, repository: str, id_: str) -> Reply:
        found = next((c for c in self.ticket.comments if str(c["id"]) == id_), None)
        if found is None:
            raise Refused(404, {"message": "Not Found"})
        if found.get("of_another"):
            raise Refused(403, {"message": "Must have admin rights to Repository."})
        found["body"] = self._body(call)
        return Reply(200, found)


# GitLab


@contextmanager
def gitlab(ticket: Ticket, *, prefix: str = "", tls: Certificates | None = None) -> Iterator[Running]:
    """Issue and merge request 12 of acme/shop; `Running.url` is the server's, as in GITLAB_URL."""
    world = _GitLab(ticket)
    check = holding("Authorization", f"Bearer {TOKEN}", {"message": "401 Unauthorized"})
    with served(world.routes(), check, prefix, tls) as running:
        world.base = running.url.removesuffix(prefix)
        yield running


class _GitLab:
    base = ""

    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def routes(self) -> Routes:
        project = "/api/v4/projects/([^/]+)"
        notes = f"{project}/(issues|merge_requests)/(\\d+)/notes"
        return [
            ("GET", notes, self.notes),
            ("POST", notes, self.add),
            ("PUT", f"{notes}/(\\d+)", self.edit),
            ("POST", f"{project}/uploads", self.upload),
        ]

    def _there(self, project: str, number: str = "12") -> None:
        if project != "acme/shop":
            raise Refused(404, {"message": "404 Project Not Found"})
        if number != "12":
            raise Refused(404, {"message": "404 Not found"})

    def notes(self, call: Call, project: str, kind: str, number: str) -> Reply:
        self._there(project, number)
        assert call.query["sort"] in ("asc", "desc")
        assert call.query["order_by"] in ("created_at", "updated_at")
        return paged(call, self.ticket.comments, self.base)

    def _body(self, call: Call) -> str:
        body = call.json()["body"]
        if len(body) > 1_000_000:
            raise Refused(400, {"message": {"note": ["is too long (maximum is 1000000 characters)"]}})
        return body

    def add(self, call: Call, project: str, kind: str, number: str) -> Reply:
        self._there(project, number)
        if self.ticket.locked:
            raise Refused(403, {"message": "403 Forbidden"})
        made = {"id": 300 + len(self.ticket.comments), "body": self._body(call), "system": False, "noteable_iid": 12}
        self.ticket.comments.append(made)
        return Reply(201, made)

    def edit(self, call: Call, project: str, kind: str, number: str, id_: str) -> Reply:
        self._there(project, number)
        found = next((c for c in self.ticket.comments if str(c["id"]) == id_), None)
        if found is None:
            raise Refused(404, {"message": "404 Note Not Found"})
        if found.get("of_another"):
            raise Refused(403, {"message": "403 Forbidden"})
        found["body"] = self._body(call)
        return Reply(200, found)

    def upload(self, call: Call, project: str) -> Reply:
        self._there(project)
        name, content = call.files()["file"]
        if len(content) > self.ticket.largest:
            raise Refused(413, {"message": "413 Request Entity Too Large"})
        self.ticket.files.append((name, content))
        place = f"/uploads/{hashlib.md5(content + bytes([len(self.ticket.files)])).hexdigest()}/{name}"
        return Reply(
            201,
            {"id": 5, "alt": name, "url": place, "full_path": f"/-/project/1{place}", "markdown": f"[{name}]({place})"},
        )
