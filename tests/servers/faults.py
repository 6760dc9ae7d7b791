"""Servers that fail in the ways servers fail, and one judge for all: deadline, neighbours, cause and mend."""

from __future__ import annotations

import importlib
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from servers.prometheus import Answer, saying

from collectors.logfiles import LogFiles
from gather_diagnostics import Collector, Request
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.runner import Collected, collect


@contextmanager
def deaf() -> Iterator[str]:
    """Takes connections, into the kernel's queue, and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def hanging_midway(seconds: float) -> Answer:
    """Half an answer, then silence."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'[{"id": 1,')
        handler.wfile.flush()
        time.sleep(seconds)
        handler.close_connection = True

    return answer


def endless(chunk: bytes = b" " * 65_536) -> Answer:
    """An answer as large as the client can stand."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.end_headers()
        while True:
            handler.wfile.write(chunk)

    return answer


def dying() -> Answer:
    """Goes away without a word, as a killed process does."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()
        raise ConnectionResetError

    return answer


def dated(body: str, ahead: timedelta) -> Answer:
    """A fine answer from a server whose clock is `ahead`."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        date = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
        saying(200, body, headers={"Date": date})(handler)

    return answer


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key, made by openssl(1)."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    )
    ran = subprocess.run(
        [*command.split(), "-keyout", str(key), "-out", str(cert)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return cert, key


def judged(request: Request, source: Collector, folder: Path) -> Collected:
    """Run a source beside a healthy one under the real runner; everything that was collected.

    Asserts what every fault owes: it ends within the deadline, the neighbour is complete, each gap says cause and mend.
    """
    healthy = folder / "healthy.log"
    healthy.write_text(f"{(request.asked - timedelta(minutes=5)).isoformat()} INFO all is well\n")
    neighbour = LogFiles(LogFiles.Settings(paths=[str(healthy)]))
    bugs: list[BaseException] = []
    for name in ("pandas", "pyarrow.compute"):  # a second of imports on a busy machine is no source's fault
        importlib.import_module(name)
    started = time.monotonic()
    sources = {source.name: source, "neighbour": neighbour}
    collected = collect(request, sources, Redactor(), on_bug=bugs.append)
    assert time.monotonic() - started < request.source_seconds + 1
    assert not bugs
    covered = next(c for c in collected.coverage if c.source == "neighbour")
    assert (covered.status, covered.rows) == ("complete", {"logs": 1})
    for gap in collected.gaps:
        assert gap.source == source.name
        assert gap.cause != "failed", gap
        assert gap.why
        assert gap.mend, gap
        assert len(gap.why) < 800
    return collected
