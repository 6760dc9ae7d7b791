"""Jira's comments and attachments.

What its pages require is required here, and what they answer is answered, refusals too.
Pages: developer.atlassian.com/cloud/jira/platform/rest/v2/api-group-issue-comments, .../api-group-issue-attachments;
docs.atlassian.com/software/jira/docs/api/REST.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from servers.tickets import MAIL, TOKEN, Ticket, basic, holding
from servers.ticketserver import Call, Refused, Reply, Routes, Running, served
from servers.tls import Certificates


@contextmanager
def jira(
    ticket: Ticket, *, cloud: bool = False, prefix: str = "", tls: Certificates | None = None
) -> Iterator[Running]:
    """OPS-12. Cloud takes e-mail and API token, Data Center a personal access token."""
    wanted = basic(MAIL, TOKEN) if cloud else f"Bearer {TOKEN}"
    refused = {"errorMessages": ["Client must be authenticated to access this resource."], "errors": {}}
    world = _Jira(ticket)
    with served(world.routes(), holding("Authorization", wanted, refused), prefix, tls) as running:
        yield running


def _jira_refused(status: int, words: str) -> Refused:
    return Refused(status, {"errorMessages": [words], "errors": {}})


class _Jira:
    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def routes(self) -> Routes:
        issue = "/rest/api/2/issue/([^/]+)"
        return [
            ("GET", issue, self.issue),
            ("GET", f"{issue}/comment", self.comments),
            ("POST", f"{issue}/comment", self.add),
            ("GET", f"{issue}/comment/(\\d+)", self.comment),
            ("PUT", f"{issue}/comment/(\\d+)", self.edit),
            ("GET", "/rest/api/2/attachment/meta", self.meta),
            ("POST", f"{issue}/attachments", self.attach),
        ]

    def _there(self, key: str) -> None:
        if key != "OPS-12":
            raise _jira_refused(404, "Issue does not exist or you do not have permission to see it.")

    def issue(self, call: Call, key: str) -> Reply:
        self._there(key)
        assert call.query.get("fields") == "attachment", "the whole issue is asked for"
        files = [
            {"id": str(10000 + n), "self": f"https://other.example.com/rest/api/2/attachment/{10000 + n}",
             "filename": name, "size": len(content), "mimeType": "application/gzip",
             "content": f"https://other.example.com/secure/attachment/{10000 + n}/{name}"}
            for n, (name, content) in enumerate(self.ticket.files)
        ]  # fmt: skip
        fields = {"attachment": files} if self.ticket.enabled else {}
        return Reply(200, {"id": "10002", "key": key, "self": "https://other.example.com/x", "fields": fields})

    def comments(self, call: Call, key: str) -> Reply:
        self._there(key)
        start, most = int(call.query.get("startAt", 0)), min(int(call.query.get("maxResults", 50)), 100)
        found = self.ticket.comments[start : start + most]
        return Reply(200, {"startAt": start, "maxResults": most, "total": len(self.ticket.comments), "comments": found})

    def _body(self, call: Call) -> str:
        body = call.json()["body"]
        if not body.strip():
            raise Refused(400, {"errorMessages": [], "errors": {"comment": "Comment body can not be empty!"}})
        if len(body) > 32_767:
            words = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
            raise Refused(400, {"errorMessages": [], "errors": {"comment": words}})
        return re.sub(r"\{anchor:[^}]*\}", "", body).replace("h2. ", "h2. \u00a0") if self.ticket.rewords else body

    def add(self, call: Call, key: str) -> Reply:
        self._there(key)
        made = _jira_comment(str(20000 + len(self.ticket.comments)), self._body(call))
        self.ticket.comments.append(made)
        return Reply(201, made)

    def _one(self, key: str, id_: str) -> dict[str, Any]:
        self._there(key)
        if found := next((c for c in self.ticket.comments if c["id"] == id_), None):
            return found
        raise _jira_refused(404, f"Can not find a comment for the id: {id_}.")

    def comment(self, call: Call, key: str, id_: str) -> Reply:
        return Reply(200, self._one(key, id_))

    def edit(self, call: Call, key: str, id_: str) -> Reply:
        found = self._one(key, id_)
        if self.ticket.locked:
            raise _jira_refused(400, "You do not have the permission for this comment.")
        found["body"] = self._body(call)
        return Reply(200, found)

    def meta(self, call: Call) -> Reply:
        return Reply(200, {"enabled": self.ticket.enabled, "uploadLimit": self.ticket.largest})

    def attach(self, call: Call, key: str) -> Reply:
        self._there(key)
        if call.headers.get("X-Atlassian-Token") != "no-check":
            raise Refused(403, b"XSRF check failed", {"Content-Type": "text/html"})
        if not self.ticket.enabled:
            raise _jira_refused(403, "You do not have permission to create attachments for this issue.")
        name, content = call.files()["file"]
        if len(content) > self.ticket.largest:
            raise _jira_refused(413, "The attachment is too large.")
        self.ticket.files.append((name, content))
        made = {"id": str(9999 + len(self.ticket.files)), "self": "https://other.example.com/y", "filename": name,
                "size": len(content), "mimeType": "application/gzip"}  # fmt: skip
        return Reply(200, [made])


def _jira_comment(id_: str, body: str) -> dict[str, Any]:
    # The address is the one an administrator wrote down once; here it is nobody's.
    place = f"https://other.example.com/rest/api/2/issue/10002/comment/{id_}"
    return {"self": place, "id": id_, "author": {"displayName": "Ada"}, "body": body}
