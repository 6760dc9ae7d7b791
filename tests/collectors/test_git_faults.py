"""What can go wrong with git and a repository: each ends in time, the others finish, the gap says cause and mend."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from gitreading import plant
from gitworld import World
from servers.faults import judged

from collectors.git import Git, Settings
from gather_diagnostics import Gap, Request
from gather_diagnostics.runner import Collected
from gather_diagnostics.tables import decoded

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MakeRequest = Callable[..., Request]


@pytest.fixture
def world(tmp_path: Path, now: datetime) -> World:
    world = World(tmp_path / "shop")
    for hours in (90, 5, 1):
        world.commit(now - hours * HOUR, f"{hours} h ago", {f"f{hours}.py": "x\n" * 50})
    world.tag("v1.0", now - HOUR)
    return world


def run(world: World, request: Request, folder: Path) -> tuple[Collected, tuple[Gap, ...]]:
    found = judged(request, Git(Settings(repo=str(world.folder))), folder)
    return found, found.gaps


def rows(found: Collected) -> int:
    """Those of the change window."""
    details = decoded(found.tables["changes"], "details") if "changes" in found.tables else []
    return sum(not d.get("before_window") for d in details)


def test_without_a_fault_all_is_complete(world: World, make_request: MakeRequest, tmp_path: Path) -> None:
    found, gaps = run(world, make_request(), tmp_path)
    assert (rows(found), gaps) == (3, ())
    assert found.coverage[0].status == "complete"


def test_a_missing_binary(
    world: World, make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, (gap,) = run(world, make_request(), tmp_path)
    assert (gap.cause, "apt-get install git" in gap.mend) == ("not_found", True)


STEPS = {
    "the first question": "*rev-parse*",
    "the branch's line": "*--first-parent*",
    "commits": "*--numstat*--no-walk*",
    "refs": "*for-each-ref*contents*",
    "lines": "*--unified=0*",
    "patches": "*-U3*",
    "submodules": "*--raw*",
}
WAYS = {
    "hangs": ("exec sleep 30", "timeout", "--deadline"),
    "hangs after some output": ("printf x; exec sleep 30", "timeout", "--deadline"),
    "is killed": ("kill -9 $$", "invalid", "dmesg"),
    "may not read": ("echo 'fatal: open: Permission denied' >&2; exit 128", "denied", "let this user read"),
    "ends without a word": ("exit 3", "invalid", "fsck"),
}


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("way", WAYS)
def test_git_fails(
    way: str, step: str, world: World, make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    now: datetime,
) -> None:  # fmt: skip
    does, cause, mend = WAYS[way]
    world.commit(now - MINUTE, "One line", {"one.py": "1\n"})
    plant(tmp_path / "bin", monkeypatch, STEPS[step], does)
    found, gaps = run(world, make_request(source_seconds=1.5), tmp_path)
    assert gaps, "nothing is lost in silence"
    assert cause in {g.cause for g in gaps}
    assert any(mend in g.mend for g in gaps)
    if step in ("patches", "refs", "submodules") and "hangs" not in way:
        assert rows(found) >= 3, "what could be read is there"
    if step in ("lines", "patches"):
        assert rows(found) == 4, "rows come before patches, and without lines rather than not at all"


def test_git_says_something_else(
    world: World, make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "bin", monkeypatch, STEPS["the branch's line"], "echo hello; exit 0")
    _, (gap,) = run(world, make_request(), tmp_path)
    assert (gap.cause, "'hello'" in gap.why) == ("invalid", True)


def test_a_corrupt_pack(world: World, make_request: MakeRequest, tmp_path: Path) -> None:
    world.git("repack", "-adq")
    (pack,) = (world.folder / ".git/objects/pack").glob("*.pack")
    data = bytearray(pack.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 200] = b"\xff" * 200
    pack.chmod(0o644)
    pack.write_bytes(data)
    _, gaps = run(world, make_request(), tmp_path)
    assert {g.cause for g in gaps} == {"invalid"}
    assert f"git -C {world.folder} fsck" in gaps[0].mend


def test_a_pack_cut_short_and_a_missing_object(world: World, make_request: MakeRequest, tmp_path: Path) -> None:
    blob = world.git("rev-parse", "HEAD:f1.py")
    tip = world.folder / ".git/objects" / blob[:2] / blob[2:]
    tip.unlink()
    found, gaps = run(world, make_request(), tmp_path)
    assert rows(found) == 3, "commits are there, one file's content is not"
    assert "invalid" in {g.cause for g in gaps}
    shutil.rmtree(world.folder / ".git/objects")
    _, gaps = run(world, make_request(), tmp_path)
    assert gaps


def test_a_repository_that_may_not_be_read(world: World, make_request: MakeRequest, tmp_path: Path) -> None:
    if os.geteuid() == 0:
        _as_nobody(world, make_request, tmp_path)
        return
    (world.folder / ".git/objects").chmod(0)
    try:
        _, gaps = run(world, make_request(), tmp_path)
    finally:
        (world.folder / ".git/objects").chmod(0o755)
    assert gaps


def _as_nobody(world: World, make_request: MakeRequest, tmp_path: Path) -> None:
    """Root reads everything: the same as another user, to whom the folder is closed."""
    healthy = tmp_path / "open"
    healthy.mkdir()
    healthy.chmod(0o777)
    opened = {p: p.stat().st_mode for p in (tmp_path, *list(tmp_path.parents)[:3])}
    world.folder.chmod(0)
    try:
        for path, mode in opened.items():
            path.chmod(mode | stat.S_IXGRP | stat.S_IXOTH)
        os.seteuid(65534)
        _, gaps = run(world, make_request(), healthy)
    finally:
        os.seteuid(0)
        world.folder.chmod(0o755)
        for path, mode in opened.items():
            path.chmod(mode)
    assert [g.cause for g in gaps] == ["denied"]
    assert gaps[0].mend == f"let this user read {world.folder}"


@pytest.mark.slow
def test_an_absurdly_large_commit(world: World, make_request: MakeRequest, now: datetime, tmp_path: Path) -> None:
    line = b"x" * 99 + b"\n"
    stream = [b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata 6\nAbsurd\n" % (now - MINUTE).timestamp()]
    stream += [b"from refs/heads/main^0\n"]
    stream += [b"M 100644 inline big.txt\ndata %d\n%s\n" % (len(line) * 400_000, line * 400_000)]
    stream += [b"M 100644 inline v/%d\ndata 1\nx\n" % n for n in range(30_000)]
    world.git("fast-import", "--quiet", stdin=b"".join(stream))
    found, gaps = run(world, make_request(source_seconds=20.0), tmp_path)
    assert [g for g in gaps if g.cause != "truncated"] == []
    assert rows(found) == 4
    details = found.tables["changes"].set_index("summary").loc["Absurd", "details"]
    assert '"files_total": 30001' in details
    assert len(details) < 200_000
    assert max(map(len, found.raws.values())) < 300_000


def test_a_clock_ten_minutes_off(world: World, make_request: MakeRequest, now: datetime, tmp_path: Path) -> None:
    world.commit(now + 10 * MINUTE, "From ten minutes ahead", {"a.py": "1\n"})
    found, (gap,) = run(world, make_request(), tmp_path)
    assert rows(found) == 3
    assert (gap.cause, "clock skew" in gap.why) == ("invalid", True)
    assert "correct that clock" in gap.mend


def test_an_empty_repository_is_an_answer(tmp_path: Path, make_request: MakeRequest) -> None:
    found, gaps = run(World(tmp_path / "fresh"), make_request(), tmp_path)
    assert (rows(found), gaps, found.coverage[0].status) == (0, (), "complete")


def test_no_process_stays_behind(
    world: World, make_request: MakeRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(tmp_path / "bin", monkeypatch, "*--numstat*", "exec sleep 31.4159")
    run(world, make_request(source_seconds=1.0), tmp_path)
    # The source has its share of the second from when it begins, which on a busy machine is late.
    end = time.monotonic() + 2
    while left := children("31.4159"):
        assert time.monotonic() < end, left
        time.sleep(0.05)


def children(words: str) -> list[str]:
    listed = subprocess.run(["ps", "-eo", "ppid,args"], capture_output=True, text=True, check=True).stdout
    return [p for p in listed.splitlines() if p.split()[0] == str(os.getpid()) and words in p]
