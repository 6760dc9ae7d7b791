"""One reading of a repository: deployments of each environment, then releases, then merged changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice

from collectors.forge.client import Client
from collectors.forge.github import GitHub
from collectors.forge.gitlab import GitLab
from collectors.forge.records import Brought, Deployment, Dialect, Merged
from collectors.forge.rows import Files, Row, deployment_row, merged_row, release_row
from collectors.forge.settings import NAME, ForgeSettings
from collectors.forge.troubles import gap, is_final
from gather_diagnostics import Gap, Request, Rows, Skew
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES, Trouble

MOST_RELEASES = 20
MOST_WITH_FILES = 30
"""Merged changes whose files are asked for, the first told: one question each."""

MOST_REFUSALS = 3
"""Comparisons that may fail before no more are asked for."""

Found = Iterator[Rows | Gap]


def dialect(client: Client) -> Dialect:
    return GitHub(client) if client.place.kind == "github" else GitLab(client)


@dataclass
class Reading:
    """Reads one repository for one request."""

    client: Client
    settings: ForgeSettings
    request: Request
    stopped: Gap | None = None
    """The trouble that would meet every further question too, once there was one."""
    unasked: list[str] = field(default_factory=list)
    deployed: set[str] = field(default_factory=set)
    """Revisions and refs of the deployments that were told: a release of one of them is no other change."""
    refused: int = 0
    """How often comparing failed."""

    def __post_init__(self) -> None:
        self._forge = dialect(self.client)
        self._kind = self.client.place.kind

    def items(self) -> Iterator[Rows | Gap | Skew]:
        """Rows as they come. A trouble with one question is a Gap, and the next one is asked."""
        try:
            branch = self._forge.branch()
        except TROUBLES as error:
            yield gap(error, f"the repository {self.client.place.repository}", self.client.place)
            yield from self._clock()
            return
        yield from self._clock()
        self.request = asked_on(self.request, self.client.skew)
        for name in self.settings.environments:
            environment = name.replace("{service}", self.request.service)
            yield from self._guarded(self._environment(environment), f"deployments to {environment}")
        yield from self._guarded(self._releases(), "releases")
        yield from self._guarded(self._merged(branch), f"changes merged to {branch}")
        if self.stopped and self.unasked:
            why = f"not asked for after this: {self.stopped.why}"
            yield replace(self.stopped, wanted=", ".join(self.unasked), why=why)

    def _clock(self) -> Iterator[Skew]:
        if self.client.skew is not None:
            yield Skew(self.client.skew)

    def _guarded(self, found: Found, wanted: str) -> Found:
        if self.stopped:
            self.unasked.append(wanted)
            return
        try:
            yield from found
        except TROUBLES as error:
            trouble = gap(error, wanted, self.client.place)
            self.stopped = trouble if is_final(error) else None
            yield trouble

    def _environment(self, environment: str) -> Found:
        """Each deployment of the window once its predecessor is known: the last before it that succeeded."""
        ready: list[Deployment] = []
        waiting: list[Deployment] = []
        number = 0
        try:
            for found in self._forge.deployments(environment, self.request.changes):
                number += 1
                if number > self.settings.max_deployments:
                    yield self._too_many(environment)
                    break
                told = self._forge.told(found)
                if told.state in ("success", "unknown"):
                    ready, waiting = waiting, []
                if told.time in self.request.changes and told.state != "waiting":
                    waiting.append(told)
                yield from self._told(ready, told)
                if told.state in ("success", "unknown") and told.time < self.request.changes.start:
                    return
        except TROUBLES:
            yield from self._told([*ready, *waiting], None)
            raise
        yield from self._told(waiting, None)

    def _too_many(self, environment: str) -> Gap:
        why = f"there are more than {self.settings.max_deployments} deployments to {environment} in the change window"
        mend = "raise sources.forge.max_deployments, or ask for a shorter change window"
        return Gap(NAME, f"deployments to {environment}", "truncated", why, mend)

    def _told(self, waiting: list[Deployment], previous: Deployment | None) -> Found:
        """Empties `waiting`. Raises a trouble that is final, after the row that met it."""
        while waiting:
            deployment = waiting.pop(0)
            brought, trouble = self._brought(deployment, previous)
            self.deployed |= {deployment.revision or "", deployment.ref}
            yield _rows(deployment_row(deployment, previous, brought, self._kind, self.request.service))
            yield from self._lesser(trouble, f"commits of the deployment {deployment.id}")

    def _lesser(self, trouble: Trouble | None, wanted: str) -> Iterator[Gap]:
        if trouble and is_final(trouble):
            raise trouble
        if trouble:
            yield gap(trouble, wanted, self.client.place)

    def _brought(self, deployment: Deployment, previous: Deployment | None) -> tuple[Brought, Trouble | None]:
        """What it brought; nothing, with the reason, where that can't be told."""
        old, new = previous.revision if previous else None, deployment.revision
        if not (old and new and old != new and self.settings.commits) or self.refused >= MOST_REFUSALS:
            return Brought(), None
        try:
            return self._forge.brought(old, new), None
        except TROUBLES as error:
            self.refused += 1
            return Brought(), error

    def _releases(self) -> Found:
        releases = self._forge.releases(self.request.changes)
        for release in islice(releases, MOST_RELEASES):
            if not {release.tag, release.revision or release.tag} & self.deployed:
                yield _rows(release_row(release, self._kind, self.request.service))
        if next(releases, None):
            why = f"there are more than {MOST_RELEASES} releases in the change window"
            yield Gap(NAME, "releases", "truncated", why, "ask for a shorter change window")

    def _merged(self, branch: str) -> Found:
        merged = self._forge.merged(branch, self.request.changes)
        for number, one in enumerate(islice(merged, self.settings.max_merged)):
            files, trouble = self._files(one) if number < MOST_WITH_FILES else ((), None)
            yield _rows(merged_row(one, files, self._kind, self.request.service))
            yield from self._lesser(trouble, f"files of the merged change {one.number}")
        if next(merged, None):
            why = f"more than {self.settings.max_merged} changes were merged in the change window"
            mend = "raise sources.forge.max_merged, or ask for a shorter change window"
            yield Gap(NAME, f"changes merged to {branch}", "truncated", why, mend)

    def _files(self, merged: Merged) -> tuple[Files, Trouble | None]:
        if not self.settings.commits:
            return (), None
        try:
            return self._forge.files(merged), None
        except TROUBLES as error:
            return (), error


def _rows(row: Row) -> Rows:
    return Rows("changes", [row])
