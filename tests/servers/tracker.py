"""A real Roundup tracker on loopback: classic template, SQLite, REST API; the package comes from PyPI.

https://www.roundup-tracker.org/docs/rest.html
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from servers.prometheus import ServerError, ended, free_port

MEND = "pip install roundup, into the environment that runs the tests"
READY_SECONDS = 30
NOBODY = "nobody"
USER, PASSWORD = "oncall", "correct horse"


@dataclass(frozen=True, slots=True)
class Tracker:
    """A running one. `url` is what people open; `admin` asks its REST API with every right."""

    url: str
    home: Path

    def admin(self, method: str, path: str, **kwargs: Any) -> Any:
        """The `data` of an answer of the REST API, of 'issue/1' for instance."""
        headers = {"X-Requested-With": "rest", "Referer": self.url, "Origin": self.url.rstrip("/").rpartition("/")[0]}
        auth = ("admin", "admin")
        answer = requests.request(
            method, f"{self.url}rest/data/{path}", auth=auth, headers=headers, timeout=10, **kwargs
        )
        answer.raise_for_status()
        return answer.json()["data"]

    def issue(self, title: str = "checkout is slow") -> str:
        """A new issue's number."""
        return str(self.admin("POST", "issue", data={"title": title})["id"])

    def contents(self, issue: str, what: str) -> list[str]:
        """Of every file or message ('files', 'messages') of an issue, as texts of what was sent."""
        linked = self.admin("GET", f"issue/{issue}")["attributes"][what]
        return [self.admin("GET", f"{one['link'].partition('/rest/data/')[2]}/content")["data"] for one in linked]


@contextmanager
def tracker() -> Iterator[Tracker]:
    """Install a tracker, start its server, yield it. Skips loudly without Roundup, or fails in CI."""
    programs = Path(sys.executable).parent
    if importlib.util.find_spec("roundup") is None or not (programs / "roundup-server").exists():
        from conftest import missing

        missing("Roundup", MEND)
    with tempfile.TemporaryDirectory(prefix="roundup-") as name:
        home = Path(name) / "tracker"
        port = free_port()
        url = f"http://127.0.0.1:{port}/ops/"
        _install(programs, home, url)
        command = [
            programs / "roundup-server",
            "-p",
            str(port),
            "-n",
            "127.0.0.1",
            *_as_nobody(Path(name)),
            f"ops={home}",
        ]
        with (Path(name) / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=name)
        with ended(process):
            _wait(url, process, Path(name) / "log")
            yield Tracker(url, home)


def _install(programs: Path, home: Path, url: str) -> None:
    def admin(*arguments: str) -> None:
        command = [programs / "roundup-admin", "-i", home, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            raise ServerError(f"roundup-admin {arguments[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")

    admin("install", "classic", "sqlite")
    # Passwords are hashed for every request; few rounds will do for a test.
    rounds = {"password_pbkdf2_default_rounds": "1000"}
    settings = {"web": url, "domain": "example.org", "host": "localhost", **rounds}
    config = (home / "config.ini").read_text()
    for key, value in settings.items():
        config = re.sub(rf"(?m)^#?{key} = .*$", f"{key} = {value}", config)
    (home / "config.ini").write_text(config)
    admin("initialise", "admin")
    admin("create", "user", f"username={USER}", f"password={PASSWORD}", "roles=User", "address=oncall@example.org")


def _as_nobody(folder: Path) -> list[str]:
    """The server won't run as root, which a container's tests often are: it gets a user, and that user the folder."""
    if os.geteuid():
        return []
    for path in (folder, *folder.rglob("*")):
        shutil.chown(path, NOBODY)
    return ["-u", NOBODY]


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise ServerError(f"Roundup is not ready at {url}: {log.read_text(errors='replace')[-500:]}")
