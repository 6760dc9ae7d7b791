"""The example plug-in package, installed as a stranger's would be, and what its two plug-ins do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gather_diagnostics import Gap, Request, Rows
from gather_diagnostics.plugins import spec_of
from gather_diagnostics.tables import to_batch, to_frame

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs/examples/gather-diagnostics-uptime"

ASK = """
import json
from gather_diagnostics.plugins import ANALYZERS, COLLECTORS, Collector, load, names, spec_of
uptime, analyzer = load(COLLECTORS, "uptime"), load(ANALYZERS, "probe_failures")
print(json.dumps({
    "collectors": names(COLLECTORS), "analyzers": names(ANALYZERS), "from": uptime.__module__,
    "fits": isinstance(uptime(uptime.Settings()), Collector), "needs": sorted(spec_of(analyzer).needs),
}))
"""


def ask(path: list[Path], cwd: Path) -> dict[str, Any]:
    """What a new interpreter that finds packages on `path` says of its plug-ins."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    result = subprocess.run(
        [sys.executable, "-c", ASK], cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.fixture
def uptime(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    import gather_diagnostics_uptime.collector

    return gather_diagnostics_uptime.collector


@pytest.fixture
def probe_failures(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    from gather_diagnostics_uptime.analyzer import probe_failures

    return probe_failures


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the example was installed into by pip, as anybody's package would be."""
    target = tmp_path_factory.mktemp("example") / "installed"
    # pip builds in the source folder; a copy keeps the checkout clean.
    source = target.parent / "source"
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation",
         "--target", str(target), str(source)],
        check=True, timeout=180, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    return target


@pytest.mark.slow
def test_an_installed_package_is_found_and_loaded(installed: Path, tmp_path: Path) -> None:
    answer = ask([installed, ROOT], tmp_path)
    assert "uptime" in answer["collectors"]
    assert "git" in answer["collectors"]
    assert "probe_failures" in answer["analyzers"]
    assert answer["from"] == "gather_diagnostics_uptime.collector"
    assert answer["fits"]
    assert answer["needs"] == ["metrics"]


@pytest.mark.slow
def test_its_answers_are_in_the_bundle_like_everybody_elses(installed: Path, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    probes = [
        json.dumps({"time": (now - timedelta(minutes=m)).isoformat(), "target": "https://shop.example/", "ok": m > 15})
        for m in range(1, 110)
    ]
    (tmp_path / "checkout.jsonl").write_text("\n".join(probes))
    (tmp_path / "diagnostics.yaml").write_text("sources:\n  uptime: {file: '{service}.jsonl'}\n")
    done = subprocess.run(
        [sys.executable, "-m", "gather_diagnostics", "--service", "checkout", "--format", "json", "--quiet"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (installed, ROOT)))},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {c["source"]: c["status"] for c in document["coverage"]}["uptime"] == "complete"
    headlines = [f["headline"] for f in document["findings"] if f["question"] == "probe_failures"]
    assert headlines
    assert headlines[0].startswith("15 of 59 probes failed")
    assert "probes failed" in (Path(document["bundle"]) / "evidence.md").read_text()


def collect(uptime: ModuleType, request: Request, file: str) -> list[Any]:
    return list(uptime.Uptime(uptime.Uptime.Settings(file=file)).collect(request))


def test_probes_become_rows_that_fit_their_tables(
    uptime: ModuleType, make_request: Callable[..., Request], tmp_path: Path
) -> None:
    request = make_request()
    times = [request.incident.start, request.baseline.start, request.baseline.start - timedelta(seconds=1)]
    lines = [
        json.dumps({"time": t.isoformat(), "target": "https://shop.example.com/", "ok": i > 0, "error": "HTTP 503"})
        for i, t in enumerate(times)
    ]
    (tmp_path / "checkout.jsonl").write_text("\n".join([*lines, "not JSON", '{"time": 1}', "[]"]))
    yielded = collect(uptime, request, str(tmp_path / "{service}.jsonl"))
    assert all(y.table in uptime.Uptime.tables for y in yielded if isinstance(y, Rows))
    metrics = to_frame("metrics", [to_batch("metrics", "uptime", y.rows) for y in yielded[:-1] if y.table == "metrics"])
    events = to_frame("events", [to_batch("events", "uptime", y.rows) for y in yielded[:-1] if y.table == "events"])
    assert metrics["value"].tolist() == [0.0, 1.0]
    assert events["ref"].tolist() == [f"{tmp_path / 'checkout.jsonl'}:1"]
    gap = yielded[-1]
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.why.split()[0]) == ("invalid", "3")


def test_a_missing_file_is_a_gap(uptime: ModuleType, make_request: Callable[..., Request], tmp_path: Path) -> None:
    *rows, gap = sorted(collect(uptime, make_request(), str(tmp_path / "none.jsonl")), key=lambda y: isinstance(y, Gap))
    assert [list(r.rows) for r in rows] == [[], []]
    assert gap.cause == "not_found"
    assert list(uptime.Uptime(uptime.Uptime.Settings(file=str(tmp_path / "none.jsonl"))).check(make_request())) == [gap]


def test_without_a_file_it_is_not_configured(uptime: ModuleType, make_request: Callable[..., Request]) -> None:
    (gap,) = uptime.Uptime(uptime.Uptime.Settings()).plan(make_request())
    assert gap.cause == "not_configured"
    assert "uptime" in gap.mend


@pytest.mark.parametrize(("failing", "severity"), [(20, "high"), (0, "info")])
def test_failing_probes_are_told_from_good_ones(
    probe_failures: Callable[..., Any], make_request: Callable[..., Request], failing: int, severity: str
) -> None:
    request = make_request()
    rows = [
        {"time": request.baseline.start + timedelta(minutes=m), "ref": f"probes:{m}", "metric": "probe_failed"}
        | {"stat": "ratio", "unit": "ratio", "service": "checkout", "value": float(m >= 120 - failing)}
        for m in range(120)
    ]
    frame = to_frame("metrics", [to_batch("metrics", "uptime", rows)])
    (finding,) = probe_failures(request, {"metrics": frame})
    assert finding.headline.startswith(f"{failing} of 60 probes failed")
    assert finding.severity == severity
    assert 0 <= finding.confidence <= 1
    assert all(frame["value"][row] == bool(failing) for row in finding.supports[0].rows)
    assert spec_of(probe_failures).needs == {"metrics"}


def test_no_probes_is_no_finding(probe_failures: Callable[..., Any], make_request: Callable[..., Request]) -> None:
    assert list(probe_failures(make_request(), {"metrics": to_frame("metrics", [])})) == []
