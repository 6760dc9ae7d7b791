"""A real Prometheus on loopback with a back-filled history, and a stub that misbehaves on purpose.

The binaries come from TEST_ASSET_PROMETHEUS (the folder that holds them), PATH, or .cache/servers of this checkout
(`scripts/fetch_test_servers`).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".cache" / "servers" / "usr" / "bin"
MEND = "run scripts/fetch_test_servers, or set TEST_ASSET_PROMETHEUS to the folder with prometheus and promtool"
READY_SECONDS = 30


class ServerError(RuntimeError):
    """The server did not come up; the message ends with what it last said."""


def binary(name: str) -> str | None:
    """Path of `prometheus` or `promtool`; None where there is none."""
    places = [os.environ.get("TEST_ASSET_PROMETHEUS", ""), os.environ.get("PATH", ""), str(CACHE)]
    return next((found for p in places if p and (found := shutil.which(name, path=p))), None)


@contextmanager
def prometheus(history: Path | None = None, *, config: str = "", flags: Iterable[str] = ()) -> Iterator[str]:
    """Start Prometheus on a free loopback port with the history (OpenMetrics text, times in seconds); yields its URL.

    Skips the test loudly, or fails it in CI, where the binary is missing.
    """
    if not binary("prometheus") or not binary("promtool"):
        from conftest import missing

        missing("Prometheus", MEND)
    with started(history, config=config, flags=flags) as url:
        yield url


@contextmanager
def started(history: Path | None = None, *, config: str = "", flags: Iterable[str] = ()) -> Iterator[str]:
    """The same outside of tests: raises ServerError where something is missing or fails."""
    program, tool = binary("prometheus"), binary("promtool")
    if not program or not tool:
        raise ServerError(f"prometheus or promtool is missing: {MEND}")
    with tempfile.TemporaryDirectory(prefix="prometheus-") as name:
        folder = Path(name)
        if history:
            _backfill(tool, history, folder / "data")
        (folder / "prometheus.yml").write_text(config or "scrape_configs: []\n")
        port = free_port()
        command = [
            program,
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            "--storage.tsdb.retention.time=10y",
            "--storage.tsdb.allow-overlapping-blocks",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
            *flags,
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        with ended(process):
            url = f"http://127.0.0.1:{port}"
            _wait(url, process, folder / "log")
            yield url


def _backfill(tool: str, history: Path, data: Path) -> None:
    made = subprocess.run(
        [tool, "tsdb", "create-blocks-from", "openmetrics", "--quiet", str(history), str(data)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if made.returncode:
        raise ServerError(f"promtool could not back-fill {history}: {made.stderr[-500:]}")


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise ServerError(f"Prometheus is not ready at {url}: {log.read_text(errors='replace')[-500:]}")


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End the process after the block, however the block ends."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


Samples = Iterable[tuple[float, float]]
"""(Unix seconds, value)."""


def openmetrics(families: Mapping[str, tuple[str, Iterable[tuple[str, Mapping[str, str], Samples]]]]) -> str:
    """OpenMetrics text: family name to (type, [(series name, labels, samples)]). A counter's family has no `_total`."""
    lines: list[str] = []
    for family, (kind, series) in families.items():
        lines.append(f"# TYPE {family} {kind}")
        for name, labels, samples in series:
            inner = ",".join(f'{k}="{v}"' for k, v in labels.items())
            lines += [f"{name}{{{inner}}} {value:.10g} {seconds:.3f}" for seconds, value in samples]
    return "\n".join([*lines, "# EOF"]) + "\n"


@dataclass
class Stub:
    """A stub under way."""

    url: str
    paths: list[str] = field(default_factory=list)
    """What was asked, in order."""
    headers: list[dict[str, str]] = field(default_factory=list)


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def stub(answer: Answer) -> Iterator[Stub]:
    """A loopback HTTP server that answers every GET with `answer`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes: 40 ms each without

        def do_GET(self) -> None:
            running.paths.append(self.path)
            running.headers.append(dict(self.headers))
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client went away: what some of the tests are about

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    running = Stub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def saying(
    status: int, body: str | bytes, kind: str = "application/json", headers: Mapping[str, str] | None = None
) -> Answer:
    """An answer with this status, body and content type."""
    content = body.encode() if isinstance(body, str) else body

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        given = {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}
        if "Date" not in given:
            given["Date"] = handler.date_time_string()
        for name, value in given.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


def broken_off(body: bytes) -> Answer:
    """Promises twice as much as it sends, then closes the connection."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(2 * len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return answer


def dripping(seconds: float, pause: float = 0.05) -> Answer:
    """Sends a byte at a time, each well within a client's read time-out, for so many seconds."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(pause)
        handler.close_connection = True

    return answer


def stalling(seconds: float, body: bytes = b'{"status": "success", "data": [') -> Answer:
    """Begins an answer and says no more."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(1000 + len(body)))
        handler.end_headers()
        handler.wfile.write(body)
        handler.wfile.flush()
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def endless(part: bytes = b" " * 65_536) -> Answer:
    """Sends without end, as fast as it is taken."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        handler.close_connection = True
        while True:
            handler.wfile.write(part)

    return answer


def hanging(seconds: float) -> Answer:
    """Takes the request and says nothing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        handler.close_connection = True

    return answer
