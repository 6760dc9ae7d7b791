"""Why undoing a change will not help. Each function gives sentences; none: nothing stands in the way. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gather_diagnostics.document import brief
from gather_diagnostics.response.facts import Change
from gather_diagnostics.response.facts.changes import later, same_object
from gather_diagnostics.response.facts.details import text, texts, views
from gather_diagnostics.response.mitigation.situation import Situation, clock

_MIGRATION = re.compile(
    r"(?i)(?:^|/)(?:migrations?|migrate|alembic|flyway|liquibase|changelogs?)/.*\.(?!md$|txt$|rst$)[a-z0-9]+$"
    r"|\.sql$|(?:^|/)schema\.(?:rb|prisma)$"
)
"""Files of Django, Rails, Alembic, Flyway, Liquibase, Prisma, Ecto, golang-migrate, and plain SQL."""
_HASHED = ("configuration, by its", "restarted")
"""How a rollout's differences begin where they are no change of the workload's own."""


def of_undoing(s: Situation, change: Change, rollout: Change | None) -> list[str]:
    """`change` is what would be undone, `rollout` how it came to run where a platform told that."""
    return [
        *s.over,
        *_innocent(s, change),
        *_elsewhere(s),
        *_undone(s, change, rollout),
        *_migrated(s, change, rollout),
        *_configuration(rollout or change),
        *_gone(rollout or change),
    ]


def _innocent(s: Situation, change: Change) -> Iterator[str]:
    """It is not the suspect, or began to act too late."""
    its = s.candidate(change)
    onset = s.document["onset"]
    if its is None:
        return
    effective, latest = its["effective"] or its["time"], (onset or {}).get("latest")
    if effective and latest and effective > latest:
        yield f"It took effect at {clock(effective)} UTC, after the onset at {clock(onset['time'])} UTC."
    elif s.suspect and s.suspect["id"] != change.id:
        yield f"The suspect is another change: {brief.candidate_name(s.suspect)}."
    elif not s.suspect:
        against = brief.reasons(its, "against", 1)
        reason = f"; against it: {against[0]}" if against else ""
        yield f"It is not suspected: {brief.percent(its['probability'])} probable{reason}."


def _elsewhere(s: Situation) -> Iterator[str]:
    if s.dependency and not s.suspect:
        yield f"The trouble is in a dependency: {s.dependency['headline']}"


def _undone(s: Situation, change: Change, rollout: Change | None) -> Iterator[str]:
    """Somebody took it back already."""
    for back in later(rollout or change, s.changes):
        taken = set(texts(back.details, "rolled_back"))
        same = back.details.get("rollback") and not taken and same_object(back, rollout or change)
        if same or taken & {change.revision, *change.commits}:
            yield f"It was rolled back already, at {back.time:%H:%M} UTC: {back.summary}."
            return
    sha = text(change.details, "reverted_by")
    if sha and (revert := next((c for c in s.changes if c.revision == sha and c.kind != "deploy"), None)):
        yield f"It was reverted already, at {revert.time:%H:%M} UTC: {revert.summary}."


def _migrated(s: Situation, change: Change, rollout: Change | None) -> Iterator[str]:
    files = [f for c in carried(s, change, rollout) for f in c.files if _MIGRATION.search(f)]
    if files:
        more = f" and {len(set(files)) - 1} more" if len(set(files)) > 1 else ""
        yield (
            f"A database migration came with it ({files[0]}{more}): going back takes the code back and leaves the"
            " database changed. Undo the migration first, or fix forward."
        )


def carried(s: Situation, change: Change, rollout: Change | None) -> list[Change]:
    """The change, the commits it names, and where it names none those that landed since the deploy before it."""
    named = {*change.commits, *(rollout.commits if rollout else ()), change.revision}
    found = [c for c in s.changes if c is change or (c.kind != "deploy" and c.revision in named)]
    if len(found) == 1 and change.kind == "deploy" and change.platform:
        before = [
            c.time for c in s.changes if c.kind == "deploy" and c.platform == change.platform and c.time < change.time
        ]
        since = max(before, default=None)
        found += [
            c for c in s.changes
            if c.kind in ("commit", "config", "flag") and c.time <= change.time and (since is None or c.time > since)
        ]  # fmt: skip
    return found


def _configuration(change: Change) -> Iterator[str]:
    """A rollout whose template differs by nothing but a checksum: what changed lies in a ConfigMap or a Secret."""
    differences = [text(d, "what") for d in views(change.details, "diff")]
    if change.platform == "kubernetes" and differences and all(d.startswith(_HASHED) for d in differences):
        yield (
            "Only configuration changed, and a rollout undo does not bring a ConfigMap or Secret back: restore what is"
            " in it instead."
        )


def _gone(change: Change) -> Iterator[str]:
    """Whoever was before it is not kept any more, or never was."""
    if change.platform == "helm" and not change.previous:
        yield "It is the first revision of the release that is kept: there is none to go back to."
    if change.platform == "kubernetes" and change.details.get("name") and not change.previous:
        if change.revision == "1":
            yield "It is the first rollout: there is none to go back to."
        else:
            yield (
                "The revision before it is not kept any more (see revisionHistoryLimit): set the image of the version"
                " before by hand instead."
            )
