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
    moved_from: str | None = None
    """Of a tag that was moved: full sha of the commit it stood for before."""
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
    return chained(_of_commits(client, found))


def _of_commits(client: Client, markers: Sequence[Marker]) -> list[Marker]:
    """Logs of annotated tags name tag objects: those become the commits they stand for; what is gone is left out."""
    logged = {s for m in markers if m.time_is == "reflog" for s in (m.revision, m.previous, m.moved_from) if s}
    peeled = dict(zip(sorted(logged), peel(client, sorted(logged)), strict=True))

    def known(sha: str | None) -> str | None:
        return peeled.get(sha, sha) if sha else None

    # A predecessor that is gone is still named: it says that there was one.
    return [
        replace(
            m,
            revision=known(m.revision) or "",
            previous=known(m.previous) or m.previous,
            moved_from=known(m.moved_from),
        )
        for m in markers
        if known(m.revision)
    ]


def peel(client: Client, names: Sequence[str]) -> list[str | None]:
    """The commits that objects stand for, through any number of tags; None for what stands for none."""
    if not names:
        return []
    fed = "".join(f"{name}^{{commit}}\n" for name in names).encode()
    lines = client.text("cat-file", "--batch-check=%(objectname)", stdin=fed).splitlines()
    return [line if " " not in line else None for line in lines]


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
    nested = []
    while len(fields := [decode(f) for f in islice(pieces, len(_FIELDS))]) == len(_FIELDS):
        if marker := parse_ref(fields):
            yield marker
        elif fields[3] == "tag":
            nested.append(fields)
    for fields, sha in zip(nested, peel(client, [f[2] for f in nested]), strict=True):
        if sha and (marker := parse_ref([*fields[:3], "commit", sha, *fields[5:]])):
            yield marker


def parse_ref(fields: Sequence[str]) -> Marker | None:
    """One record of for-each-ref. None for what stands for no commit: a tagged file or tree.

    A tag of a tag is told as one only by git 2.45 and later; before, its commit has to be asked for.
    """
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
    if not counts:
        return
    marker = replace(marker, series=f"tags/{series_of(marker.name)}")
    steps = _distinct(_logged(marker, repository))
    if len(steps) < 2:
        yield marker
        return
    # Releases follow one another by time, and not by what one name stood for before.
    yield from (replace(s, previous=None, moved_from=s.previous) for s in steps[:-1])
    yield replace(
        marker if marker.time_is == "tagger" else replace(steps[-1], at="", previous=None),
        moved_from=steps[-1].previous,
    )


def _distinct(steps: Iterable[Marker]) -> list[Marker]:
    """Of several steps in one second the last."""
    return list({step.at: step for step in steps}.values())


def _steps(marker: Marker, repository: Repository) -> Iterator[Marker]:
    """The deploys a ref outside refs/tags tells of: one, or each step of a ref that was moved and kept a log."""
    if is_elsewhere(marker.ref, repository.neighbours):
        return
    folder, _, last = marker.ref.rpartition("/")
    marker = replace(marker, series=folder if is_number(last.lower()) else marker.ref)
    steps = [] if marker.time_is == "tagger" else _distinct(_logged(marker, repository))
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
