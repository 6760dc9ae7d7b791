"""Submodules: a commit that moves one changes the service by everything that lies between the two inner commits.

A submodule is an entry of mode 160000 in a tree (gitsubmodules(7)); the raw diff format is git-diff-tree(1)'s.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from collectors.git.command import Client, GitError, GitKilled, GitTimeout, split
from collectors.git.gaps import gap_of, truncated
from collectors.git.history import DIFF_OPTIONS, LOG, Commit, File, decode, decode_path, numstat
from collectors.git.hunks import between_with_lines
from collectors.git.messages import one_line
from collectors.git.repository import Repository
from gather_diagnostics import Gap

MOST_INNER = 50
MOST_INNER_FILES = 100
_RAW = re.compile(rb"\n?:(\d{6}) (\d{6}) ([0-9a-f]+) ([0-9a-f]+) \w\d*")
_GITLINK = b"160000"
_ONE_LINE = {(1, 1), (1, 0), (0, 1)}
"""A moved, added or removed submodule counts so in a diff stat."""


@dataclass(frozen=True, slots=True)
class Inner:
    """A commit inside a submodule."""

    sha: str
    author: str
    subject: str


@dataclass(frozen=True, slots=True)
class Bump:
    """A submodule that a commit moved."""

    path: str
    old: str | None
    """Full sha before; None where it was added."""
    new: str | None
    """Full sha after; None where it was removed."""
    commits: tuple[Inner, ...] = ()
    """What came, newest first."""
    taken_back: tuple[Inner, ...] = ()
    """What went, where it was moved back."""
    files: tuple[File, ...] = ()
    """With paths from the top of the outer repository."""

    @property
    def span(self) -> str:
        if self.old and self.new:
            return f"{self.old[:12]}..{self.new[:12]}"
        return f"added at {self.new[:12]}" if self.new else "removed"

    def words(self) -> str:
        """'submodule lib 1a2b..3c4d (2 commits)'."""
        back = f"takes back {_counted(self.taken_back)}" if self.taken_back else ""
        count = _counted(self.commits) if self.commits else back
        return f"submodule {one_line(self.path)} {self.span}{f' ({count})' if count else ''}"

    def details(self) -> dict[str, Any]:
        shown: dict[str, Any] = {"path": self.path, "old": self.old, "new": self.new}
        for key, commits in (("commits", self.commits), ("rolled_back", self.taken_back)):
            if commits:
                shown[key] = [
                    {"sha": c.sha, "author": one_line(c.author), "subject": one_line(c.subject)} for c in commits
                ]
        return shown


def _counted(commits: Sequence[Inner]) -> str:
    more = "+" if len(commits) == MOST_INNER else ""
    return f"{len(commits)}{more} commit{'' if len(commits) == 1 else 's'}"


def read_bumps(client: Client, commits: Iterable[Commit], *, sure: bool = True) -> dict[str, tuple[Bump, ...]]:
    """Sha -> the submodules it moved, what lies inside them not yet told. Raises GitError.

    `sure`: the commits' files are known, so that only those that can have moved one need to be looked at.
    """
    likely = [c.sha for c in commits if not sure or any((f.added, f.deleted) in _ONE_LINE for f in c.files)]
    if not likely:
        return {}
    fed = "".join(f"{sha}\n" for sha in likely).encode("ascii")
    options = ("-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none", "--format=%x01%H")
    return parse_raw(split(client.stream(*LOG, *options, "--no-walk=unsorted", "--stdin", stdin=fed)))


def parse_raw(pieces: Iterator[bytes]) -> dict[str, tuple[Bump, ...]]:
    """From the NUL-separated pieces of `git log -z --raw --format=%x01%H`: entries of other modes are passed over."""
    found: dict[str, tuple[Bump, ...]] = {}
    commit = ""
    for piece in pieces:
        if piece.startswith(b"\x01"):
            commit = piece[1:].decode("ascii", "replace")
        elif entry := _RAW.fullmatch(piece):
            path = decode_path(next(pieces, b""))
            old, new = (entry[n + 2].decode() if entry[n] == _GITLINK else None for n in (1, 2))
            if old or new:
                found[commit] = (*found.get(commit, ()), Bump(path, old, new))
    return found


def is_checked_out(client: Client, path: str) -> bool:
    """Whether a repository of its own is at this path, in this work tree and not behind a link to elsewhere."""
    folder = os.path.join(os.path.realpath(client.folder), path)
    return os.path.realpath(folder) == folder and os.path.exists(os.path.join(folder, ".git"))


def looked_into(client: Client, bump: Bump) -> Bump:
    """The same with what lies between its two commits. Raises GitError where the submodule does not have them."""
    if not (bump.old and bump.new):
        return bump
    inner = Client(os.path.join(client.folder, bump.path), client.end)
    commits = tuple(_between(inner, bump.old, bump.new))
    back = () if commits else tuple(_between(inner, bump.new, bump.old))
    return replace(bump, commits=commits, taken_back=back, files=_files(inner, bump))


def _between(inner: Client, old: str, new: str) -> Iterator[Inner]:
    form = "--format=%H%x00%an <%ae>%x00%s"
    pieces = split(inner.stream(*LOG, "-z", form, f"--max-count={MOST_INNER}", new, f"^{old}", "--"))
    while len(fields := list(islice(pieces, 3))) == 3:
        yield Inner(*(decode(f) for f in fields))


def _files(inner: Client, bump: Bump) -> tuple[File, ...]:
    """Files that differ, the first of them."""
    options = ("-r", "-z", "--numstat", *DIFF_OPTIONS, bump.old or "", bump.new or "", "--")
    found = list(islice(numstat(split(inner.stream("diff-tree", *options))), MOST_INNER_FILES))
    found = between_with_lines(inner, bump.old or "", bump.new or "", found)
    prefix = f"{bump.path}/"
    return tuple(
        replace(f, path=prefix + f.path, old_path=None if f.old_path is None else prefix + f.old_path) for f in found
    )


def told_bumps(
    client: Client, repository: Repository, commits: Sequence[Commit], *, sure: bool
) -> tuple[dict[str, tuple[Bump, ...]], list[Gap]]:
    """Sha -> the service's submodules that it moved, with what lies inside; and what of that can't be told."""
    top = repository.folders.top
    try:
        found = read_bumps(client, commits, sure=sure)
    except GitError as error:
        return {}, [gap_of(error, "moved submodules", top)]
    gaps: dict[str, Gap] = {}
    told = {}
    for sha, bumps in found.items():
        ours = [
            b for b in bumps if not repository.paths or any(f"{b.path}/".startswith(f"{p}/") for p in repository.paths)
        ]
        if ours:
            told[sha] = tuple(_looked_into(client, b, gaps, top) for b in ours)
    return told, list(gaps.values())


def _looked_into(client: Client, bump: Bump, gaps: dict[str, Gap], top: str) -> Bump:
    """One gap a submodule: what is not there for one of its moves is not there for the others."""
    if bump.path in gaps or not (bump.old and bump.new):
        return bump
    wanted = f"commits inside the submodule {bump.path}"
    try:
        if is_checked_out(client, bump.path):
            return looked_into(client, bump)
        why = f"the submodule {bump.path} is not checked out in {top}"
    except (GitTimeout, GitKilled) as error:
        gaps[bump.path] = gap_of(error, wanted, top)
        return bump
    except GitError as error:
        why = f"the submodule {bump.path} can't tell: {str(error).splitlines()[0][:200]}"
    gaps[bump.path] = truncated(wanted, why, f"git -C {top} submodule update --init -- {bump.path}")
    return bump


def with_inner_files(commit: Commit, bumps: Mapping[str, tuple[Bump, ...]]) -> Commit:
    """The commit with the files inside its submodules behind its own: errors point into those."""
    inner = tuple(f for bump in bumps.get(commit.sha, ()) for f in bump.files)
    return replace(commit, files=(*commit.files, *inner)) if inner else commit
