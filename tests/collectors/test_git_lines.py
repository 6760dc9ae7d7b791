"""Which lines and functions a commit is said to have touched."""

from __future__ import annotations

import itertools
import random
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from gitreading import read
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git.hunks import MOST_RANGES, merged, parse_sections

HOUR = timedelta(hours=1)

POOL = """\
import time


class Pool:
    size = 20

    def take(self):
        if self.closed:
            raise Closed
        return self.free.pop()

    async def give(self, one):
        self.free.append(one)


def make(name):
    return Pool(name)
"""


def files_of(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f["path"]: f for f in row["details"]["files"]}


def numbered(count: int, **changed: str) -> str:
    return "".join(f"{changed.get(f'n{n}', f'line {n}')}\n" for n in range(1, count + 1))


def test_lines_and_functions_that_a_commit_touched(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"pool.py": POOL})
    text = POOL.replace("free.pop()", "free.pop(0)").replace("append(one)", "append(one)\n        self.wake()")
    sha = world.commit(now - HOUR, "Change", {"pool.py": text, "new.py": "a\nb\n"})
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert files["pool.py"]["lines"] == [[10, 10], [14, 14]]
    assert files["pool.py"]["functions"] == ["def take(self):", "async def give(self, one):"]
    assert files["new.py"]["lines"] == [[1, 2]]
    assert "functions" not in files["new.py"]


def test_of_deleted_lines_the_neighbours_are_told(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"pool.py": POOL, "top.py": numbered(9), "gone.py": "1\n"})
    guardless = POOL.replace("        if self.closed:\n            raise Closed\n", "")
    sha = world.commit(
        now - HOUR, "Delete", {"pool.py": guardless, "top.py": numbered(9).partition("\n")[2], "gone.py": None}
    )
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert files["pool.py"]["lines"] == [[7, 8]]
    assert guardless.splitlines()[6:8] == ["    def take(self):", "        return self.free.pop()"]
    assert files["top.py"]["lines"] == [[1, 1]]
    assert "lines" not in files["gone.py"]


def test_a_moved_file_has_the_lines_that_were_changed(world: World, make_request: Any, now: datetime) -> None:
    content = {
        "services/cart/pool.py": numbered(30),
        "services/cart/same.py": numbered(40),
        "services/checkout/x": "1\n",
    }
    world.commit(now - 99 * HOUR, "Root", content)
    (world.folder / "services/cart/pool.py").unlink()
    world.git("mv", "services/cart/same.py", "services/checkout/same.py")
    sha = world.commit(now - HOUR, "Move it in", {"services/checkout/pool.py": numbered(30, n7="seven")})
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert files["services/checkout/pool.py"]["old_path"] == "services/cart/pool.py"
    assert files["services/checkout/pool.py"]["lines"] == [[7, 7]], "not all of it, although it is new to the service"
    assert "lines" not in files["services/checkout/same.py"]


def test_what_has_no_lines(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"run.sh": "x\n", "b.bin": b"\0\1", "l": "1\n2\n"})
    (world.folder / "run.sh").chmod(0o755)
    (world.folder / "l").unlink()
    (world.folder / "l").symlink_to("run.sh")
    sha = world.commit(now - HOUR, "Change", {"b.bin": b"\0\2", "real.py": "1\n"})
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert {p for p, f in files.items() if "lines" in f} == {"real.py"}
    assert set(files) == {"run.sh", "b.bin", "l", "real.py"}


def test_odd_names_keep_their_lines(world: World, make_request: Any, now: datetime) -> None:
    names = ["a b.py", 'quo"te.py', "tab\t.py", "nëw.py", "new\nline.py", "b", "a => b.py", "sp ace\t.py"]
    sha = world.commit(now - HOUR, "Odd", dict.fromkeys(names, "1\n2\n"))
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert {name: f.get("lines") for name, f in files.items()} == {name: [[1, 2]] for name in names}


def test_contents_that_look_like_a_patch(world: World, make_request: Any, now: datetime) -> None:
    evil = "diff --git a/x b/x\n+++ b/other.py\n@@ -1 +99 @@ def evil():\n-- a/x\n++ b/other.py\ncommit {}\n"
    world.commit(now - 9 * HOUR, "Root", {"a.patch": "1\n", "other.py": "1\n"})
    first = world.commit(now - 2 * HOUR, "In", {"a.patch": evil.format("0" * 40) + "1\n"})
    second = world.commit(now - HOUR, "Out", {"a.patch": "1\r\n2\n", "other.py": "2\n"})
    found = read(make_request(change_hours=4), world.folder)
    assert files_of(found.commit(first))["a.patch"]["lines"] == [[1, 6]]
    files = files_of(found.commit(second))
    assert files["a.patch"]["lines"] == [[1, 2]]
    assert files["other.py"]["lines"] == [[1, 1]]
    assert "functions" not in files["a.patch"]


