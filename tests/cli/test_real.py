"""The whole command against a real Prometheus, a real repository with more than 1,000 commits, and log files."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gitworld import World, long_history
from servers.prometheus import openmetrics, prometheus

pytestmark = pytest.mark.slow

BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEP = 15
ONSET_MINUTES = 20


@pytest.fixture(scope="module")
def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def onset(now: datetime) -> datetime:
    return now - timedelta(minutes=ONSET_MINUTES)


def histogram(pod: str, handler: str, code: str, start: float, end: float, onset: float) -> Iterator[tuple]:
    """Cumulative buckets of exponentially distributed latencies; on /pay, errors and slowness begin at `onset`."""
    totals = [0.0] * (len(BOUNDS) + 1)
    series: dict[str, list[tuple[float, float]]] = {}
    time = start
    while time <= end:
        bad = time > onset and handler == "/pay"
        requests = 10 * STEP * ((0.15 if bad else 0.002) if code == "500" else 1)
        mean = 0.3 if bad else 0.04
        for n, bound in enumerate((*BOUNDS, math.inf)):
            totals[n] += requests * (1 - math.exp(-bound / mean))
            label = "+Inf" if bound == math.inf else repr(bound)
            series.setdefault(label, []).append((time, totals[n]))
        time += STEP
    labels = {"service": "checkout", "pod": pod, "handler": handler, "code": code}
    for label, samples in series.items():
        yield "http_request_duration_seconds_bucket", {**labels, "le": label}, samples
    yield "http_request_duration_seconds_count", labels, series["+Inf"]
    yield "http_request_duration_seconds_sum", labels, [(t, v * 0.05) for t, v in series["+Inf"]]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory, now: datetime, onset: datetime) -> Iterator[str]:
    start, end = now.timestamp() - 3 * 3600, now.timestamp()
    series = [
        its
        for pod in ("checkout-1", "checkout-2")
        for handler in ("/pay", "/cart")
        for code in ("200", "500")
        for its in histogram(pod, handler, code, start, end, onset.timestamp())
    ]
    history = tmp_path_factory.mktemp("history") / "history.txt"
    history.write_text(openmetrics({"http_request_duration_seconds": ("histogram", series)}))
    with prometheus(history) as url:
        yield url


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory, onset: datetime) -> Path:
    world = World(tmp_path_factory.mktemp("repo"))
    long_history(world, 1500, onset - timedelta(minutes=30), "services/checkout")
    world.git("reset", "--hard", "--quiet")
    culprit = {"services/checkout/pool.py": "def acquire(): ...\n"}
    world.commit(onset - timedelta(minutes=12), "Acquire connections per caller", culprit)
    world.tag("checkout-v2", onset - timedelta(minutes=4), "release")
    world.commit(onset + timedelta(minutes=5), "Docs", {"services/checkout/README.md": "hello\n"})
    return Path(world.folder)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, now: datetime, onset: datetime) -> Path:
    file = tmp_path_factory.mktemp("logs") / "app.log"
    with file.open("w") as lines:
        for second in range(7500, 0, -3):
            at = now - timedelta(seconds=second)
            lines.write(f"{at.isoformat()} INFO order {second} placed\n")
            if at > onset:
                lines.write(f'{at.isoformat()} ERROR no connection\n  File "services/checkout/pool.py", line 1\n')
    return file


def test_a_whole_run_finds_onset_and_culprit(run, tmp_path: Path, url: str, repo: Path, log: Path, onset) -> None:
    sources = {
        "git": {"repo": str(repo), "paths": ["services/checkout"]},
        "logfiles": {"paths": [str(log)]},
        "prometheus": {"url": url},
    }
    (tmp_path / "diagnostics.yaml").write_text(json.dumps({"sources": sources}))
    ran = run("--service", "checkout", "--format", "json", "--quiet", "--change-window", "36h")
    document = ran.json
    assert ran.code == 0, document["gaps"]
    used = {c["source"]: c["status"] for c in document["coverage"] if c["status"] != "not_used"}
    assert used == dict.fromkeys(sources, "complete")
    assert document["tables"]["changes"] > 1000
    assert abs(datetime.fromisoformat(document["onset"]["time"]) - onset) < timedelta(seconds=60)
    assert document["changes"][0]["id"] == "git:tag:checkout-v2"
    assert document["stands_out"]
    assert document["changes"][0]["members"][0]["summary"] == "Acquire connections per caller"
    changed = {f["id"]: f["details"]["changed"] for f in document["findings"] if "changed" in f["details"]}
    assert changed["latency:p95"]
    assert changed["error_rate:endpoint:/pay"]
    assert "error_rate:endpoint:/cart" not in changed
    assert run("verify", document["archive"]).code == 0


def test_a_dry_run_names_them_all_and_asks_nobody(run, tmp_path: Path, repo: Path, log: Path) -> None:
    sources = {"git": {"repo": str(repo)}, "prometheus": {"url": "http://192.0.2.1:9090"}}
    (tmp_path / "diagnostics.yaml").write_text(json.dumps({"sources": sources}))
    ran = run("--service", "checkout", "--logs", log, "--dry-run")
    assert ran.code == 0
    for words in (str(repo), "192.0.2.1:9090", str(log)):
        assert words in ran.out


def test_an_unreachable_prometheus_is_a_gap_with_a_mend(run, tmp_path: Path, log: Path, monkeypatch) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://127.0.0.1:9")
    ran = run("--service", "checkout", "--logs", log, "--format", "json", "--quiet")
    assert ran.code == 2
    gap = next(g for g in ran.json["gaps"] if g["source"] == "prometheus")
    assert gap["cause"] == "unreachable"
    assert "127.0.0.1:9" in gap["why"] + gap["wanted"] + gap["mend"]


def test_bad_promql_is_named_with_the_servers_words(run, tmp_path: Path, log: Path, url: str) -> None:
    query = {"metric": "queue", "stat": "max", "unit": "count", "expr": "sum(rate(x[)"}
    sources = {"prometheus": {"url": url, "queries": {"queue": query}}}
    (tmp_path / "diagnostics.yaml").write_text(json.dumps({"sources": sources}))
    ran = run("--service", "checkout", "--logs", log, "--format", "json", "--quiet")
    assert ran.code == 2
    gap = next(g for g in ran.json["gaps"] if g["source"] == "prometheus")
    assert gap["cause"] == "invalid"
    assert "parse error" in gap["why"]
    assert "queue" in gap["wanted"] + gap["why"] + gap["mend"]
