"""Submodules: a commit that moves one, what lies inside it, and what can not be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git import Git, Settings
from collectors.git.command import split
from collectors.git.submodules import parse_raw
from gather_diagnostics import Gap, Raw, Request, Rows
from gather_diagnostics.tables import to_batch

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MakeRequest = Callable[..., Request]


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
    lines = {f["path"]: f.get("lines") for f in row["details"]["files"]}
    assert (lines["libs/pool/pool.c"], lines["libs/pool"]) == ([[1, 1]], None)


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
