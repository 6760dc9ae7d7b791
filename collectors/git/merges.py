"""What a merge changed by itself: read from its combined diff (git-diff(1), 'Combined diff format').

A line that a side branch brought is the change of that branch's commit; here is what is in none of the parents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from collectors.git.command import Client
from collectors.git.history import Commit, File, Range, decode
from collectors.git.hunks import MOST_FUNCTIONS, MOST_RANGES, merged
from collectors.git.messages import one_line
from collectors.git.patches import read_patches, unquoted

_COMBINED = re.compile(rb"^diff --(?:cc|combined) (.+)$", re.MULTILINE)
_HUNK = re.compile(rb"@@@+ .* \+(\d+)(?:,\d+)? @@@+ ?(.*)", re.DOTALL)

MOST_BYTES = 500_000
"""Of one merge's own changes: enough for the names of its files."""


def without_plain_merges(client: Client, commits: Sequence[Commit], paths: Sequence[str]) -> list[Commit]:
    """A merge stays, with the files it changed itself, only where it holds what none of its parents does.

    Raises GitError.
    """
    merges = {c.sha: len(c.parents) for c in commits if len(c.parents) > 1}
    patches = read_patches(client, merges, paths, MOST_BYTES, header=False)
    own = {p.sha: own_files(bytes(p.kept), merges[p.sha]) for p in patches}
    return [replace(c, files=own.get(c.sha, c.files)) for c in commits if c.sha not in merges or own.get(c.sha)]


def own_files(patch: bytes, parents: int) -> tuple[File, ...]:
    """The files a merge changed by itself, from its combined diff (git-diff(1), 'combined diff format')."""
    at = [*_COMBINED.finditer(patch)]
    ends = [*(m.start() for m in at), len(patch)][1:]
    return tuple(_own_file(m[1], patch[m.end() : end], parents) for m, end in zip(at, ends, strict=True))


def _own_file(name: bytes, text: bytes, parents: int) -> File:
    added = deleted = number = 0
    lines: list[Range] = []
    functions: dict[str, None] = {}
    for line in text.split(b"\n"):
        if hunk := _HUNK.match(line):
            number = int(hunk[1])
            functions[one_line(decode(hunk[2]).strip())] = None
        elif number:
            sides = line[:parents]
            added += b"+" in sides
            deleted += b"-" in sides
            if b"+" in sides:
                lines.append((number, number))
            number += line[:1] != b"\\" and b"-" not in sides
    return File(
        unquoted(name),
        added=added,
        deleted=deleted,
        binary=b"\nBinary files" in text,
        lines=merged(lines)[:MOST_RANGES],
        functions=tuple(f for f in functions if f)[:MOST_FUNCTIONS],
        lines_cut=len(merged(lines)) > MOST_RANGES,
    )
