"""More log lines than a source may keep: they are folded while they come, and everything says so and counts right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import BaseModel

from gather_diagnostics import Evidence, Request, Rows, Skew, Target, pipeline, runner
from gather_diagnostics.bundle import read, verify
from gather_diagnostics.document import render, view
from gather_diagnostics.document.summary import print_summary
from gather_diagnostics.runner import shelf
from gather_diagnostics.selection import line_counts, line_times, lines_by, lines_in

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


class Toy:
    """A source of what `lines` yields."""

    name: ClassVar[str] = "toy"
    tables: ClassVar[frozenset[str]] = frozenset({"logs"})
    Settings: ClassVar[type[BaseModel]] = BaseModel

    def __init__(self, lines: Any) -> None:
        self._lines = lines

    def plan(self, request: Request) -> list[Target]:
        return [Target("lines", "here", "it is a test")]

    def check(self, request: Request) -> list[Any]:
        return []

    def collect(self, request: Request) -> Iterator[Any]:
        yield from self._lines(request)


def line(request: Request, second: float, message: str, level: str = "INFO") -> dict[str, Any]:
    time = request.baseline.start + timedelta(seconds=second)
    return {"time": time, "ref": f"f:{second}", "message": message, "level": level, "service": request.service}


def incident(request: Request) -> Iterator[Rows]:
    """7,200 ordinary lines over both windows; 40 errors a minute from 20 minutes into the incident on."""
    rows = [line(request, second, f"order {second} placed") for second in range(7200)]
    rows += [
        line(request, 4800 + n * 1.5, f"no connection after {n} ms, password=hunter{n:05}", "ERROR")
        for n in range(1600)
    ]
    rows.sort(key=lambda row: row["time"])
    for first in range(0, len(rows), 250):
        yield Rows("logs", rows[first : first + 250])


@pytest.fixture
def small_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "LOG_BYTES", 200_000)


def gathered(request: Request, lines: Any = incident) -> Evidence:
    return pipeline.gather(request, {"toy": Toy(lines)})


def by_id(evidence: Evidence) -> dict[str, Any]:
    return {f.id: f for f in evidence.findings}


def test_below_the_room_every_line_is_a_row(make_request) -> None:
    evidence = gathered(make_request())
    assert len(evidence.tables["logs"]) == 8800
    assert evidence.tables["logs"][["count", "until"]].isna().all(axis=None)
    assert evidence.coverage[0].kept == {}


def test_above_it_no_line_is_lost_and_coverage_says_so(make_request, small_room) -> None:
    evidence = gathered(make_request())
    rows, covered = evidence.tables["logs"], evidence.coverage[0]
    assert lines_in(rows) == covered.rows["logs"] == 8800
    assert covered.kept == {"logs": len(rows)}
    assert len(rows) < 1500
    assert "hunter" not in rows["message"].str.cat(), "lines are folded after they are redacted"
    assert pipeline.exit_code(evidence) == 0, "nothing that was asked for is missing"
    assert (covered.status, evidence.gaps) == ("complete", gathered(make_request()).gaps)


def test_no_row_reaches_out_of_a_window(make_request, small_room, now) -> None:
    request = make_request(now=now + timedelta(seconds=37))
    rows = gathered(request).tables["logs"]
    folded = rows[rows["until"].notna()]
    assert len(folded)
    for window in (request.baseline, request.incident):
        starts = (folded["time"] >= window.start) & (folded["time"] < window.end)
        ends = (folded["until"] >= window.start) & (folded["until"] < window.end)
        assert starts.equals(ends)


def test_the_same_answers_with_and_without_folding(make_request, monkeypatch) -> None:
    whole = gathered(make_request())
    monkeypatch.setattr(shelf, "LOG_BYTES", 200_000)
    folded = gathered(make_request())
    one, other = by_id(whole), by_id(folded)
    assert one.keys() == other.keys()
    assert one["onset"].time == other["onset"].time
    figures = ("baseline", "incident", "peak", "changed", "trend")
    assert [one["log_errors"].details[f] for f in figures] == [other["log_errors"].details[f] for f in figures]
    assert other["onset"].details["checked"] == one["onset"].details["checked"]
    first, second = view(whole), view(folded)
    known = ("template", "new", "incident", "baseline", "first", "last")
    assert [{k: p[k] for k in known} for p in first["log_patterns"]] == [
        {k: p[k] for k in known} for p in second["log_patterns"]
    ]
    assert first["log_patterns"][0]["incident"] == 1600
    mine, its = (
        next(c["lines"][0]["points"] for c in d["series"] if c["name"] == "log_errors") for d in (first, second)
    )
    assert sum(count for _, count in mine) == sum(count for _, count in its) == 1600
    assert max(abs(a - b) for (_, a), (_, b) in zip(mine, its, strict=True)) <= 4


def test_everything_a_person_reads_tells_of_it(make_request, small_room, tmp_path, capsys) -> None:
    delivered = pipeline.deliver(gathered(make_request()), tmp_path)
    kept = delivered.document["tables"]["logs"]
    words = f"8,800 logs (like lines folded, kept as {kept:,} rows)"
    for name in ("evidence.md", "evidence.html"):
        assert words in (delivered.folder / name).read_text().replace("\\", "")
    print_summary(delivered.document, "here")
    assert f"8,800 rows, kept as {kept:,}" in " ".join(capsys.readouterr().out.split())
    assert json.loads((delivered.folder / "evidence.json").read_text())["coverage"][0]["kept"] == {"logs": kept}
    assert json.loads((delivered.folder / "manifest.json").read_text())["coverage"][0]["kept"] == {"logs": kept}
    assert verify(delivered.folder) == []
    assert lines_in(read(delivered.folder).tables["logs"]) == 8800


def test_a_quoted_row_says_how_many_lines_it_stands_for(make_request, small_room) -> None:
    evidence = gathered(make_request())
    rows = evidence.tables["logs"]
    errors = rows[(rows["level"] == "ERROR") & (line_counts(rows) > 1)]
    quoted = [q["text"] for q in view(evidence)["quotes"] if q["table"] == "logs" and q["row"] in errors.index]
    assert quoted
    assert all(" lines like it until " in text for text in quoted)


def test_the_deadline_takes_folded_and_unfolded_lines(make_request, small_room) -> None:
    def hangs(request: Request) -> Iterator[Rows]:
        yield from incident(request)
        threading.Event().wait(30)

    evidence = gathered(make_request(source_seconds=2.0), hangs)
    assert lines_in(evidence.tables["logs"]) == evidence.coverage[0].rows["logs"]
    assert [g.cause for g in evidence.gaps if g.source == "toy"] == ["timeout"]


def test_a_clock_that_is_wrong_is_corrected_in_folded_rows_too(make_request, small_room) -> None:
    def skewed(request: Request) -> Iterator[Rows | Skew]:
        yield Skew(600.0)
        yield from incident(request)

    right, moved = gathered(make_request()).tables["logs"], gathered(make_request(), skewed).tables["logs"]
    assert moved["time"].min() == right["time"].min() - timedelta(seconds=600)
    assert moved["until"].max() == right["until"].max() - timedelta(seconds=600)


def test_lines_of_folded_rows_lie_evenly_between_first_and_last(make_request) -> None:
    start = make_request().baseline.start
    rows = pd.DataFrame(
        {
            "time": pd.to_datetime([start, start + timedelta(seconds=2), start + timedelta(seconds=1)]),
            "until": pd.to_datetime([start + timedelta(seconds=9), None, start - timedelta(seconds=1)], utc=True),
            "count": [4.0, None, 2.0],
            "template": ["a", "b", "b"],
        }
    )
    assert (line_times(rows) - start.timestamp()).tolist() == [0, 1, 1, 2, 3, 6, 9]
    assert line_times(rows.iloc[:0]).tolist() == []
    assert lines_by(rows, "template").to_dict() == {"a": 4, "b": 3}
    assert list(lines_by(rows, "template").index) == ["a", "b"]


def test_an_absurd_count_takes_no_memory(make_request) -> None:
    start = make_request().baseline.start
    times = pd.to_datetime([start, start + timedelta(seconds=5)])
    rows = pd.DataFrame({"time": times, "until": times + timedelta(seconds=5), "count": [1e18, -3.0]})
    assert 4_000_000 < len(line_times(rows)) <= 5_000_001
    assert line_counts(rows).tolist() == [2**40, 1]


def test_a_bundle_of_before_lines_were_folded_is_read(make_request, tmp_path) -> None:
    import pyarrow.parquet as pq

    evidence = gathered(make_request())
    folder = runner_bundle(evidence, tmp_path)
    path = folder / "tables" / "logs.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["count", "until"]), path)
    manifest = json.loads((folder / "manifest.json").read_text())
    for covered in manifest["coverage"]:
        del covered["kept"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = read(folder)
    pd.testing.assert_frame_equal(found.tables["logs"], evidence.tables["logs"])
    assert found.coverage == evidence.coverage
    assert runner.analyze(replace(found, findings=())).findings == evidence.findings


def runner_bundle(evidence: Evidence, parent: Path) -> Path:
    from gather_diagnostics.bundle import write

    return write(evidence, render(view(evidence)), parent).folder


@pytest.mark.slow
def test_half_a_million_lines_stay_in_bounds() -> None:
    """In a process of its own, as peak memory is a process's. Unfolded, the same lines peak above 900 MB."""
    command = [sys.executable, str(ROOT / "benchmarks" / "log_memory.py"), "--lines", "500000", "--pods", "200"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300).stdout
    figures = dict(line.split(": ", 1) for line in told.splitlines())
    peak, imports = (int(figures[name].split()[0]) for name in ("peak", "imports"))
    assert peak - imports < 250, told
    assert "exit code 0" in figures["rows of logs"]


