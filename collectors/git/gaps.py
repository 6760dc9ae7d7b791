"""What git's refusals mean to a person: one place that turns them into gaps.

No `Skew` is ever given: every commit is dated by the clock of the machine it was made on, or by whatever date was
asked for, and a source has one skew. A commit of the future is told in a gap, and no time is moved.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from collectors.git.command import GitError, GitKilled, GitMissing, GitTimeout
from collectors.git.history import Node
from collectors.git.settings import NAME
from gather_diagnostics import Gap

MOST_WORDS = 300

SKEW = timedelta(minutes=5)
"""Clocks may differ by this much without a word."""

_INSTALL = "install git, e.g. `apt-get install git`, and make sure it is in PATH"
_OWNERSHIP = re.compile(r"dubious ownership in repository at '([^']*)'")
_PROMISED = re.compile(r"promisor remote|lazy fetching disabled|transport '\w+' not allowed")
_NO_REPOSITORY = re.compile(r"not a git repository|does not exist|No such file", re.IGNORECASE)


class Unreadable(Exception):
    """The repository can't be read; carries the Gap that says why."""

    def __init__(self, gap: Gap) -> None:
        super().__init__(gap.why)
        self.gap = gap


def gap_of(error: GitError, wanted: str, folder: str) -> Gap:
    """The Gap for a git command that failed in `folder`."""
    words = str(error)
    match error:
        case GitMissing():
            return Gap(NAME, wanted, "not_found", f"{folder} can't be read: {words}", _INSTALL)
        case GitTimeout():
            mend = "allow more time with --deadline, or narrow `sources.git.paths`"
            return Gap(NAME, wanted, "timeout", f"{words} in {folder}", mend)
        case GitKilled():
            mend = "see whether memory ran out: dmesg | grep -i 'killed process'; then run again"
            return Gap(NAME, wanted, "invalid", f"{words} in {folder}, so what it said is not whole", mend)
    if _PROMISED.search(words):
        why = f"{folder} is a partial clone without what is needed for this, and nothing is fetched while reading"
        return Gap(NAME, wanted, "truncated", why, "set `sources.git.repo` to a full clone: git clone without --filter")
    if found := _OWNERSHIP.search(words):
        why = f"git refuses to read {found[1]}: it belongs to another user"
        return Gap(NAME, wanted, "denied", why, f"git config --global --add safe.directory {found[1]}")
    said = f"git in {folder}: {_first_line(words)}"
    if "ermission denied" in words:
        return Gap(NAME, wanted, "denied", said, f"let this user read {folder}")
    if _NO_REPOSITORY.search(words):
        return Gap(NAME, wanted, "not_found", said, "set `sources.git.repo` to a git repository")
    return Gap(NAME, wanted, "invalid", said, f"see `git -C {folder} fsck`")


def missing_git(folder: str) -> Gap:
    return Gap(NAME, "commits and releases", "not_found", f"{folder} can't be read: there is no git command", _INSTALL)


def shallow_gaps(grafts: frozenset[str], seen: Iterable[Node], folder: str) -> Iterator[Gap]:
    """At most one Gap, where a commit among `seen` is one at which a shallow clone's history ends."""
    ends = sorted((n for n in seen if n.sha in grafts), key=lambda n: n.seconds)
    if ends:
        why = (
            f"the clone is shallow: its history ends at {ends[-1].sha[:12]} of {ends[-1].time:%Y-%m-%d %H:%M} UTC,"
            " and what that commit changed can't be told"
        )
        yield Gap(NAME, "older commits", "truncated", why, f"git -C {folder} fetch --unshallow")


def skew_gaps(seen: Iterable[Node], asked: datetime) -> Iterator[Gap]:
    """At most one Gap, where commits among `seen` claim to be of the future."""
    ahead = sorted((n for n in seen if n.time > asked + SKEW), key=lambda n: (-n.seconds, n.sha))
    if ahead:
        first = ahead[0]
        why = (
            f"clock skew: {len(ahead)} commit{'s' * (len(ahead) > 1)} on the branch claim to be made in the future,"
            f" e.g. {first.sha[:12]} at {first.time:%Y-%m-%d %H:%M} UTC, so when they landed is unknown"
        )
        mend = (
            f"compare `git show -s --format=fuller {first.sha[:12]}` with the time of the push, and correct that clock"
        )
        yield Gap(NAME, "the time of some commits", "invalid", why, mend)


def truncated(wanted: str, why: str, mend: str) -> Gap:
    return Gap(NAME, wanted, "truncated", why, mend)


def _first_line(words: str) -> str:
    """The line that tells most: the first 'fatal:' or 'error:', else the first."""
    lines = words.splitlines() or [""]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (telling or lines)[0][:MOST_WORDS]
