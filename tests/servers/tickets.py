"""What the servers of trackers share: one ticket, its credentials, and refusals."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from servers.ticketserver import Call, Refused, Reply

TOKEN = "tok_0123456789abcdefghij"
MAIL = "ada@example.com"


@dataclass
class Ticket:
    """What a tracker knows of one ticket."""

    comments: list[dict[str, Any]] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    largest: int = 1_000_000
    """Bytes that an upload may have."""
    enabled: bool = True
    """Takes files at all."""
    locked: bool = False
    """Only the first author of a comment may change it, and that is not us."""
    rewords: bool = False
    """Stores other words than it is given, as Jira Cloud does."""


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def holding(header: str, wanted: str, refused: Any) -> Callable[[Call], None]:
    def check(call: Call) -> None:
        if call.headers.get(header) != wanted:
            raise Refused(401, refused)

    return check


def words(ticket: Ticket) -> list[str]:
    """The comments' texts, the oldest first."""
    return [str(c.get("body") or c.get("content") or c.get("value")) for c in ticket.comments]


def refusal(status: int, body: Any = None, **headers: str) -> Reply:
    """For faults."""
    return Reply(status, json.dumps(body or {}).encode(), {k.replace("_", "-"): v for k, v in headers.items()})
