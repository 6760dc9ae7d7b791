"""Which repository, which branch of it and which folders are the service's: found, with the reason in words."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from collectors.git.command import Client, GitError
from collectors.git.gaps import Unreadable, gap_of, missing_git
from collectors.git.settings import NAME, Settings
from collectors.git.web import Site, site_of
from gather_diagnostics import Gap

WANTED = "commits and releases"

MONOREPO_FOLDERS = ("services", "apps", "cmd", "packages", "svc", "microservices")
"""Folders with one folder per service in them."""
OWN_FOLDERS = ("", "src")
"""In a repository named like the service, a folder of this name in these is its source code, not all of it."""
COMPANION_FOLDERS = ("deploy", "k8s", "helm", "charts", "manifests", "config", "infra")
"""Folders that may hold one folder per service beside those with the code."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where git runs and where its files are."""

    top: str
    """Top of the work tree; of a bare repository, its folder."""
    common: str
    """Where refs and logs are; shared by all work trees."""
    private: str
    """This work tree's own git folder."""


@dataclass(frozen=True, slots=True)
class Branch:
    """The branch that is read."""

    tip: str | None
    """Full sha; None while the repository has no commit."""
    name: str
    because: str


@dataclass(frozen=True, slots=True)
class Repository:
    """Everything `plan` finds out. Holds no handle to anything."""

    folders: Folders
    branch: Branch
    paths: tuple[str, ...]
    """Path prefixes of the service; empty: the whole repository."""
    paths_because: str
    name: str
    """What the repository is called, from its remote or its folder."""
    site: Site | None
    neighbours: frozenset[str] = frozenset()
    """Names of other services, from the folders beside the service's."""
    grafts: frozenset[str] = frozenset()
    """In a shallow clone, the commits whose parents are not there."""
    partial: bool = False
    """A partial clone: file contents may be missing."""
    gaps: tuple[Gap, ...] = field(default=())


def find_folders(setting: str) -> Folders:
    """Discover the repository around `setting`, or around the current directory. Raises Unreadable."""
    start = os.path.abspath(setting or os.getcwd())
    if closed := _closed(start):
        why = f"{start} can't be read: {closed} is closed to this user"
        raise Unreadable(Gap(NAME, WANTED, "denied", why, f"let this user read {closed}"))
    if not os.path.exists(start):
        raise Unreadable(_no_repository(start, f"{start} does not exist", bool(setting)))
    try:
        import git
    except ImportError as error:  # GitPython refuses to be imported where there is no git command
        if setting or any((p / ".git").exists() for p in (Path(start), *Path(start).parents)):
            raise Unreadable(missing_git(start)) from error
        raise Unreadable(_no_repository(start, f"{start} is not in a git repository", False)) from error
    try:
        with git.Repo(start, search_parent_directories=True, expand_vars=False) as repo:
            top = repo.working_tree_dir or repo.git_dir
            return Folders(os.path.realpath(top), os.path.realpath(repo.common_dir), os.path.realpath(repo.git_dir))
    except (git.InvalidGitRepositoryError, git.NoSuchPathError) as error:
        why = f"{start} is not in a git repository"
        raise Unreadable(_no_repository(start, why, bool(setting))) from error
    except (OSError, ValueError) as error:
        gap = Gap(NAME, WANTED, "denied", f"{start} can't be read: {str(error)[:200]}", f"let this user read {start}")
        raise Unreadable(gap) from error


def _closed(start: str) -> str | None:
    """The folder at or above `start` that may not be looked into: what is below would seem absent."""
    for folder in (Path(start), *Path(start).parents):
        for inside in (folder / ".git", folder):
            try:
                os.stat(inside / "HEAD")
            except PermissionError:
                return str(inside if os.path.exists(inside) else inside.parent)
            except OSError:
                continue
    return None


def _no_repository(start: str, why: str, was_set: bool) -> Gap:
    if was_set:
        return Gap(NAME, WANTED, "not_found", why, "set `sources.git.repo` to a git repository, or clone it there")
    mend = "run it inside the service's checkout, or set `sources.git.repo` in diagnostics.yaml"
    return Gap(NAME, WANTED, "not_configured", f"{why} and no repository is set", mend)


