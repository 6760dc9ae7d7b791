"""https://...: a signed POST of the summary as JSON, with '#archive' at the end of the address the archive too.

What a receiver checks is in docs/TICKETS.md. Signed as GitHub's and Stripe's webhooks are: HMAC-SHA256 (RFC 2104),
here over '<Unix time>.<body>', so that neither body nor time can be changed, and old ones can be refused:
https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries, https://docs.stripe.com/webhooks/signature
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit

from gather_diagnostics.response.tickets import credentials
from gather_diagnostics.response.tickets.addresses import wrong
from gather_diagnostics.response.tickets.client import Client
from gather_diagnostics.response.tickets.model import Environ, Limits, Package, Progress, Receipt
from gather_diagnostics.response.tickets.multipart import Field, Multipart
from gather_diagnostics.response.tickets.texts import digest, size

SECRET = "GATHER_DIAGNOSTICS_WEBHOOK_SECRET"  # noqa: S105 - its name
LIMITS = Limits(file=2**31, text=65_536)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TOLD = (
    "schema", "tool", "service", "asked", "description", "owner", "demo", "interrupted", "windows", "severity",
    "onset", "verdict", "stands_out", "priority_actions", "response",
)  # fmt: skip
"""Keys of evidence.json in the body; with FEW of the longer lists."""
FEW = {"changes": 3, "gaps": 10}
CURES = {
    401: f"compare {SECRET} with the receiver's",
    403: f"compare {SECRET} with the receiver's",
    413: "the archive is too large for it: leave '#archive' off the address",
    415: "it takes no archive: leave '#archive' off the address",
}


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver. Its path may be a secret, so only the host is told or remembered."""

    name: ClassVar[str] = "https"
    address: str
    url: str
    with_archive: bool
    environ: Environ
    limits: ClassVar[Limits] = LIMITS
    public: ClassVar[str] = ""

    @classmethod
    def parse(cls, address: str, environ: Environ) -> Self:
        try:
            parts = urlsplit(address)
            port = f":{parts.port}" if parts.port else ""
        except ValueError as error:
            raise wrong(address, cls.name) from error
        host = parts.hostname or ""
        if not host or not address.isascii() or not address.isprintable() or parts.fragment not in ("", "archive"):
            raise wrong(address, cls.name, "with #archive at its end the archive is sent, too")
        if "@" in parts.netloc:
            raise wrong(address, cls.name, "a command line is no place for a password")
        if parts.scheme == "http" and host not in LOOPBACK:
            raise wrong(address, cls.name, "only https keeps it from others")
        url = parts._replace(fragment="").geturl()
        return cls(f"{parts.scheme}://{host}{port}/#{digest(url)[:8]}", url, parts.fragment == "archive", environ)

    def plan(self, package: Package) -> list[str]:
        archive = f" and {package.file} ({size(package.size)})" if self.with_archive else ""
        # The keyring is left alone here: it may ask a person.
        unset = f"{SECRET} is not set: signed only if the keyring has it"
        signed = f"signed with the secret in {SECRET}" if self.environ.get(SECRET) else unset
        return [f"POST the summary as JSON{archive} to {self.address}", signed]

    def send(self, package: Package, done: Progress) -> Receipt:
        what = ("summary", f"{package.file} ({size(package.size)})")[: 1 + self.with_archive]
        # Links expire and are made anew for each run: they do not make it another delivery.
        delivery = digest(_body(replace(package, links=()), ""), package.sha256 * self.with_archive)
        if done.has("delivery", delivery):
            return Receipt("", already=what)
        secret = credentials.find(self.environ, SECRET)
        again = done.facts("delivery") is not None
        body = _body(package, "evidence.updated" if again else "evidence.attached")
        # May be sent again: a receiver knows a second one by the same Idempotency-Key.
        Client("the webhook", cures=CURES).ask(
            "POST", self.url, repeatable=True, fresh=lambda: self._request(package, body, secret, delivery)
        )
        done.save("delivery", delivery, {})
        left_out = () if secret else (f"it was not signed, since {SECRET} is not set",)
        return Receipt("", sent=() if again else what, updated=what if again else (), left_out=left_out)

    def _request(self, package: Package, body: str, secret: str, delivery: str) -> Mapping[str, Any]:
        data, kind = self._encoded(package, body.encode())
        now = str(int(time.time()))
        headers = {"Content-Type": kind, "Idempotency-Key": f'"{delivery}"', "X-Gather-Diagnostics-Timestamp": now}
        if secret:
            headers["X-Gather-Diagnostics-Signature"] = f"v1={signature(secret, now, data)}"
        return {"data": data, "headers": headers}

    def _encoded(self, package: Package, body: bytes) -> tuple[bytes | Multipart, str]:
        """The body and its content type."""
        if not self.with_archive:
            return body, "application/json"
        fields: list[Field] = [
            ("payload", "", "application/json", body),
            ("archive", package.file, "application/gzip", package.archive),
        ]
        data = Multipart(fields)
        return data, data.content_type


def signature(secret: str, timestamp: str, data: bytes | Multipart) -> str:
    """HMAC-SHA256 over '<timestamp>.<body>', hexadecimal."""
    made = hmac.new(secret.encode(), f"{timestamp}.".encode(), hashlib.sha256)
    for chunk in _chunks(data):
        made.update(chunk)
    return made.hexdigest()


def _chunks(data: bytes | Multipart) -> Iterator[bytes]:
    return iter((data,)) if isinstance(data, bytes) else data.chunks()


def _body(package: Package, event: str) -> str:
    from gather_diagnostics.document.markdown import to_markdown

    document = package.document
    summary = {key: document[key] for key in TOLD if key in document}
    summary |= {key: document[key][:most] for key, most in FEW.items()}
    told = {
        "event": event,
        "title": package.title,
        "bundle": package.name,
        "key": package.key,
        "origin": package.origin,
        "shared": package.shared,
        "archive": {"name": package.file, "bytes": package.size, "sha256": package.sha256, "links": package.links},
        "summary": summary,
        "text": to_markdown(document, "summary"),
    }
    return json.dumps(told, sort_keys=True, ensure_ascii=True)
