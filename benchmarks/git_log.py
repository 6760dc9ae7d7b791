"""How fast commits are read: one `git log` process, the same with touched lines, GitPython's iter_commits with stats.

    python benchmarks/git_log.py [--commits N] [--rounds N]

A repository of N commits (5,000) is made by git fast-import in a temporary folder. Both read the same commits with
their changed files and line counts; what they read is compared before anything is timed, and the rounds alternate, so
that a busy machine slows all. Printed: the best and the median of each, and the ratios of the medians.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import git
from gitworld import World, long_history

from collectors.git.command import Client
from collectors.git.history import Commit, read_commits, read_nodes
from collectors.git.hunks import with_lines

Read = dict[str, frozenset[tuple[str, int, int]]]
"""Sha -> (path, lines added, lines deleted)."""


def one_process(folder: Path) -> Read:
    """As the collector does it: one process for the shas, one for everything about them."""
    return files_of(commits_of(Client(str(folder), time.monotonic() + 3600)))


def and_lines(folder: Path) -> Read:
    """The same, and one more process for the lines that each commit touched in each file."""
    client = Client(str(folder), time.monotonic() + 3600)
    commits = with_lines(client, commits_of(client))
    if not all(f.lines or f.lines_cut for c in commits for f in c.files):
        raise SystemExit("a file has no lines")
    return files_of(commits)


def commits_of(client: Client) -> list[Commit]:
    return list(read_commits(client, [node.sha for node in read_nodes(client, "refs/heads/main")]))


def files_of(commits: list[Commit]) -> Read:
    return {c.sha: frozenset((f.path, f.added, f.deleted) for f in c.files) for c in commits}


def gitpython(folder: Path) -> Read:
    """As GitPython's manual does it: `commit.stats` starts a process for each commit."""
    with git.Repo(folder) as repo:
        return {
            c.hexsha: frozenset((str(p), s["insertions"], s["deletions"]) for p, s in c.stats.files.items())
            for c in repo.iter_commits("main")
        }


def timed(read: Callable[[Path], Read], folder: Path) -> float:
    started = time.perf_counter()
    read(folder)
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--commits", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="git-log-") as name:
        world = World(Path(name) / "repository")
        long_history(world, options.commits, datetime.now(UTC), "services/checkout")
        ways = {"git log": one_process, "and lines": and_lines, "GitPython": gitpython}
        found = [read(world.folder) for read in ways.values()]
        if any(read != found[0] for read in found) or len(found[0]) != options.commits:
            print(f"they disagree: {', '.join(str(len(read)) for read in found)} commits", file=sys.stderr)
            return 1
        seconds: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(options.rounds):
            for way, read in ways.items():
                seconds[way].append(timed(read, world.folder))
    print(f"{options.commits:,} commits with their files, {options.rounds} alternating rounds")
    for which, took in seconds.items():
        print(f"{which:10} best {min(took):7.3f} s   median {statistics.median(took):7.3f} s")
    plain = statistics.median(seconds.pop("git log"))
    for way, took in seconds.items():
        print(f"{way}: {statistics.median(took) / plain:.1f} times as long as git log")
    return 0


if __name__ == "__main__":
    sys.exit(main())
