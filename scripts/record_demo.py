"""Records gather_diagnostics/demo/prometheus.json.gz: a real Prometheus' answers to the collector's own questions.

    python scripts/record_demo.py

Stages an incident (seeded: every run stages the same), back-fills a temporary Prometheus with it, lets the collector
read it through a proxy that keeps what was asked, and asks each range query again over the whole recording.
Needs prometheus and promtool: scripts/fetch_test_servers.
"""

from __future__ import annotations

import gzip
import json
import math
import random
import sys
import tempfile
import urllib.error
import urllib.request
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from servers.prometheus import saying, started, stub  # noqa: E402 - after the path is set

from collectors.prometheus import Prometheus  # noqa: E402
from gather_diagnostics import Gap, Request, Rows, Window  # noqa: E402
from gather_diagnostics.demo.replay import NAME  # noqa: E402
from gather_diagnostics.demo.story import SERVICE  # noqa: E402
from gather_diagnostics.demo.world import GRID, PODS  # noqa: E402

ONSET = datetime(2026, 3, 14, 14, 0, tzinfo=UTC)
BEFORE, AFTER = timedelta(hours=3), timedelta(hours=2)
LEAD = timedelta(minutes=12)
"""Of samples before the recording, for rates and for the count of scrapes."""
TARGET = ROOT / "gather_diagnostics" / "demo" / NAME
SEED = 851
EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
FAILING = 0.18
"""Of the broken endpoint's requests, once the ramp is over."""
RAMP = 60.0
"""Seconds."""
POOL = 20
"""Database connections a pod may have."""
LIMIT = 1.0e9
"""Bytes of memory a container may have."""


@dataclass(frozen=True)
class Endpoint:
    path: str
    method: str
    share: float
    """Of all requests."""
    median: float
    """Seconds."""
    spread: float
    """Of the logarithm of the latency."""
    stray: float
    """Share of requests that fail anyway."""
    breaks: bool = False


ENDPOINTS = (
    Endpoint("/api/cart", "GET", 0.50, 0.035, 0.50, 0.003),
    Endpoint("/api/checkout", "POST", 0.35, 0.130, 0.45, 0.003, breaks=True),
    Endpoint("/api/health", "GET", 0.15, 0.003, 0.40, 0.0),
)


@dataclass
class Counter:
    """One histogram of one pod, endpoint and status code."""

    buckets: list[int] = field(default_factory=lambda: [0] * len(EDGES))
    sum: float = 0.0

    def observe(self, seconds: float) -> None:
        self.buckets[bisect_left(EDGES, seconds)] += 1
        self.sum += seconds


def traffic(time: float) -> float:
    """Requests a second over all pods at a Unix time: a day's curve with its top in the middle of the recording."""
    hours = (time - ONSET.timestamp()) / 3600
    return 80 + 28 * math.cos(2 * math.pi * hours / 24)


def severity(time: float) -> float:
    """0 before the onset, 1 when the pool is used up; it begins with the first request."""
    since = time - ONSET.timestamp()
    return 0.0 if since < 0 else min(1.0, 0.1 + 0.9 * since / RAMP)


def answered(endpoint: Endpoint, time: float, chance: random.Random) -> tuple[str, float]:
    """Status code and latency (seconds) of one request."""
    broken = severity(time) if endpoint.breaks else 0.0
    if chance.random() < FAILING * broken:
        return "500", 2.0 + chance.expovariate(8)  # waited for a connection, in vain
    seconds = endpoint.median * (1 + 0.45 * broken) * math.exp(chance.gauss(0, endpoint.spread))
    return ("500" if chance.random() < endpoint.stray else "200"), seconds


