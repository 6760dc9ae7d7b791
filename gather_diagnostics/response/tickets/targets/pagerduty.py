"""A note on an incident of PagerDuty.

Pages: developer.pagerduty.com/api-reference, 'List notes for an incident', 'Create a note on an incident' and 'Update a
note on an incident' (operations listIncidentNotes, createIncidentNote, updateIncidentNote); 'REST API Authentication'.
It takes no files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from gather_diagnostics.document.escaping import link
from gather_diagnostics.errors import InputError
from gather_diagnostics.response.tickets import credentials, texts
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.answers import an_object, edited, objects, read
from gather_diagnostics.response.tickets.client import Client, Headers
from gather_diagnostics.response.tickets.commenting import Comment, receipt, settle
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.places import server

VARIABLES = ("PAGERDUTY_TOKEN", "PAGERDUTY_API_KEY")
FROM = "PAGERDUTY_FROM"
PUBLIC_API = "https://api.pagerduty.com"
_ADDRESS = re.compile(r"pagerduty:([A-Za-z0-9]{4,32})")
_MAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+", re.ASCII)
_ACCEPT = "application/vnd.pagerduty+json;version=2"
_OAUTH = ("pdus+", "pdeu+")
"""How tokens of an OAuth app begin; they go as 'Bearer', API keys as 'Token token='."""


@dataclass(frozen=True)
class PagerDuty:
    """pagerduty:Q1W2E3R4T5Y6U7, the end of the incident's address; in Europe at PAGERDUTY_API_URL."""

    address: str
    api: str
    incident: str
    sender: str
    """The e-mail address of a user there."""
    environ: Environ

    name: ClassVar[str] = "pagerduty"
    limits: ClassVar[Limits] = Limits(file=0, text=10_000)
    """The API's page names no limit of a note, only 2,000 of them an incident; this is what a telephone can show."""
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        matched = _ADDRESS.fullmatch(address)
        if not matched:
            raise wrong(address, cls.name)
        api = server(environ, "PAGERDUTY_API_URL", "https://api.eu.pagerduty.com", PUBLIC_API)
        sender = environ.get(FROM, "").strip()
        if not _MAIL.fullmatch(sender):
            was = "is no e-mail address" if sender else "is not set"
            raise InputError(f"{FROM} {was}: set it to that of a PagerDuty user, in whose name notes are written")
        return cls(address, api, matched[1], sender, environ)

    def plan(self, package: Package) -> list[str]:
        return [
            f"a note on incident {self.incident} at {self.api}, in the name of {self.sender}",
            texts.too_large(package, self.limits.file, "PagerDuty"),
            credentials.told(self.environ, *VARIABLES),
        ]

    def send(self, package: Package, done: Progress) -> Receipt:
        client = self._client()
        url = f"{self.api}/incidents/{self.incident}"
        incident = an_object(client.json("GET", url), "PagerDuty", "incident")
        text = texts.comment(package, "plain", self.limits.text, attached=False)
        became, _ = settle(_Thread(client, f"{url}/notes"), package, text, done)
        page = link(str(incident.get("html_url", ""))) or ""
        return receipt(page, became, None, texts.too_large(package, self.limits.file, "PagerDuty"))

    def _client(self) -> Client:
        token = credentials.need(self.environ, *VARIABLES)
        kind = "Bearer " if token.startswith(_OAUTH) else "Token token="
        cures = {
            400: f"look whether {FROM} is the e-mail address of a user of that account",
            401: f"{VARIABLES[0]} is wrong, or of another account or region: make an API key that may write",
            403: f"{VARIABLES[0]} may not write there: a read-only API key can't",
            404: f"there is no incident {self.incident}, or {VARIABLES[0]} has no right to see it",
        }
        return Client(
            "PagerDuty", Headers(Authorization=f"{kind}{token}"), {"Accept": _ACCEPT, "From": self.sender}, cures
        )


@dataclass(frozen=True)
class _Thread:
    client: Client
    notes: str
    """URL of the incident's notes."""

    def comments(self) -> list[Comment]:
        found = objects(self.client.json("GET", self.notes), "PagerDuty", "notes")
        return [_comment(note) for note in sorted(found, key=lambda note: str(note.get("created_at", "")))]

    def add(self, text: str) -> Comment:
        return _note(self.client.json("POST", self.notes, json={"note": {"content": text}}))

    def edit(self, comment: Comment, text: str) -> Comment | None:
        response = edited(self.client, "PUT", f"{self.notes}/{comment.id}", json={"note": {"content": text}})
        return _note(read(response, "PagerDuty")) if response else None


def _note(said: Any) -> Comment:
    return _comment(an_object(said, "PagerDuty", "note"))


def _comment(found: Any) -> Comment:
    return Comment(str(found.get("id", "")), str(found.get("content") or ""))