def open_repository(settings: Settings, service: str, end: float) -> tuple[Repository, Client]:
    """Find out everything that is needed for reading. Raises Unreadable with the Gap that says why not."""
    folders = find_folders(settings.repo)
    client = Client(folders.top, end)
    try:
        return _describe(settings, service, folders, client), client
    except GitError as error:
        raise Unreadable(gap_of(error, WANTED, folders.top)) from error


def _describe(settings: Settings, service: str, folders: Folders, client: Client) -> Repository:
    config = _config(client)
    branch = _find_branch(client, settings.branch.replace("{service}", service), folders)
    remote = config.get("remote.origin.url", "")
    name = re.split(r"[/:]", remote.rstrip("/"))[-1] if remote else Path(folders.top).name
    name = name.removesuffix(".git")
    listing = _Listing(client, branch.tip)
    wanted = [p.replace("{service}", service) for p in settings.paths]
    if wanted:
        paths, because, gaps = _set_paths(listing, wanted, branch)
    else:
        paths, because = _guess_paths(listing, service, name)
        gaps = ()
    return Repository(
        folders=folders,
        branch=branch,
        paths=paths,
        paths_because=because,
        name=name,
        site=site_of(remote),
        neighbours=listing.neighbours(paths, service),
        grafts=_grafts(folders),
        partial="extensions.partialclone" in config or config.get("remote.origin.promisor") == "true",
        gaps=gaps,
    )


def _config(client: Client) -> dict[str, str]:
    """The few settings that matter here; the last value of each."""
    pattern = r"^(remote\.origin\.(url|promisor)|extensions\.partialclone|core\.bare)$"
    try:
        lines = client.text("config", "--null", "--get-regexp", pattern)
    except GitError as error:
        if "status 1 " in str(error):  # git-config(1): 1 is 'no such key'
            return {}
        raise
    pairs = (entry.partition("\n") for entry in lines.split("\0") if entry)
    return {key: value for key, _, value in pairs}


def _grafts(folders: Folders) -> frozenset[str]:
    try:
        return frozenset(Path(folders.common, "shallow").read_text("ascii").split())
    except (OSError, ValueError):
        return frozenset()


def _find_branch(client: Client, wanted: str, folders: Folders) -> Branch:
    client.text("rev-parse", "--git-dir")  # the cheapest way to hear that git refuses this repository
    if wanted:
        for name in (wanted, f"refs/remotes/origin/{wanted}"):
            if tip := resolve(client, name):
                return Branch(tip, name.removeprefix("refs/remotes/"), "it is set as `branch`")
        why = f"there is no branch {wanted!r} in {folders.top}"
        mend = f"git -C {folders.top} fetch origin, or correct `sources.git.branch`"
        raise Unreadable(Gap(NAME, WANTED, "not_found", why, mend))
    refs = _candidate_refs(client)
    if target := refs.get("refs/remotes/origin/HEAD"):
        name = target[1].removeprefix("refs/remotes/") or "origin/HEAD"
        return Branch(target[0], name, f"origin's default branch{_last_fetch(folders)}")
    for name in ("heads/main", "heads/master", "remotes/origin/main", "remotes/origin/master"):
        if found := refs.get(f"refs/{name}"):
            short = name.partition("/")[2]
            return Branch(found[0], short, "origin's default branch is not known here, and this one exists")
    return _head(client)


def _candidate_refs(client: Client) -> dict[str, tuple[str, str]]:
    """Ref name -> (sha, name of the ref it stands for)."""
    names = [f"refs/{kind}/{name}" for kind in ("heads", "remotes/origin") for name in ("main", "master")]
    form = "%(refname) %(objectname) %(symref)"
    lines = client.text("for-each-ref", f"--format={form}", "refs/remotes/origin/HEAD", *names).splitlines()
    return {name: (sha, symref) for name, sha, symref in (line.split(" ", 2) for line in lines)}


