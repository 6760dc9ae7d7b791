"""The git collector against real repositories."""

from __future__ import annotations

import itertools
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitworld import NOBODY, World, long_history
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from collectors.git import Git, Settings
from collectors.git.command import environment, split
from collectors.git.files import kind_of, scope_of, sort_of
from collectors.git.history import Node, decode, decode_path, landings, moment, parse_log, stretch_of
from collectors.git.messages import Known, many_lines, one_line, pull_request, reverts_among
from collectors.git.names import is_elsewhere, is_release, series_of, version_key
from collectors.git.patches import parse_patches, unquoted
from collectors.git.settings import CONFIG_PATTERNS
from collectors.git.web import site_of
from gather_diagnostics import Gap, Raw, Request, Rows, Target, Window
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _only_the_repositorys_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in NOBODY.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "shop")


@dataclass
class Result:
    rows: list[dict[str, Any]]
    raws: dict[str, str]
    gaps: list[Gap]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [r for r in self.rows if r["kind"] == kind]

    def row(self, id: str) -> dict[str, Any]:
        return next(r for r in self.rows if r["id"] == id)

    def commit(self, sha: str) -> dict[str, Any]:
        return self.row(f"git:commit:{sha}")

    @property
    def revisions(self) -> list[str]:
        return [r["revision"] for r in self.rows if r["kind"] != "deploy"]


def read(request: Request, folder: Path | str, **settings: Any) -> Result:
    """Collect, and hold the rows against the table as the runner does."""
    result = Result([], {}, [])
    for item in Git(Settings(repo=str(folder), **settings)).collect(request):
        match item:
            case Rows(table, rows):
                assert isinstance(rows, list)
                to_batch(table, "git", rows)
                result.rows += rows
            case Raw(name, text):
                assert name not in result.raws
                result.raws[name] = text
            case Gap():
                result.gaps.append(item)
    for row in result.rows:
        assert row["ref"].removeprefix("raw/git/") in result.raws, "every row leads to its raw record"
    return result


def plan(request: Request, folder: Path | str = "", **settings: Any) -> tuple[list[Target], list[Gap]]:
    items = list(Git(Settings(repo=str(folder), **settings)).plan(request))
    return [i for i in items if isinstance(i, Target)], [i for i in items if isinstance(i, Gap)]


# What landed


def test_commits_within_the_window_newest_first(world: World, make_request: Any, now: datetime) -> None:
    before = world.commit(now - 30 * HOUR, "Before", {"a.py": "1\n"})
    at_start = world.commit(now - 24 * HOUR, "At the start", {"a.py": "2\n"})
    inside = world.commit(now - HOUR, "Inside\n\nWhy.\n\nTicket: A-1\nTicket: A-2\n", {"a.py": "3\n4\n", "b.py": "x\n"})
    world.commit(now, "At the end", {"a.py": "5\n"})
    found = read(make_request(), world.folder)
    assert found.gaps == []
    assert found.revisions == [inside, at_start], "the window holds its start and not its end"
    row = found.commit(inside)
    assert row["time"] == now - HOUR
    assert (row["previous"], row["author"], row["summary"]) == (at_start, "Ada <ada@example.com>", "Inside")
    assert (row["service"], row["kind"]) == ("checkout", "commit")
    details = row["details"]
    assert details["files"] == [{"path": "a.py", "added": 2, "deleted": 1}, {"path": "b.py", "added": 1, "deleted": 0}]
    assert (details["insertions"], details["deletions"], details["scope"]) == (3, 1, "code")
    assert details["trailers"] == {"Ticket": ["A-1", "A-2"]}
    assert details["body"].startswith("Why.")
    assert details["author_time"] == (now - HOUR).isoformat()
    assert found.commit(at_start)["previous"] == before


def test_patches_are_kept_as_git_shows_them(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 2 * HOUR, "One", {"a.py": "old\n"})
    sha = world.commit(now - HOUR, "Two\n\nBecause.", {"a.py": "new\n"})
    text = read(make_request(), world.folder).raws[f"{sha[:12]}.diff"]
    assert text.startswith(f"commit {sha}\nAuthor: Ada <ada@example.com>\n")
    assert "\n\nTwo\n\nBecause.\n" in text
    assert "--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-old\n+new\n" in text


