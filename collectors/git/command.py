"""Running git: never a pager, a prompt, a hook, a repository's program or the network; always a deadline.

Options and variables are those of git(1); what a repository's own configuration could make git execute is described
in git-config(1) under core.fsmonitor, core.hooksPath, diff.<driver>.command, diff.<driver>.textconv, gpg.program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CONFIG = {
    "advice.detachedHead": "false",
    "color.ui": "never",
    "core.attributesFile": str(Path(__file__).with_name("attributes")),
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.quotePath": "false",
    "diff.suppressBlankEmpty": "false",
    "log.follow": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
}
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would otherwise fetch what it lacks
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LANGUAGE": "C",
    "LC_ALL": "C",
}
DROPPED = frozenset(
    "GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_INDEX_FILE GIT_PREFIX GIT_NAMESPACE GIT_OBJECT_DIRECTORY"
    " GIT_ALTERNATE_OBJECT_DIRECTORIES GIT_GRAFT_FILE GIT_SHALLOW_FILE GIT_REPLACE_REF_BASE GIT_EXTERNAL_DIFF"
    " GIT_DIFF_OPTS GIT_PAGER GIT_GLOB_PATHSPECS GIT_NOGLOB_PATHSPECS GIT_ICASE_PATHSPECS GIT_SSH GIT_SSH_COMMAND"
    " GIT_ASKPASS SSH_ASKPASS".split()
)
"""Variables that would lead git to another repository, or change what it prints or runs."""

CHUNK = 1 << 16
LONGEST = 1 << 20
"""Bytes kept of one field of what git prints."""


class GitError(Exception):
    """git refused; the message is what it said."""


class GitMissing(GitError):
    """There is no git command."""


class GitTimeout(GitError):
    """The deadline fell while git was running, or before it could start."""


class GitKilled(GitError):
    """git was ended from outside while it ran."""


class Client:
    """Runs git in one folder until a deadline (`end`, of time.monotonic())."""

    def __init__(self, folder: str, end: float) -> None:
        self.folder = folder
        self.end = end

    def hurried(self) -> Client:
        """The same with half of the time that is left: for what must not cost what comes after it."""
        return Client(self.folder, (time.monotonic() + self.end) / 2)

    def text(self, *args: str, stdin: bytes = b"") -> str:
        """Everything git prints, for output that is ASCII by nature. Raises GitError."""
        return self.read(*args, stdin=stdin).decode("utf-8", "backslashreplace")

    def read(self, *args: str, stdin: bytes = b"") -> bytes:
        """Everything git prints. Raises GitError."""
        return b"".join(self.stream(*args, stdin=stdin))

    def stream(self, *args: str, stdin: bytes = b"") -> Generator[bytes, None, None]:
        """What git prints, in chunks, as it comes. git is killed when the caller stops reading.

        Raises GitMissing, GitTimeout, or GitError with git's own words.
        """
        with tempfile.TemporaryFile() as fed, tempfile.TemporaryFile() as said:
            fed.write(stdin)
            fed.seek(0)
            with self._running(args, fed, said) as process:
                assert process.stdout is not None  # noqa: S101 - it was asked for as a pipe
                while chunk := process.stdout.read1(CHUNK):  # type: ignore[attr-defined]
                    yield chunk
                status = process.wait()
            self._judge(args, status, said)

    @contextmanager
    def _running(self, args: tuple[str, ...], fed: IO[bytes], said: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
        left = self.end - time.monotonic()
        if left <= 0:
            raise GitTimeout(f"no time was left for `git {args[0]}`")
        process = subprocess.Popen(
            self._command(args), cwd=self.folder, env=environment(), stdin=fed, stdout=subprocess.PIPE, stderr=said
        )
        watchdog = threading.Timer(left, process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.kill()
            if process.stdout:
                process.stdout.close()
            process.wait()

    def _command(self, args: tuple[str, ...]) -> list[str]:
        git = shutil.which("git")
        if git is None:
            raise GitMissing("there is no git command in PATH")
        settings = [word for key, value in CONFIG.items() for word in ("-c", f"{key}={value}")]
        return [git, "--no-pager", *settings, *args]

    def _judge(self, args: tuple[str, ...], status: int, said: IO[bytes]) -> None:
        if status == 0:
            return
        if status < 0 and time.monotonic() >= self.end:
            raise GitTimeout(f"`git {args[0]}` had not finished at the deadline")
        if status < 0:
            raise GitKilled(f"`git {args[0]}` was killed by signal {-status}")
        said.seek(0)
        words = said.read(4000).decode("utf-8", "replace").strip()
        raise GitError(words or f"`git {args[0]}` ended with status {status} and said nothing")


def environment() -> dict[str, str]:
    """This process's environment without what would mislead git, and with what keeps it quiet and offline."""
    kept = {k: v for k, v in os.environ.items() if k not in DROPPED and not k.startswith("GIT_TRACE")}
    return kept | ENVIRONMENT


def split(chunks: Iterator[bytes], separator: bytes = b"\0", longest: int = LONGEST) -> Iterator[bytes]:
    """The pieces between separators (of one byte); the last one too where it isn't empty.

    Of a piece longer than `longest` the beginning is kept: a commit may claim any message.
    """
    piece = bytearray()
    for chunk in chunks:
        *ends, rest = chunk.split(separator)
        for end in ends:
            piece += end[: longest - len(piece)]
            yield bytes(piece)
            piece.clear()
        piece += rest[: longest - len(piece)]
    if piece:
        yield bytes(piece)
