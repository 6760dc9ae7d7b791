"""A source that hangs, a person who presses Ctrl-C, a scheduler that kills: what is on disk afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gather_diagnostics.bundle import verify

pytestmark = pytest.mark.slow


@pytest.fixture
def hanging() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    now = datetime.now(UTC)
    log = tmp_path / "app.log"
    log.write_text("".join(f"{(now - timedelta(seconds=s)).isoformat()} INFO fine\n" for s in range(3000, 0, -1)))
    return [sys.executable, "-m", "gather_diagnostics", "--service", "checkout", "--logs", str(log), "--format", "json"]


def start(command: list[str], cwd: Path, url: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PROMETHEUS_URL": url}
    return subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_reading(process: subprocess.Popen[str]) -> str:
    """Until the log files are read and only the hanging source is left."""
    assert process.stderr
    said = ""
    while "logfiles:" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_once_bundles_what_is_there(command, tmp_path, hanging, sign) -> None:
    process = start([*command, "--deadline", "120s"], tmp_path, hanging)
    wait_for_reading(process)
    process.send_signal(sign)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    document = json.loads(out)
    assert document["interrupted"]
    assert [(g["source"], g["cause"]) for g in document["gaps"] if g["cause"] == "interrupted"] == [
        ("prometheus", "interrupted")
    ]
    assert document["tables"]["logs"] == 3000
    assert verify(Path(document["bundle"])) == []


def test_twice_quits(command, tmp_path, hanging) -> None:
    process = start([*command, "--deadline", "120s"], tmp_path, hanging)
    wait_for_reading(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err
    written = list(tmp_path.glob("evidence-*"))
    if not written:
        assert "no bundle was written" in err
        assert out == ""
    for bundle in written:  # it was whole before the second came
        assert verify(bundle) == []


def test_a_source_that_hangs_ends_at_its_deadline(command, tmp_path, hanging) -> None:
    started = time.monotonic()
    done = start([*command, "--deadline", "6s"], tmp_path, hanging)
    out, err = done.communicate(timeout=60)
    assert done.returncode == 2, err
    assert time.monotonic() - started < 12
    document = json.loads(out)
    assert {c["source"]: c["status"] for c in document["coverage"]}["logfiles"] == "complete"
    assert {g["cause"] for g in document["gaps"] if g["source"] == "prometheus"} <= {"timeout", "unreachable"}


def test_kill_9_at_any_moment_leaves_no_half_bundle(command, tmp_path) -> None:
    took = time.monotonic()
    whole = start(command, tmp_path, "http://127.0.0.1:1")
    whole.communicate(timeout=60)
    took = time.monotonic() - took
    chance = random.Random(7)
    killed = 0
    for _ in range(12):
        process = start(command, tmp_path, "http://127.0.0.1:1")
        time.sleep(chance.uniform(0.3, 1.05) * took)
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        for bundle in tmp_path.glob("evidence-*"):
            assert verify(bundle) == [], f"{bundle} is not whole"
    assert killed >= 6