def test_a_merge_has_the_lines_of_its_own(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 90 * HOUR, "Root", {"a.py": numbered(20)})
    world.git("switch", "-q", "-c", "feature")
    side = world.commit(now - 3 * HOUR, "Side", {"a.py": numbered(20, n4="side")})
    world.git("switch", "-q", "main")
    main = world.commit(now - 2 * HOUR, "Main", {"a.py": numbered(20, n4="main", n17="main")})
    world.dated(now - HOUR, "merge", "-q", "--no-commit", "-s", "ours", "feature")
    merge = world.commit(now - HOUR, "Merge", {"a.py": numbered(20, n4="both", n17="main")})
    found = read(make_request(), world.folder)
    lines = {sha: files_of(found.commit(sha))["a.py"]["lines"] for sha in (side, main, merge)}
    assert lines == {side: [[4, 4]], main: [[4, 4], [17, 17]], merge: [[4, 4]]}


def test_too_many_ranges_are_cut_and_it_is_said(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": numbered(400), "b.py": numbered(9)})
    every = {f"n{n}": "x" for n in range(2, 400, 2)}
    sha = world.commit(now - HOUR, "Change", {"a.py": numbered(400, **every), "b.py": numbered(9, n3="x")})
    files = files_of(read(make_request(), world.folder).commit(sha))
    assert files["a.py"]["lines"] == [[n, n] for n in range(2, 2 + 2 * MOST_RANGES, 2)]
    assert files["a.py"]["lines_cut"] is True
    assert (files["b.py"]["lines"], "lines_cut" in files["b.py"]) == ([[3, 3]], False)


def test_commits_beyond_the_limit_say_that_they_were_not_read(
    world: World, make_request: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collectors.git.hunks.MOST_HUNKS", 3)
    shas = [world.commit(now - (9 - n) * HOUR, f"C{n}", {"a": f"{n}\n", "b": f"{n}\n"}) for n in range(3)]
    found = read(make_request(), world.folder)
    told = [[f.get("lines_cut", False) for f in files_of(found.commit(s)).values()] for s in shas]
    assert told == [[True, True], [False, True], [False, False]], "the newest is whole"


@pytest.mark.parametrize("seed", range(3))
def test_lines_are_those_that_git_blame_gives_to_the_commit(
    seed: int, world: World, make_request: Any, now: datetime
) -> None:
    dice = random.Random(seed)
    lines = [f"line {n} {dice.random()}" for n in range(80)]
    world.commit(now - 99 * HOUR, "Root", {"a.py": "\n".join(lines) + "\n"})
    expected: dict[str, set[int]] = {}
    for step in range(6):
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(lines))
            lines[at : at + dice.randint(0, 2)] = [f"new {dice.random()}" for _ in range(dice.randint(0, 3))]
        sha = world.commit(now - (20 - step) * HOUR, f"Step {step}", {"a.py": "\n".join(lines) + "\n"})
        blamed = world.git("blame", "-l", "--root", "-s", "a.py").splitlines()
        expected[sha] = {n for n, text in enumerate(blamed, 1) if text.lstrip("^").startswith(sha)}
    found = read(make_request(), world.folder)
    for sha, wanted in expected.items():
        ranges = [r for f in found.commit(sha)["details"]["files"] for r in f["lines"]]
        told = {n for a, b in ranges for n in range(a, b + 1)}
        assert wanted <= told
        removals = len(re.findall(r"(?m)^@@ .*,0 @@", world.git("show", "-U0", "--format=", sha)))
        assert len(told - wanted) <= 2 * removals, "beyond them only neighbours of what was deleted"


RANGES = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 9)).map(lambda p: (p[0], p[0] + p[1])))


@given(RANGES)
def test_merged_ranges_hold_the_same_lines_apart_and_in_order(ranges: list[tuple[int, int]]) -> None:
    found = merged(ranges)
    assert {n for a, b in found for n in range(a, b + 1)} == {n for a, b in ranges for n in range(a, b + 1)}
    assert all(b + 1 < c for (_, b), (c, _) in itertools.pairwise(found))


@given(
    st.lists(st.binary(max_size=40) | st.sampled_from([b"@@ -1 +2 @@ f", b"commit 1", b"diff --git a b", b"+++ b/x"]))
)
def test_any_lines_can_be_read(lines: list[bytes]) -> None:
    for section in parse_sections(lines):
        merged(h.range for h in section.hunks)
