"""The servers that the tests start, filled for `sources.py`: a service with many pods, lines, events and series."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

from loglines import stream
from servers import kubelet, kubernetes, prometheus
from servers.aws import AwsServer
from servers.kubeobjects import add_event, add_node
from servers.kubepods import roll_out

SERVICE = "checkout"
NAMESPACE = "shop"
GROUP = "/ecs/checkout"
NODES = 4
STEP_SECONDS = 15
"""Between two samples of a series."""
BLOCK = 65_536


@dataclass(frozen=True)
class Size:
    """How much there is; `lines` each in Kubernetes and in CloudWatch, spread evenly over `length` up to `end`."""

    pods: int
    events: int
    lines: int
    series: int
    end: datetime
    length: timedelta

    @property
    def start(self) -> datetime:
        return self.end - self.length


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """A line a TLS record, as the stand-in for the kubelet sends them, would measure the stand-in."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= BLOCK:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)


@contextmanager
def cluster(size: Size) -> Iterator[Path]:
    """A real API server with a Deployment's pods, their logs and events; yields a kubeconfig."""
    plain = kubelet.limited
    kubelet.limited = lambda pieces, query: _blocks(plain(pieces, query))
    with kubernetes.started() as k:
        k.namespace(NAMESPACE)
        for number in range(NODES):
            add_node(k, f"node-{number}")
        made = roll_out(k, NAMESPACE, SERVICE, image="shop/checkout:1.4.2", replicas=size.pods, node="node-0")
        each = size.lines // size.pods
        for number, pod in enumerate(made.pods):
            k.kubelet.log(NAMESPACE, pod, "app", stream(number * each, each, size.start, size.length))
        for number in range(size.events):
            when = size.start + size.length * number / size.events
            words = f"Readiness probe failed: HTTP probe failed with statuscode: 503 ({number})"
            add_event(k, NAMESPACE, "Pod", made.pods[number % size.pods], "Unhealthy", words, when)
        yield k.kubeconfig("admin", NAMESPACE)
    kubelet.limited = plain


@contextmanager
def cloudwatch(size: Size) -> Iterator[Mapping[str, str]]:
    """The AWS server with a log group (see flood.py); yields the environment that leads there."""
    command = [sys.executable, str(Path(__file__).with_name("flood.py")), "--events", str(size.lines)]
    command += ["--start", size.start.isoformat(), "--seconds", str(size.length.total_seconds())]
    credentials = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **credentials}
    )
    try:
        assert process.stdout is not None
        server = AwsServer(process.stdout.readline().strip())
        server.client("logs").create_log_group(logGroupName=GROUP)
        yield server.environment()
    finally:
        process.kill()
        process.communicate()


@contextmanager
def history(size: Size) -> Iterator[str]:
    """A real Prometheus with four fifths of the series counters of requests, one fifth gauges; yields its URL."""
    times = [size.start.timestamp() + s for s in range(0, int(size.length.total_seconds()), STEP_SECONDS)]
    requests = [
        {"service": SERVICE, "path": f"/p{path}", "code": code, "pod": f"{SERVICE}-{pod}"}
        for path, code, pod in product(range(size.series), ("200", "404", "500", "503"), range(5))
    ][: size.series * 4 // 5]
    gauges = [{"service": SERVICE, "pod": f"{SERVICE}-{n}"} for n in range(size.series - len(requests))]
    families = {
        "http_requests": (
            "counter",
            [
                ("http_requests_total", labels, [(t, (t - times[0]) * (1 + n % 7)) for t in times])
                for n, labels in enumerate(requests)
            ],
        ),
        "queue_depth": ("gauge", [("queue_depth", labels, [(t, t % 97) for t in times]) for labels in gauges]),
    }
    with tempfile.TemporaryDirectory(prefix="history-") as folder:
        path = Path(folder) / "history.txt"
        path.write_text(prometheus.openmetrics(families))
        with prometheus.started(path) as url:
            yield url
