"""Archives as evidence: what is read, what is said where it can't be, what no disk and no document may see."""

from __future__ import annotations

import gzip
import os
import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import zstandard
from archivework import SECRET, START, here, lines_of, run, same_key, text, write

from gather_diagnostics import Request, Window, runner
from gather_diagnostics.archive import engines, read
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.errors import InputError, NoSourceError
from gather_diagnostics.progress import Silent, Step
from gather_diagnostics.selection import lines_in

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 20, tzinfo=UTC)


@pytest.fixture
def request_(make_request) -> Request:
    return make_request("shop", now=START + timedelta(hours=2))


def test_all_kinds_of_files_are_read_and_counted(tmp_path: Path, request_: Request) -> None:
    evidence = run(write(tmp_path / "logs"), request_)
    assert lines_in(lines_of(evidence)) == 3 * (2000 + 100)
    assert set(lines_of(evidence)["instance"]) == {"web-1", "web-2", "web-3"}
    assert evidence.gaps == ()
    (coverage,) = evidence.coverage
    assert (coverage.rows, coverage.status) == ({"logs": 6300}, "complete")
    assert coverage.kept == {"logs": len(lines_of(evidence))}
    assert "7,200 lines" in coverage.targets[0].what


def test_a_row_is_a_pattern_in_a_minute(tmp_path: Path, request_: Request) -> None:
    (tmp_path / "app.log").write_text(text(1200, "x"))
    frame = lines_of(run(tmp_path, request_))
    assert frame["template"].nunique() == 2
    assert len(frame) == 120 + 60
    failed = frame[frame["level"] == "ERROR"]
    assert failed["message"].str.endswith("ValueError: no money").all()
    assert not frame.duplicated(["time", "template"]).any()


@pytest.mark.slow
def test_without_a_time_the_later_half_stands_against_the_earlier(tmp_path: Path, request_: Request) -> None:
    evidence = runner.analyze(run(write(tmp_path / "logs"), request_))
    asked = evidence.request
    assert (asked.baseline.start, asked.incident.end) == (START, START + timedelta(hours=2))
    assert asked.incident.start == asked.baseline.end == START + timedelta(hours=1)
    onset = evidence.findings_of("onset")
    assert onset
    assert onset[0].time is not None
    assert abs(onset[0].time - asked.incident.start) < timedelta(minutes=3)


def test_one_absurd_time_makes_no_archive_of_decades(tmp_path: Path, request_: Request) -> None:
    (tmp_path / "app.log").write_text(text(3000, "x") + "1999-01-01T00:00:00Z INFO who set this clock\n")
    evidence = run(tmp_path, request_)
    assert evidence.request.baseline.start >= START
    assert lines_in(lines_of(evidence)) == 3000 + 150 + 1


def test_with_windows_the_others_are_counted_and_left_out(tmp_path: Path, make_request) -> None:
    asked = make_request("shop", now=START + timedelta(minutes=90, seconds=7), minutes=30)
    evidence = run(write(tmp_path / "logs"), asked, whole=False)
    frame = lines_of(evidence)
    assert evidence.request == asked
    assert frame["time"].min() >= asked.baseline.start
    assert frame["until"].max() < asked.incident.end
    # No row reaches across the edge at :07.
    crossing = (frame["time"] < asked.incident.start) & (frame["until"] >= asked.incident.start)
    assert not crossing.any()
    outside = re.search(r"\(([\d,]+) records outside", evidence.coverage[0].targets[0].what)
    assert outside is not None
    assert lines_in(frame) + int(outside[1].replace(",", "")) == 6300


