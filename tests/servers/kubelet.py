"""A stand-in for a node's kubelet: it serves container logs over TLS the way a kubelet does, from what the test says.

Only an API server asks it; `cluster()` of servers.kubernetes starts one, and nodes made with `add_node` point to it.

    kubelet.log("shop", "checkout-abc", "app", [(time, "a line"), ...])             what the container wrote
    kubelet.log("shop", "checkout-abc", "app", [...], previous=True)                its terminated predecessor
    kubelet.log(..., pause=0.2)          so many seconds before every line          (slow)
    kubelet.log(..., hang_after=3)       stops after so many lines and says nothing more (hangs; 0: not even headers)
    kubelet.append("shop", "checkout-abc", "app", time, "one more")                 a follower gets it
    kubelet.refuse("shop", "checkout-abc", "app", 500, "disk is on fire")           an error instead
    kubelet.asked                        what was asked, in order: Asked(namespace, pod, container, query)
    kubelet.measure("shop", "checkout-abc", {"app": ("250m", "64Mi")}, labels={"app": "checkout"})
                                         what metrics.k8s.io says of a pod: CPU, memory; see Cluster.serve_metrics()
    kubelet.clear()                      forget all of it

How a kubelet reads logs, which this follows (pkg/kubelet/kuberuntime/logs/logs.go of Kubernetes): `tailLines` counts
back from the end of the file first, then `sinceTime`/`sinceSeconds` drop what is older, then `limitBytes` cuts, in the
middle of a line if need be; with `timestamps` each line begins with RFC 3339, nine decimals, and a blank. A container
it does not know is answered with 400 and a kubelet's words.

The API server passes an answer on in blocks of some kilobytes unless `follow` is set, so the client of a slow log sees
nothing for a while: that is how a real cluster behaves, too.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from servers.kubemetrics import METRICS, Measured, measured
from servers.tls import Certificates

Line = tuple[datetime, str | bytes]
Key = tuple[str, str, str, bool]
"""Namespace, pod, container, previous."""


@dataclass(frozen=True)
class Asked:
    """One request for logs as the kubelet saw it."""

    namespace: str
    pod: str
    container: str
    query: Mapping[str, str]


@dataclass
class Log:
    """What one container wrote, and how reluctantly it is told."""

    lines: list[tuple[datetime, bytes]]
    pause: float = 0.0
    hang_after: int | None = None
    refusal: tuple[int, str] | None = None


@dataclass
class Kubelet:
    """The stand-in; change it at any time, the next request sees the change."""

    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    metrics: dict[tuple[str, str], Measured] = field(default_factory=dict)
    """By namespace and pod."""
    logs: dict[Key, Log] = field(default_factory=dict)
    stopped: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def log(
        self,
        namespace: str,
        pod: str,
        container: str,
        lines: Iterable[Line],
        *,
        previous: bool = False,
        pause: float = 0.0,
        hang_after: int | None = None,
    ) -> None:
        """Set what the container wrote, oldest first; a line has no newline at its end."""
        self.logs[namespace, pod, container, previous] = Log([_written(*line) for line in lines], pause, hang_after)

    def append(self, namespace: str, pod: str, container: str, time: datetime, line: str | bytes) -> None:
        """One more line, which those that follow the log get."""
        with self.changed:
            self.logs[namespace, pod, container, False].lines.append(_written(time, line))
            self.changed.notify_all()

    def refuse(
        self, namespace: str, pod: str, container: str, status: int, words: str, *, previous: bool = False
    ) -> None:
        """Answer with an error."""
        self.logs[namespace, pod, container, previous] = Log([], refusal=(status, words))

    def measure(
        self, namespace: str, pod: str, containers: Mapping[str, tuple[str, str]], *, labels: Mapping[str, str]
    ) -> None:
        """Set what metrics.k8s.io says of a pod, which carries the pod's labels there."""
        self.metrics[namespace, pod] = Measured(containers, labels)

    def clear(self) -> None:
        """Forget what was said and asked."""
        for held in (self.asked, self.metrics, self.logs):
            held.clear()

    def release(self) -> None:
        """End all answers under way."""
        self.stopped.set()
        with self.changed:
            self.changed.notify_all()


def _written(time: datetime, line: str | bytes) -> tuple[datetime, bytes]:
    return time.astimezone(UTC), line if isinstance(line, bytes) else line.encode()


