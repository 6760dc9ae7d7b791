"""A real Alertmanager on loopback.

The binary comes from TEST_ASSET_ALERTMANAGER (the folder that holds it), PATH, or .cache/servers of this checkout
(`scripts/fetch_test_servers`). Debian calls it prometheus-alertmanager.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.prometheus import CACHE, ServerError, ended, free_port

MEND = "run scripts/fetch_test_servers, or set TEST_ASSET_ALERTMANAGER to the folder with prometheus-alertmanager"
READY_SECONDS = 30
CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


def binary() -> str | None:
    """Path of the program; None where there is none."""
    places = [os.environ.get("TEST_ASSET_ALERTMANAGER", ""), os.environ.get("PATH", ""), str(CACHE)]
    names = ("prometheus-alertmanager", "alertmanager")
    return next((f for p in places if p for n in names if (f := shutil.which(n, path=p))), None)


@contextmanager
def alertmanager(prefix: str = "") -> Iterator[str]:
    """Start Alertmanager on a free loopback port, below a path; yields its URL.

    Skips the test loudly, or fails it in CI, where the binary is missing.
    """
    program = binary()
    if not program:
        from conftest import missing

        missing("Alertmanager", MEND)
    with tempfile.TemporaryDirectory(prefix="alertmanager-") as name:
        folder = Path(name)
        (folder / "alertmanager.yml").write_text(CONFIG)
        program = _runnable(Path(program), folder)
        port = free_port()
        command = [
            program,
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
            f"--web.route-prefix={prefix or '/'}",
        ]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        with ended(process):
            url = f"http://127.0.0.1:{port}{prefix}"
            _wait(url, process, folder / "log")
            yield url


INSTALLED = Path("/usr/share/prometheus/alertmanager")
"""Where Debian's build looks for its templates; unpacked without root, they lie elsewhere."""


def _runnable(program: Path, folder: Path) -> str:
    """The program, or a copy that looks for its templates in the folder it is started in.

    The path is compiled in, and no flag changes it: in the copy it is relative, and as long as before.
    """
    unpacked = program.resolve().parents[1] / "share" / "prometheus" / "alertmanager"
    here = bytes(INSTALLED)
    if INSTALLED.exists() or not unpacked.exists() or here not in (content := program.read_bytes()):
        return str(program)
    for template in unpacked.glob("*.tmpl"):
        shutil.copy(template, folder)
    copy = folder / "alertmanager"
    copy.write_bytes(content.replace(here, b".".ljust(len(here), b"/")))
    copy.chmod(0o755)
    return str(copy)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise ServerError(f"Alertmanager is not ready at {url}: {log.read_text(errors='replace')[-500:]}")


def post(url: str, path: str, document: Any) -> Any:
    """Put alerts or a silence in, as Prometheus and people do."""
    body = json.dumps(document).encode()
    request = urllib.request.Request(url + path, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        text = answer.read()
    return json.loads(text) if text else None
