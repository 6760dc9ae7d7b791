"""A Dask cluster on loopback: a scheduler and workers, each a process that can be killed.

with cluster(workers=3) as dask:
    engines.dask(dask.address)
    dask.kill(0)
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    address: str
    workers: Sequence[subprocess.Popen[bytes]]

    def kill(self, worker: int) -> None:
        """At once, without a goodbye (SIGKILL)."""
        self.workers[worker].kill()
        self.workers[worker].wait()


@contextmanager
def cluster(workers: int) -> Iterator[Cluster]:
    """Skips the test loudly, or fails it in CI, where Dask is missing."""
    if importlib.util.find_spec("distributed") is None:
        from conftest import missing

        missing("distributed", "pip install 'gather-diagnostics[dask]'")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scheduler.json"
        own = ["--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(file)]
        started = [_started(["scheduler", "--port", "0", *own], folder)]
        try:
            address = _address(file)
            alone = ["--no-nanny", "--nthreads", "1", "--local-directory", folder]
            started += [_started(["worker", *own, *alone], folder) for _ in range(workers)]
            yield Cluster(address, started[1:])
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()


def _started(arguments: Sequence[str], folder: str) -> subprocess.Popen[bytes]:
    # As on another machine: the package is found as it is installed there, not through this process's folder.
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _address(file: Path) -> str:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        try:
            return str(json.loads(file.read_text())["address"])
        except (FileNotFoundError, ValueError):
            time.sleep(0.05)
    raise TimeoutError("the Dask scheduler is not ready")
