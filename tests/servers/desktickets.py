"""PagerDuty's notes; ServiceNow's work notes and attachments.

What their pages require is required here, and what they answer is answered, refusals too.
Pages: developer.pagerduty.com/api-reference (operations getIncident, listIncidentNotes, createIncidentNote,
updateIncidentNote), .../docs/errors; www.servicenow.com/docs, 'Table API', 'Attachment API', 'Journal field type'.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from servers.tickets import MAIL, TOKEN, Ticket, basic, holding
from servers.ticketserver import Call, Refused, Reply, Routes, Running, served
from servers.tls import Certificates

# PagerDuty


@contextmanager
def pagerduty(ticket: Ticket, *, prefix: str = "", tls: Certificates | None = None) -> Iterator[Running]:
    """Incident Q1W2E3R4T5Y6U7."""
    world = _PagerDuty(ticket)
    with served(world.routes(), world.check, prefix, tls) as running:
        yield running


def _pd_refused(status: int, code: int, message: str, *errors: str) -> Refused:
    return Refused(status, {"error": {"message": message, "code": code, **({"errors": errors} if errors else {})}})


class _PagerDuty:
    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def check(self, call: Call) -> None:
        if call.headers.get("Accept") != "application/vnd.pagerduty+json;version=2":
            raise Refused(406, {"error": {"message": "Not Acceptable"}})
        if call.headers.get("Authorization") not in (f"Token token={TOKEN}", f"Bearer pdus+{TOKEN}"):
            raise Refused(401, {"error": {"message": "Authentication failed", "code": 2006}})
        if call.method != "GET" and call.headers.get("From") != MAIL:
            raise _pd_refused(400, 2001, "Invalid Input Provided", "Requester User Not Found")

    def routes(self) -> Routes:
        incident = "/incidents/([^/]+)"
        return [
            ("GET", incident, self.incident),
            ("GET", f"{incident}/notes", self.notes),
            ("POST", f"{incident}/notes", self.add),
            ("PUT", f"{incident}/notes/([^/]+)", self.edit),
        ]

    def _there(self, id_: str) -> None:
        if id_ != "Q1W2E3R4T5Y6U7":
            raise _pd_refused(404, 2100, "Not Found")

    def incident(self, call: Call, id_: str) -> Reply:
        self._there(id_)
        page = f"https://acme.pagerduty.com/incidents/{id_}"
        return Reply(200, {"incident": {"id": id_, "type": "incident", "incident_number": 7, "html_url": page}})

    def notes(self, call: Call, id_: str) -> Reply:
        self._there(id_)
        return Reply(200, {"notes": list(reversed(self.ticket.comments))})

    def _content(self, call: Call) -> str:
        content = call.json()["note"]["content"]
        if not content.strip():
            raise _pd_refused(400, 2001, "Invalid Input Provided", "Content cannot be empty.")
        return content

    def add(self, call: Call, id_: str) -> Reply:
        self._there(id_)
        count = len(self.ticket.comments)
        made = {"id": f"PNOTE{count}", "user": {"type": "user_reference"}, "content": self._content(call),
                "created_at": f"2026-03-14T03:{count:02}:00Z"}  # fmt: skip
        self.ticket.comments.append(made)
        return Reply(200, {"note": made})

    def edit(self, call: Call, id_: str, note: str) -> Reply:
        self._there(id_)
        found = next((c for c in self.ticket.comments if c["id"] == note), None)
        if found is None or self.ticket.locked:
            raise _pd_refused(403 if found else 404, 2010, "Access Denied")
        found["content"] = self._content(call)
        return Reply(200, {"note": found})


# ServiceNow

SYS_ID = "d71f7935c0a8016700802b64c67c11c6"


@contextmanager
def servicenow(
    ticket: Ticket, *, oauth: bool = False, prefix: str = "", tls: Certificates | None = None
) -> Iterator[Running]:
    """INC0012345; user ada with the token for a password, or OAuth."""
    world = _ServiceNow(ticket)
    refused = {"error": {"message": "User Not Authenticated", "detail": "Required to provide Auth information"},
               "status": "failure"}  # fmt: skip
    wanted = f"Bearer {TOKEN}" if oauth else basic("ada", TOKEN)
    with served(world.routes(), holding("Authorization", wanted, refused), prefix, tls) as running:
        yield running


def _now_refused(status: int, message: str, detail: str) -> Refused:
    return Refused(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


class _ServiceNow:
    def __init__(self, ticket: Ticket) -> None:
        self.ticket = ticket

    def routes(self) -> Routes:
        return [
            ("GET", "/api/now/table/(\\w+)", self.find),
            ("PATCH", "/api/now/table/(\\w+)/(\\w+)", self.change),
            ("GET", "/api/now/attachment", self.attachments),
            ("POST", "/api/now/attachment/file", self.attach),
        ]

    def find(self, call: Call, table: str) -> Reply:
        if (table, call.query.get("sysparm_query")) != ("incident", "number=INC0012345"):
            return Reply(200, {"result": []})
        shown = call.query.get("sysparm_display_value") == "true"
        journal = "\n\n".join(
            f"2026-03-14 03:20:00 - Ada (Work notes)\n{c['value']}" for c in self.ticket.comments[::-1]
        )
        record = {"sys_id": SYS_ID, "number": "INC0012345", "work_notes": journal if shown else "", "state": "2"}
        return Reply(200, {"result": [{k: record[k] for k in call.query["sysparm_fields"].split(",")}]})

    def change(self, call: Call, table: str, sys_id: str) -> Reply:
        if (table, sys_id) != ("incident", SYS_ID):
            raise _now_refused(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if self.ticket.locked:
            detail = "ACL Exception Update Failed due to security constraints"
            raise _now_refused(403, "Operation Failed", detail)
        self.ticket.comments.append({"value": call.json()["work_notes"]})
        return Reply(200, {"result": {"sys_id": SYS_ID}})

    def attachments(self, call: Call) -> Reply:
        asked = dict(part.split("=", 1) for part in call.query["sysparm_query"].split("^"))
        assert (asked["table_name"], asked["table_sys_id"]) == ("incident", SYS_ID)
        found = [
            {"sys_id": f"{n:032x}", "file_name": name, "size_bytes": str(len(content)), "table_name": "incident"}
            for n, (name, content) in enumerate(self.ticket.files)
            if name == asked["file_name"]
        ]
        return Reply(200, {"result": found})

    def attach(self, call: Call) -> Reply:
        asked = call.query
        if not {"file_name", "table_name", "table_sys_id"} <= set(asked) or not call.headers.get("Content-Type"):
            raise _now_refused(400, "Invalid request", "Missing required parameters")
        if (asked["table_name"], asked["table_sys_id"]) != ("incident", SYS_ID):
            raise _now_refused(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if len(call.body) > self.ticket.largest:
            raise _now_refused(413, "Request entity too large", "File size exceeds the limit")
        self.ticket.files.append((asked["file_name"], call.body))
        made = {"sys_id": f"{len(self.ticket.files) - 1:032x}", "file_name": asked["file_name"],
                "size_bytes": str(len(call.body)), "hash": hashlib.sha256(call.body).hexdigest()}  # fmt: skip
        return Reply(201, {"result": made}, {"Location": f"/api/now/attachment/{made['sys_id']}"})
