"""The git collector in deep repositories: squash merges, reverts, odd tags, clones that would fetch."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git import Git, Settings
from collectors.git.command import split
from collectors.git.history import MOST_FILES, parse_log
from collectors.git.messages import Known, reverts_among
from gather_diagnostics import Gap, Raw, Request, Rows
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MakeRequest = Callable[..., Request]


def read(request: Request, folder: Path, **settings: Any) -> tuple[dict[str, dict[str, Any]], list[Gap]]:
    """Rows of the window by id without 'git:commit:', and gaps; rows are held against the table as the runner does."""
    rows: dict[str, dict[str, Any]] = {}
    gaps: list[Gap] = []
    for item in Git(Settings(repo=str(folder), **settings)).collect(request):
        if isinstance(item, Rows):
            to_batch(item.table, "git", item.rows)
            window = [dict(r) for r in item.rows if not r["details"].get("before_window")]  # type: ignore[union-attr]
            rows |= {r["id"].removeprefix("git:commit:"): r for r in window}
        elif isinstance(item, Gap):
            gaps.append(item)
        else:
            assert isinstance(item, Raw)
    return rows, gaps


# Merges and reverts


def test_a_squash_merge_has_the_number_of_its_pull_request(
    world: World, make_request: MakeRequest, now: datetime
) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    world.git("switch", "-q", "-c", "feature")
    for n in range(3):
        world.commit(now - (80 - n) * HOUR, f"wip {n}", {"b.py": f"{n}\n"})
    world.git("switch", "-q", "main")
    world.git("merge", "-q", "--squash", "feature")
    squashed = world.commit(now - HOUR, "Smaller pool (#57)\n\n* wip 0\n* wip 1 (#3)\n")
    rows, gaps = read(make_request(), world.folder)
    assert gaps == []
    assert list(rows) == [squashed], "what was squashed is not on the branch"
    assert rows[squashed]["details"]["pr"] == 57
    assert [f["path"] for f in rows[squashed]["details"]["files"]] == ["b.py"]


def test_reverting_a_merge_takes_back_what_it_brought(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    world.git("switch", "-q", "-c", "feature")
    parts = [world.commit(now - (20 - n) * HOUR, f"Part {n}", {"b.py": f"{n}\n"}) for n in range(2)]
    world.git("switch", "-q", "main")
    innocent = world.commit(now - 5 * HOUR, "Innocent", {"a.py": "2\n"})
    world.merge(now - 3 * HOUR, "feature", "Merge pull request #8 from acme/feature")
    world.dated(now - HOUR, "revert", "--no-edit", "-m", "1", "HEAD")
    revert = world.git("rev-parse", "HEAD")
    rows, _ = read(make_request(), world.folder)
    assert [rows[p]["details"].get("reverted_by") for p in parts] == [revert, revert]
    assert "reverted_by" not in rows[innocent]["details"]
    assert rows[revert]["details"]["reverts"] in parts


def test_a_revert_by_the_number_of_a_pull_request(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    bad = world.commit(now - 3 * HOUR, "Smaller pool (#57)", {"a.py": "2\n"})
    other = world.commit(now - 2 * HOUR, "Other (#5)", {"b.py": "2\n"})
    revert = world.commit(now - HOUR, 'Revert "Smaller pool" (#60)\n\nReverts acme/shop#57', {"a.py": "1\n"})
    rows, _ = read(make_request(), world.folder)
    assert rows[bad]["details"]["reverted_by"] == revert
    assert rows[revert]["details"]["reverts"] == bad
    assert (rows[revert]["details"]["pr"], "reverted_by" in rows[other]["details"]) == (60, False)


def test_a_revert_of_a_revert_reinstates(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    first = world.commit(now - 4 * HOUR, "Smaller pool", {"a.py": "2\n"})
    shas = []
    for hours in (3, 2):
        world.dated(now - hours * HOUR, "revert", "--no-edit", "HEAD")
        shas.append(world.git("rev-parse", "HEAD"))
    rows, _ = read(make_request(), world.folder)
    assert rows[first]["details"]["reverted_by"] == shas[0]
    assert rows[first]["details"]["reinstated_by"] == shas[1]
    assert rows[shas[0]]["details"]["reverted_by"] == shas[1]


def test_a_revert_after_the_window_is_known_by_its_subject_too(
    world: World, make_request: MakeRequest, now: datetime
) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": "1\n"})
    bad = world.commit(now - HOUR, "Smaller pool (#57)", {"a.py": "2\n"})
    later = world.commit(now + MINUTE, 'Revert "Smaller pool (#57)" (#58)', {"a.py": "1\n"})
    rows, _ = read(make_request(), world.folder)
    assert rows[bad]["details"]["reverted_by"] == later


@pytest.mark.parametrize(
    ("message", "reverted"),
    [
        ('Revert "B"\n\nThis reverts commit bbbbbbb.', ["b" * 40]),
        ("x\n\nThis reverts commit aaaaaaa.\nThis reverts commit bbbbbbb.", ["a" * 40, "b" * 40]),
        ("x\n\nThis reverts commit ccccccc, reversing\nchanges made to aaaaaaa.", ["b" * 40]),
        ("x\n\nReverts #7", ["a" * 40]),
        ("x\n\nThis reverts merge request acme/shop!7", ["a" * 40]),
        ('Revert "A"', ["a" * 40]),
        ('Revert "A" (#9)', ["a" * 40]),
        ('Revert "Nothing of the kind"', []),
        ("Reverts to the old behaviour, see #7", []),
        ('How to write Revert "A"', []),
    ],
)
def test_which_commits_a_message_takes_back(message: str, reverted: list[str]) -> None:
    known = [Known("a" * 40, "A (#7)", 7), Known("b" * 40, "B", 8, merge="c" * 40)]
    assert sorted(reverts_among([("r", message)], known).by) == reverted


@given(st.text())
def test_any_message_can_be_read_for_reverts(message: str) -> None:
    reverts_among([("r", message)], [Known("a" * 40, message, 7)])


def test_a_file_moved_out_of_a_monorepo_folder(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"services/checkout/pool.py": "a\nb\nc\nd\n", "services/cart/x.py": "1\n"})
    world.git("mv", "services/checkout/pool.py", "services/cart/pool.py")
    sha = world.commit(now - HOUR, "Move the pool")
    rows, _ = read(make_request(), world.folder)
    (file,) = rows[sha]["details"]["files"]
    assert (file["path"], file["old_path"]) == ("services/cart/pool.py", "services/checkout/pool.py")


# Tags


def test_a_tag_of_a_tag_stands_for_its_commit(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.git("config", "advice.nestedTag", "false")
    sha = world.commit(now - 9 * HOUR, "One", {"a": "1"})
    world.tag("inner", now - 8 * HOUR)
    world.tag("v1.0", now - 2 * HOUR, "Signed off", target="inner")
    world.tag("v1.1", now - HOUR, "Signed off twice", target="v1.0")
    world.tag("v1.2", now - HOUR, target="HEAD:a")
    world.tag("v1.3", now - HOUR, target="v1.2")
    rows, gaps = read(make_request(), world.folder)
    assert gaps == []
    deploys = {i: r for i, r in rows.items() if r["kind"] == "deploy"}
    assert set(deploys) == {"git:tag:v1.0", "git:tag:v1.1"}, "and no tag of a file's tag"
    assert {r["revision"] for r in deploys.values()} == {sha}
    assert deploys["git:tag:v1.0"]["time"] == now - 2 * HOUR


@pytest.mark.parametrize("annotated", [True, False])
def test_a_tag_that_was_moved_tells_each_deploy(
    annotated: bool, world: World, make_request: MakeRequest, now: datetime
) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    shas = [world.commit(now - (50 - n) * HOUR, f"C{n}", {"a": str(n)}) for n in range(3)]
    for sha, ago in zip(shas, (30 * HOUR, 6 * HOUR, HOUR), strict=True):
        options = ("-a", "-m", "Roll out") if annotated else ()
        world.dated(now - ago, "tag", "-f", *options, "production", sha)
    rows, gaps = read(make_request(), world.folder)
    assert gaps == []
    deploys = [r for r in rows.values() if r["kind"] == "deploy"]
    assert [(d["revision"], d["previous"], d["time"]) for d in deploys] == [
        (shas[2], shas[1], now - HOUR),
        (shas[1], shas[0], now - 6 * HOUR),
    ]
    assert deploys[0]["id"] == "git:tag:production"
    assert deploys[0]["details"]["moved_from"] == shas[1]
    assert deploys[0]["details"]["commits"] == [shas[2]]
    assert ("Roll out" in deploys[0]["summary"]) is annotated


def test_a_moved_tag_whose_older_object_is_gone(world: World, make_request: MakeRequest, now: datetime) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    shas = [world.commit(now - (50 - n) * HOUR, f"C{n}", {"a": str(n)}) for n in range(2)]
    for sha, ago in zip(shas, (6 * HOUR, HOUR), strict=True):
        world.dated(now - ago, "tag", "-f", "-a", "-m", "x", "production", sha)
    log = (world.folder / ".git/logs/refs/tags/production").read_text()
    old = log.split()[1]
    (world.folder / ".git/objects" / old[:2] / old[2:]).unlink()
    rows, gaps = read(make_request(), world.folder)
    assert gaps == []
    (row,) = [r for r in rows.values() if r["kind"] == "deploy"]
    assert (row["revision"], "moved_from" in row["details"]) == (shas[1], False)


def test_a_revert_by_subject_takes_back_the_newest_before_it() -> None:
    known = [
        Known("a" * 40, "Tune"),
        Known("b" * 40, "Tune"),
        Known("r" * 40, 'Revert "Tune"'),
        Known("c" * 40, "Tune"),
    ]
    assert list(reverts_among([("r" * 40, 'Revert "Tune"')], known).by) == ["b" * 40]


def test_a_release_tag_that_was_moved_follows_the_release_before_it(
    world: World, make_request: MakeRequest, now: datetime
) -> None:
    world.git("config", "core.logAllRefUpdates", "always")
    shas = [world.commit(now - (50 - n) * HOUR, f"C{n}", {"a": str(n)}) for n in range(3)]
    for name, sha, ago in (("v1.0", 0, 30), ("v1.1", 1, 6), ("v1.0", 2, 1)):
        world.dated(now - ago * HOUR, "tag", "-f", "-a", "-m", "x", name, shas[sha])
    rows, _ = read(make_request(), world.folder)
    last = rows["git:tag:v1.0"]
    assert (last["previous"], last["details"]["previous_tag"]) == (shas[1], "v1.1")
    assert last["details"]["moved_from"] == shas[0]


# Never the network


@contextmanager
def listening() -> Iterator[tuple[int, list[object]]]:
    """A port that takes connections and never answers, and those who came."""
    came: list[object] = []
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        listener.settimeout(0.05)
        ended = threading.Event()

        def accept() -> None:
            while not ended.is_set():
                try:
                    came.append(listener.accept())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], came
        finally:
            ended.set()
            thread.join(5)


@pytest.mark.parametrize("scheme", ["git://127.0.0.1:{port}/x", "http://127.0.0.1:{port}/x.git", "ssh", "ext"])
@pytest.mark.parametrize("filtered", ["blob:none", "tree:0", "whole"])
def test_nothing_is_fetched_from_a_remote_that_hangs(
    scheme: str, filtered: str, world: World, make_request: MakeRequest, now: datetime, tmp_path: Path
) -> None:
    for hours in (90, 5, 1):
        world.commit(now - hours * HOUR, f"{hours} h ago", {f"f{hours}": "x\n"})
    world.tag("v1.0", now - HOUR)
    world.git("config", "uploadpack.allowFilter", "true")
    options = [] if filtered == "whole" else [f"--filter={filtered}", "--no-checkout"]
    clone = tmp_path / "clone"
    world.git("clone", "-q", *options, world.folder.as_uri(), str(clone))
    planted = tmp_path / "planted"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\necho ran >> {planted}\nexec sleep 30\n")
    script.chmod(0o755)
    with listening() as (port, came):
        url = {"ssh": "ssh://git@127.0.0.1/x", "ext": f"ext::{script}"}.get(scheme, scheme.format(port=port))
        for key, value in (
            ("remote.origin.url", url),
            ("core.sshCommand", str(script)),
            ("protocol.ext.allow", "always"),
        ):
            world.git("-C", str(clone), "config", key, value)
        started = time.monotonic()
        rows, gaps = read(make_request(source_seconds=8.0), clone)
        list(Git(Settings(repo=str(clone))).check(make_request(source_seconds=8.0)))
        assert time.monotonic() - started < 6
        assert came == []
    assert not planted.exists()
    if filtered == "whole":
        assert (len(rows), gaps) == (3, [])
    else:
        assert "without --filter" in gaps[0].mend
        assert {g.cause for g in gaps} == {"truncated"}


# Bounds


def test_a_commit_of_more_files_than_are_told_apart() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"\x01" + b"a" * 40
        yield from (b"", b"A <a@b>", b"0", b"", b"0", b"Import", b"")
        yield from (b"1\t0\tvendor/%d" % n for n in range(MOST_FILES + 5))

    (commit,) = parse_log(pieces())
    assert (len(commit.files), commit.unlisted) == (MOST_FILES, 5)


@given(st.lists(st.binary(max_size=20).filter(lambda b: b"\0" not in b), max_size=6), st.integers(1, 9))
def test_pieces_are_cut_and_kept_apart(pieces: list[bytes], size: int) -> None:
    stream = b"".join(p + b"\0" for p in pieces)
    found = list(split((stream[i : i + size] for i in range(0, len(stream), size)), longest=7))
    assert found == [p[:7] for p in pieces]


@pytest.mark.slow
def test_a_message_of_fifty_megabytes(world: World, make_request: MakeRequest, now: datetime) -> None:
    sha = world.commit(now - HOUR, "Small", {"a": "1"})
    tree = world.git("rev-parse", "HEAD^{tree}")
    text = b"Absurd\n\n" + b"z" * (50 << 20)
    absurd = world.dated(now - MINUTE, "commit-tree", "-p", sha, tree, stdin=text)
    world.git("update-ref", "refs/heads/main", absurd)
    started = time.monotonic()
    rows, gaps = read(make_request(), world.folder)
    assert time.monotonic() - started < 20
    assert rows[absurd]["summary"] == "Absurd"
    assert len(rows[absurd]["details"]["body"]) <= 8000
    assert gaps == []
