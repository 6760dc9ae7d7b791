"""One reading of a repository: history, deploys, details, in that order, each as one git process where it can be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from collectors.git.command import Client, GitError, GitTimeout, split
from collectors.git.drift import Drift, read_drift
from collectors.git.gaps import gap_of, shallow_gaps, skew_gaps, truncated
from collectors.git.history import (
    LOG,
    MOST_NODES,
    Commit,
    Node,
    Stretch,
    decode,
    landings,
    read_commits,
    read_nodes,
    read_stretch,
)
from collectors.git.hunks import with_lines
from collectors.git.landed import Deploy, History, running
from collectors.git.markers import Marker, read_markers
from collectors.git.merges import without_plain_merges
from collectors.git.messages import REVERT_WORDS, Known, pull_request, reverts_among
from collectors.git.older import Older
from collectors.git.records import patch_records
from collectors.git.repository import Repository
from collectors.git.rows import (
    Carried,
    Context,
    Landing,
    Row,
    commit_row,
    deploy_row,
    marker_raw_name,
    marker_text,
)
from collectors.git.settings import Settings
from collectors.git.submodules import told_bumps, with_inner_files
from gather_diagnostics import Gap, Raw, Request, Rows

BATCH = 500
MOST_DEPLOYS = 200


@dataclass
class Reading:
    """Reads one repository for one request. `gaps` collects what is found missing on the way."""

    client: Client
    repository: Repository
    settings: Settings
    request: Request
    gaps: list[Gap] = field(default_factory=list)
    has_contents: bool = True
    """False once git could not read file contents: what needs them is not tried again."""

    def items(self, tip: str) -> Iterator[Rows | Raw | Gap]:
        """Rows first, then raw records, so that a deadline costs patches before it costs rows."""
        try:
            history = self.history(tip)
            deploys = self.deploys(history)
            commits = self.commits(self.chosen(history, deploys))
        except GitError as error:
            yield from self.gaps
            yield gap_of(error, "commits and releases", self.repository.folders.top)
            return
        context = self.context(history, commits, tip)
        commits = self.with_lines(self.without_plain_merges(commits))
        context = replace(context, drift=self.drift(commits, history, deploys))
        commits = [with_inner_files(c, context.bumps) for c in commits]
        yield from self.rows(deploys, commits, context)
        yield from self.older(history, deploys, commits, context)
        yield from self.gaps
        for deploy in deploys:
            yield Raw(marker_raw_name(deploy.marker), marker_text(deploy.marker))
        yield from patch_records(self.client, self.repository, self.settings, commits, readable=self.has_contents)

    def history(self, tip: str) -> History:
        """Raises GitError."""
        window = self.request.changes
        stretch = read_stretch(self.client, tip, window)
        revisions = stretch.revisions()
        graph = {n.sha: n for n in self._nodes(f"--max-count={MOST_NODES}", *revisions)} if revisions else {}
        by = landings(stretch.line, graph)
        touched = list(self._touching(*revisions)) if revisions else []
        landed = [(by.get(n.sha, n).seconds, n) for n in touched if by.get(n.sha, n).time in window]
        landed.sort(key=lambda pair: -pair[0])
        history = History(stretch, graph, by, tuple(n for _, n in landed))
        self.gaps += skew_gaps(dict.fromkeys((*stretch.line, *graph.values())), self.request.asked)
        return history

    def _nodes(self, *arguments: str) -> Iterator[Node]:
        return read_nodes(self.client, *arguments)

    def _touching(self, *arguments: str) -> Iterator[Node]:
        """Commits of the service, side branches and all."""
        return self._nodes("--full-history", f"--max-count={MOST_NODES}", *arguments, "--", *self.repository.paths)

    def deploys(self, history: History) -> list[Deploy]:
        """Markers within the window, newest first. A marker that can't be followed is told without its commits."""
        try:
            markers = read_markers(self.client, self.repository, self.settings, self.request.service)
        except GitError as error:
            self.gaps.append(gap_of(error, "deploy markers", self.repository.folders.top))
            return []
        recent = [m for m in reversed(markers) if m.time in self.request.changes]
        if len(recent) > MOST_DEPLOYS:
            why = f"there are {len(recent)} in the change window; the newest {MOST_DEPLOYS} are read"
            self.gaps.append(truncated("deploy markers", why, "narrow `sources.git.tag_patterns` or the change window"))
        return [self._deploy(marker, history.stretch) for marker in recent[:MOST_DEPLOYS]]

    def _deploy(self, marker: Marker, stretch: Stretch) -> Deploy:
        before = marker.previous or stretch.bottom
        if before == marker.revision:
            return Deploy(marker)
        try:
            nodes = self._between(before, marker.revision)
            # A hotfix on an old release brings commits and takes others back.
            taken = self._between(marker.revision, marker.previous) if marker.previous else ()
            older = not nodes and bool(marker.previous) and self._is_older(marker.revision, before)
        except GitTimeout:
            raise
        except GitError as error:
            self.gaps.append(gap_of(error, f"commits of {marker.name}", self.repository.folders.top))
            return Deploy(marker)
        return Deploy(marker, nodes, taken, older)

    def _is_older(self, revision: str, before: str | None) -> bool:
        """Whether it is an ancestor of the one before, of the service's commits or not. Raises GitError."""
        return not self.client.text("rev-list", "--max-count=1", revision, f"^{before}", "--")

    def _between(self, old: str | None, new: str) -> tuple[Node, ...]:
        revisions = (new, f"^{old}") if old else (new,)
        return tuple(islice(self._touching(*revisions), self.settings.max_commits))

    def chosen(self, history: History, deploys: Iterable[Deploy]) -> list[str]:
        """The commits that become rows: those of the window, then older ones that a deploy carried."""
        carried = {n.sha: n for d in deploys for n in d.nodes}
        wanted = list({n.sha: n for n in (*history.recent, *carried.values())})
        known = {n.sha: n for n in (*history.seen(), *carried.values())}
        self.gaps += shallow_gaps(self.repository.grafts, known.values(), self.repository.folders.top)
        most = self.settings.max_commits
        if len(wanted) > most:
            why = (
                f"{len(wanted)} commits landed or were deployed in the change window; {most} are read, the newest first"
            )
            self.gaps.append(truncated("commits", why, "raise `sources.git.max_commits` or set `sources.git.paths`"))
        return wanted[:most]

    def commits(self, shas: Sequence[str]) -> list[Commit]:
        """With their files where the clone has the contents. Raises GitError."""
        try:
            found = list(read_commits(self.client, shas))
        except GitTimeout:
            raise
        except GitError as error:
            self.has_contents = False
            self.gaps.append(self._contents_gap(error))
            found = list(read_commits(self.client, shas, files=False))
        grafts = self.repository.grafts
        return [replace(c, files=()) if c.sha in grafts else c for c in found]

    def _contents_gap(self, error: GitError) -> Gap:
        if not self.repository.partial:
            return gap_of(error, "files and patches of commits", self.repository.folders.top)
        why = "this is a partial clone: file contents are missing, and nothing is fetched while reading"
        mend = "use a full clone as `sources.git.repo`: git clone without --filter"
        return truncated("files and patches of commits", why, mend)

    def context(self, history: History, commits: Sequence[Commit], tip: str) -> Context:
        """What rows say of other commits: the merges they came by, the reverts that took them back."""
        merges = {m.sha: m for c in commits if (m := history.landings.get(c.sha))}
        numbers: dict[str, int | None] = {}
        later: list[tuple[str, str]] = []
        try:
            numbers = {m.sha: pull_request(m.message) for m in read_commits(self.client, merges, files=False)}
            later = self._later_reverts(history.stretch, tip)
        except GitError as error:
            self.gaps.append(gap_of(error, "pull requests and later reverts", self.repository.folders.top))
        known = [self._known(c, history, numbers) for c in reversed(commits)]
        messages = [*((c.sha, c.message) for c in reversed(commits)), *reversed(later)]
        bumps, gaps = told_bumps(self.client, self.repository, commits, sure=self.has_contents)
        self.gaps += gaps
        return Context(
            repository=self.repository,
            service=self.request.service,
            config_patterns=self.settings.config_patterns,
            landings={c.sha: Landing(m, numbers.get(m.sha)) for c in commits if (m := history.landings.get(c.sha))},
            reversals=reverts_among(messages, known),
            bumps=bumps,
        )

    def _known(self, commit: Commit, history: History, numbers: Mapping[str, int | None]) -> Known:
        merge = history.landings.get(commit.sha)
        number = pull_request(commit.message) or (numbers.get(merge.sha) if merge else None)
        return Known(commit.sha, commit.subject, number, merge.sha if merge else None)

    def _later_reverts(self, stretch: Stretch, tip: str) -> list[tuple[str, str]]:
        """Reverts since the window's end, as (sha, message): somebody has found the cause already."""
        if stretch.top is None or stretch.top == tip:
            return []
        words = [f"--grep={words}" for words in REVERT_WORDS]
        arguments = ("-z", "--format=%H%x00%B", "--fixed-strings", *words, "--max-count=500")
        pieces = split(self.client.stream(*LOG, *arguments, tip, f"^{stretch.top}"))
        return [(decode(sha), decode(next(pieces, b""))) for sha in pieces]

    def without_plain_merges(self, commits: Sequence[Commit]) -> list[Commit]:
        """A merge is a change of its own only where it holds what none of its parents does."""
        if self.has_contents:
            try:
                return without_plain_merges(self.client, commits, self.repository.paths)
            except GitError as error:
                self.gaps.append(gap_of(error, "changes made in merges", self.repository.folders.top))
        return [c for c in commits if len(c.parents) < 2]

    def with_lines(self, commits: list[Commit]) -> list[Commit]:
        """The commits with the lines they touched; as they came where those can't be read."""
        if not self.has_contents:
            return commits
        try:
            return with_lines(self.client.hurried(), commits)
        except GitError as error:
            self.gaps.append(gap_of(error, "lines that commits touched", self.repository.folders.top))
            return commits

    def drift(self, commits: Sequence[Commit], history: History, deploys: Sequence[Deploy]) -> Drift:
        """Where those lines are in what runs."""
        revision = running(history, deploys)
        if not self.has_contents or revision is None:
            return Drift()
        try:
            tips = (str(history.stretch.top or revision), *(d.marker.revision for d in deploys if d.nodes))
            return read_drift(self.client.hurried(), commits, revision, tips, self.repository.paths)
        except GitError as error:
            wanted = f"lines of commits in {revision[:12]}"
            self.gaps.append(gap_of(error, wanted, self.repository.folders.top))
            return Drift()

    def rows(self, deploys: Sequence[Deploy], commits: Sequence[Commit], context: Context) -> Iterator[Rows]:
        """Newest first, in batches."""
        kept = {c.sha for c in commits}
        rows: list[Row] = [commit_row(c, context) for c in commits]
        for deploy in deploys:
            carried = Carried(
                tuple(n.sha for n in deploy.nodes if n.sha in kept or len(n.parents) < 2),
                tuple(n.sha for n in deploy.rolled_back if len(n.parents) < 2),
                deploy.older,
            )
            rows.append(deploy_row(deploy.marker, carried, context))
        rows.sort(key=lambda row: row["time"], reverse=True)
        for at in range(0, len(rows), BATCH):
            yield Rows("changes", rows[at : at + BATCH])

    def older(
        self, history: History, deploys: Sequence[Deploy], commits: Sequence[Commit], context: Context
    ) -> Iterator[Rows | Gap]:
        """What was there before the change window, once all that is of the window is told."""
        bottom = next((n for n in history.stretch.line if n.sha == history.stretch.bottom), None)
        revision, most = running(history, deploys), self.settings.older_commits
        if bottom and revision and most and self.has_contents:
            known = {c.sha for c in commits}
            yield from Older(self.client.hurried(), context, bottom, revision, known, most).items()
