"""The service's changes as values, and which of them is in question. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.details import text, texts, views
from gather_diagnostics.selection import is_history, of_service
from gather_diagnostics.tables import decoded

View = Mapping[str, Any]

BEFORE, AFTER = timedelta(minutes=15), timedelta(minutes=60)
"""A rollout belongs to a tag, a commit or an API call that is at most so much later or earlier."""
PLATFORMS = ("helm", "kubernetes", "codedeploy", "ecs", "lambda")
"""What rolls something out; what several tell of is undone through the first: what Helm made is Helm's to undo."""
WORKLOADS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `changes`; `row` is its number there. Times are UTC."""

    row: int
    id: str
    source: str
    ref: str
    kind: str
    revision: str | None
    previous: str | None
    author: str | None
    summary: str
    time: datetime
    finished: datetime | None
    details: View

    @property
    def platform(self) -> str:
        """One of PLATFORMS, '' for what tells of no rollout: a tag, a commit, a call of an API."""
        parts = self.id.split(":")
        if self.kind != "deploy" and parts[2:3] != ["lambda"]:
            return ""
        if parts[0] == "k8s":
            return "helm" if self.details.get("kind") == "HelmRelease" else "kubernetes"
        return parts[2] if parts[0] == "aws" and len(parts) > 2 and parts[2] in PLATFORMS else ""

    @property
    def files(self) -> list[str]:
        """Paths it touches, those outside the service's folders too."""
        return [text(f, "path") for f in views(self.details, "files")] + texts(self.details, "outside_paths")

    @property
    def commits(self) -> list[str]:
        """Shas it carried, newest first."""
        return texts(self.details, "commits")


def read(evidence: Evidence) -> list[Change]:
    """Changes of the service, and those that do not say whose they are, in the order of time.

    What lies before the change window is left out: it is kept for its authors alone.
    """
    frame = evidence.tables.get("changes")
    if frame is None or frame.empty:
        return []
    frame = of_service(frame[~is_history(frame)], evidence.request.service)
    rows = zip(frame.itertuples(), decoded(frame, "details"), strict=True)
    return [_change(row, details) for row, details in rows]


def _change(row: Any, details: Any) -> Change:
    optional = {n: v if isinstance(v := getattr(row, n), str) else None for n in ("revision", "previous", "author")}
    return Change(
        int(row.Index),
        row.id,
        row.source,
        row.ref,
        row.kind,
        summary=row.summary,
        time=row.time.to_pydatetime(),
        finished=None if row.finished != row.finished else row.finished.to_pydatetime(),
        details=details if isinstance(details, Mapping) else {},
        **optional,
    )


WORTH_A_LOOK = 0.05
"""Probability from which on a change may be the cause."""


def in_question(document: View, changes: Sequence[Change]) -> Change | None:
    """The suspect, else the most probable change that is worth a look; None where there is none."""
    first = next(iter(document["changes"]), None)
    if first is None or not (document["stands_out"] or (first["probability"] or 0.0) >= WORTH_A_LOOK):
        return None
    return next((c for c in changes if c.id == first["id"]), None)


def last_deploy(document: View, changes: Sequence[Change]) -> Change | None:
    """The most probable deploy, however little that is: whether to undo it is asked first in any case."""
    by_id = {c.id: c for c in changes if c.kind == "deploy"}
    return next((by_id[c["id"]] for c in document["changes"] if c["id"] in by_id), None)


def rollout_of(change: Change | None, changes: Sequence[Change], document: View) -> Change | None:
    """The rollout by which a change came to run: itself, or what the platform tells of it; None where none is known.

    A platform's rollout belongs to a tag or a commit that it names, or that it followed closely, at the latest at the
    onset.
    """
    if change is None or change.kind not in ("deploy", "commit", "config"):
        return None
    latest = (document["onset"] or {}).get("latest")
    end = datetime.fromisoformat(latest) if latest else None
    near = [c for c in changes if c.platform and (c is change or _belongs(c, change, end))]
    return min(
        near, key=lambda c: (PLATFORMS.index(c.platform), c is not change, abs(c.time - change.time)), default=None
    )


def _belongs(rollout: Change, change: Change, end: datetime | None) -> bool:
    if change.platform:
        # Two accounts of one rollout: the release and the workload that it made.
        return rollout.platform != change.platform and abs(rollout.time - change.time) <= timedelta(minutes=5)
    named = {change.revision, *change.commits} & {rollout.revision, *rollout.commits} - {None}
    if named:
        return True
    close = -BEFORE <= rollout.time - change.time <= AFTER
    # Configuration is taken over by a rollout or by nothing: a rollout nearby need not be one of it.
    return close and change.kind == "deploy" and (end is None or change.time > end or rollout.time <= end)


def newest_deploys(changes: Sequence[Change]) -> list[Change]:
    """The last rollout of each object, and the last deploy that is told by a tag or a forge."""
    last: dict[tuple[str, str], Change] = {}
    for change in changes:
        if change.kind == "deploy":
            last[change.platform, change.id.rpartition(":")[0] if change.platform else ""] = change
    return list(last.values())


def later(change: Change, changes: Sequence[Change]) -> list[Change]:
    """Deploys of the same kind after it."""
    return [c for c in changes if c.kind == "deploy" and c.platform == change.platform and c.time > change.time]


def same_object(one: Change, other: Change) -> bool:
    """Of one workload, release or repository: what the source calls it, without the revision."""
    return not one.platform or one.id.rpartition(":")[0] == other.id.rpartition(":")[0]