@pytest.mark.slow
def test_damaged_files_are_gaps_and_the_rest_goes_on(tmp_path: Path, request_: Request) -> None:
    whole = lines_in(lines_of(run(write(tmp_path / "logs"), request_)))
    packed = gzip.compress(os.urandom(9).hex().join(text(3000, "web-9").splitlines(True)).encode())
    (tmp_path / "logs" / "web-9.log.gz").write_bytes(packed[: len(packed) // 2])
    (tmp_path / "logs" / "web-8.log.zst").write_bytes(zstandard.compress(text(100, "web-8").encode())[:-9])
    (tmp_path / "logs" / "notes.txt").write_text("no times\nin here\n")
    evidence = run(tmp_path / "logs", request_)
    said = {gap.wanted.rpartition("/")[2]: gap for gap in evidence.gaps}
    assert set(said) == {"web-9.log.gz", "web-8.log.zst", "notes.txt"}
    assert {gap.cause for gap in evidence.gaps} == {"invalid"}
    assert "2 records can't be placed" in said["notes.txt"].why
    assert lines_in(lines_of(evidence)) > whole + 500, "what stands before the damage is kept"
    assert evidence.coverage[0].status == "partial"


def test_a_file_that_may_not_be_read_is_one_gap(tmp_path: Path, request_: Request, monkeypatch) -> None:
    write(tmp_path / "logs")
    real = engines.Pass.__call__

    def refuse(path: str, *rest: object, **more: object) -> object:
        if str(path).endswith("web-1.log"):
            raise PermissionError(13, "Permission denied", path)
        return open(path, *rest, **more)  # type: ignore[call-overload]

    monkeypatch.setattr("gather_diagnostics.archive.files.open", refuse, raising=False)
    evidence = run(tmp_path / "logs", request_, block=10_000)
    assert real is engines.Pass.__call__
    assert [(g.cause, g.wanted) for g in evidence.gaps] == [("denied", f"log lines in {tmp_path}/logs/web-1.log")]
    assert set(lines_of(evidence)["instance"]) == {"web-2", "web-3"}


def test_no_secret_comes_through_and_all_passes_agree_on_its_placeholder(tmp_path: Path, request_: Request) -> None:
    evidence = run(write(tmp_path / "logs"), request_, block=20_000)
    shown = lines_of(evidence).to_csv()
    assert SECRET not in shown
    placeholders = set(re.findall(r"\[redacted:[\w-]+:\w{8}\]", shown))
    assert len(placeholders) == 1
    assert sum(places["logs.message"] for places in evidence.redactions.values()) == 6000


def test_the_key_is_nowhere_to_be_read() -> None:
    """Engines log what they run, with its arguments."""
    work = Pass("shop", (), b"\x07secretkey" * 4)
    assert "secretkey" not in repr(work)
    assert pickle.loads(pickle.dumps(work)) == work


@pytest.mark.slow
def test_processes_of_this_machine_give_the_same(tmp_path: Path, request_: Request, monkeypatch) -> None:
    same_key(monkeypatch)
    folder = write(tmp_path / "logs", lines=300)
    one, many = run(folder, request_), run(folder, request_, engines.local, block=5_000)
    pd.testing.assert_frame_equal(lines_of(one), lines_of(many))
    assert one.redactions == many.redactions


def test_a_single_file_is_an_archive_of_one(tmp_path: Path, request_: Request) -> None:
    folder = write(tmp_path / "logs")
    evidence = run(folder / "web-1.log", request_)
    assert lines_in(lines_of(evidence)) == 2100
    assert evidence.coverage[0].targets[0].where == f"{folder}/web-1.log"


def test_progress_tells_what_coverage_tells(tmp_path: Path, make_request) -> None:
    """Records in the windows, and whether something is missing."""
    asked = make_request("shop", now=START + timedelta(minutes=90), minutes=30)
    folder = write(tmp_path / "logs", lines=300)
    (folder / "notes.txt").write_text("no times\n")
    said: list[Step] = []

    class Heard(Silent):
        def step(self, source: str, step: Step) -> None:
            said.append(step)

    evidence = read(str(folder), asked, here, Heard(), whole=False)
    assert (said[-1].rows, said[-1].gaps, said[-1].status) == (lines_in(lines_of(evidence)), 1, "partial")
    assert said[0].status == "1 of 4 parts"
    assert "1 records without a time left out" in evidence.coverage[0].targets[0].what


def test_hidden_and_empty_files_are_left_out(tmp_path: Path, request_: Request) -> None:
    folder = write(tmp_path / "logs")
    (folder / ".git").mkdir()
    (folder / ".git" / "x.log").write_text("2026-03-14T00:00:00Z INFO no\n")
    (folder / "empty.log").touch()
    (folder / "gone.log").symlink_to(folder / "nowhere")
    assert " in 3 files" in run(folder, request_).coverage[0].targets[0].what


def test_nothing_to_read_is_one_sentence(tmp_path: Path, request_: Request) -> None:
    with pytest.raises(NoSourceError, match="holds no files"):
        run(tmp_path, request_)
    (tmp_path / "notes.txt").write_text("no times\n")
    with pytest.raises(NoSourceError, match="1 have no time"):
        run(tmp_path, request_)
    with pytest.raises(InputError, match="names no bucket"):
        run("s3://", request_)


def test_a_window_of_another_year_is_told(tmp_path: Path, request_: Request) -> None:
    past = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))
    asked = Request("shop", NOW, past, past.shifted(-past.length), past)
    told = r"6,300 records lie outside the windows \(2019-12-31 00:00 to 2020-01-02 00:00 UTC; without --at"
    with pytest.raises(NoSourceError, match=told):
        run(write(tmp_path / "logs"), asked, whole=False)