@pytest.mark.slow
def test_the_command_line_has_one_allocator_for_arrow_and_all_else() -> None:
    script = "import gather_diagnostics.__main__, pyarrow; print(pyarrow.default_memory_pool().backend_name)"
    environment = {k: v for k, v in os.environ.items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment, timeout=60)
    assert done.stdout == "system\n"


@pytest.mark.slow
def test_what_the_analyzers_need_is_loaded_while_sources_are_waited_for() -> None:
    script = """
import sys, time
from datetime import UTC, datetime, timedelta
from gather_diagnostics import Request, Target, Window, pipeline
class Slow:
    def plan(self, request):
        yield Target("a", "b", "c")
    def collect(self, request):
        for _ in range(100):
            time.sleep(0.1)
            if "scipy.stats" in sys.modules and "_stats_py" in dir(sys.modules["scipy.stats"]):
                return
            yield from ()
end, hour = datetime(2026, 3, 14, tzinfo=UTC), timedelta(hours=1)
window = Window(end - hour, end)
request = Request("x", end, window, window.shifted(-hour), window)
assert [g for g in pipeline.gather(request, {"slow": Slow()}).gaps if g.source == "slow"] == []
import pyarrow
print("scipy.stats" in sys.modules, pyarrow.default_memory_pool().backend_name)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60
    )
    assert done.stdout == "True system\n"
