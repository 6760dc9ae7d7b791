"""Shaping: commits and deploy markers into rows of the table `changes`. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from collectors.git.drift import Drift, Place
from collectors.git.files import kind_of, scope_of, sort_of
from collectors.git.history import Commit, File, Node
from collectors.git.markers import Marker
from collectors.git.messages import Reversals, grouped, many_lines, one_line, pull_request, reverted
from collectors.git.repository import Repository
from collectors.git.submodules import Bump

MOST_FILES = 300
MOST_OUTSIDE = 30
MOST_LISTED = 500

Row = dict[str, Any]

TIME_NOTES = {
    "tagger": "the date of the annotated tag",
    "reflog": "when the ref was moved, from its log",
    "commit": "the commit's date: the ref has none of its own, so the deploy was then or later",
}


@dataclass(frozen=True)
class Landing:
    """The merge a commit came by, as far as it is told to readers of the row."""

    node: Node
    pr: int | None = None


@dataclass(frozen=True)
class Context:
    """What a commit's row says besides the commit itself."""

    repository: Repository
    service: str
    config_patterns: Sequence[str]
    landings: Mapping[str, Landing] = field(default_factory=dict)
    reversals: Reversals = field(default_factory=Reversals)
    bumps: Mapping[str, tuple[Bump, ...]] = field(default_factory=dict)
    drift: Drift = field(default_factory=Drift)


@dataclass(frozen=True)
class Carried:
    """What a deploy carried: shas, newest first, all but `total` of them left out."""

    commits: tuple[str, ...]
    rolled_back: tuple[str, ...] = ()
    older: bool = False
    """An earlier revision than the one before it, whether the service's commits are among those taken back or not."""


def raw_name(sha: str) -> str:
    return f"{sha[:12]}.diff"


def commit_row(commit: Commit, context: Context) -> Row:
    """A row of kind commit, config or flag. Its time is when it landed on the branch."""
    inside, outside = _divided(commit.files, context.repository.paths)
    sorts = [sort_of(f.path, context.config_patterns) for f in inside]
    landing = context.landings.get(commit.sha)
    return {
        "time": landing.node.time if landing else commit.time,
        "ref": f"raw/git/{raw_name(commit.sha)}",
        "id": f"git:commit:{commit.sha}",
        "kind": kind_of(sorts),
        "service": context.service,
        "revision": commit.sha,
        "previous": commit.parents[0] if commit.parents else None,
        "author": one_line(commit.author),
        "summary": _summary(commit, context.bumps.get(commit.sha, ())),
        "details": _commit_details(commit, context, inside, outside, landing) | {"scope": scope_of(sorts)},
    }


def _summary(commit: Commit, bumps: Sequence[Bump]) -> str:
    """The subject; where submodules were moved, what they were moved over, first if nothing else was changed."""
    subject = one_line(commit.subject) or f"commit {commit.sha[:12]} without a message"
    if not bumps:
        return subject
    words = ", ".join(b.words() for b in bumps)
    moved = {b.path for b in bumps} | {".gitmodules"}
    inner = tuple(f"{b.path}/" for b in bumps)
    alone = all(f.path in moved or f.path.startswith(inner) for f in commit.files)
    return one_line(f"{words}: {subject}" if alone else f"{subject} ({words})")


def _commit_details(
    commit: Commit, context: Context, inside: Sequence[File], outside: Sequence[File], landing: Landing | None
) -> dict[str, Any]:
    site = context.repository.site
    details: dict[str, Any] = {
        "files": [_file_details(f, context.drift.places.get((commit.sha, f.path))) for f in inside[:MOST_FILES]],
        "insertions": sum(f.added for f in inside),
        "deletions": sum(f.deleted for f in inside),
        "trailers": grouped(commit.trailers),
        "author_time": commit.author_time.isoformat(),
        "commit_time": commit.time.isoformat(),
        "committer": one_line(commit.committer),
        "body": many_lines(commit.body),
    }
    optional: dict[str, Any] = {
        "files_total": len(inside) + commit.unlisted if len(inside) > MOST_FILES else None,
        "outside_paths": [f.path for f in outside[:MOST_OUTSIDE]],
        "outside_total": len(outside) if len(outside) > MOST_OUTSIDE else None,
        "pr": pull_request(commit.message) or (landing.pr if landing else None),
        "reverts": context.reversals.of(commit.sha) or reverted(commit.message),
        "reverted_by": context.reversals.by.get(commit.sha),
        "reinstated_by": context.reversals.reinstated(commit.sha),
        "submodules": [b.details() for b in context.bumps.get(commit.sha, ())],
        "lines_deployed_in": context.drift.revision if commit.sha in context.drift.followed else None,
        "landed": landing.node.time.isoformat() if landing else None,
        "merge": landing.node.sha if landing else None,
        "parents": list(commit.parents) if len(commit.parents) > 1 else None,
        "history_ends": True if commit.sha in context.repository.grafts else None,
        "url": site.commit(commit.sha) if site else None,
    }
    return details | {key: value for key, value in optional.items() if value}


