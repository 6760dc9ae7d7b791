"""Which commits are on the branch, when each landed there, and what each is: reading git log(1) and parsing it.

A commit made on a side branch changes the deployed branch when the merge that brings it lands. So the branch's own
line (first parents) is walked back to the start of the window, and every commit between is given the merge it came by.

Of what happened before the window the newest commits are read (`older`). When each file was last changed can be told in
no bounded time: one untouched for years is found at the end of the whole history only (git-log(1), 'History
Simplification').
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from collectors.git.command import Client, GitError, split
from gather_diagnostics import Window

SLOP = 100
"""Commits older than the window in a row after which the walk ends; fewer may be a clock that was wrong."""
MOST_NODES = 100_000
MOST_FILES = 20_000
"""Files of one commit that are told apart; whoever commits more has imported something."""
LATEST = 9_000_000_000
"""Seconds since 1970 (the year 2255); a commit may claim any date."""

DIFF_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--ignore-submodules=none",
    "--submodule=short",
    "--diff-algorithm=default",
    "--find-renames=50%",
    "-O/dev/null",
)
LOG = ("log", "--no-show-signature", "--no-notes", "--no-decorate", "--encoding=UTF-8")


@dataclass(frozen=True, slots=True)
class Node:
    """A commit as a point in the graph."""

    sha: str
    parents: tuple[str, ...]
    seconds: int
    """Committer date, seconds since 1970 UTC."""

    @property
    def time(self) -> datetime:
        return moment(self.seconds)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of the branch's own line that covers a window."""

    top: str | None
    """Newest commit from before the window's end; None where the branch is younger than that."""
    bottom: str | None
    """Newest commit from before the window's start; None where the history does not reach back so far."""
    line: tuple[Node, ...]
    """What was walked, newest first."""

    def revisions(self) -> tuple[str, ...]:
        """As arguments of git log: everything that landed in between."""
        if self.top is None:
            return ()
        return (self.top, *((f"^{self.bottom}",) if self.bottom else ()))


Range = tuple[int, int]
"""First and last line, counted from 1."""


@dataclass(frozen=True, slots=True)
class File:
    """What a commit did to one file."""

    path: str
    old_path: str | None = None
    added: int = 0
    deleted: int = 0
    binary: bool = False
    lines: tuple[Range, ...] = ()
    """What it touched, as numbered after it."""
    functions: tuple[str, ...] = ()
    lines_cut: bool = False
    """Some of `lines` and `functions` are left out."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as git log tells it. Times are in UTC."""

    sha: str
    parents: tuple[str, ...]
    author: str
    author_time: datetime
    committer: str
    time: datetime
    message: str
    trailers: tuple[tuple[str, str], ...]
    files: tuple[File, ...]
    unlisted: int = 0
    """Files it touches beyond MOST_FILES."""

    @property
    def subject(self) -> str:
        return self.message.strip().partition("\n")[0].strip()

    @property
    def body(self) -> str:
        return self.message.strip().partition("\n")[2].strip()


def moment(seconds: int) -> datetime:
    """Seconds since 1970 as a time in UTC; dates no calendar has are moved to the nearest it has."""
    return datetime.fromtimestamp(min(max(seconds, 0), LATEST), UTC)


def read_stretch(client: Client, tip: str, window: Window) -> Stretch:
    """Walk the branch's own line from `tip` back to before the window. Raises GitError."""
    return stretch_of(read_nodes(client, "--first-parent", tip), window)


def stretch_of(nodes: Iterable[Node], window: Window) -> Stretch:
    """The same from any commits, newest first; takes no more of them than it needs."""
    start, end = window.start.timestamp(), window.end.timestamp()
    line: list[Node] = []
    top = None
    last_inside = -1
    for node in nodes:
        line.append(node)
        if node.seconds >= start:
            last_inside = len(line) - 1
        if top is None and node.seconds < end:
            top = node.sha
        if len(line) - 1 - last_inside >= SLOP:
            break
    bottom = line[last_inside + 1].sha if last_inside + 1 < len(line) else None
    return Stretch(top, bottom, tuple(line))


_NODE = re.compile(rb"-?\d* [0-9a-f]{40,64}(?: [0-9a-f]{40,64}| )*")


def read_nodes(client: Client, *arguments: str) -> Iterator[Node]:
    """The commits git log prints for `arguments` (options, shas, '--', paths), in its order. Raises GitError."""
    for line in split(client.stream(*LOG, "--format=%ct %H %P", *arguments), b"\n"):
        if not _NODE.fullmatch(line):
            raise GitError(f"it printed something else than commits: {decode(line[:80])!r}")
        seconds, sha, *parents = line.decode("ascii").split(" ")
        yield Node(sha, tuple(p for p in parents if p), _number(seconds))


