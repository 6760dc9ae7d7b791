"""A receiver of our webhook, written from docs/TICKETS.md alone: checks signature, age and form of what comes."""

from __future__ import annotations

import email.policy
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from typing import Any

from servers.faulty import Faulty, Received, Reply, faulty

SECRET = "a shared secret"
OLDEST = 300
"""Seconds."""


@dataclass(slots=True)
class Receiver:
    server: Faulty
    secret: str = SECRET
    """'' takes what is not signed."""
    payloads: list[dict[str, Any]] = field(default_factory=list)
    archives: list[tuple[str, bytes]] = field(default_factory=list)
    """File name and content."""
    seen: set[str] = field(default_factory=set)
    """Idempotency keys."""

    def answer(self, received: Received) -> Reply:
        if received.method != "POST":
            return Reply(405)
        if self.secret and (wrong := self._forged(received)):
            return Reply(401, json.dumps({"message": wrong}).encode())
        key = received.headers.get("Idempotency-Key", "")
        if not (len(key) > 2 and key.startswith('"') and key.endswith('"')):
            return Reply(400, b'{"message": "no Idempotency-Key"}')
        if key not in self.seen:
            self.seen.add(key)
            self._take(received)
        return Reply(202, b"{}")

    def _forged(self, received: Received) -> str:
        stamp = received.headers.get("X-Gather-Diagnostics-Timestamp", "")
        version, _, given = received.headers.get("X-Gather-Diagnostics-Signature", "").partition("=")
        if version != "v1" or not stamp.isdigit():
            return "not signed"
        if abs(time.time() - int(stamp)) > OLDEST:
            return "too old"
        made = hmac.new(self.secret.encode(), stamp.encode() + b"." + received.body, hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(made, given) else "the signature is another one"

    def _take(self, received: Received) -> None:
        kind = received.headers["Content-Type"]
        if kind == "application/json":
            self.payloads.append(json.loads(received.body))
            return
        head = f"Content-Type: {kind}\r\n\r\n".encode()
        message = BytesParser(policy=email.policy.HTTP).parsebytes(head + received.body)
        assert message.get_content_type() == "multipart/form-data"
        for part in message.iter_parts():  # type: ignore[attr-defined]
            content = part.get_payload(decode=True)
            if part.get_param("name", header="content-disposition") == "payload":
                self.payloads.append(json.loads(content))
            else:
                self.archives.append((part.get_filename(), content))


@contextmanager
def receiver(secret: str = SECRET) -> Iterator[Receiver]:
    held: list[Receiver] = []
    with faulty(lambda received: held[0].answer(received)) as server:
        held.append(Receiver(server, secret))
        yield held[0]
