"""Commits from before the change window: nobody suspects them, but they tell whose code it is that fails, and how old.

Read are the newest that touch the service, with their lines as they are in what runs. Their time is that of the commit,
or, where it claims to be younger than the branch was then, that of the branch's last commit before the window. They
have no patch among the raw records: their `ref` says where to read it.
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator, Sequence
from dataclasses import dataclass, replace

from collectors.git.command import Client, GitError, GitTimeout
from collectors.git.drift import Drift, read_drift
from collectors.git.gaps import gap_of, truncated
from collectors.git.history import Commit, Node, read_commits, read_nodes
from collectors.git.hunks import with_lines
from collectors.git.merges import without_plain_merges
from collectors.git.rows import Context, Row, commit_row
from gather_diagnostics import Gap, Rows

WANTED = "commits from before the change window"
NODES = 5
"""Commits walked for each that is wanted: the others are merges, and what the window's deploys carried."""


@dataclass(frozen=True)
class Older:
    """Reads what was there before the window: `most` commits, and merges that changed something themselves."""

    client: Client
    context: Context
    bottom: Node
    """The branch's last commit before the window."""
    revision: str
    """What runs."""
    known: Collection[str]
    """Shas that have rows already."""
    most: int

    def items(self) -> Iterator[Rows | Gap]:
        """Rows of `changes`, newest first. What takes too long leaves out the oldest, then the lines."""
        top = self.context.repository.folders.top
        try:
            shas = yield from self._shas()
            commits = self._commits(shas)
        except GitError as error:
            yield gap_of(error, WANTED, top)
            return
        drift = Drift()
        try:
            commits = with_lines(self.client, commits)
            drift = read_drift(self.client, commits, self.revision, [self.bottom.sha], self._paths)
        except GitError as error:
            yield gap_of(error, f"lines of {WANTED}", top)
        if commits:
            context = replace(self.context, drift=drift)
            yield Rows("changes", [self._row(c, context) for c in commits])

    def _shas(self) -> Generator[Gap, None, list[str]]:
        """What was found in half of the time. Raises GitError."""
        options = ("--full-history", f"--max-count={self.most * NODES}", self.bottom.sha, "--", *self._paths)
        shas: list[str] = []
        wanted = self.most
        try:
            for node in read_nodes(self.client.hurried(), *options):
                if node.sha not in self.known:
                    shas.append(node.sha)
                    wanted -= len(node.parents) < 2
                if not wanted:
                    break
        except GitTimeout:
            why = f"{len(shas)} of {self.most} were found in the time there was"
            mend = "lower `sources.git.older_commits` (0: none), or allow more time with --deadline"
            yield truncated(WANTED, why, mend)
        return shas

    @property
    def _paths(self) -> Sequence[str]:
        return self.context.repository.paths

    def _commits(self, shas: Sequence[str]) -> list[Commit]:
        """With their files. Raises GitError."""
        grafts = self.context.repository.grafts
        # Where a shallow clone ends, git shows the whole tree as if that commit had brought it.
        commits = [replace(c, files=()) if c.sha in grafts else c for c in read_commits(self.client, shas)]
        return without_plain_merges(self.client, commits, self._paths)

    def _row(self, commit: Commit, context: Context) -> Row:
        row = commit_row(commit, context)
        row["time"] = min(row["time"], self.bottom.time)
        row["ref"] = row["details"].get("url") or f"git show {commit.sha}"
        row["details"]["before_window"] = True
        return row
