"""An API server that says what the test wants, one whole run of the collector against it, and a kubeconfig for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml
from servers.kubeshapes import SECRET

from collectors.kubernetes import Kubernetes
from gather_diagnostics import Gap, Request, Rows, Skew
from gather_diagnostics.tables import to_batch

Answer = Callable[[BaseHTTPRequestHandler], None]
POD_LIST = "/api/v1/namespaces/shop/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


def kubeconfig(path: Path, server: str = "http://127.0.0.1:9", user: Any = None, **context: str) -> Path:
    document = {
        "current-context": "prod",
        "clusters": [{"name": "eu-1", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "prod", "context": {"cluster": "eu-1", "user": "me", **context}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def saying(status: int, body: Any, headers: Mapping[str, str] | None = None, cut: int = 0) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        given.setdefault("Date", handler.date_time_string())
        for name, value in given.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content[: len(content) - cut])
        handler.close_connection = bool(cut)

    return answer


def refusal(code: int, message: str, **headers: str) -> Answer:
    return saying(code, {"kind": "Status", "code": code, "message": message}, headers)


class Server:
    """Empty lists and every right, but for `routes`: path without query to its answers, the last one repeated."""

    def __init__(self) -> None:
        self.routes: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        self.headers: list[dict[str, str]] = []
        self.rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        """What the review of the namespace's rules says."""
        self.allowed = True
        """What a review of a single right says."""
        self.everything: Answer | None = None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.asked.append((handler.command, url.path, parse_qs(url.query)))
        self.headers.append(dict(handler.headers))
        if self.everything:
            self.everything(handler)
        elif found := self.routes.get(url.path):
            (found.pop(0) if len(found) > 1 else found[0])(handler)
        elif url.path.endswith("rulesreviews"):
            saying(201, {"status": {"resourceRules": self.rules, "incomplete": False}})(handler)
        elif url.path.endswith("accessreviews"):
            saying(201, {"status": {"allowed": self.allowed}})(handler)
        else:
            saying(200, {"items": None})(handler)

    def count(self, path: str) -> int:
        return sum(p == path for _, p, _ in self.asked)


@contextmanager
def serving() -> Iterator[tuple[Server, str]]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            try:
                made.answer(self)
            except OSError:
                self.close_connection = True  # the client hung up: some tests are about that

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def collected(config: Path, request: Request, **settings: Any) -> SimpleNamespace:
    made = SimpleNamespace(gaps=[], skews=[], rows=[])
    for item in Kubernetes(Kubernetes.Settings(kubeconfig=str(config), **settings)).collect(request):
        match item:
            case Rows(table, rows):
                to_batch(table, "kubernetes", rows)
                made.rows.extend((table, r) for r in (rows if isinstance(rows, list) else rows.to_pylist()))
            case Gap():
                assert item.why
                assert item.mend
                assert len(item.why) < 700
                made.gaps.append(item)
            case Skew():
                made.skews.append(item)
    assert SECRET not in repr(made)
    return made


def names(made: SimpleNamespace) -> list[str]:
    return sorted(r["name"] for table, r in made.rows if table == "workloads")
