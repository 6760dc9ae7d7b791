"""Bad input at the edges of the whole command: one clear sentence, the documented exit code, and the rest goes on."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest


def stamped(minutes_ago: float, text: str) -> str:
    return f"{(datetime.now(UTC) - timedelta(minutes=minutes_ago)).isoformat()} {text}\n"


def good_lines(count: int = 200) -> bytes:
    return "".join(stamped(100 - n * 100 / count, f"INFO order {n} placed") for n in range(count)).encode()


@pytest.fixture
def gather(run, tmp_path: Path) -> Callable[..., tuple[int, dict]]:
    """Run over one log file; (exit code, evidence document)."""

    def gather(content: bytes, *more: object) -> tuple[int, dict]:
        (tmp_path / "app.log").write_bytes(content)
        ran = run("--service", "checkout", "--logs", tmp_path / "app.log", "--format", "json", "--quiet", *more)
        assert "Traceback" not in ran.err
        return ran.code, ran.json

    return gather


def gap_of(document: dict, source: str) -> dict:
    (gap,) = [g for g in document["gaps"] if g["source"] == source]
    assert gap["why"]
    assert gap["mend"]
    return gap


def test_a_corrupt_gz_is_named_and_what_was_before_stays(gather) -> None:
    packed = gzip.compress(good_lines(5000), mtime=0)
    code, document = gather(packed[: len(packed) // 2])
    gap = gap_of(document, "logfiles")
    assert code == 2
    assert gap["cause"] == "invalid"
    assert "app.log" in gap["why"] + gap["wanted"]
    assert document["tables"]["logs"] > 100


def test_a_line_of_50_mb_is_cut_and_the_rest_is_read(gather) -> None:
    code, document = gather(good_lines() + stamped(1, "INFO " + "x" * 50_000_000).encode() + good_lines())
    gap = gap_of(document, "logfiles")
    assert code == 2
    assert gap["cause"] == "truncated"
    assert document["tables"]["logs"] == 401


def test_invalid_utf_8_is_no_reason_to_lose_a_line(gather) -> None:
    code, document = gather(good_lines() + stamped(1, "INFO caf").encode()[:-1] + b"\xe9 \xff\xfe\n")
    assert code == 0
    assert document["tables"]["logs"] == 201


def test_clock_skew_is_measured_and_said(gather) -> None:
    code, document = gather(good_lines() + stamped(-10, "INFO from the future").encode())
    gap = gap_of(document, "logfiles")
    assert code == 2
    assert "clock" in gap["why"] + gap["wanted"]
    assert "10 min" in gap["why"] or "9 min" in gap["why"] or "600 s" in gap["why"] or "599 s" in gap["why"]


def test_a_file_with_no_times_says_what_to_do(gather, run, tmp_path) -> None:
    (tmp_path / "app.log").write_text("hello\nworld\n")
    ran = run("--service", "checkout", "--logs", tmp_path / "app.log")
    assert ran.code == 3
    assert "app.log" in ran.err
    assert "mend:" in ran.err


def test_not_a_git_repository(run, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "diagnostics.yaml").write_text("sources:\n  git: {repo: plain}\n")
    ran = run("--service", "checkout", "--source", "git")
    assert ran.code == 3
    assert str(tmp_path / "plain") in ran.err
    assert "repository" in ran.err


def test_outside_any_repository_a_named_git_source_is_missed(run) -> None:
    ran = run("--service", "checkout", "--source", "git")
    assert ran.code == 3
    assert "git" in ran.err


@pytest.mark.slow
def test_standard_input_is_a_log_file_too(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gather_diagnostics", "--service", "checkout", "--logs", "-", "--quiet"]
    kubectl = "".join(
        stamped(100 - n / 2, '{"level":"info","msg":"order placed"}').replace("+00:00", "Z") for n in range(200)
    )
    done = subprocess.run(
        [*command, "--format", "json"], cwd=tmp_path, input=kubectl, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert '"logs": 200' in done.stdout


def test_hostile_log_lines_do_not_reach_the_terminal(run, tmp_path: Path) -> None:
    bad = "".join(
        stamped(19 - n / 10, "ERROR \x1b]0;owned\x07\x1b[2J<script>alert(1)</script> boom") for n in range(150)
    )
    (tmp_path / "app.log").write_bytes(good_lines() + bad.encode())
    ran = run("--service", "checkout", "--logs", tmp_path / "app.log")
    assert ran.code == 0
    assert "boom" in ran.out
    assert "\x1b" not in ran.out + ran.err
    html = next(tmp_path.glob("evidence-*/evidence.html")).read_text()
    assert "<script>alert" not in html


def test_secrets_reach_neither_disk_nor_screen(run, tmp_path: Path) -> None:
    secret = "AKIA" + "QX7RJ2LMN4PZT6WV"
    bad = "".join(
        stamped(19 - n / 10, f"ERROR upload with {secret} and password=hunter2hunter2 failed") for n in range(150)
    )
    (tmp_path / "app.log").write_bytes(good_lines() + bad.encode())
    ran = run("--service", "checkout", "--logs", tmp_path / "app.log", "--format", "json")
    assert ran.json["redactions"]
    written = b"".join(f.read_bytes() for f in tmp_path.glob("evidence-*/**/*") if f.is_file())
    tables = io.BytesIO()
    for table in tmp_path.glob("evidence-*/tables/*.parquet"):
        import pandas as pd

        tables.write(pd.read_parquet(table).to_csv().encode())
    for planted in (secret, "hunter2hunter2"):
        assert planted.encode() not in written
        assert planted.encode() not in tables.getvalue()
        assert planted not in ran.out + ran.err
    assert b"[redacted:" in tables.getvalue()


@pytest.mark.parametrize(("epoch", "code"), [("yesterday", 1), ("-1", 1), ("", 0), ("1773453600", 0)])
def test_a_source_date_epoch_that_is_none_is_a_sentence(run, monkeypatch, epoch: str, code: int) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    ran = run("--version")
    assert ran.code == code
    assert ("SOURCE_DATE_EPOCH" in ran.err) == bool(code)