def history() -> str:
    """The incident as OpenMetrics text."""
    chance = random.Random(SEED)
    start, end = (ONSET - BEFORE - LEAD).timestamp(), (ONSET + AFTER).timestamp()
    requests: dict[str, list[str]] = {}
    containers: dict[str, list[str]] = {"cpu": [], "memory": []}
    for number, pod in enumerate(PODS):
        offset = 3.1 * number + 1.7  # targets of one job are not scraped at the same moment
        for line, key in _requests_of(pod, start + offset, end, chance):
            requests.setdefault(key, []).append(line)
        for line, key in _container_of(pod, start + offset, end, chance):
            containers[key].append(line)
    lines = ["# TYPE http_request_duration_seconds histogram"]
    lines += [line for key in sorted(requests) for line in requests[key]]
    lines += ["# TYPE container_cpu_usage_seconds counter", *containers["cpu"]]
    lines += ["# TYPE container_memory_working_set_bytes gauge", *containers["memory"]]
    for name in _GAUGES:
        lines += [f"# TYPE {name} gauge", *(line for pod in PODS for line in _gauge_of(name, pod, start, end))]
    return "\n".join([*lines, "# EOF"]) + "\n"


def _requests_of(pod: str, time: float, end: float, chance: random.Random) -> Iterator[tuple[str, str]]:
    counters = {(e, code): Counter() for e in ENDPOINTS for code in ("200", "500")}
    wave = 0.0
    while time <= end:
        wave = 0.97 * wave + chance.gauss(0, 0.008)
        for endpoint in ENDPOINTS:
            mean = traffic(time) * (1 + wave) * endpoint.share * GRID / len(PODS)
            for _ in range(max(0, round(chance.gauss(mean, math.sqrt(mean))))):
                code, seconds = answered(endpoint, time - chance.random() * GRID, chance)
                counters[endpoint, code].observe(seconds)
        for (endpoint, code), counter in counters.items():
            yield from _scraped(pod, endpoint, code, counter, time)
        time += GRID


def _scraped(pod: str, endpoint: Endpoint, code: str, counter: Counter, time: float) -> Iterator[tuple[str, str]]:
    labels = (
        f'service="{SERVICE}",namespace="shop",pod="{pod}",handler="{endpoint.path}",'
        f'method="{endpoint.method}",code="{code}"'
    )
    key = f"{labels}"
    total = 0
    for edge, count in zip(EDGES, counter.buckets, strict=True):
        total += count
        le = "+Inf" if edge == math.inf else f"{edge:g}"
        yield f'http_request_duration_seconds_bucket{{{labels},le="{le}"}} {total} {time:.3f}', key
    yield f"http_request_duration_seconds_sum{{{labels}}} {counter.sum:.6f} {time:.3f}", key
    yield f"http_request_duration_seconds_count{{{labels}}} {total} {time:.3f}", key


def _container_of(pod: str, time: float, end: float, chance: random.Random) -> Iterator[tuple[str, str]]:
    labels = f'namespace="shop",pod="{pod}",container="{SERVICE}"'
    used, memory = 0.0, 4.1e8 + chance.uniform(-2e7, 2e7)
    while time <= end:
        used += GRID * max(0.02, traffic(time) / len(PODS) * 0.014 * chance.gauss(1, 0.04))
        memory += chance.gauss(0, 4e5) - (memory - 4.1e8) * 0.01
        yield f"container_cpu_usage_seconds_total{{{labels}}} {used:.4f} {time:.3f}", "cpu"
        yield f"container_memory_working_set_bytes{{{labels}}} {memory:.0f} {time:.3f}", "memory"
        time += GRID


_GAUGES = ("db_client_connections_usage", "db_client_connections_max", "kube_pod_container_resource_limits")


def _gauge_of(name: str, pod: str, start: float, end: float) -> Iterator[str]:
    """What is used and what there is; the connections are all in use once the pool is."""
    number = PODS.index(pod)
    labels = f'service="{SERVICE}",namespace="shop",pod="{pod}",pool_name="orders"'
    if name.startswith("kube_"):
        labels = f'namespace="shop",pod="{pod}",container="{SERVICE}",resource="memory",unit="byte"'
    elif name.endswith("_usage"):
        labels += ',state="used"'
    time = start + 3.1 * number + 1.7
    while time <= end:
        # No dice: what is drawn for the requests stays what it was.
        wave = 5 + math.sin(time / 97 + number) + math.sin(time / 31 + 2 * number)
        used = round(wave + (POOL - wave) * severity(time))
        value = {_GAUGES[0]: used, _GAUGES[1]: POOL, _GAUGES[2]: LIMIT}[name]
        yield f"{name}{{{labels}}} {value:.10g} {time:.3f}"
        time += GRID


