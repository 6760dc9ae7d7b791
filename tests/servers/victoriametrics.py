"""A real VictoriaMetrics (single node) on loopback, with a history put in.

The binary comes from TEST_ASSET_VICTORIAMETRICS (the folder that holds it), PATH, or .cache/servers of this checkout
(`scripts/fetch_test_servers`).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.prometheus import CACHE, ServerError, ended, free_port

MEND = "run scripts/fetch_test_servers, or set TEST_ASSET_VICTORIAMETRICS to the folder with victoria-metrics"
READY_SECONDS = 30


def binary() -> str | None:
    """Path of the program; None where there is none."""
    places = [os.environ.get("TEST_ASSET_VICTORIAMETRICS", ""), os.environ.get("PATH", ""), str(CACHE)]
    return next((f for p in places if p if (f := shutil.which("victoria-metrics", path=p))), None)


@contextmanager
def victoriametrics(history: str) -> Iterator[str]:
    """Start it on a free loopback port with OpenMetrics text, times in seconds; yields its URL, a path prefix included.

    Skips the test loudly, or fails it in CI, where the binary is missing.
    """
    program = binary()
    if not program:
        from conftest import missing

        missing("VictoriaMetrics", MEND)
    with tempfile.TemporaryDirectory(prefix="victoriametrics-") as name:
        folder = Path(name)
        port = free_port()
        command = [
            str(program),
            f"-httpListenAddr=127.0.0.1:{port}",
            f"-storageDataPath={folder}/data",
            "-retentionPeriod=100y",
            "-http.pathPrefix=/vm",
            "-memory.allowedBytes=256MB",
            # Else a query is not answered from what was put in a moment ago.
            "-search.disableCache",
            "-search.latencyOffset=0s",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        with ended(process):
            url = f"http://127.0.0.1:{port}/vm"
            _wait(f"{url}/health", process, folder / "log")
            _put(url, history)
            yield url


def _put(url: str, history: str) -> None:
    """Its text format takes milliseconds."""
    lines = [line for line in history.splitlines() if not line.startswith("#")]
    text = "\n".join(re.sub(r" (\d+)\.(\d{3})$", r" \1\2", line) for line in lines) + "\n"
    with urllib.request.urlopen(f"{url}/api/v1/import/prometheus", text.encode(), timeout=60):
        pass
    with urllib.request.urlopen(f"{url}/internal/force_flush", timeout=60):
        pass


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise ServerError(f"VictoriaMetrics is not ready at {url}: {log.read_text(errors='replace')[-500:]}")
