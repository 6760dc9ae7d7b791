"""Names out of version control: commits, versions, who made them, where they are kept. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.changes import Change

Pair = tuple[str, object]

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FLAG = re.compile(
    r"(?i)\b(?:feature )?flag ['\"“]?([A-Za-z0-9][A-Za-z0-9._/-]*)['\"”]?"
    r" (?:was )?(?:switched|turned|set|enabled|disabled)"
)
_COMMIT_PAGE = re.compile(r"(https://.+?)(?:/-)?/(?:commit|pull|merge_requests)/")


def who_and_flag(change: Change) -> Iterator[Pair]:
    """Of the change that is suspected, and of no other."""
    yield "author", change.author
    yield "flag", _flag(change)


def of_change(change: Change, changes: Sequence[Change]) -> Iterator[Pair]:
    """What one change tells of commits and versions."""
    if change.platform:
        yield from (("commit", c) for c in change.commits if len(change.commits) == 1)
        return
    # A platform's own numbers are what can be gone back to; its commits must not be taken for them.
    alone = not any(c.platform for c in changes)
    if _SHA.fullmatch(change.revision or ""):
        yield "commit", change.revision
        yield "revision", change.revision if alone else None
    if _SHA.fullmatch(change.previous or ""):
        yield "previous_commit", change.previous
        yield "previous_revision", change.previous if alone else None
    yield "version", change.details.get("tag") or change.details.get("ref")
    yield "previous_version", change.details.get("previous_tag")


def _flag(change: Change) -> str | None:
    """Of a change of kind flag, or one whose summary says that a flag was switched."""
    told = change.details.get("flag") or change.details.get("flag_key")
    found = _FLAG.search(change.summary)
    return str(told) if told else found[1] if found else None


def of_sources(evidence: Evidence, changes: Sequence[Change]) -> Iterator[Pair]:
    """Where the commits were read from: the folder of the clone, else the page of the repository."""
    for coverage in evidence.coverage:
        if coverage.source == "git":
            yield from (("repository", t.where.partition(" (branch ")[0]) for t in coverage.targets)
            return
    for change in changes:
        page = _COMMIT_PAGE.match(str(change.details.get("url", "")))
        if page and change.kind == "commit":
            yield "repository", page[1]
