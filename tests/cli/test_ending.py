"""How the process ends: what was written, the exit code, and nothing that looks like a crash."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-m", "gather_diagnostics"]


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only Linux has a file that is always full")
def test_a_full_disk_behind_stdout_is_one_sentence(buffered: bool, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | ({} if buffered else {"PYTHONUNBUFFERED": "1"})
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [*PROGRAM, "sources"], stdout=full, stderr=subprocess.PIPE, text=True, env=environment, cwd=tmp_path
        )
    assert ended.returncode == 1
    assert ended.stderr == "error: what was to be shown can't be written: no space left on device\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    ended = subprocess.run([*PROGRAM, "runbook", "list"], stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path)
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_what_libraries_registered_for_the_end_is_done(tmp_path: Path) -> None:
    program = (
        "import atexit, sys; from gather_diagnostics.__main__ import run;"
        " atexit.register(lambda: print('cleaned')); sys.argv[1:] = ['--version']; run()"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout.splitlines()[1:] == ["cleaned"]


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["--no-such-option"], 1), (["verify", "x"], 1)])
def test_the_exit_code_is_the_commands(arguments: list[str], code: int, tmp_path: Path) -> None:
    ended = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, cwd=tmp_path)
    assert ended.returncode == code
    assert bool(ended.stdout) != bool(ended.stderr)
