"""A ticket tracker's HTTP server on loopback: routes that check what the API's page asks for, and faults on demand."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from servers.tls import Certificates


@dataclass(frozen=True)
class Call:
    """A request as it came."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body; refuses whatever is no JSON, or is not called JSON."""
        if self.headers.get_content_type() != "application/json":
            raise Refused(415, {"message": "Content-Type must be application/json"})
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, {"message": "Problems parsing JSON"}) from error

    def files(self) -> dict[str, tuple[str, bytes]]:
        """The parts of multipart/form-data (RFC 7578): {name: (file name, content)}."""
        if self.headers.get_content_type() != "multipart/form-data":
            raise Refused(415, {"message": "Content-Type must be multipart/form-data"})
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts = message_from_bytes(head + self.body).get_payload()
        assert isinstance(parts, list), "the body is no multipart"
        found = {}
        for part in parts:
            assert isinstance(part, Message)
            assert part.get_content_disposition() == "form-data"
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            found[str(part.get_param("name", header="Content-Disposition"))] = (part.get_filename() or "", content)
        return found


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any = None
    """JSON, unless it is bytes."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = Reply(status, body, headers or {})


Route = Callable[..., Reply]
Routes = Sequence[tuple[str, str, Route]]
"""(method, pattern of the path below the prefix, what answers it: the call, then the pattern's groups)."""


@dataclass
class Fault:
    """What is answered once in place of the next request that fits; after it was carried out, with `late`."""

    method: str
    path: str
    """A part of the path."""
    reply: Reply | None
    """None breaks the connection."""
    late: bool = False


@dataclass
class Running:
    url: str
    """With the prefix."""
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    """What went wrong in a route: a request that no page of the API describes."""

    def asked(self, method: str = "") -> list[str]:
        """'METHOD /path' of every request so far, or of one method."""
        return [f"{c.method} {c.path}" for c in self.calls if method in ("", c.method)]

    def wrote(self) -> list[str]:
        """The requests that change something."""
        return [f"{c.method} {c.path}" for c in self.calls if c.method not in ("GET", "HEAD")]


@contextmanager
def served(
    routes: Routes, check: Callable[[Call], None], prefix: str = "", tls: Certificates | None = None
) -> Iterator[Running]:
    """A running server. `check` sees every request first, and raises Refused for one without credentials."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            call = _call(self)
            running.calls.append(call)
            fault = next((f for f in running.faults if f.method == call.method and f.path in call.path), None)
            if fault:
                running.faults.remove(fault)
            reply = None if fault and not fault.late else _routed(call, routes, check, prefix, running)
            reply = fault.reply if fault else reply
            if reply is None:
                self.close_connection = True
                return
            _said(self, reply)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.server().wrap_socket(server.socket, server_side=True)
    running = Running(f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}{prefix}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert not running.odd, running.odd


def _call(handler: BaseHTTPRequestHandler) -> Call:
    parts = urlsplit(handler.path)
    if "chunked" in handler.headers.get("Transfer-Encoding", ""):
        body = _chunks(handler)
    else:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return Call(handler.command, parts.path, query, handler.headers, body)


def _chunks(handler: BaseHTTPRequestHandler) -> bytes:
    body = b""
    while size := int(handler.rfile.readline().strip() or b"0", 16):
        body += handler.rfile.read(size)
        handler.rfile.readline()
    handler.rfile.readline()
    return body


def _routed(call: Call, routes: Routes, check: Callable[[Call], None], prefix: str, running: Running) -> Reply:
    try:
        check(call)
        path = call.path.removeprefix(prefix) if call.path.startswith(f"{prefix}/") else "/outside"
        for method, pattern, route in routes:
            if method == call.method and (found := re.fullmatch(pattern, path)):
                return route(call, *(unquote(group) for group in found.groups()))
    except Refused as refused:
        return refused.reply
    except Exception as error:  # a test's server says what it could not understand, and the test fails by it
        running.odd.append(f"{call.method} {call.path}: {error!r}")
        return Reply(500, {"message": "odd"})
    return Reply(404, {"message": "404 Not Found"})


def _said(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
    if reply.body is None:
        content = b""
    handler.send_response(reply.status)
    given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **reply.headers}
    for name, value in given.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(content)


def paged(call: Call, entries: Sequence[Any], base: str, most: int = 100) -> Reply:
    """A page of a list by `page` and `per_page`, with RFC 8288's Link header, as GitHub and GitLab page."""
    size, number = min(int(call.query.get("per_page", 30)), most), int(call.query.get("page", 1))
    headers = {}
    if number * size < len(entries):
        headers["Link"] = f'<{base}{call.path}?per_page={size}&page={number + 1}>; rel="next"'
    return Reply(200, list(entries[(number - 1) * size : number * size]), headers)