def test_a_commit_from_a_side_branch_lands_with_its_merge(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    world.git("switch", "-q", "-c", "feature")
    old = world.commit(now - 80 * HOUR, "Old work", {"b.py": "1\n"})
    world.git("switch", "-q", "main")
    world.commit(now - 70 * HOUR, "Meanwhile", {"c.py": "1\n"})
    merge = world.merge(now - HOUR, "feature", "Merge pull request #41 from acme/feature\n\nSmaller pool")
    found = read(make_request(), world.folder)
    assert found.revisions == [old], "made four days ago, landed an hour ago; the merge adds nothing of its own"
    row = found.commit(old)
    assert row["time"] == now - HOUR
    assert row["details"]["landed"] == (now - HOUR).isoformat()
    assert row["details"]["merge"] == merge
    assert row["details"]["pr"] == 41
    assert row["details"]["commit_time"] == (now - 80 * HOUR).isoformat()


def test_a_side_branch_that_has_not_landed_is_not_there(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 9 * HOUR, "Root", {"a.py": "1\n"})
    world.git("switch", "-q", "-c", "feature")
    world.commit(now - HOUR, "Work", {"b.py": "1\n"})
    assert len(read(make_request(), world.folder).revisions) == 1


def test_a_merge_with_changes_of_its_own_is_a_row(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {'a "b".py': "1\n", "z": "1\n"})
    world.git("switch", "-q", "-c", "feature")
    world.commit(now - 2 * HOUR, "Side", {'a "b".py': "2\n"})
    world.git("switch", "-q", "main")
    world.commit(now - 2 * HOUR, "Main", {'a "b".py': "3\n"})
    world.dated(now - HOUR, "merge", "-q", "--no-commit", "-s", "ours", "feature")
    merge = world.commit(now - HOUR, "Merge feature", {'a "b".py': "4\n5\n"})
    found = read(make_request(), world.folder)
    assert len(found.revisions) == 3
    row = found.commit(merge)
    assert row["details"]["files"] == [{"path": 'a "b".py', "added": 2, "deleted": 2}]
    assert len(row["details"]["parents"]) == 2
    assert "++4" in found.raws[f"{merge[:12]}.diff"]


def test_reverts_are_tied_together(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": "1\n"})
    bad = world.commit(now - 3 * HOUR, "Bad", {"a.py": "2\n"})
    worse = world.commit(now - 2 * HOUR, "Worse", {"b.py": "2\n"})
    revert = world.commit(now - HOUR, f'Revert "Bad"\n\nThis reverts commit {bad}.', {"a.py": "1\n"})
    later = world.commit(now + MINUTE, f'Revert "Worse"\n\nThis reverts commit {worse[:10]}.', {"b.py": None})
    found = read(make_request(), world.folder)
    assert found.commit(bad)["details"]["reverted_by"] == revert
    assert found.commit(revert)["details"]["reverts"] == bad
    assert found.commit(worse)["details"]["reverted_by"] == later, "known although it came after the window"
    assert later not in found.revisions


def test_kinds_and_scopes(world: World, make_request: Any, now: datetime) -> None:
    steps = {
        "code": {"app/main.py": "1\n"},
        "config": {"deploy/values.yaml": "pool: 1\n"},
        "flag": {"config/feature-flags.json": "{}\n"},
        "docs": {"docs/run.md": "x\n"},
        "tests": {"tests/test_x.py": "x\n"},
        "mixed": {"app/main.py": "2\n", "deploy/values.yaml": "pool: 2\n"},
    }
    shas = {name: world.commit(now - HOUR, name, files) for name, files in steps.items()}
    found = read(make_request(), world.folder)
    assert {n: found.commit(s)["kind"] for n, s in shas.items()} == {
        **dict.fromkeys(steps, "commit"),
        "config": "config",
        "flag": "flag",
    }
    scopes = {n: found.commit(s)["details"]["scope"] for n, s in shas.items()}
    assert scopes == {n: n for n in steps} | {"flag": "config"}


def test_renames_binaries_and_odd_names(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 9 * HOUR, "Root", {"old name.py": "a\nb\nc\nd\n"})
    odd = b"tab\there \xff\n.py"
    (world.folder / "old name.py").rename(world.folder / "nëw.py")
    Path(os.fsdecode(os.fsencode(world.folder) + b"/" + odd)).write_text("1\n")
    sha = world.commit(now - HOUR, "Move", {"logo.png": b"\x89PNG\0\0"})
    files = {f["path"]: f for f in read(make_request(), world.folder).commit(sha)["details"]["files"]}
    assert files["nëw.py"] == {"path": "nëw.py", "old_path": "old name.py", "added": 0, "deleted": 0}
    assert files["logo.png"]["binary"] is True
    assert files["tab\there \\xff\n.py"]["added"] == 1


def test_messages_of_any_bytes(world: World, make_request: Any, now: datetime) -> None:
    latin = world.commit(
        now - 2 * HOUR, b"Gr\xf6\xdfe \x1b[31mred\x01deadbeef\n\nbody \x7f\x02\n\n1\t2\tevil.py\n", {"a": "1"}
    )
    nothing = world.commit(now - HOUR, "x", {"b": "1"})
    tree = world.git("rev-parse", "HEAD^{tree}")
    empty = world.dated(now - MINUTE, "commit-tree", "-p", nothing, tree)
    world.git("update-ref", "refs/heads/main", empty)
    found = read(make_request(), world.folder)
    assert len(found.revisions) == 3
    row = found.commit(latin)
    assert row["summary"] == "Größe \ufffd[31mred\ufffddeadbeef"
    assert [f["path"] for f in row["details"]["files"]] == ["a"]
    assert "\x7f" not in row["details"]["body"]
    assert found.commit(empty)["summary"].startswith("commit ")


def test_a_window_in_the_past(world: World, make_request: Any, now: datetime) -> None:
    long_history(world, 400, now, "app", step=HOUR)
    found = read(make_request(now=now - 200 * HOUR), world.folder, max_commits=50)
    assert found.gaps == [] or {g.cause for g in found.gaps} == {"invalid"}
    times = [r["time"] for r in found.of("commit")]
    assert len(times) == 24
    assert times == sorted(times, reverse=True)
    assert times[0] == now - 201 * HOUR


def test_wrong_clocks(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 40 * HOUR, "Root", {"a": "1"})
    inside = world.commit(now - 5 * HOUR, "Inside", {"a": "2"})
    world.commit(datetime(2001, 1, 1, tzinfo=UTC), "A clock that lost its battery", {"a": "3"})
    after = world.commit(now - HOUR, "After", {"a": "4"})
    assert read(make_request(), world.folder).gaps == []
    future = world.commit(now + 400 * HOUR, "From the future", {"a": "5"})
    world.commit(now + MINUTE, "Nearly now", {"a": "6"})
    found = read(make_request(), world.folder)
    assert found.revisions == [after, inside]
    (gap,) = found.gaps
    assert gap.cause == "invalid"
    assert "clock skew: 1 commit on" in gap.why
    assert future[:12] in gap.why


# Which branch, which folders


def test_monorepo_folders_are_found(world: World, make_request: Any, now: datetime) -> None:
    world.commit(
        now - 9 * HOUR,
        "Root",
        {"services/checkout/a.py": "1\n", "services/cart/b.py": "1\n", "k8s/checkout/x.yaml": "1\n"},
    )
    cart = world.commit(now - 3 * HOUR, "Cart", {"services/cart/b.py": "2\n"})
    both = world.commit(now - 2 * HOUR, "Both", {"services/cart/b.py": "3\n", "services/checkout/a.py": "2\n"})
    config = world.commit(now - HOUR, "Config", {"k8s/checkout/x.yaml": "2\n"})
    targets, gaps = plan(make_request(), world.folder)
    assert gaps == []
    assert targets[0].what == "commits touching services/checkout, k8s/checkout"
    assert targets[0].where == f"{world.folder} (branch main)"
    found = read(make_request(), world.folder)
    assert cart not in found.revisions
    assert found.commit(config)["kind"] == "config"
    details = found.commit(both)["details"]
    assert [f["path"] for f in details["files"]] == ["services/checkout/a.py"]
    assert details["outside_paths"] == ["services/cart/b.py"]
    assert "services/cart" not in found.raws[f"{both[:12]}.diff"]


def test_without_a_folder_the_whole_repository_is_read(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - HOUR, "Root", {"x/a.py": "1\n"})
    targets, _ = plan(make_request(), world.folder)
    assert targets[0].what == "all commits"
    assert "no folder is named like 'checkout': the whole repository is read" in targets[0].because


def test_in_a_repository_of_its_own_a_service_is_all_of_it(tmp_path: Path, make_request: Any, now: datetime) -> None:
    own = World(tmp_path / "checkout")
    own.commit(now - HOUR, "Root", {"checkout/main.py": "1\n", "deploy/values.yaml": "1\n"})
    targets, _ = plan(make_request(), own.folder)
    assert targets[0].what == "all commits"
    assert "named like the service" in targets[0].because


def test_set_paths(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 3 * HOUR, "Root", {"a/x.py": "1\n", "b/y.py": "1\n", "a*/z.py": "1\n"})
    b = world.commit(now - HOUR, "B", {"b/y.py": "2\n"})
    star = world.commit(now - HOUR, "Star", {"a*/z.py": "2\n"})
    assert b not in read(make_request(), world.folder, paths=["a"]).revisions
    assert star in read(make_request(), world.folder, paths=["./a*/"]).revisions, "paths are no globs"
    assert b in read(make_request(), world.folder, paths=["."]).revisions
    targets, (gap,) = plan(make_request(), world.folder, paths=["a", "gone/{service}"])
    assert targets
    assert (gap.cause, gap.wanted) == ("not_found", "commits touching gone/checkout")


@pytest.mark.parametrize("path", ["/etc", "../other", "a/../../b"])
def test_paths_stay_inside(path: str) -> None:
    with pytest.raises(ValidationError, match="not inside the repository"):
        Settings(paths=[path])


def test_the_deployed_branch_is_origins_default(tmp_path: Path, make_request: Any, now: datetime) -> None:
    origin = World(tmp_path / "origin")
    pushed = origin.commit(now - 2 * HOUR, "Pushed", {"a": "1"})
    origin.git("branch", "-m", "trunk")
    origin.git("clone", "-q", str(origin.folder), str(tmp_path / "clone"))
    clone = World(tmp_path / "clone")
    clone.commit(now - HOUR, "Mine alone", {"a": "2"})
    clone.git("branch", "main")
    clone.git("fetch", "-q")
    targets, _ = plan(make_request(), clone.folder)
    assert "(branch origin/trunk)" in targets[0].where
    assert "origin's default branch, last fetched 2" in targets[0].because
    assert read(make_request(), clone.folder).revisions == [pushed]


def test_other_branches(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 2 * HOUR, "Root", {"a": "1"})
    world.git("switch", "-q", "-c", "release")
    sha = world.commit(now - HOUR, "Hotfix", {"a": "2"})
    assert sha not in read(make_request(), world.folder).revisions, "main is there and is what is deployed"
    assert sha in read(make_request(), world.folder, branch="release").revisions
    world.git("branch", "-D", "-q", "main")
    targets, _ = plan(make_request(), world.folder)
    assert "(branch release)" in targets[0].where
    world.git("checkout", "-q", "--detach")
    world.git("branch", "-D", "-q", "release")
    targets, _ = plan(make_request(), world.folder)
    assert f"HEAD, detached at {sha[:12]}" in targets[0].where
    assert sha in read(make_request(), world.folder).revisions


def test_a_branch_that_is_not_there(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 2 * HOUR, "Root", {"a": "1"})
    targets, (gap,) = plan(make_request(), world.folder, branch="nope")
    assert (targets, gap.cause) == ([], "not_found")
    assert "'nope'" in gap.why


@pytest.mark.parametrize("branch", ["--output=/tmp/x", "-n1", "a b"])
def test_a_branch_is_no_option(branch: str) -> None:
    with pytest.raises(ValidationError, match="can't be the name of a branch"):
        Settings(branch=branch)


def test_refs_like_options_do_no_harm(world: World, make_request: Any, now: datetime, tmp_path: Path) -> None:
    sha = world.commit(now - HOUR, "Root", {"--output=x/a.py": "1\n", "services/--all/b": "1\n"})
    world.git("update-ref", "refs/tags/--output=v1.0", sha)
    found = read(make_request(service="--all"), world.folder, paths=["--output=x"], tag_patterns=["--output*"])
    assert found.revisions == [sha]
    assert [r["revision"] for r in found.of("deploy")] == [sha]
    targets, _ = plan(make_request(service="--all"), world.folder)
    assert targets[0].what == "commits touching services/--all"


# Deploy markers


def test_annotated_tags(world: World, make_request: Any, now: datetime) -> None:
    first = world.commit(now - 80 * HOUR, "One", {"a": "1"})
    world.tag("v1.9.0", now - 79 * HOUR)
    older = world.commit(now - 70 * HOUR, "Two", {"a": "2"})
    newer = world.commit(now - 5 * HOUR, "Three", {"a": "3"})
    world.tag("v1.10.0", now - HOUR, "Autumn release\n\nWith notes.")
    world.commit(now - MINUTE, "Four", {"a": "4"})
    found = read(make_request(), world.folder)
    (row,) = found.of("deploy")
    assert (row["id"], row["time"]) == ("git:tag:v1.10.0", now - HOUR), "the tag's own date"
    assert (row["revision"], row["previous"]) == (newer, first)
    assert row["author"] == "Ada <ada@example.com>"
    assert row["summary"] == "v1.10.0 (2 commits): Autumn release"
    details = row["details"]
    assert details["commits"] == [newer, older]
    assert (details["previous_tag"], details["time_is"]) == ("v1.9.0", "tagger")
    assert details["message"] == "Autumn release\n\nWith notes."
    assert found.commit(older)["time"] == now - 70 * HOUR, "older than the window, and needed to judge the deploy"
    assert "Autumn release" in found.raws[row["ref"].removeprefix("raw/git/")]


def test_lightweight_tags_say_that_their_time_is_a_lower_bound(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - 2 * HOUR, "One", {"a": "1"})
    world.tag("deploy-2026-03-14")
    (row,) = read(make_request(), world.folder).of("deploy")
    assert (row["time"], row["revision"], row["author"]) == (now - 2 * HOUR, sha, None)
    assert row["details"]["time_is"] == "commit"
    assert "then or later" in row["details"]["time_note"]


def test_a_deploy_carries_what_touches_the_service(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 80 * HOUR, "Root", {"services/checkout/a": "1", "services/cart/a": "1"})
    for name in ("checkout-v1.0", "cart-v1.0"):
        world.tag(name, now - 79 * HOUR)
    mine = world.commit(now - 78 * HOUR, "Mine", {"services/checkout/a": "2"})
    world.commit(now - 77 * HOUR, "Theirs", {"services/cart/a": "2"})
    world.tag("cart-v1.1", now - 2 * HOUR)
    world.tag("cart/v1.2", now - 2 * HOUR)
    world.tag("checkout-v1.1", now - HOUR)
    found = read(make_request(), world.folder)
    assert [r["id"] for r in found.of("deploy")] == ["git:tag:checkout-v1.1"]
    assert found.of("deploy")[0]["details"]["commits"] == [mine]
    assert found.revisions == [mine]


def test_commits_that_a_deploy_carried_through_a_merge(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a": "1"})
    world.tag("v1", now - 89 * HOUR)
    world.git("switch", "-q", "-c", "feature")
    side = world.commit(now - 80 * HOUR, "Side", {"b": "1"})
    world.git("switch", "-q", "main")
    world.merge(now - 70 * HOUR, "feature", "Merge branch 'feature'")
    world.tag("v2", now - HOUR)
    (row,) = read(make_request(), world.folder).of("deploy")
    assert row["details"]["commits"] == [side]
    assert row["summary"] == "v2 (1 commit)"


def test_a_rollback_says_what_it_takes_back(world: World, make_request: Any, now: datetime) -> None:
    good = world.commit(now - 80 * HOUR, "Good", {"a": "1"})
    world.git("update-ref", "refs/deployments/production/9", good)
    bad = world.commit(now - 5 * HOUR, "Bad", {"a": "2"})
    for number, sha, at in ((10, bad, now - 4 * HOUR), (11, good, now - HOUR)):
        world.tag(f"d{number}", at, target=sha)
        world.git("update-ref", f"refs/deployments/production/{number}", f"refs/tags/d{number}")
        world.git("tag", "-d", f"d{number}")
    found = read(make_request(), world.folder)
    back, forth = found.of("deploy")
    assert back["id"] == "git:ref:refs/deployments/production/11"
    assert back["details"]["rolled_back"] == [bad]
    assert back["details"]["rollback"] is True
    assert "takes back 1 commit" in back["summary"]
    assert forth["details"]["commits"] == [bad]
    assert forth["details"]["previous_tag"] == "refs/deployments/production/9"


def test_a_ref_that_moves_tells_every_deploy_of_its_log(world: World, make_request: Any, now: datetime) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    shas = [world.commit(now - (90 - n) * HOUR, f"C{n}", {"a": str(n)}) for n in range(3)]
    for sha, at in zip(shas, (50 * HOUR, 6 * HOUR, HOUR), strict=True):
        world.dated(now - at, "update-ref", "-m", "deploy by pipeline", "refs/deploy/production", sha)
    world.git("update-ref", "refs/deploy/staging", shas[0])
    deploys = read(make_request(), world.folder).of("deploy")
    assert [(d["revision"], d["previous"], d["time"]) for d in deploys] == [
        (shas[2], shas[1], now - HOUR),
        (shas[1], shas[0], now - 6 * HOUR),
    ]
    assert deploys[0]["id"] == "git:ref:refs/deploy/production"
    assert deploys[1]["id"].startswith("git:ref:refs/deploy/production@{")
    assert deploys[0]["details"]["time_is"] == "reflog"
    assert deploys[0]["details"]["commits"] == [shas[2]]


def test_what_is_fetched_is_not_deployed_by_fetching(
    world: World, make_request: Any, now: datetime, tmp_path: Path
) -> None:
    sha = world.commit(now - 9 * HOUR, "One", {"a": "1"})
    world.git("update-ref", "refs/deployments/production/1", sha)
    clone = World(tmp_path / "clone")
    clone.git("config", "core.logAllRefUpdates", "always")
    clone.dated(now - HOUR, "fetch", "-q", str(world.folder), "+refs/*:refs/*", "--update-head-ok")
    assert (clone.folder / ".git/logs/refs/deployments/production/1").is_file()
    (row,) = read(make_request(), clone.folder).of("deploy")
    assert (row["time"], row["details"]["time_is"]) == (now - 9 * HOUR, "commit")


def test_set_tag_patterns_are_taken_at_their_word(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - HOUR, "One", {"a": "1"})
    for name in ("v1.0", "rollout/checkout/blue", "rollout/cart/blue"):
        world.tag(name)
    found = read(make_request(), world.folder, tag_patterns=["rollout/{service}/*"])
    assert [r["id"] for r in found.of("deploy")] == ["git:tag:rollout/checkout/blue"]


def test_tags_of_files_are_no_deploys(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - HOUR, "One", {"a": "1"})
    world.tag("v1.0", target="HEAD:a")
    world.tag("v1.1", now - HOUR, target="HEAD^{tree}")
    found = read(make_request(), world.folder)
    assert (found.of("deploy"), found.gaps) == ([], [])


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("v1.2.3", True),
        ("1.2", True),
        ("v1.2.3+build5", True),
        ("v1.2.3-hotfix.1", True),
        ("release-2026-03-14", True),
        ("deploy/20260314T0300Z", True),
        ("prod-1a2b3c4", True),
        ("production", True),
        ("checkout-v1.2", True),
        ("checkout/v1.2", True),
        ("checkout@1.2.3", True),
        ("@acme/checkout@1.2.3", True),
        ("services/checkout/v1.2.3", True),
        ("prod-checkout-57", True),
        ("shop-v1.2", True),
        ("v1.2.3-rc1", False),
        ("2.0beta2", False),
        ("cart-v1.2", False),
        ("cart/v1.2", False),
        ("checkout-api-v1.2", False),
        ("api-checkout-v1.2", False),
        ("staging-2026-03-14", False),
        ("deploy-staging-12", False),
        ("checkout", False),
        ("before-refactoring", False),
        ("app-v1.2", False),
        ("", False),
    ],
)
def test_which_tags_are_releases(name: str, counts: bool) -> None:
    assert is_release(name, "checkout", "shop", neighbours={"app"}) is counts


def test_names() -> None:
    assert series_of("checkout/v1.2") == series_of("checkout-v1.3.1") == "checkout"
    assert series_of("v2") == ""
    assert version_key("v1.9") < version_key("v1.10")
    assert is_elsewhere("refs/deployments/staging/3", ())
    assert is_elsewhere("refs/deployments/cart/3", {"cart"})
    assert not is_elsewhere("refs/deployments/production-eu/3", {"cart"})


@given(st.text(max_size=60), st.text(max_size=20))
def test_any_name_can_be_read(name: str, service: str) -> None:
    assert is_release(name, service, "") in (True, False)
    assert not any(c in "-_/@" for c in series_of(name).replace("-", ""))
    version_key(name)


@given(
    st.sampled_from(["cart", "search", "zeta"]), st.from_regex(r"[-/@]v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}", fullmatch=True)
)
def test_a_version_of_another_service_never_counts(other: str, version: str) -> None:
    assert not is_release(other + version, "checkout", "shop")
    assert is_release("checkout" + version, "checkout", "shop")


# Limits, and clones that lack something


def test_too_many_commits(world: World, make_request: Any, now: datetime) -> None:
    long_history(world, 30, now - MINUTE, "app")
    found = read(make_request(), world.folder, max_commits=10)
    assert len(found.revisions) == 10
    assert found.rows[0]["time"] == now - MINUTE, "the newest are kept"
    assert [(g.cause, g.wanted) for g in found.gaps] == [("truncated", "commits")]
    assert "30 commits" in found.gaps[0].why
    assert "max_commits" in found.gaps[0].mend


def test_a_large_patch_is_cut_and_says_so(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - HOUR, "Big", {"a": "ä" * 50_000 + "\n"})
    text = read(make_request(), world.folder, max_patch_bytes=1000).raws[f"{sha[:12]}.diff"]
    assert len(text) < 1300
    assert f"the whole: git show {sha}]" in text
    assert "[cut here: 1000 of 1" in text


def test_all_patches_together_have_a_limit(world: World, make_request: Any, now: datetime) -> None:
    shas = [world.commit(now - (9 - n) * HOUR, f"C{n}", {"a": f"{n}" * 3000}) for n in range(4)]
    found = read(make_request(), world.folder, max_total_patch_bytes=10_000)
    (gap,) = found.gaps
    assert (gap.cause, gap.wanted) == ("truncated", "patches of 3 of 4 commits")
    assert "3333" in found.raws[f"{shas[3][:12]}.diff"], "the newest is kept"
    assert f"to read it: git show {shas[0]}" in found.raws[f"{shas[0][:12]}.diff"]


def test_a_huge_commit_is_listed_in_part(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - HOUR, "Vendor everything", {f"vendor/f{n:03}": "x\n" for n in range(400)})
    details = read(make_request(), world.folder).commit(sha)["details"]
    assert (len(details["files"]), details["files_total"], details["insertions"]) == (300, 400, 400)


def test_a_repository_with_long_hashes(tmp_path: Path, make_request: Any, now: datetime) -> None:
    world = World(tmp_path / "long", "--object-format=sha256")
    sha = world.commit(now - HOUR, "One", {"a": "1\n"})
    world.tag("v1.0", now - HOUR)
    found = read(make_request(), world.folder)
    assert len(sha) == 64
    assert [r["revision"] for r in found.rows] == [sha, sha]
    assert "+1" in found.raws[f"{sha[:12]}.diff"]


@pytest.fixture
def history(world: World, now: datetime) -> World:
    for hours in (90, 60, 10, 5, 1):
        world.commit(now - hours * HOUR, f"{hours} h ago", {f"f{hours}": "x\n" * 50})
    return world


def clone(world: World, folder: Path, *options: str) -> Path:
    world.git("config", "uploadpack.allowFilter", "true")
    world.git("clone", "-q", *options, world.folder.as_uri(), str(folder))
    return folder


def test_a_shallow_clone_says_where_its_history_ends(history: World, make_request: Any, tmp_path: Path) -> None:
    folder = clone(history, tmp_path / "clone", "--depth=2")
    found = read(make_request(), folder)
    (gap,) = found.gaps
    assert (gap.cause, gap.mend) == ("truncated", f"git -C {folder} fetch --unshallow")
    end = history.git("rev-parse", "HEAD~1")
    assert end[:12] in gap.why
    assert len(found.revisions) == 2
    assert found.commit(end)["details"]["files"] == [], "what it changed is unknown, not everything"
    assert found.commit(end)["details"]["history_ends"] is True
    assert "left out" in found.raws[f"{end[:12]}.diff"]
    assert [g.why for g in Git(Settings(repo=str(folder))).check(make_request())] == [gap.why]


def test_a_shallow_clone_that_is_deep_enough_is_no_gap(history: World, make_request: Any, tmp_path: Path) -> None:
    folder = clone(history, tmp_path / "clone", "--depth=4")
    found = read(make_request(), folder)
    assert found.gaps == []
    assert len(found.revisions) == 3
    assert list(Git(Settings(repo=str(folder))).check(make_request())) == []


def test_a_partial_clone_is_read_without_fetching(history: World, make_request: Any, tmp_path: Path) -> None:
    folder = clone(history, tmp_path / "clone", "--filter=blob:none", "--no-checkout")
    before = sorted(p.name for p in (folder / ".git/objects/pack").iterdir())
    found = read(make_request(), folder)
    assert len(found.revisions) == 3
    assert [(g.cause, g.wanted) for g in found.gaps] == [("truncated", "files and patches of commits")]
    assert sorted(p.name for p in (folder / ".git/objects/pack").iterdir()) == before


def test_bare_repositories_and_work_trees(history: World, make_request: Any, tmp_path: Path) -> None:
    expected = read(make_request(), history.folder).revisions
    assert len(expected) == 3
    assert read(make_request(), clone(history, tmp_path / "bare.git", "--bare")).revisions == expected
    history.git("worktree", "add", "-q", str(tmp_path / "tree"), "-b", "other")
    assert read(make_request(), tmp_path / "tree").revisions == expected


def test_a_folder_inside_is_enough(
    history: World, make_request: Any, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    history.commit(now - MINUTE, "Deep", {"deep/down/x": "1"})
    expected = read(make_request(), history.folder).revisions
    assert len(expected) == 4
    monkeypatch.chdir(history.folder / "deep" / "down")
    targets, _ = plan(make_request())
    assert "the current directory is in this repository" in targets[0].because
    found = [r["revision"] for i in Git(Settings()).collect(make_request()) if isinstance(i, Rows) for r in i.rows]
    assert found == expected


def test_an_empty_repository_and_an_empty_window_are_answers(world: World, make_request: Any, now: datetime) -> None:
    targets, gaps = plan(make_request(), world.folder)
    assert gaps == []
    assert "no commit yet" in targets[0].because
    assert read(make_request(), world.folder) == Result([], {}, [])
    world.commit(now - 90 * HOUR, "Old", {"a": "1"})
    assert read(make_request(), world.folder) == Result([], {}, [])


# What can't be read


def test_no_repository(tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    targets, (gap,) = plan(make_request(), tmp_path / "plain")
    assert (targets, gap.cause) == ([], "not_found")
    assert str(tmp_path / "plain") in gap.why
    _, (gap,) = plan(make_request(), tmp_path / "absent")
    assert "does not exist" in gap.why
    monkeypatch.chdir(tmp_path / "plain")
    _, (gap,) = plan(make_request())
    assert gap.cause == "not_configured", "nobody asked for git here"
    assert list(Git(Settings()).check(make_request())) == [gap]


def test_a_repository_of_somebody_else(history: World, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for testing this
    targets, (gap,) = plan(make_request(), history.folder)
    assert (targets, gap.cause) == ([], "denied")
    assert gap.mend == f"git config --global --add safe.directory {history.folder}"


def test_no_git_command(history: World, make_request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, (gap,) = plan(make_request(), history.folder)
    assert gap.cause == "not_found"
    assert "no git command" in gap.why
    assert "install git" in gap.mend


def test_a_damaged_repository(history: World, make_request: Any) -> None:
    sha = history.git("rev-parse", "HEAD~2")
    path = history.folder / ".git" / "objects" / sha[:2] / sha[2:]
    path.chmod(0o644)
    path.write_bytes(b"rubbish")
    found = read(make_request(), history.folder)
    assert [g.cause for g in found.gaps] == ["invalid"]
    assert "fsck" in found.gaps[0].mend


def test_a_deadline(history: World, make_request: Any) -> None:
    _, (gap,) = plan(make_request(source_seconds=0.0), history.folder)
    assert gap.cause == "timeout"


def plant(folder: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, does: str) -> None:
    """A git in PATH that does something else when its arguments match."""
    real = shutil.which("git")
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\ncase "$*" in {pattern}) {does};; esac\nexec {real} "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


def test_a_slow_git_is_stopped(
    history: World, make_request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plant(tmp_path / "bin", monkeypatch, "*first-parent*", "exec sleep 30")
    started = time.monotonic()
    found = read(make_request(source_seconds=1.0), history.folder)
    assert time.monotonic() - started < 5
    assert [g.cause for g in found.gaps] == ["timeout"]


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("*--inter-hunk-context*", "patches"),
        ("*for-each-ref*contents*", "deploy markers"),
        ("*--grep*", "pull requests"),
    ],
)
def test_what_was_read_stays_when_git_fails_later(
    world: World,
    make_request: Any,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    pattern: str,
    wanted: str,
) -> None:
    sha = world.commit(now - HOUR, "One", {"a": "1"})
    world.tag("v1.0", now - HOUR)
    world.commit(now + MINUTE, "Later", {"a": "2"})
    plant(tmp_path / "bin", monkeypatch, pattern, "echo 'error: x: Permission denied' >&2; exit 128")
    found = read(make_request(), world.folder)
    assert found.revisions == [sha]
    (gap,) = found.gaps
    assert gap.wanted.startswith(wanted)
    assert (gap.cause, gap.mend) == ("denied", f"let this user read {world.folder}")


def test_a_deploy_whose_predecessor_is_gone(world: World, make_request: Any, now: datetime) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    sha = world.commit(now - 9 * HOUR, "One", {"a": "1"})
    world.dated(now - HOUR, "update-ref", "-m", "deploy", "refs/deploy/production", sha)
    log = world.folder / ".git/logs/refs/deploy/production"
    log.write_text(log.read_text().replace("0" * 40, "12" * 20, 1))
    found = read(make_request(), world.folder)
    assert [(r["previous"], r["details"]["commits"]) for r in found.of("deploy")] == [("12" * 20, [])]
    assert [(g.cause, g.wanted) for g in found.gaps] == [("invalid", "commits of refs/deploy/production")]
    log.write_text("rubbish\n")
    assert [r["details"]["time_is"] for r in read(make_request(), world.folder).of("deploy")] == ["commit"]


def test_too_many_deploys(world: World, make_request: Any, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.git.reading.MOST_DEPLOYS", 2)
    world.commit(now - 9 * HOUR, "One", {"a": "1"})
    for number in range(1, 4):
        world.tag(f"v{number}", now - (5 - number) * HOUR)
    found = read(make_request(), world.folder)
    assert [r["details"]["tag"] for r in found.of("deploy")] == ["v3", "v2"]
    assert [(g.cause, g.wanted) for g in found.gaps] == [("truncated", "deploy markers")]


# What a repository may try


def test_nothing_of_the_repository_is_run(world: World, make_request: Any, now: datetime, tmp_path: Path) -> None:
    planted = tmp_path / "planted"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho ran >> {planted}\n")
    script.chmod(0o755)
    world.commit(now - 2 * HOUR, "One", {"a.bin": "1\n", ".gitattributes": "*.bin diff=evil\n"})
    sha = world.commit(now - HOUR, "Two", {"a.bin": "2\n"})
    world.tag("v1.0", now - HOUR)
    for key in (
        "core.fsmonitor diff.evil.textconv diff.evil.command diff.external core.pager pager.log gpg.program"
        " core.sshCommand core.editor core.askPass"
    ).split():
        world.git("config", key, str(script))
    world.git("config", "log.showSignature", "true")
    hooks = world.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("reference-transaction", "post-index-change", "post-checkout", "fsmonitor-watchman"):
        shutil.copy(script, hooks / name)
    found = read(make_request(), world.folder)
    assert "-1\n+2\n" in found.raws[f"{sha[:12]}.diff"]
    assert not planted.exists()


def test_settings_of_git_do_not_change_what_is_read(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 3 * HOUR, "One", {"é.py": "1\n2\n3\n4\n5\n6\n7\n8\n"})
    world.git("mv", "é.py", "ë.py")
    world.commit(now - 2 * HOUR, "Two", {"ë.py": "1\n2\n3\n4\n5\n6\n7\nx\n"})
    world.tag("v1.0", now - HOUR)
    plain = read(make_request(), world.folder)
    for key, value in {
        "color.ui": "always",
        "core.quotePath": "true",
        "diff.renames": "false",
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "0",
        "diff.algorithm": "patience",
        "diff.relative": "true",
        "format.pretty": "oneline",
        "i18n.logOutputEncoding": "latin1",
        "log.date": "relative",
        "log.decorate": "full",
        "log.follow": "true",
        "tag.sort": "-version:refname",
        "column.ui": "always",
    }.items():
        world.git("config", key, value)
    assert read(make_request(), world.folder) == plain
    assert plain.of("commit")[0]["details"]["files"][0]["old_path"] == "é.py"


def test_the_shells_git_variables_do_not_lead_elsewhere(
    history: World, make_request: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    expected = read(make_request(), history.folder)
    other = World(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other.folder / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other.folder))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    monkeypatch.setenv("GIT_TRACE", "1")
    assert read(make_request(), history.folder) == expected
    kept = environment()
    assert not {"GIT_DIR", "GIT_WORK_TREE", "GIT_EXTERNAL_DIFF", "GIT_TRACE"} & set(kept)
    assert (kept["GIT_OPTIONAL_LOCKS"], kept["GIT_TERMINAL_PROMPT"]) == ("0", "0")


def test_reading_leaves_no_trace(history: World, make_request: Any) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(p): (p.stat().st_mtime_ns, p.stat().st_size) for p in history.folder.rglob("*") if p.is_file()}

    before = state()
    read(make_request(), history.folder)
    assert state() == before


# Speed


def test_a_thousand_commits_take_a_handful_of_processes(
    world: World, make_request: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    long_history(world, 1200, now - MINUTE, "services/checkout")
    started: list[Any] = []
    real = subprocess.Popen

    def counting(command: Any, *args: Any, **options: Any) -> Any:
        started.append(command)
        return real(command, *args, **options)

    monkeypatch.setattr(subprocess, "Popen", counting)
    begun = time.monotonic()
    found = read(make_request(), world.folder)
    assert time.monotonic() - begun < 10
    assert len(found.revisions) == 1200
    assert len(started) < 25, "not one process a commit"


# Parsing, by itself


NAMES = st.binary(min_size=1, max_size=20).filter(lambda b: b"\0" not in b)
TEXTS = st.binary(max_size=60).filter(lambda b: b"\0" not in b)
COUNTS = st.one_of(st.just((b"-", b"-")), st.tuples(*[st.integers(0, 9999).map(lambda n: b"%d" % n)] * 2))
FILES = st.lists(st.tuples(COUNTS, st.none() | NAMES, NAMES), max_size=4)


@given(st.lists(st.tuples(TEXTS, TEXTS, FILES), max_size=4), st.integers(1, 7))
def test_no_message_or_path_breaks_the_log_apart(records: list[tuple[bytes, bytes, list[Any]]], size: int) -> None:
    stream = b""
    for number, (author, message, files) in enumerate(records):
        fields = [b"%040x" % number, b"", author, b"0", b"", b"0", message, b""]
        stream += b"\x01" + b"\0".join(fields) + b"\0"
        for at, ((added, deleted), old, new) in enumerate(files):
            stream += (b"\0\n" if at == 0 else b"") + added + b"\t" + deleted + b"\t"
            stream += b"\0" + old + b"\0" + new + b"\0" if old else new + b"\0"
    chunks = (stream[i : i + size] for i in range(0, len(stream), size))
    commits = list(parse_log(split(chunks)))
    assert [c.sha for c in commits] == [f"{n:040x}" for n in range(len(records))]
    for commit, (author, message, files) in zip(commits, records, strict=True):
        assert (commit.author, commit.message) == (decode(author), decode(message))
        assert [f.path for f in commit.files] == [decode_path(new) for _, _, new in files]
        assert [f.old_path for f in commit.files] == [old and decode_path(old) for _, old, _ in files]


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50), st.integers(0, 100))
def test_patches_are_told_apart_and_cut(bodies: list[bytes], size: int, largest: int) -> None:
    marker = b"\0" + b"0f" * 16 + b" "
    bodies = [b.replace(marker, b"") for b in bodies]
    stream = b"".join(marker + b"%040x" % n + b"\0" + body for n, body in enumerate(bodies))
    patches = list(parse_patches((stream[i : i + size] for i in range(0, len(stream), size)), marker, largest))
    assert [p.sha for p in patches] == [f"{n:040x}" for n in range(len(bodies))]
    assert [bytes(p.kept) for p in patches] == [b[:largest] for b in bodies]
    assert [p.size for p in patches] == [len(b) for b in bodies]


def nodes(*seconds: int) -> Iterator[Node]:
    for at, second in enumerate(seconds):
        yield Node(f"s{at}", (f"s{at + 1}",), second)


def test_the_walk_ends_soon_after_the_window() -> None:
    endless = (Node(f"s{n}", (), 1_000_000 - 60 * n) for n in itertools.count())
    window = Window(moment(1_000_000 - 600), moment(1_000_000 - 60))
    stretch = stretch_of(endless, window)
    assert (stretch.top, stretch.bottom) == ("s2", "s11")
    assert len(stretch.line) < 200


@pytest.mark.parametrize(
    ("seconds", "top", "bottom"),
    [
        ((), None, None),
        ((50,), None, None),
        ((5, 4), "s0", "s0"),
        ((50, 15, 12), "s1", None),
        ((50, 15, 5), "s1", "s2"),
    ],
)
def test_stretches(seconds: tuple[int, ...], top: str | None, bottom: str | None) -> None:
    stretch = stretch_of(nodes(*seconds), Window(moment(10), moment(20)))
    assert (stretch.top, stretch.bottom) == (top, bottom)


def test_a_commit_comes_by_the_oldest_merge_that_could_have_brought_it() -> None:
    graph = {
        n.sha: n
        for n in (
            Node("m2", ("m1", "b"), 40),
            Node("m1", ("r", "a"), 30),
            Node("b", ("a",), 25),
            Node("a", ("r",), 20),
            Node("r", (), 10),
        )
    }
    line = [graph["m2"], graph["m1"], graph["r"]]
    assert {k: v.sha for k, v in landings(line, graph).items()} == {"a": "m1", "b": "m2"}


@pytest.mark.parametrize(
    ("message", "number"),
    [
        ("Merge pull request #12 from a/b\n\nTitle", 12),
        ("Smaller pool (#7)", 7),
        ("Merge branch 'a' into 'main'\n\nTitle\n\nSee merge request acme/shop!34", 34),
        ("Merged PR 5: Title", 5),
        ("Merged in a (pull request #6)", 6),
        ("Fix #9 in the parser", None),
        ("Title\n\nlike in (#8)\n", None),
    ],
)
def test_pull_requests(message: str, number: int | None) -> None:
    assert pull_request(message) == number


def test_reverts_by_short_sha() -> None:
    known = [Known("abcdef1234"), Known("0" * 10)]
    assert reverts_among([("r", "This reverts commit abcdef12.")], known).by == {"abcdef1234": "r"}


@given(st.text())
def test_shown_texts_hold_no_control_characters(text: str) -> None:
    line = one_line(text)
    assert "\n" not in line
    assert "\x1b" not in line + many_lines(text)
    assert len(line) <= 500


@given(st.binary())
def test_every_byte_string_can_be_written(text: bytes) -> None:
    decode(text).encode()
    decode_path(text).encode()
    unquoted(text).encode()


def test_quoted_paths() -> None:
    assert unquoted(rb'"a \"b\"\tc\303\244\\"') == 'a "b"\tcä\\'
    assert unquoted(b"plain") == "plain"


@pytest.mark.parametrize(
    ("path", "sort"),
    [
        ("app/pool.py", "code"),
        ("deploy/values-prod.yaml", "config"),
        ("x/config/pool.json", "config"),
        ("data/pool.json", "code"),
        (".env.production", "config"),
        ("infra/main.tf", "config"),
        ("pyproject.toml", "code"),
        (".github/workflows/ci.yml", "code"),
        ("config/flags.yaml", "flag"),
        ("data/feature_toggles.json", "flag"),
        ("app/flags.go", "code"),
        ("README.md", "docs"),
        ("docs/x.py", "docs"),
        ("requirements.txt", "code"),
        ("tests/data/x.yaml", "tests"),
        ("pool_test.go", "tests"),
        ("src/contest.py", "code"),
    ],
)
def test_sorts_of_files(path: str, sort: str) -> None:
    assert sort_of(path, CONFIG_PATTERNS) == sort


def test_sorts_together() -> None:
    assert (kind_of(["config", "flag"]), kind_of(["flag"]), kind_of(["config", "docs"])) == ("config", "flag", "commit")
    assert kind_of([]) == "commit"
    assert scope_of(["code", "tests", "docs"]) == "code"
    assert scope_of(["tests", "docs"]) == "tests"
    assert scope_of([]) is None


@pytest.mark.parametrize(
    ("remote", "commit"),
    [
        ("https://user:ghp_secret@github.com/acme/shop.git", "https://github.com/acme/shop/commit/x"),
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/commit/x"),
        ("ssh://git@gitlab.example.com:2222/group/sub/shop", "https://gitlab.example.com/group/sub/shop/-/commit/x"),
        ("https://gitlab.example.com:8443/a/b/", "https://gitlab.example.com:8443/a/b/-/commit/x"),
        ("https://git.example.com/a/b", None),
        ("/srv/github/acme/shop.git", None),
        ("https://github.com:bad/acme/shop", None),
        ("javascript://github.com/a/b", None),
        ("https://github.com/shop", None),
        ("", None),
    ],
)
def test_sites(remote: str, commit: str | None) -> None:
    site = site_of(remote)
    assert (site.commit("x") if site else None) == commit


@given(st.text())
def test_any_remote_can_be_read(remote: str) -> None:
    site = site_of(remote)
    assert site is None or "@" not in site.page.partition("/")[0]


def test_links_without_credentials(world: World, make_request: Any, now: datetime) -> None:
    sha = world.commit(now - HOUR, "One", {"a": "1"})
    world.tag("v1.0", now - HOUR)
    world.git("remote", "add", "origin", "https://me:s3cr3t@github.com/acme/shop.git")
    found = read(make_request(), world.folder)
    assert found.commit(sha)["details"]["url"] == f"https://github.com/acme/shop/commit/{sha}"
    assert found.of("deploy")[0]["details"]["url"] == "https://github.com/acme/shop/releases/tag/v1.0"
    targets, _ = plan(make_request(), world.folder)
    assert "s3cr3t" not in repr((found, targets))


def test_deploy_refs_are_whole_names() -> None:
    for bad in ("deployments/*", "refs/*", "refs/"):
        with pytest.raises(ValidationError, match="whole name"):
            Settings(deploy_refs=[bad])
