"""Limits, clones that lack something, what a repository may try, and how long it takes."""

from __future__ import annotations

import shutil
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitreading import Result, clone, plan, read
from gitworld import World, long_history

from collectors.git import Git, Settings
from collectors.git.command import environment
from gather_diagnostics import Rows

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


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
    collected = Git(Settings(older_commits=0)).collect(make_request())
    found = [r["revision"] for i in collected if isinstance(i, Rows) for r in i.rows]
    assert found == expected


def test_an_empty_repository_and_an_empty_window_are_answers(world: World, make_request: Any, now: datetime) -> None:
    targets, gaps = plan(make_request(), world.folder)
    assert gaps == []
    assert "no commit yet" in targets[0].because
    assert read(make_request(), world.folder) == Result([], {}, [])
    sha = world.commit(now - 90 * HOUR, "Old", {"a": "1"})
    found = read(make_request(), world.folder)
    assert (found.rows, found.raws, found.gaps) == ([], {}, [])
    assert [r["revision"] for r in found.older] == [sha]


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
