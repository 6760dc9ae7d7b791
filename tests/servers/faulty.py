"""An HTTP server in a thread, for tests of what is sent: it keeps every request, and misbehaves where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

Fault = Literal["throttle", "busy", "lose", "drop", "refuse"]
"""429 once; 503 once, both with Retry-After; do it and break the connection off; break it off at once; 500."""


@dataclass(frozen=True, slots=True)
class Received:
    method: str
    path: str
    """With the query."""
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Received], Reply]


@dataclass(slots=True)
class Faulty:
    """`faults`: beginning of a path to what goes wrong there, each once, in this order."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    faults: list[tuple[str, Fault]] = field(default_factory=list)
    retry_after: str = "0"

    def take(self, path: str) -> Fault | None:
        for number, (start, fault) in enumerate(self.faults):
            if path.startswith(start):
                del self.faults[number]
                return fault
        return None

    def paths(self) -> list[str]:
        return [one.path.partition("?")[0] for one in self.received]


@contextmanager
def faulty(answer: Answer) -> Iterator[Faulty]:
    """Serve on a free loopback port; `answer` makes the replies."""
    state = Faulty()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            if "Content-Length" not in self.headers and self.command == "POST":
                self._reply(Reply(411, b"Content-Length is missing"))
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            received = Received(self.command, self.path, self.headers, body)
            state.received.append(received)
            match state.take(self.path):
                case "throttle":
                    self._reply(
                        Reply(429, b'{"ok": false, "error": "ratelimited"}', {"Retry-After": state.retry_after})
                    )
                case "busy":
                    self._reply(Reply(503, b"try again", {"Retry-After": state.retry_after}))
                case "refuse":
                    self._reply(Reply(500, b"broken"))
                case "drop":
                    self.close_connection = True
                case "lose":
                    answer(received)
                    self.close_connection = True
                case None:
                    self._reply(answer(received))

        def _reply(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet: what was received is kept."""

        do_GET = do_POST = do_PUT = do_PATCH = _serve

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