def _file_details(file: File, deployed: Place | None) -> dict[str, Any]:
    """`lines` are those of the commit's own side; `deployed` tells them as in what runs, where they differ there."""
    details: dict[str, Any] = {"path": file.path, "added": file.added, "deleted": file.deleted}
    if file.old_path is not None:
        details["old_path"] = file.old_path
    if file.binary:
        details["binary"] = True
    if file.lines:
        details["lines"] = [list(r) for r in file.lines]
    if file.functions:
        details["functions"] = list(file.functions)
    if file.lines_cut:
        details["lines_cut"] = True
    if deployed and (deployed.lines, deployed.path) != (file.lines, file.path):
        details["deployed"] = {"path": deployed.path, "lines": [list(r) for r in deployed.lines]}
    return details


def _divided(files: Sequence[File], paths: Sequence[str]) -> tuple[list[File], list[File]]:
    """Files of the service, and the others; a file that was moved in or out is the service's."""
    inside = [f for f in files if not paths or _is_below(f.path, paths) or _is_below(f.old_path, paths)]
    kept = set(inside)
    return inside, [f for f in files if f not in kept]


def _is_below(path: str | None, paths: Sequence[str]) -> bool:
    return path is not None and any(path == p or path.startswith(f"{p}/") for p in paths)


def deploy_row(marker: Marker, carried: Carried, context: Context) -> Row:
    """A row of kind deploy."""
    site = context.repository.site
    details: dict[str, Any] = {
        "tag" if marker.is_tag else "deploy_ref": marker.name,
        "message": many_lines(marker.message),
        "previous_tag": marker.previous_name,
        **({"moved_from": marker.moved_from} if marker.moved_from else {}),
        "commits": list(carried.commits[:MOST_LISTED]),
        "commits_total": len(carried.commits),
        "time_is": marker.time_is,
        "time_note": TIME_NOTES[marker.time_is],
    }
    if carried.rolled_back or carried.older:
        details |= {"rollback": True, "rolled_back": list(carried.rolled_back[:MOST_LISTED])}
    if site:
        details["url"] = site.tag(marker.name) if marker.is_tag else site.commit(marker.revision)
    return {
        "time": marker.time,
        "ref": f"raw/git/{marker_raw_name(marker)}",
        "id": marker.id,
        "kind": "deploy",
        "service": context.service,
        "revision": marker.revision,
        "previous": marker.previous,
        "author": one_line(marker.author) if marker.author else None,
        "summary": _deploy_summary(marker, carried),
        "details": details,
    }


def _deploy_summary(marker: Marker, carried: Carried) -> str:
    back = "back to an earlier revision" if carried.older else ""
    if carried.rolled_back:
        back = f"takes back {_counted(len(carried.rolled_back))}"
    count = ", ".join(filter(None, (_counted(len(carried.commits)) if carried.commits or not back else "", back)))
    first = marker.message.partition("\n")[0].strip()
    said = f": {first}" if first and first != marker.name else ""
    return one_line(f"{marker.name.removeprefix('refs/')} ({count}){said}")


def _counted(number: int) -> str:
    return f"{number} commit{'' if number == 1 else 's'}"


def marker_raw_name(marker: Marker) -> str:
    """Path below raw/git/: the ref's name in plain ASCII; a digest keeps different names apart."""
    whole = marker.ref + marker.at
    plain = re.sub(r"[^A-Za-z0-9._/-]", "_", whole)[:120].rstrip("/.")
    if plain != whole:
        plain += f"-{hashlib.sha256(whole.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return f"{plain}.txt"


def marker_text(marker: Marker) -> str:
    """The raw record of a marker: what git says of it."""
    lines = [
        f"ref: {marker.ref}{marker.at}",
        f"commit: {marker.revision}",
        f"time: {marker.time.isoformat()} ({TIME_NOTES[marker.time_is]})",
        f"by: {marker.author or 'unknown'}",
        f"before it: {marker.previous or 'unknown'} ({marker.previous_name or 'no marker of this series'})",
    ]
    return "\n".join(lines) + (f"\n\n{marker.message}\n" if marker.message else "\n")
