"""A work note on an incident of ServiceNow, with the archive attached.

Pages: www.servicenow.com/docs, 'Table API', 'Attachment API', 'Journal field type', 'Inbound REST API rate limiting'.
What was written into a journal can't be changed: a note on another state of the bundle is a second note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from requests.auth import AuthBase, HTTPBasicAuth

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets import credentials, texts
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.answers import Object, an_object, objects, read
from gather_diagnostics.response.tickets.client import Client, Headers
from gather_diagnostics.response.tickets.commenting import PART, Became, receipt
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.places import server
from gather_diagnostics.response.tickets.refusals import refusal
from gather_diagnostics.response.tickets.uploads import FileBody, named

TOKEN, USER, PASSWORD = "SERVICENOW_TOKEN", "SERVICENOW_USERNAME", "SERVICENOW_PASSWORD"
TABLES = {"INC": "incident", "PRB": "problem", "CHG": "change_request"}
"""By how the numbers of their records begin."""
_ADDRESS = re.compile(r"servicenow:((INC|PRB|CHG)\d{3,20})")
_CODE = re.compile(r"(?i)\[(?=/?code\])")
_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True)
class ServiceNow:
    """servicenow:INC0012345, at SERVICENOW_URL."""

    address: str
    url: str
    number: str
    table: str
    environ: Environ

    name: ClassVar[str] = "servicenow"
    limits: ClassVar[Limits] = Limits(file=1024 * 1024**2, text=4000)
    """As delivered: com.glide.attachment.max_size, and what 'Journal field type' says of texts of several lines."""
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        matched = _ADDRESS.fullmatch(address)
        if not matched:
            raise wrong(address, cls.name)
        url = server(environ, "SERVICENOW_URL", "https://acme.service-now.com")
        return cls(address, url, matched[1], TABLES[matched[2]], environ)

    def plan(self, package: Package) -> list[str]:
        archive = f"{named(package).file} ({texts.size(package.size)}) attached"
        user = self.environ.get(USER, "").strip()
        return [
            f"a work note on {self.number} at {self.url}; notes can't be changed: for another state a second one",
            texts.too_large(package, self.limits.file, "ServiceNow") or archive,
            credentials.told(self.environ, PASSWORD if user else TOKEN),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        package = named(package)
        client = self._client()
        record = self._record(client)
        became, left_out = self._attach(client, package, str(record["sys_id"]), done)
        note = self._note(client, package, record, done, attached=not left_out)
        what = None if left_out else (became, f"{package.file} ({texts.size(package.size)})")
        return receipt(f"{self.url}/nav_to.do?uri={self.table}.do?sys_id={record['sys_id']}", note, what, left_out)

    def _client(self) -> Client:
        who = f"{USER} and {PASSWORD}" if self.environ.get(USER, "").strip() else TOKEN
        cures = {
            401: f"{who}: wrong, or expired",
            403: f"whoever {who} stands for may not write there: give the role itil, or sn_incident_write",
            404: f"there is no {self.number}, or whoever {who} stands for has no right to see it",
            413: "the administrator sets how large an attachment may be: com.glide.attachment.max_size",
        }
        return Client("ServiceNow", _auth(self.environ), {"Accept": "application/json"}, cures)

    def _record(self, client: Client) -> Object:
        """Its sys_id and, as one text, its work notes: their display value is all of them."""
        query = {
            "sysparm_query": f"number={self.number}",
            "sysparm_fields": "sys_id,number,work_notes",
            "sysparm_display_value": "true",
            "sysparm_limit": "2",
        }
        found = objects(
            client.json("GET", f"{self.url}/api/now/table/{self.table}", params=query), "ServiceNow", "result"
        )
        record = next((one for one in found if one.get("number") == self.number), {})
        if not _ID.fullmatch(str(record.get("sys_id", ""))):
            raise SendError(f"ServiceNow: {client.cures[404]}")
        return record

    def _attach(self, client: Client, package: Package, record: str, done: Progress) -> tuple[Became, str]:
        """What became of the archive, and why it was left out, '' where it is there."""
        if left_out := texts.too_large(package, self.limits.file, "ServiceNow"):
            return "sent", left_out
        there = self._attached(client, package, record)
        if there:
            done.save("archive", package.sha256, {"id": there})
            return "already", ""
        response = client.ask(
            "POST",
            f"{self.url}/api/now/attachment/file",
            params={"table_name": self.table, "table_sys_id": record, "file_name": package.file},
            good=(201, 403, 413, 415),
            fresh=lambda: {"data": FileBody(package.archive), "headers": {"Content-Type": "application/gzip"}},
        )
        if response.status_code != 201:
            return "sent", f"the archive: {refusal(response, client.title, client.cures)}"
        said = an_object(read(response, "ServiceNow"), "ServiceNow", "result")
        done.save("archive", package.sha256, {"id": str(said.get("sys_id", ""))})
        return "sent", ""

    def _attached(self, client: Client, package: Package, record: str) -> str:
        """The sys_id of an attachment of this name, which tells its content, and size; '' for none."""
        query = f"table_name={self.table}^table_sys_id={record}^file_name={package.file}"
        said = client.json("GET", f"{self.url}/api/now/attachment", params={"sysparm_query": query})
        found = objects(said, "ServiceNow", "result")
        same = (one for one in found if one.get("file_name") == package.file)
        return next((str(o.get("sys_id", "")) for o in same if str(o.get("size_bytes")) == str(package.size)), "")

    def _note(self, client: Client, package: Package, record: Object, done: Progress, *, attached: bool) -> Became:
        if package.stamp in str(record.get("work_notes", "")) or done.has(PART, package.stamp):
            return "already"
        text = _defused(texts.comment(package, "plain", self.limits.text, attached=attached))
        url = f"{self.url}/api/now/table/{self.table}/{record['sys_id']}"
        client.json("PATCH", url, params={"sysparm_fields": "sys_id"}, json={"work_notes": text})
        done.save(PART, package.stamp, {"id": str(record["sys_id"])})
        return "sent"


def _auth(environ: Environ) -> AuthBase:
    """An OAuth token, or user and password. Raises SendError."""
    if user := environ.get(USER, "").strip():
        return HTTPBasicAuth(user.encode(), credentials.need(environ, PASSWORD).encode())
    return Headers(Authorization=f"Bearer {credentials.need(environ, TOKEN)}")


def _defused(text: str) -> str:
    """Journals show what stands between [code] and [/code] as HTML: no log line may open one."""
    return _CODE.sub("\N{FULLWIDTH LEFT SQUARE BRACKET}", text)
