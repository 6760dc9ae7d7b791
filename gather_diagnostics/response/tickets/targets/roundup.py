"""roundup:issue12 - a message and the archive on an item of a Roundup tracker, through its REST API.

https://www.roundup-tracker.org/docs/rest.html. A message is posted alone, then linked to the item: one that was posted
and never linked is seen by nobody. Found again by the mark in its summary, which can be searched for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from requests.auth import HTTPBasicAuth

from gather_diagnostics.errors import SendError
from gather_diagnostics.response.tickets import credentials
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.client import Client
from gather_diagnostics.response.tickets.commenting import Became, receipt
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.multipart import Multipart
from gather_diagnostics.response.tickets.places import server
from gather_diagnostics.response.tickets.texts import comment, digest, size

URL, USER, PASSWORD = "ROUNDUP_URL", "ROUNDUP_USER", "ROUNDUP_PASSWORD"
LIMITS = Limits(file=2**31, text=20_000)
"""Roundup knows no limits of its own, but mails every message to whoever follows the item."""
ATTEMPTS = 3
CURES = {
    401: f"check {USER} and {PASSWORD}",
    403: f"the user in {USER} needs the role 'Rest Access' and to edit this class",
    404: f"check the item, and that {URL} is the tracker's address with its name at the end",
    405: f"check that {URL} is the tracker's address with its name at the end, and that its REST API is on",
}
_ITEM = re.compile(r"roundup:([a-z_]+?)([1-9][0-9]{0,9})")


@dataclass(frozen=True, slots=True)
class Roundup:
    """An item with messages and files: of the class issue, bug, or whatever the tracker has."""

    name: ClassVar[str] = "roundup"
    address: str
    kind: str
    number: str
    url: str
    """Of the tracker, with a slash at its end."""
    environ: Environ
    limits: ClassVar[Limits] = LIMITS
    public: ClassVar[str] = "anybody, if the tracker lets anonymous users in, as it does unless told otherwise"

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        if not (matched := _ITEM.fullmatch(address)):
            raise wrong(address, cls.name)
        url = server(environ, URL, "https://bugs.example.com/ops")
        return cls(address, matched[1], matched[2], f"{url}/", environ)

    def plan(self, package: Package) -> list[str]:
        who = self.environ.get(USER, "").strip() or f"whom the keyring names ({USER} is not set)"
        return [
            f"message with the document to {self.kind}{self.number} of {self.url}",
            f"{package.file} ({size(package.size)}) beside it",
            f"as {who}, {credentials.told(self.environ, PASSWORD)}",
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        return _Sending(self, package, done).receipt()


class _Sending:
    """One package to one item."""

    def __init__(self, item: Roundup, package: Package, done: Progress) -> None:
        self._package = package
        self._done = done
        self._user = credentials.need(item.environ, USER)
        password = credentials.need(item.environ, PASSWORD)
        # What the tracker asks of every request against forgery: all but the first are optional in its settings.
        parts = urlsplit(item.url)
        headers = {
            "X-Requested-With": "rest",
            "Referer": item.url,
            "Origin": f"{parts.scheme}://{parts.netloc}",
            "Accept": "application/json",
        }
        self._client = Client("Roundup", HTTPBasicAuth(self._user, password), headers, CURES)
        self._data = f"{item.url}rest/data/"
        self._item = f"{item.kind}/{item.number}"
        self._page = f"{item.url}{item.kind}{item.number}"

    def receipt(self) -> Receipt:
        """Raises SendError."""
        there = self._get(self._item)["attributes"]
        if not isinstance(there.get("messages"), list) or not isinstance(there.get("files"), list):
            raise SendError(f"{self._item} of that tracker takes no messages and files: give an issue")
        archive = self._archive(_ids(there["files"])), f"{self._package.file} ({size(self._package.size)})"
        return receipt(self._page, self._message(_ids(there["messages"])), archive)

    def _archive(self, linked: Sequence[str]) -> Became:
        package = self._package
        if set(linked) & self._found("file", "name", package.kept):
            return "already"
        facts = self._done.facts("upload")
        if facts is None or not self._done.has("upload", package.sha256):
            number = self._posted("file", _file(package))
            self._done.save("upload", package.sha256, {"id": number})
        else:
            number = facts["id"]
        self._link("files", number)
        return "sent"

    def _message(self, linked: Sequence[str]) -> Became:
        package = self._package
        text = comment(package, "plain", LIMITS.text, attached=True)
        if ours := set(linked) & self._found("msg", "summary", package.mark):
            return self._rewritten(max(ours, key=int), text)
        facts = self._done.facts("message")
        if facts is None or not self._done.has("message", digest(text)) or facts["id"] in linked:
            number = self._posted("msg", self._new(text))
            self._done.save("message", digest(text), {"id": number})
        else:
            number = facts["id"]
        self._link("messages", number)
        return "sent"

    def _rewritten(self, number: str, text: str) -> Became:
        there = self._get(f"msg/{number}/content")
        # The tracker may end lines in its own way.
        if str(there["data"]).split() == text.split():
            return "already"
        self._changed(f"msg/{number}", "PUT", {"content": text, "summary": _summary(self._package)})
        return "updated"

    def _new(self, text: str) -> dict[str, Any]:
        """As the web page makes one: without author and date the classic template takes none."""
        now = f"{datetime.now(UTC):%Y-%m-%d.%H:%M:%S}"
        fields = {"author": self._user, "date": now, "content": text, "summary": _summary(self._package)}
        return {"json": {**fields, "type": "text/plain"}}

    def _found(self, kind: str, field: str, text: str) -> set[str]:
        """Ids of the items in whose field the text is."""
        query = {"@fields": field, field: text}
        found = self._client.json("GET", f"{self._data}{kind}", params=query)["data"]["collection"]
        return {str(one["id"]) for one in found if text in str(one.get(field))}

    def _get(self, path: str) -> Any:
        return self._client.json("GET", f"{self._data}{path}")["data"]

    def _posted(self, kind: str, kwargs: dict[str, Any]) -> str:
        """The new item's number. May be sent again: what nothing links to is seen by nobody."""
        found = self._client.json("POST", f"{self._data}{kind}", repeatable=True, **kwargs)
        return str(found["data"]["id"])

    def _link(self, field: str, number: str) -> None:
        self._changed(self._item, "PATCH", {"@op": "add", field: [number]})

    def _changed(self, path: str, method: str, change: dict[str, Any]) -> None:
        """Read its ETag, change it; again where somebody else was faster (412)."""
        for left in reversed(range(ATTEMPTS)):
            tag = self._get(path)["@etag"]
            good = (200, 412) if left else (200,)
            answer = self._client.ask(method, self._data + path, json=change, headers={"If-Match": tag}, good=good)
            if answer.status_code == 200:
                return


def _file(package: Package) -> dict[str, Any]:
    def body() -> dict[str, Any]:
        data = Multipart(
            [
                ("name", "", "text/plain", package.kept.encode()),
                ("type", "", "text/plain", b"application/gzip"),
                ("content", package.kept, "application/gzip", package.archive),
            ]
        )
        return {"data": data, "headers": {"Content-Type": data.content_type}}

    return {"fresh": body}


def _summary(package: Package) -> str:
    return f"{package.title} [{package.stamp}]"


def _ids(links: Sequence[Any]) -> list[str]:
    return [str(link["id"]) for link in links]
