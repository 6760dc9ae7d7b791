"""The git collector in deep repositories: submodules, squash merges, reverts, odd tags, clones that would fetch."""

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
from gitworld import NOBODY, World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git import Git, Settings
from collectors.git.command import split
from collectors.git.history import MOST_FILES, parse_log
from collectors.git.messages import Known, reverts_among
from collectors.git.submodules import parse_raw
from gather_diagnostics import Gap, Raw, Request, Rows
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MakeRequest = Callable[..., Request]


@pytest.fixture(autouse=True)
def _only_the_repositorys_own_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in NOBODY.items():
        monkeypatch.setenv(key, value)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "shop")


def read(request: Request, folder: Path, **settings: Any) -> tuple[dict[str, dict[str, Any]], list[Gap]]:
    """Rows by id without 'git:commit:', and gaps; rows are held against the table as the runner does."""
    rows: dict[str, dict[str, Any]] = {}
    gaps: list[Gap] = []
    for item in Git(Settings(repo=str(folder), **settings)).collect(request):
        if isinstance(item, Rows):
            to_batch(item.table, "git", item.rows)
            rows |= {r["id"].removeprefix("git:commit:"): dict(r) for r in item.rows}  # type: ignore[union-attr]
        elif isinstance(item, Gap):
            gaps.append(item)
        else:
            assert isinstance(item, Raw)
    return rows, gaps


# Submodules


@pytest.fixture
def library(tmp_path: Path, now: datetime) -> tuple[World, list[str]]:
    """A library of five commits, the newest last."""
    library = World(tmp_path / "lib")
    shas = [
        library.commit(now - (90 - n) * HOUR, f"Inner {n}", {"pool.c": f"{n}\n", f"n{n}.c": "x\n"}) for n in range(5)
    ]
    return library, shas


@pytest.fixture
def outer(world: World, library: tuple[World, list[str]], now: datetime) -> World:
    """`shop` with the library at `libs/pool`, checked out at its commit 1."""
    world.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library[0].folder), "libs/pool")
    moved(world, library[1][1])
    world.commit(now - 60 * HOUR, "Add the pool", {"app.py": "1\n"})
    return world


def moved(world: World, sha: str) -> None:
    World.git(world, "-C", "libs/pool", "checkout", "-q", sha)


def test_a_submodule_bump_is_a_change_with_the_inner_commits(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime
) -> None:
    shas = library[1]
    moved(outer, shas[4])
    bump = outer.commit(now - HOUR, "Bump the pool")
    rows, gaps = read(make_request(), outer.folder)
    assert gaps == []
    row = rows[bump]
    assert row["summary"] == f"submodule libs/pool {shas[1][:12]}..{shas[4][:12]} (3 commits): Bump the pool"
    (submodule,) = row["details"]["submodules"]
    assert (submodule["path"], submodule["old"], submodule["new"]) == ("libs/pool", shas[1], shas[4])
    assert [(c["sha"], c["subject"]) for c in submodule["commits"]] == [(shas[n], f"Inner {n}") for n in (4, 3, 2)]
    files = {f["path"]: (f["added"], f["deleted"]) for f in row["details"]["files"]}
    assert files["libs/pool/pool.c"] == (1, 1), "errors point into files inside"
    assert files["libs/pool"] == (1, 1)


def test_a_submodule_moved_back_and_one_beside_other_changes(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime
) -> None:
    shas = library[1]
    moved(outer, shas[0])
    back = outer.commit(now - 2 * HOUR, "Back")
    moved(outer, shas[2])
    both = outer.commit(now - HOUR, "Forth, and code", {"app.py": "2\n"})
    rows, gaps = read(make_request(), outer.folder)
    assert gaps == []
    assert f"submodule libs/pool {shas[1][:12]}..{shas[0][:12]} (takes back 1 commit): Back" == rows[back]["summary"]
    assert [c["sha"] for c in rows[back]["details"]["submodules"][0]["rolled_back"]] == [shas[1]]
    expected = f"Forth, and code (submodule libs/pool {shas[0][:12]}..{shas[2][:12]} (2 commits))"
    assert rows[both]["summary"] == expected


