"""Where the lines that a commit touched are in the revision that runs: later commits move them, or replace them.

A stack trace speaks of the lines of what was deployed, a patch of those right after its commit. So every commit is
also compared with the running revision, all in one process (git-diff-tree(1), --stdin), and its lines are carried
through the unchanged parts between the two. Lines that were replaced since are left out: whoever replaced them is
the one that an error there points to, as with git-blame(1).

What runs is taken to be the newest deploy of the change window that is no rollback (before a rollback, the errors
were those of what was taken back); where nothing tells of deploys, the branch at the end of the window. Files
inside submodules are not followed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from collectors.git.command import Client
from collectors.git.history import Commit, Range, read_nodes
from collectors.git.hunks import HUNKS, MOST_HUNKS, Hunk, Section, merged, read_sections

MOST_COMMITS = 200
"""Each is compared with all that came after it: the cost grows with the square."""
LAST = 1 << 40
"""Behind the end of any file."""


@dataclass(frozen=True, slots=True)
class Place:
    """A commit's lines of one file in another revision."""

    path: str
    lines: tuple[Range, ...]
    """Empty: nothing of it stands any more."""


@dataclass(frozen=True, slots=True)
class Drift:
    """Where lines went between their commits and one revision."""

    revision: str = ""
    followed: frozenset[str] = frozenset()
    """Shas of the commits that were compared with it."""
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    """(sha, path) -> where its lines are, for files that are not the same in both."""


def read_drift(
    client: Client, commits: Sequence[Commit], revision: str, tips: Iterable[str], paths: Sequence[str]
) -> Drift:
    """Follow the newest of the commits, all of them reachable from `tips`, that are in `revision`. Raises GitError."""
    inside = _inside(client, commits, tips, revision, paths)
    touched = {(c.sha, f.path): f.lines for c in commits if c.sha in inside for f in c.files if f.lines}
    wanted = list(islice(dict.fromkeys(sha for sha, _ in touched if sha != revision), MOST_COMMITS))
    # With the revision in the place of its parent, a commit's patch leads from the revision back to the commit.
    # Files that are newer than the commit look deleted in it; their whole text would be printed for nothing.
    options = ("--irreversible-delete", "--format=commit %H", *HUNKS)
    command = ("diff-tree", "--stdin", "-r", *options, "--", *paths)
    followed = dict.fromkeys(wanted)
    places: dict[tuple[str, str], Place] = {}
    left = MOST_HUNKS
    for section in read_sections(client, command, (f"{sha} {revision}" for sha in wanted)):
        left -= len(section.hunks)
        if left < 0:
            followed = dict.fromkeys(wanted[: wanted.index(section.commit)])
            break
        lines = touched.get((section.commit, section.path or ""))
        if lines and section.cut:
            followed.pop(section.commit, None)
        elif lines:
            places[section.commit, section.path or ""] = _place(section, lines)
    return Drift(revision, frozenset(followed) | ({revision} & inside), places)


def _inside(
    client: Client, commits: Sequence[Commit], tips: Iterable[str], revision: str, paths: Sequence[str]
) -> set[str]:
    """Shas of those that are in the revision, itself included."""
    options = ("--full-history", *dict.fromkeys(tips), f"^{revision}", "--", *paths)
    return {c.sha for c in commits} - {n.sha for n in read_nodes(client, *options)}


def _place(section: Section, lines: Iterable[Range]) -> Place:
    if section.old_path is None:
        return Place(section.path or "", ())
    return Place(section.old_path, carried(lines, section.hunks))


def carried(ranges: Iterable[Range], hunks: Sequence[Hunk]) -> tuple[Range, ...]:
    """Ranges of the hunks' new side as numbered on their old side, without what the hunks replace."""
    return merged(
        (max(start, first) + shift, min(end, last) + shift)
        for first, last, shift in _unchanged(hunks)
        for start, end in ranges
        if max(start, first) <= min(end, last)
    )


def _unchanged(hunks: Iterable[Hunk]) -> Iterator[tuple[int, int, int]]:
    """First and last line of each unchanged part of the new side, and how far off it is on the old side."""
    at, shift = 1, 0
    for hunk in hunks:
        first = hunk.start if hunk.count else hunk.start + 1
        yield at, first - 1, shift
        at, shift = first + hunk.count, shift + hunk.old_count - hunk.count
    yield at, LAST, shift
