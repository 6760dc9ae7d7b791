"""Which lines of which files a commit touched, and in which functions: to be held against the frames of a stack trace.

Read from the hunk headers of `git log -p --unified=0` (git-diff(1), 'Generating patch text with -p'), all commits in
one process. What a header says:

- `lines` are those of the commit's own new side, as its patch shows them and as they never change again. Later
  commits move them; where they are in the revision that runs is `drift`'s question.
- Of lines that were only deleted, their two neighbours are told: an error that a missing guard lets through is raised
  right beside the place.
- A deleted file, a file merely renamed, a binary file, a link and a submodule have no lines.
- `functions` are the nearest declarations above the first line of each hunk, by git's own rules for the language
  (`attributes`, beside this file). Code inserted between two functions goes under the name of the one before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from collectors.git.command import Client, split
from collectors.git.history import DIFF_OPTIONS, LOG, Commit, File, Range, decode
from collectors.git.messages import one_line
from collectors.git.patches import unquoted

MOST_RANGES = 50
"""Ranges of lines kept of one file."""
MOST_FUNCTIONS = 10
"""Functions kept of one file."""
MOST_COMMIT_HUNKS = 1000
MOST_HUNKS = 100_000
"""Of all commits together; reading ends there."""
LONGEST_LINE = 20_000
"""Bytes looked at of a line of a patch: more than any path takes."""

HUNKS = ("--patch", "--unified=0", "--inter-hunk-context=0", "--src-prefix=a/", "--dst-prefix=b/", *DIFF_OPTIONS)

_HUNK = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", re.DOTALL)
_NO_TEXT = (b" 160000", b" 120000")
"""Modes of submodules and links."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk header without its context: starts and numbers of lines of both sides."""

    old_start: int
    old_count: int
    start: int
    count: int
    function: str = ""

    @property
    def range(self) -> Range:
        if self.count:
            return self.start, self.start + self.count - 1
        return max(self.start, 1), self.start + 1


@dataclass(slots=True)
class Section:
    """What one commit did to one file; paths are None on the side where there is no such file."""

    commit: str
    old_path: str | None = None
    path: str | None = None
    hunks: list[Hunk] = field(default_factory=list)
    cut: bool = False
    """Hunks were left out."""
    text: bool = True
    """False for submodules and links."""
    begun: bool = False

    def head(self, line: bytes) -> None:
        """A line of the section before its first hunk."""
        if line.startswith(b"--- "):
            self.old_path = _path(line[4:], "a/")
        elif line.startswith(b"+++ "):
            self.path = _path(line[4:], "b/")
        elif line.startswith((b"index ", b"new file mode ", b"deleted file mode ")) and line.endswith(_NO_TEXT):
            self.text = False

    def add(self, line: bytes, room: int) -> int:
        """A hunk header; how many hunks are kept of it, with `room` for more."""
        self.begun = True
        found = _HUNK.match(line) if self.text else None
        if not found:
            return 0
        if len(self.hunks) >= MOST_RANGES or room <= 0:
            self.cut = True
            return 0
        old_start, old_count, start, count = (int(number or 1) for number in found.groups()[:4])
        self.hunks.append(Hunk(old_start, old_count, start, count, one_line(decode(found[5]).strip())))
        return 1


def _path(name: bytes, prefix: str) -> str | None:
    """A path behind '---' or '+++'; git puts a tab behind one with a space in it."""
    name = name.removesuffix(b"\t")
    return None if name == b"/dev/null" else unquoted(name).removeprefix(prefix)


def parse_sections(lines: Iterable[bytes]) -> Iterator[Section]:
    """Sections of `git log --patch --unified=0 --format='commit %H'`, in their order.

    Contents can't break out: without context each of their lines begins with '+', '-' or a backslash.
    """
    commit = ""
    room = 0
    section: Section | None = None
    for line in lines:
        if line.startswith(b"@@ "):
            room -= section.add(line, room) if section else 0
        elif line.startswith((b"diff --git ", b"commit ")):
            if section:
                yield section
            section = None
            if line.startswith(b"commit "):
                commit, room = line[7:].decode("ascii", "replace"), MOST_COMMIT_HUNKS
            else:
                section = Section(commit)
        elif section and not section.begun:
            section.head(line)
    if section:
        yield section


def read_sections(client: Client, command: Sequence[str], fed: Iterable[str]) -> Iterator[Section]:
    """Sections of a git command that takes a commit a line and prints patches. Raises GitError."""
    stdin = "".join(f"{line}\n" for line in fed).encode("ascii")
    if stdin:
        lines = split(client.stream(*command, stdin=stdin), b"\n", LONGEST_LINE)
        yield from parse_sections(lines)


def with_lines(client: Client, commits: Sequence[Commit]) -> list[Commit]:
    """The commits with the lines and functions they touched in each of their files; a merge as it came.

    Raises GitError.
    """
    wanted = [c.sha for c in commits if c.files and len(c.parents) < 2]
    command = (*LOG, *HUNKS, "--format=commit %H", "--no-walk=unsorted", "--stdin")
    found: dict[tuple[str, str], Section] = {}
    left = MOST_HUNKS
    last = ""
    for section in read_sections(client, command, wanted):
        left -= len(section.hunks)
        last = section.commit
        if left < 0:
            break
        if section.path is not None:
            found[section.commit, section.path] = section
    unread = frozenset(wanted[wanted.index(last) :] if left < 0 else ())
    return [
        replace(c, files=tuple(_marked(f, found.get((c.sha, f.path)), cut=c.sha in unread) for f in c.files))
        for c in commits
    ]


def between_with_lines(client: Client, old: str, new: str, files: Sequence[File]) -> list[File]:
    """The same of what lies between two commits. Raises GitError."""
    lines = split(client.stream("diff-tree", "-r", *HUNKS, old, new, "--"), b"\n", LONGEST_LINE)
    wanted = {f.path for f in files}
    found = {s.path: s for s in parse_sections(chain([b"commit "], lines)) if s.path in wanted}
    return [_marked(f, found.get(f.path)) for f in files]


def _marked(file: File, section: Section | None, *, cut: bool = False) -> File:
    if section is None:
        return replace(file, lines_cut=True) if cut else file
    functions = dict.fromkeys(h.function for h in section.hunks if h.function)
    return replace(
        file,
        lines=merged(h.range for h in section.hunks),
        functions=tuple(functions)[:MOST_FUNCTIONS],
        lines_cut=section.cut,
    )


def merged(ranges: Iterable[Range]) -> tuple[Range, ...]:
    """Ranges in order, those that touch or overlap as one."""
    found: list[Range] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return tuple(found)