def test_submodules_added_and_removed(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime
) -> None:
    outer.git("rm", "-q", "libs/pool")
    gone = outer.commit(now - HOUR, "Without the pool")
    rows, gaps = read(make_request(change_hours=100), outer.folder)
    assert gaps == []
    assert rows[gone]["summary"] == "submodule libs/pool removed: Without the pool"
    added = next(r for r in rows.values() if r["summary"].startswith("Add the pool"))
    assert added["summary"] == f"Add the pool (submodule libs/pool added at {library[1][1][:12]})"


def test_a_submodule_that_is_not_checked_out_is_told_with_the_mend(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime, tmp_path: Path
) -> None:
    shas = library[1]
    moved(outer, shas[4])
    bump = outer.commit(now - HOUR, "Bump the pool")
    outer.git("clone", "-q", str(outer.folder), str(tmp_path / "clone"))
    rows, (gap,) = read(make_request(), tmp_path / "clone")
    assert rows[bump]["summary"] == f"submodule libs/pool {shas[1][:12]}..{shas[4][:12]}: Bump the pool"
    assert (gap.cause, gap.wanted) == ("truncated", "commits inside the submodule libs/pool")
    assert gap.mend == f"git -C {tmp_path}/clone submodule update --init -- libs/pool"


def test_a_link_in_place_of_a_submodule_leads_nowhere(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime
) -> None:
    moved(outer, library[1][4])
    bump = outer.commit(now - HOUR, "Bump the pool")
    (outer.folder / "libs/pool").rename(outer.folder / "elsewhere")
    (outer.folder / "libs/pool").symlink_to(library[0].folder)
    rows, (gap,) = read(make_request(), outer.folder)
    assert "commits" not in rows[bump]["details"]["submodules"][0]
    assert "not checked out" in gap.why


def test_submodules_of_other_services_are_not_told(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime
) -> None:
    moved(outer, library[1][4])
    both = outer.commit(now - HOUR, "Both", {"app.py": "2\n"})
    rows, gaps = read(make_request(), outer.folder, paths=["app.py"])
    assert (rows[both]["summary"], gaps) == ("Both", [])
    rows, _ = read(make_request(), outer.folder, paths=["libs"])
    assert len(rows[both]["details"]["submodules"]) == 1


def test_submodule_bumps_in_a_partial_clone(
    outer: World, library: tuple[World, list[str]], make_request: MakeRequest, now: datetime, tmp_path: Path
) -> None:
    moved(outer, library[1][4])
    bump = outer.commit(now - HOUR, "Bump the pool", {"big.py": "x\n"})
    outer.git("config", "uploadpack.allowFilter", "true")
    outer.git("clone", "-q", "--filter=blob:none", "--no-checkout", outer.folder.as_uri(), str(tmp_path / "clone"))
    rows, gaps = read(make_request(), tmp_path / "clone")
    assert rows[bump]["details"]["submodules"][0]["new"] == library[1][4], "trees are enough to know"
    assert {g.cause for g in gaps} == {"truncated"}


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from([b"160000", b"100644", b"000000"]),
        st.sampled_from([b"160000", b"100644"]),
        st.binary(min_size=1, max_size=30).filter(lambda b: b"\0" not in b),
    ),
    max_size=4,
)


@given(st.lists(ENTRIES, max_size=4), st.integers(1, 9))
def test_no_path_breaks_the_raw_log_apart(commits: list[Any], size: int) -> None:
    stream = b""
    for number, entries in enumerate(commits):
        stream += b"\x01%040x\0" % number + b"\n" * bool(entries)
        for old, new, path in entries:
            stream += b":%s %s %040x %040x M\0%s\0" % (old, new, 1, 2, path)
    found = parse_raw(split(stream[i : i + size] for i in range(0, len(stream), size)))
    links = {f"{n:040x}": sum(b"160000" in e[:2] for e in entries) for n, entries in enumerate(commits)}
    assert {sha: len(bumps) for sha, bumps in found.items()} == {sha: n for sha, n in links.items() if n}


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