def request_at(onset: datetime, minutes: int = 23) -> Request:
    """What the demo asks: an hour that ends so many minutes after the onset, the hour before, the seasons."""
    now = onset + timedelta(minutes=minutes)
    incident = Window(now - timedelta(minutes=60), now)
    return Request(
        SERVICE,
        asked=now,
        incident=incident,
        baseline=incident.shifted(-incident.length),
        changes=Window(now - timedelta(hours=24), now),
        seasonal=(incident.shifted(-timedelta(days=1)), incident.shifted(-timedelta(days=7))),
    )


def record(url: str) -> dict[str, Any]:
    """Everything the collector asks of the Prometheus at `url`, with its answers."""
    asked: list[tuple[str, dict[str, list[str]], Any]] = []

    def forward(handler: BaseHTTPRequestHandler) -> None:
        path = urlsplit(handler.path)
        status, body = _got(url + handler.path)
        asked.append((path.path, parse_qs(path.query), json.loads(body).get("data")))
        saying(status, body)(handler)

    with stub(forward) as proxy:
        collector = Prometheus(Prometheus.Settings(url=proxy.url))
        items = [*collector.check(request_at(ONSET)), *collector.collect(request_at(ONSET))]
    gaps = [i for i in items if isinstance(i, Gap)]
    if gaps or not any(isinstance(i, Rows) for i in items):
        raise SystemExit(f"the collector did not read everything: {gaps}")
    return _tape(url, asked)


def _tape(url: str, asked: list[tuple[str, dict[str, list[str]], Any]]) -> dict[str, Any]:
    start, end = ONSET - BEFORE, ONSET + AFTER
    tape: dict[str, Any] = {
        "onset": int(ONSET.timestamp()),
        "start": int(start.timestamp()),
        "step": GRID,
        "steps": int((end - start).total_seconds()) // GRID + 1,
        "series": [],
        "instant": {},
        "range": {},
        "other": [],
    }
    # Several questions are under way at once, in no certain order; of the same one at two times the later stays.
    for path, parameters, data in sorted(asked, key=lambda a: json.dumps(a[:2], sort_keys=True)):
        match path.rpartition("/")[2]:
            case "series":
                tape["series"].append({"match": sorted(parameters["match[]"]), "answer": data})
            case "query":
                expr = parameters["query"][0]
                tape["instant"][expr] = [{"metric": one["metric"], "value": one["value"][1]} for one in data["result"]]
            case "query_range":
                expr = parameters["query"][0]
                tape["range"].setdefault(expr, None)
            case _:
                query = {name: sorted(values) for name, values in parameters.items() if name not in ("start", "end")}
                tape["other"].append({"path": path, "query": query, "answer": data})
    for expr in tape["range"]:
        tape["range"][expr] = _whole(url, expr, tape)
    return tape


def _whole(url: str, expr: str, tape: dict[str, Any]) -> list[dict[str, Any]]:
    start, step = tape["start"], tape["step"]
    span = {"query": expr, "start": start, "end": start + step * (tape["steps"] - 1), "step": step}
    _, body = _got(f"{url}/api/v1/query_range?{urlencode(span)}")
    series = []
    for one in json.loads(body)["data"]["result"]:
        values: list[float | None] = [None] * tape["steps"]
        for time, text in one["values"]:
            values[(int(time) - start) // step] = _rounded(float(text))
        series.append({"metric": one["metric"], "values": values})
    return sorted(series, key=lambda s: json.dumps(s["metric"], sort_keys=True))


def _rounded(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.6g}")
    return int(short) if short.is_integer() else short


def _got(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=60) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def packed(tape: dict[str, Any]) -> bytes:
    """The same tape gives the same bytes."""
    return gzip.compress(json.dumps(tape, sort_keys=True, separators=(",", ":")).encode(), 9, mtime=0)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder, "history.txt")
        text.write_text(history())
        with started(text) as url:
            content = packed(record(url))
    TARGET.write_bytes(content)
    print(f"{TARGET.relative_to(ROOT)}: {len(content):,} bytes")


if __name__ == "__main__":
    main()
