"""Which repository, branch and folders are read, and what is said where there is none."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitreading import plan, plant, read
from gitworld import World
from pydantic import ValidationError

from collectors.git import Git, Settings

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


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
        ("*-U3*", "patches"),
        ("*--unified=0*", "lines that commits touched"),
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