def _head(client: Client) -> Branch:
    tip = resolve(client, "HEAD")
    if tip is None:
        return Branch(None, "HEAD", "the repository has no commit yet")
    name = client.text("rev-parse", "--abbrev-ref", "HEAD").strip()
    if name == "HEAD":
        return Branch(tip, f"HEAD, detached at {tip[:12]}", "there is no main or master branch")
    return Branch(tip, name, "it is checked out, and there is no main or master branch")


def resolve(client: Client, name: str) -> str | None:
    """The full sha of the commit a name stands for."""
    try:
        return client.text("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip() or None
    except GitError as error:
        if "status 1 " in str(error):  # --quiet: 1 and no words where there is no such commit
            return None
        raise


def _last_fetch(folders: Folders) -> str:
    times = [os.path.getmtime(p) for d in {folders.private, folders.common} if os.path.exists(p := f"{d}/FETCH_HEAD")]
    return f", last fetched {datetime.fromtimestamp(max(times), UTC):%Y-%m-%d %H:%M} UTC" if times else ""


class _Listing:
    """What is in the tree of the branch."""

    def __init__(self, client: Client, tip: str | None) -> None:
        self._client = client
        self._tip = tip

    def existing(self, paths: Iterable[str], *, folders_only: bool) -> tuple[str, ...]:
        """Those of `paths` that are there, in the given order."""
        paths = list(dict.fromkeys(paths))
        if self._tip is None or not paths:
            return ()
        found = self._entries(
            "ls-tree", "-z", "--full-tree", *(["-d"] if folders_only else []), self._tip, "--", *paths
        )
        return tuple(p for p in paths if p in found)

    def neighbours(self, paths: Iterable[str], service: str) -> frozenset[str]:
        """Names of the folders beside those of `paths` that are in a folder of services."""
        if self._tip is None:
            return frozenset()
        parents = {p.rpartition("/")[0] for p in paths} & set(MONOREPO_FOLDERS)
        if not parents:
            return frozenset()
        beside = (f"{p}/" for p in sorted(parents))
        found = self._entries("ls-tree", "-z", "-d", "--full-tree", self._tip, "--", *beside)
        return frozenset(name.rpartition("/")[2].lower() for name in found) - {service.lower()}

    def _entries(self, *command: str) -> set[str]:
        entries = self._client.text(*command).split("\0")
        return {entry.partition("\t")[2] for entry in entries if entry}


def _set_paths(listing: _Listing, wanted: list[str], branch: Branch) -> tuple[tuple[str, ...], str, tuple[Gap, ...]]:
    if "." in wanted:
        return (), "`paths` names the whole repository", ()
    there = listing.existing(wanted, folders_only=False)
    missing = [p for p in wanted if p not in there] if branch.tip else []
    gaps = tuple(
        Gap(
            NAME,
            f"commits touching {p}",
            "not_found",
            f"there is no {p} in {branch.name}",
            "correct `sources.git.paths`",
        )
        for p in missing
    )
    # A path that is gone may have been deleted within the window, so it is read all the same.
    return tuple(dict.fromkeys(wanted)), "`paths` is set", gaps


def _guess_paths(listing: _Listing, service: str, repository: str) -> tuple[tuple[str, ...], str]:
    names = [n for n in dict.fromkeys((service, service.replace("-", "_"), service.replace("_", "-"))) if _plain(n)]
    parents = [*MONOREPO_FOLDERS] if _same(service, repository) else [*MONOREPO_FOLDERS, *OWN_FOLDERS]
    found = listing.existing((f"{p}/{n}".lstrip("/") for p in parents for n in names), folders_only=True)
    if found:
        beside = listing.existing((f"{p}/{n}" for p in COMPANION_FOLDERS for n in names), folders_only=True)
        paths = (*found, *beside)
        return paths, f"{' and '.join(paths)} {'is a folder' if len(paths) == 1 else 'are folders'} of it"
    if _same(service, repository):
        return (), f"the repository is named like the service: all of {repository} is read"
    return (), f"no folder is named like {service!r}: the whole repository is read; set `paths` to narrow it"


def _plain(name: str) -> bool:
    return bool(name) and not name.startswith(("/", ".")) and ".." not in name.split("/")


def _same(service: str, repository: str) -> bool:
    return service.lower().replace("_", "-") == repository.lower().replace("_", "-")
