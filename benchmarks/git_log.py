"""How fast commits are read: one `git log` process against GitPython's iter_commits with stats.

    python benchmarks/git_log.py [--commits N] [--rounds N]

A repository of N commits (5,000) is made by git fast-import in a temporary folder. Both read the same commits with
their changed files and line counts; what they read is compared before anything is timed, and the rounds alternate, so
that a busy machine slows both. Printed: the best and the median of each, and the ratio of the medians.
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
from collectors.git.history import read_commits, read_nodes

Read = dict[str, frozenset[tuple[str, int, int]]]
"""Sha -> (path, lines added, lines deleted)."""


def one_process(folder: Path) -> Read:
    """As the collector does it: one process for the shas, one for everything about them."""
    client = Client(str(folder), time.monotonic() + 3600)
    shas = [node.sha for node in read_nodes(client, "refs/heads/main")]
    return {c.sha: frozenset((f.path, f.added, f.deleted) for f in c.files) for c in read_commits(client, shas)}


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
        ours, theirs = one_process(world.folder), gitpython(world.folder)
        if ours != theirs or len(ours) != options.commits:
            print(f"they disagree: {len(ours)} and {len(theirs)} commits", file=sys.stderr)
            return 1
        seconds: dict[str, list[float]] = {"git log": [], "GitPython": []}
        for _ in range(options.rounds):
            seconds["git log"].append(timed(one_process, world.folder))
            seconds["GitPython"].append(timed(gitpython, world.folder))
    print(f"{options.commits:,} commits with their files, {options.rounds} alternating rounds")
    for which, took in seconds.items():
        print(f"{which:10} best {min(took):7.3f} s   median {statistics.median(took):7.3f} s")
    ratio = statistics.median(seconds["GitPython"]) / statistics.median(seconds["git log"])
    print(f"GitPython takes {ratio:.1f} times as long")
    return 0


if __name__ == "__main__":
    sys.exit(main())
