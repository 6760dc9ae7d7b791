"""A reverse proxy on loopback before a real server: it looks at who asks, cuts a path's prefix off, or turns the clock.

What an HTTP API in front of Prometheus does (Mimir's gateway, an authenticating proxy, Amazon's), with a real
Prometheus or VictoriaMetrics to answer.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from servers.prometheus import Answer, saying

Guard = Callable[[BaseHTTPRequestHandler], Answer | None]
"""What is answered in the server's place; None lets a request through."""


def forwarding(upstream: str, prefix: str = "", guard: Guard = lambda handler: None) -> Answer:
    """Answers with what `upstream` answers to the same question below `prefix`; 404 to any other."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        refusal = guard(handler)
        if refusal is None and not handler.path.startswith(f"{prefix}/"):
            refusal = saying(404, "404 page not found", "text/plain")
        status, body, kind = fetched(upstream + handler.path.removeprefix(prefix)) if refusal is None else (0, b"", "")
        (refusal or saying(status, body, kind))(handler)

    return answer


def fetched(url: str) -> tuple[int, bytes, str]:
    """Status, body and content type."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers["Content-Type"]


def ahead(upstream: str, by: timedelta) -> Answer:
    """A Prometheus whose clock is `by` ahead: the times it is asked for, those it answers with, and its Date header."""
    seconds = by.total_seconds()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        asked = [(k, _moved(v, -seconds) if k in ("start", "end", "time") else v) for k, v in parse_qsl(parts.query)]
        status, body, kind = fetched(f"{upstream}{parts.path}?{urlencode(asked)}")
        document = json.loads(body) if kind.startswith("application/json") else None
        if isinstance(document, dict) and isinstance(document.get("data"), dict):
            for one in document["data"].get("result") or ():
                _turn(one, seconds)
            body = json.dumps(document).encode()
        date = format_datetime(datetime.now(UTC) + by, usegmt=True)
        saying(status, body, kind, {"Date": date})(handler)

    return answer


def _moved(text: str, seconds: float) -> str:
    try:
        return str(float(text) + seconds)
    except ValueError:
        return (datetime.fromisoformat(text) + timedelta(seconds=seconds)).isoformat()


def _turn(one: Any, seconds: float) -> None:
    for sample in [*one.get("values", ()), *filter(None, [one.get("value")])]:
        sample[0] += seconds