def landings(line: Sequence[Node], graph: Mapping[str, Node]) -> dict[str, Node]:
    """Sha -> the merge on the branch's own line that brought it, for the commits of `graph` not made on that line.

    `line` is newest first. A commit that several merges could have brought came by the oldest of them.
    """
    own = {node.sha for node in line}
    found: dict[str, Node] = {}
    for merge in reversed(line):
        if merge.sha not in graph:
            continue
        waiting = list(merge.parents[1:])
        while waiting:
            sha = waiting.pop()
            if sha in graph and sha not in own and sha not in found:
                found[sha] = merge
                waiting += graph[sha].parents
    return found


_FIELDS = ("%H", "%P", "%an <%ae>", "%at", "%cn <%ce>", "%ct", "%B", "%(trailers:only=true,unfold=true)")
_COUNTS = re.compile(rb"^\n?(\d+|-)\t(\d+|-)\t", re.DOTALL)


def read_commits(client: Client, shas: Iterable[str], *, files: bool = True) -> Iterator[Commit]:
    """These commits with the files they touch, in the given order; a merge has no files. Raises GitError.

    `files=False` needs no file contents and so works in a partial clone.
    """
    stat = ["--numstat", *DIFF_OPTIONS] if files else []
    form = "--format=%x01" + "".join(f"{field}%x00" for field in _FIELDS)
    fed = "".join(f"{sha}\n" for sha in shas).encode("ascii")
    if fed:
        yield from parse_log(split(client.stream(*LOG, "-z", *stat, form, "--no-walk=unsorted", "--stdin", stdin=fed)))


def parse_log(pieces: Iterator[bytes]) -> Iterator[Commit]:
    """Commits from the NUL-separated pieces of `git log -z --numstat` in the format of `read_commits`.

    A record is \\x01 and eight fields, then for each file 'added TAB deleted TAB path', or the same without a path
    followed by the old and the new one. No field can hold a NUL, so counting is enough: contents can't break out.
    """
    commit: Commit | None = None
    files: list[File] = []
    unlisted = 0
    for piece in pieces:
        if piece.startswith(b"\x01"):
            if commit:
                yield replace(commit, files=tuple(files), unlisted=unlisted)
            fields = [piece[1:], *(next(pieces, b"") for _ in _FIELDS[1:])]
            commit, files, unlisted = _commit(fields), [], 0
        elif file := _counted(piece, pieces):
            if len(files) < MOST_FILES:
                files.append(file)
            else:
                unlisted += 1
    if commit:
        yield replace(commit, files=tuple(files), unlisted=unlisted)


def numstat(pieces: Iterator[bytes]) -> Iterator[File]:
    """Files from the NUL-separated pieces of `--numstat -z`; what is no file of it is passed over."""
    return (file for piece in pieces if (file := _counted(piece, pieces)))


def _counted(piece: bytes, following: Iterator[bytes]) -> File | None:
    counts = _COUNTS.match(piece)
    if not counts:
        return None
    name = piece[counts.end() :]
    old, new = (None, name) if name else (next(following, b""), next(following, b""))
    return _file(counts[1], counts[2], old, new)


def _commit(fields: Sequence[bytes]) -> Commit:
    sha, parents, author, authored, committer, committed, message, trailers = (decode(f) for f in fields)
    return Commit(
        sha=sha,
        parents=tuple(parents.split()),
        author=author,
        author_time=moment(_number(authored)),
        committer=committer,
        time=moment(_number(committed)),
        message=message,
        trailers=tuple(_trailers(trailers)),
        files=(),
    )


def _file(added: bytes, deleted: bytes, old: bytes | None, new: bytes) -> File:
    binary = added == b"-"
    return File(
        path=decode_path(new),
        old_path=None if old is None else decode_path(old),
        added=0 if binary else int(added),
        deleted=0 if binary else int(deleted),
        binary=binary,
    )


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0


def _trailers(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        key, found, value = line.partition(":")
        if found and key.strip():
            yield key.strip(), value.strip()


def decode(text: bytes) -> str:
    """UTF-8 where it is, else Latin-1, which every byte string is: names in old messages stay readable."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.decode("latin-1")


def decode_path(path: bytes) -> str:
    """UTF-8, with undecodable bytes written as \\xNN: two different paths stay different."""
    return path.decode("utf-8", "backslashreplace")
