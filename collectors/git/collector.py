"""The git collector: what landed on the deployed branch, what was deployed, and the patches.

What reads a repository is imported in its entrances: other sources need not wait for it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from collectors.git.settings import ANY_TAG, NAME, Settings
from gather_diagnostics import Answer, Gap, Raw, Request, Rows, Target, questions

if TYPE_CHECKING:
    from collectors.git.command import Client
    from collectors.git.repository import Repository

SHARE = 0.9
"""Of the time a source may take: stops git before the runner stops waiting, so that the reason can be told."""


class Git:
    """Reads commits, release tags and deploy refs of a local clone. Sends nothing anywhere, fetches nothing."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"changes"})
    Settings: ClassVar[type[Settings]] = Settings

    def __init__(self, settings: Any = None) -> None:
        self._settings: Settings = settings or Settings()

    def plan(self, request: Request) -> Iterator[Target | Gap]:
        """The branch and folders that would be read, or the Gap that says why none can be."""
        opened = self._open(request)
        if isinstance(opened, Gap):
            yield opened
            return
        repository, _ = opened
        yield from _targets(repository, self._settings)
        yield from repository.gaps

    def check(self, request: Request) -> Iterator[Gap]:
        """What `plan` misses, and whether the history reaches back far enough."""
        opened = self._open(request)
        if isinstance(opened, Gap):
            yield opened
            return
        repository, client = opened
        yield from repository.gaps
        yield from _check_history(repository, client, request)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap]:
        """Rows of `changes`, newest first, then their raw records."""
        from collectors.git.reading import Reading

        opened = self._open(request)
        if isinstance(opened, Gap):
            yield opened
            return
        repository, client = opened
        if repository.branch.tip is not None:
            yield from Reading(client, repository, self._settings, request).items(repository.branch.tip)

    def ask(self, request: Request, query: str) -> Iterator[Answer | Gap]:
        """A read as git has it, without the word git: `log` with `-n`, `--since`, `--until`, `--author`, `--grep`,
        `-S`, `--no-merges`, `--first-parent`; `show --stat REVISION`; `diff --stat A..B`; `blame -L START,END -- PATH`.
        Where no revision is named the deployed branch is read, and by `log` the service's own paths (`-- .` for all).
        `log` gives `COMMIT`, `DATE`, `AUTHOR` and `SUBJECT`, the others one column `LINE`. Nothing is fetched.
        """
        from collectors.git import commands, question

        try:
            command = commands.parse(query)
        except ValueError as error:
            yield questions.refused(NAME, query, str(error), f"ask one of: {'; '.join(commands.FORMS)}")
            return
        opened = self._open(request)
        yield opened if isinstance(opened, Gap) else question.answer(*opened, command, query)

    def _open(self, request: Request) -> tuple[Repository, Client] | Gap:
        """Or the Gap that says why there is none."""
        from collectors.git.gaps import Unreadable
        from collectors.git.repository import open_repository

        end = time.monotonic() + SHARE * request.source_seconds
        try:
            return open_repository(self._settings, request.service, end)
        except Unreadable as unreadable:
            return unreadable.gap


def _targets(repository: Repository, settings: Settings) -> Iterable[Target]:
    branch = repository.branch
    paths = repository.paths
    where = f"{repository.folders.top} (branch {branch.name})"
    what = f"commits touching {', '.join(paths)}" if paths else "all commits"
    yield Target(what, where, f"{_found(settings)}; {branch.because}; {repository.paths_because}")
    if settings.tag_patterns == ANY_TAG:
        tags, because = "tags that look like releases", "their names are a version or a word for deploying"
    else:
        tags, because = f"tags {', '.join(settings.tag_patterns) or '(none)'}", "`tag_patterns` is set"
    yield Target(f"deploy markers: {tags}, {', '.join(settings.deploy_refs)}", repository.folders.top, because)
    if settings.older_commits:
        what = f"the newest {settings.older_commits:,} such commits from before the change window"
        yield Target(what, where, "`older_commits`: they tell who last changed a line that fails")


def _found(settings: Settings) -> str:
    return "`repo` is set" if settings.repo else "the current directory is in this repository"


def _check_history(repository: Repository, client: Client, request: Request) -> Iterator[Gap]:
    from collectors.git.command import GitError
    from collectors.git.gaps import gap_of, shallow_gaps
    from collectors.git.history import read_stretch

    if repository.branch.tip is None:
        return
    try:
        stretch = read_stretch(client, repository.branch.tip, request.changes)
    except GitError as error:
        yield gap_of(error, "commits", repository.folders.top)
        return
    if stretch.bottom is None:
        yield from shallow_gaps(repository.grafts, stretch.line, repository.folders.top)