@contextmanager
def kubelet(certificates: Certificates) -> Iterator[Kubelet]:
    """Start it on a free loopback port."""
    state = Kubelet()
    handler = type("Answers", (_Answers,), {"state": state})
    with _Server(("127.0.0.1", 0), handler) as server:
        # The handshake belongs to the thread of the connection: one that stalls must not stop the others.
        server.socket = certificates.server().wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        state.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            state.release()
            server.shutdown()
            thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up in the middle are part of the tests and not worth a traceback on stderr."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    state: Kubelet

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing on stderr."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        parts = [unquote(part) for part in url.path.strip("/").split("/")]
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        if parts[0] == "containerLogs" and len(parts) == 4:
            self._log(Asked(parts[1], parts[2], parts[3], query))
        elif url.path.startswith(METRICS):
            self._json(*measured(url.path.removeprefix(METRICS), query, dict(self.state.metrics), datetime.now(UTC)))
        else:
            self._plain(404, "404 page not found")

    def _log(self, asked: Asked) -> None:
        self.state.asked.append(asked)
        previous = asked.query.get("previous") == "true"
        log = self.state.logs.get((asked.namespace, asked.pod, asked.container, previous))
        if log is None:
            self._plain(400, unknown(asked, previous))
        elif log.refusal:
            self._plain(*log.refusal)
        elif log.hang_after == 0:
            self.state.stopped.wait()
        else:
            self._stream(log, asked.query)

    def _stream(self, log: Log, query: Mapping[str, str]) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = limited(self._pieces(log, query), query)
        for piece in pieces if log.hang_after is None else itertools.islice(pieces, log.hang_after):
            if self.state.stopped.wait(log.pause):
                break
            self._chunk(piece)
        if log.hang_after is not None:
            self.state.stopped.wait()
        # Without the last chunk the reader knows that it has not got all.
        if self.state.stopped.is_set():
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _pieces(self, log: Log, query: Mapping[str, str]) -> Iterator[bytes]:
        seen = len(log.lines)
        yield from chosen(list(log.lines), query, datetime.now(UTC))
        if query.get("follow") != "true":
            return
        while not self.state.stopped.is_set():
            fresh = self._fresh(log, seen)
            seen += len(fresh)
            yield from chosen(fresh, {**query, "tailLines": ""}, datetime.now(UTC))

    def _fresh(self, log: Log, seen: int) -> list[tuple[datetime, bytes]]:
        """Wait for lines beyond those seen."""
        with self.state.changed:
            self.state.changed.wait_for(lambda: len(log.lines) > seen or self.state.stopped.is_set(), 0.5)
            return log.lines[seen:]

    def _chunk(self, piece: bytes) -> None:
        if piece:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()

    def _json(self, status: int, body: Mapping[str, Any]) -> None:
        self._plain(status, json.dumps(body), "application/json")

    def _plain(self, status: int, words: str, kind: str = "text/plain; charset=utf-8") -> None:
        body = words.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def chosen(lines: list[tuple[datetime, bytes]], query: Mapping[str, str], now: datetime) -> Iterator[bytes]:
    """The lines that the query asks for, each with its newline."""
    if query.get("tailLines"):
        count = int(query["tailLines"])
        lines = lines[-count:] if count else []
    since = None
    if query.get("sinceSeconds"):
        since = now - timedelta(seconds=int(query["sinceSeconds"]))
    elif query.get("sinceTime"):
        since = datetime.fromisoformat(query["sinceTime"])
    stamped = query.get("timestamps") == "true"
    for time, line in lines:
        if since is None or time >= since:
            yield (nanoseconds(time).encode() + b" " if stamped else b"") + line + b"\n"


def limited(pieces: Iterable[bytes], query: Mapping[str, str]) -> Iterator[bytes]:
    """Cut off after `limitBytes`."""
    if not query.get("limitBytes"):
        yield from pieces
        return
    left = int(query["limitBytes"])
    for piece in pieces:
        yield piece[:left]
        left -= len(piece)
        if left <= 0:
            return


def nanoseconds(time: datetime) -> str:
    """RFC 3339 with nine decimals, as a kubelet writes it."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


def unknown(asked: Asked, previous: bool) -> str:
    """A kubelet's words for a container that has not started or has no predecessor."""
    name = f'container "{asked.container}" in pod "{asked.pod}"'
    return f"previous terminated {name} not found" if previous else f"{name} is waiting to start: ContainerCreating"
