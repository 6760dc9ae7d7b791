"""Real git repositories for tests, with every date given."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

NOBODY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
"""No configuration but the repository's own."""


class World:
    """A repository in `folder`; its default branch is main."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)
        self.git("config", "user.name", "Ada")
        self.git("config", "user.email", "ada@example.com")

    def git(self, *args: str, stdin: bytes = b"", **env: str) -> str:
        """Run git there; its output without the last line break."""
        ran = subprocess.run(
            ["git", *args], cwd=self.folder, input=stdin, capture_output=True, env=os.environ | NOBODY | env
        )
        assert ran.returncode == 0, f"git {args}: {ran.stderr.decode(errors='replace')}"
        return ran.stdout.decode(errors="replace").strip()

    def dated(self, at: datetime, *args: str, stdin: bytes = b"") -> str:
        stamp = f"{int(at.timestamp())} +0000"
        return self.git(*args, stdin=stdin, GIT_AUTHOR_DATE=stamp, GIT_COMMITTER_DATE=stamp)

    def write(self, files: Mapping[str, str | bytes | None]) -> None:
        """Write files; None removes one."""
        for name, content in files.items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())

    def commit(self, at: datetime, message: str | bytes, files: Mapping[str, str | bytes | None] | None = None) -> str:
        """Commit these files; the sha."""
        self.write(files or {})
        self.git("add", "-A")
        text = message if isinstance(message, bytes) else message.encode()
        self.dated(at, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", stdin=text)
        return self.git("rev-parse", "HEAD")

    def merge(self, at: datetime, branch: str, message: str) -> str:
        self.dated(at, "merge", "-q", "--no-ff", "-m", message, branch)
        return self.git("rev-parse", "HEAD")

    def tag(self, name: str, at: datetime | None = None, message: str = "", target: str = "HEAD") -> None:
        """Annotated when `at` is given, else lightweight."""
        if at is None:
            self.git("tag", name, target)
        else:
            self.dated(at, "tag", "-a", "-m", message or name, name, target)


def long_history(world: World, count: int, end: datetime, folder: str, step: timedelta = timedelta(minutes=1)) -> None:
    """`count` commits that each change a file of `folder`, the newest at `end`; made at once by git fast-import."""
    world.git("fast-import", "--quiet", stdin=b"".join(_stream(count, end, folder, step)))


def _stream(count: int, end: datetime, folder: str, step: timedelta) -> Iterable[bytes]:
    for number in range(count):
        at = int((end - step * (count - 1 - number)).timestamp())
        message = f"Change {number}\n".encode()
        text = "".join(f"line {n} of {number if n == number % 40 else 0}\n" for n in range(40)).encode()
        yield b"commit refs/heads/main\n"
        yield b"committer Ada <ada@example.com> %d +0000\ndata %d\n%s" % (at, len(message), message)
        yield b"M 100644 inline %s/f%d.py\ndata %d\n%s\n" % (folder.encode(), number % 7, len(text), text)
