"""A writer that is killed at any moment leaves whole bundles and hidden folders that the next writer sweeps."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
from evidencesample import DOCUMENTS, sample_evidence

from gather_diagnostics.bundle import read, staging, verify, write

_SETUP = """
import os, random, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
import pandas, pyarrow.parquet
from evidencesample import DOCUMENTS, sample_evidence
from gather_diagnostics.bundle import write

evidence = sample_evidence(datetime(2026, 3, 14, 3, 20, tzinfo=UTC))
parent = Path(sys.argv[1])
"""

_KILLED_AT_EACH_STEP = """
FILES = {"open", "os.mkdir", "os.rename", "os.link", "os.remove", "os.rmdir", "os.scandir", "os.listdir"}

def kill_at(last, below):
    steps = 0
    def count(event, arguments):
        nonlocal steps
        if event in FILES and (str(arguments[0]).startswith(below) or not str(arguments[0]).startswith("/")):
            steps += 1
            if steps > last:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(count)

step, status = 0, 9
while os.WIFSIGNALED(status):
    if not (child := os.fork()):
        folder = parent / f"{step:03d}"
        folder.mkdir()
        kill_at(step, str(folder))
        write(evidence, DOCUMENTS, folder)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    step += 1
print(step, os.WEXITSTATUS(status))
"""

_KILLED_AT_RANDOM = """
dice = random.Random(sys.argv[2])
began = time.monotonic()
write(evidence, DOCUMENTS, parent)
once = time.monotonic() - began  # disks differ, and how busy they are
for _ in range(30):
    if not (child := os.fork()):
        while True:
            write(evidence, DOCUMENTS, parent)
    time.sleep(dice.uniform(0.1, 4) * once)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
"""


def run(script: str, *arguments: str | Path) -> str:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _SETUP + script, *arguments],
        env=os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def hidden(parent: Path) -> list[Path]:
    return [p for p in parent.iterdir() if p.name.startswith(".")]


def shown(parent: Path) -> list[Path]:
    return [p for p in parent.iterdir() if not p.name.startswith(".")]


@pytest.mark.slow
def test_killed_before_each_single_step(tmp_path: Path, now: datetime) -> None:
    """Every open, mkdir, link, rename and removal in turn is the one the writer does not live to do."""
    steps, status = (int(word) for word in run(_KILLED_AT_EACH_STEP, tmp_path).split())
    assert status == 0
    assert steps > 50
    folders = sorted(tmp_path.iterdir())
    assert len(folders) == steps
    half_written = 0
    for folder in folders:
        for bundle in shown(folder):
            assert bundle.name.removesuffix(".tar.gz") == "evidence-checkout-20260314T032000Z"
            assert verify(bundle) == []
        half_written += len(hidden(folder))
        assert len(hidden(folder)) <= 1
    assert half_written > 40
    assert len(shown(folders[0])) == 0
    assert len(shown(folders[-1])) == 2
    for folder in folders[:: steps // 6]:
        before = set(shown(folder))
        written = write(sample_evidence(now), DOCUMENTS, folder)
        assert set(shown(folder)) == before | {written.folder, written.archive}
        assert hidden(folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", ["1"])
def test_killed_at_random_moments(tmp_path: Path, now: datetime, seed: str) -> None:
    run(_KILLED_AT_RANDOM, tmp_path, seed)
    bundles = shown(tmp_path)
    assert len(bundles) > 30
    assert [problem for bundle in bundles for problem in verify(bundle)] == []
    assert len(hidden(tmp_path)) <= 1
    assert read(bundles[0]).request.asked == now
    write(sample_evidence(now), DOCUMENTS, tmp_path)
    assert hidden(tmp_path) == []


def test_a_dead_writers_folder_is_swept_and_a_living_ones_stays(tmp_path: Path, now: datetime) -> None:
    dead, alive = (tmp_path / f".evidence-x-20260314T032000Z.partial-{c * 16}" for c in "ab")
    for folder in (dead, alive):
        folder.mkdir()
        (folder / "manifest.json").write_text("{")
    lock = os.open(alive, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write(sample_evidence(now), DOCUMENTS, tmp_path)
        assert hidden(tmp_path) == [alive]
        assert (alive / "manifest.json").exists()
    finally:
        os.close(lock)
    assert staging.sweep(tmp_path) == [alive]
    assert hidden(tmp_path) == []


def test_what_is_not_ours_is_not_swept(tmp_path: Path) -> None:
    others = [".evidence-x.partial-1234", ".partial-0123456789abcdef", "x.partial-0123456789abcdef", ".git"]
    for name in others:
        (tmp_path / name).mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("precious")
    (tmp_path / ".evidence-y.partial-0123456789abcdef").symlink_to(elsewhere)
    (tmp_path / ".evidence-z.partial-0123456789abcdef").write_text("a file")
    before = sorted(tmp_path.rglob("*"))
    assert staging.sweep(tmp_path) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_swept_before_it_is_locked_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between mkdir and lock a new folder looks dead to others."""
    flock, swept = fcntl.flock, []

    def late(descriptor: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not swept:
            (victim,) = hidden(tmp_path)
            victim.rmdir()
            swept.append(victim)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", late)
    with staging.staged(tmp_path, "evidence-x") as stage:
        assert swept
        assert stage != swept[0]
        assert hidden(tmp_path) == [stage]
        assert staging.sweep(tmp_path) == []
    assert hidden(tmp_path) == []


@pytest.mark.slow
def test_writers_and_sweepers_side_by_side(tmp_path: Path, now: datetime) -> None:
    """Sweeping all the time, as other writers do, takes nothing from a living writer."""
    evidence, stop = sample_evidence(now), threading.Event()
    swept: list[Path] = []

    def sweeping() -> None:
        while not stop.is_set():
            swept.extend(staging.sweep(tmp_path))
            time.sleep(0.0005)

    thread = threading.Thread(target=sweeping)
    thread.start()
    try:
        written = [write(evidence, DOCUMENTS, tmp_path) for _ in range(15)]
    finally:
        stop.set()
        thread.join()
    assert len(shown(tmp_path)) == 30
    assert [problem for w in written for problem in verify(w.folder)] == []
