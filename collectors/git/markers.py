"""Deploy markers: the tags and refs that say what was deployed when.

Fields are those of git-for-each-ref(1). A lightweight tag has no date of its own: its commit's is the earliest the
deploy can have been.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Literal

from collectors.git.command import Client, split
from collectors.git.history import decode, moment
from collectors.git.names import is_elsewhere, is_number, is_release, series_of, version_key
from collectors.git.repository import Repository
from collectors.git.settings import ANY_TAG, Settings

MOST_REFS = 20_000
"""The newest are read; a repository with more tags than this has them from a machine."""

TimeIs = Literal["tagger", "reflog", "commit"]


@dataclass(frozen=True, slots=True)
class Marker:
    """One deploy as a tag or ref tells it."""

    ref: str
    """Full name: 'refs/tags/v1.2'."""
    series: str
    """Markers of one series follow one another."""
    time: datetime
    time_is: TimeIs
    revision: str
    """Full sha of the commit."""
    author: str | None = None
    message: str = ""
    previous: str | None = None
    """Full sha of what the marker before it in its series stands for."""
    previous_name: str | None = None
    at: str = ""
    """Tells the steps of a ref that moves from one another; empty for where it stands now."""

    @property
    def name(self) -> str:
        return self.ref.removeprefix("refs/tags/")

    @property
    def is_tag(self) -> bool:
        return self.ref.startswith("refs/tags/")

    @property
    def id(self) -> str:
        kind, name = ("tag", self.name) if self.is_tag else ("ref", self.ref)
        return f"git:{kind}:{name}{self.at}"


def read_markers(client: Client, repository: Repository, settings: Settings, service: str) -> list[Marker]:
    """Every deploy marker there is of this service, oldest first, each knowing its predecessor. Raises GitError."""
    patterns = [p.replace("{service}", service) for p in settings.deploy_refs]
    found: list[Marker] = []
    for marker in _read_refs(client, ["refs/tags", *dict.fromkeys(_prefix(p) for p in patterns)]):
        if marker.is_tag:
            found += _tags(marker, repository, settings.tag_patterns, service)
        elif any(fnmatchcase(marker.ref, p) for p in patterns):
            found += _steps(marker, repository)
    return chained(found)


def chained(markers: Iterable[Marker]) -> list[Marker]:
    """Oldest first; each without a predecessor of its own gets the one before it in its series."""
    ordered = sorted(markers, key=lambda m: (m.time, version_key(m.ref), m.id))
    latest: dict[str, Marker] = {}
    chain = []
    for marker in ordered:
        if before := latest.get(marker.series):
            marker = replace(marker, previous=marker.previous or before.revision, previous_name=before.name + before.at)
        latest[marker.series] = marker
        chain.append(marker)
    return chain


def _prefix(pattern: str) -> str:
    """The part of a glob that git can select by: whole components before the first wildcard."""
    fixed = []
    for part in pattern.split("/"):
        if any(c in part for c in "*?["):
            break
        fixed.append(part)
    return "/".join(fixed)


_FIELDS = (
    "%(refname)",
    "%(objecttype)",
    "%(objectname)",
    "%(*objecttype)",
    "%(*objectname)",
    "%(taggername) %(taggeremail)",
    "%(taggerdate:unix)",
    "%(committerdate:unix)%(*committerdate:unix)",
    "%(contents:subject)",
    "%(contents:body)",
)


def _read_refs(client: Client, prefixes: Sequence[str]) -> Iterator[Marker]:
    form = "".join(f"{field}%00" for field in _FIELDS)
    arguments = ("--sort=-creatordate", f"--count={MOST_REFS}", f"--format={form}", "--", *prefixes)
    pieces = split(client.stream("for-each-ref", *arguments))
    while len(fields := list(islice(pieces, len(_FIELDS)))) == len(_FIELDS):
        if marker := parse_ref([decode(f) for f in fields]):
            yield marker


def parse_ref(fields: Sequence[str]) -> Marker | None:
    """One record of for-each-ref. None for what stands for no commit: a tagged file or tree, a tag of a tag."""
    ref, kind, sha, peeled_kind, peeled, tagger, tagged, committed, subject, body = fields
    if "commit" not in (kind, peeled_kind):
        return None
    dated = kind == "tag" and tagged.isdigit()
    return Marker(
        ref=ref.lstrip("\n"),
        series="",
        time=moment(int(tagged if dated else committed or 0)),
        time_is="tagger" if dated else "commit",
        revision=peeled or sha,
        author=tagger.strip() or None if kind == "tag" else None,
        message="\n\n".join(t for t in (subject.strip(), body.strip()) if t) if kind == "tag" else "",
    )


def _tags(marker: Marker, repository: Repository, patterns: Sequence[str], service: str) -> Iterator[Marker]:
    if list(patterns) == ANY_TAG:
        counts = is_release(marker.name, service, repository.name, repository.neighbours)
    else:
        counts = any(fnmatchcase(marker.name, p.replace("{service}", service)) for p in patterns)
    if counts:
        yield replace(marker, series=f"tags/{series_of(marker.name)}")


def _steps(marker: Marker, repository: Repository) -> Iterator[Marker]:
    """The deploys a ref outside refs/tags tells of: one, or each step of a ref that was moved and kept a log."""
    if is_elsewhere(marker.ref, repository.neighbours):
        return
    folder, _, last = marker.ref.rpartition("/")
    marker = replace(marker, series=folder if is_number(last.lower()) else marker.ref)
    steps = [] if marker.time_is == "tagger" else list({s.at: s for s in _logged(marker, repository)}.values())
    if steps and steps[-1].revision == marker.revision:
        steps[-1] = replace(steps[-1], at="")
        yield from steps
    else:
        yield marker


def _logged(marker: Marker, repository: Repository) -> Iterator[Marker]:
    """Steps from the ref's log. A fetch is no deploy: its time says when this clone heard of one."""
    import git

    path = Path(repository.folders.common, "logs", marker.ref)
    try:
        entries = list(git.RefLog.from_file(str(path))) if path.is_file() else []
    except (OSError, ValueError):
        return  # a log that can't be read: the commit's date stands, and `time_is` says so
    for entry in entries:
        if set(entry.newhexsha) == {"0"} or entry.message.startswith(("fetch", "clone", "pull")):
            continue
        time = moment(int(entry.time[0]))
        before = None if set(entry.oldhexsha) == {"0"} else entry.oldhexsha
        author = f"{entry.actor.name} <{entry.actor.email}>"
        at = f"@{{{time:%Y-%m-%dT%H:%M:%SZ}}}"
        yield replace(
            marker,
            time=time,
            time_is="reflog",
            revision=entry.newhexsha,
            previous=before,
            author=author,
            message=entry.message,
            at=at,
        )
