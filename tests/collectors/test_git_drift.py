"""Where a commit's lines are in the revision that runs."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from gitreading import plant, read
from gitworld import World
from hypothesis import given
from hypothesis import strategies as st

from collectors.git.drift import carried
from collectors.git.hunks import Hunk

HOUR = timedelta(hours=1)


def numbered(count: int, **changed: str) -> str:
    return "".join(f"{changed.get(f'n{n}', f'line {n}')}\n" for n in range(1, count + 1))


def file_of(row: dict[str, Any]) -> dict[str, Any]:
    (file,) = row["details"]["files"]
    return file  # type: ignore[no-any-return]


def test_later_commits_move_lines(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": numbered(40)})
    early = world.commit(now - 5 * HOUR, "Early", {"a.py": numbered(40, n20="early")})
    late = world.commit(now - HOUR, "Late", {"a.py": "new\n" * 7 + numbered(40, n20="early")})
    found = read(make_request(), world.folder)
    assert file_of(found.commit(early))["lines"] == [[20, 20]], "as its own patch shows it"
    assert file_of(found.commit(early))["deployed"] == {"path": "a.py", "lines": [[27, 27]]}
    assert "deployed" not in file_of(found.commit(late)), "nothing came after it"
    assert {found.commit(s)["details"]["lines_deployed_in"] for s in (early, late)} == {late}


def test_lines_that_were_replaced_stand_no_more(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": numbered(40), "b.py": numbered(9)})
    early = world.commit(now - 5 * HOUR, "Early", {"a.py": numbered(40, n20="early", n30="early")})
    gone = world.commit(now - 4 * HOUR, "Gone", {"b.py": numbered(9, n3="x")})
    world.commit(now - HOUR, "Late", {"a.py": numbered(40, n20="late", n30="early"), "b.py": None})
    found = read(make_request(), world.folder)
    assert file_of(found.commit(early))["deployed"]["lines"] == [[30, 30]]
    assert file_of(found.commit(gone))["deployed"]["lines"] == []


def test_a_file_that_was_renamed_since_is_found_by_its_new_name(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"services/checkout/a.py": numbered(40)})
    early = world.commit(now - 5 * HOUR, "Early", {"services/checkout/a.py": numbered(40, n20="early")})
    world.git("mv", "services/checkout/a.py", "services/checkout/b.py")
    text = "new\n" + numbered(40, n20="early")
    world.commit(now - HOUR, "Late", {"services/checkout/b.py": text})
    found = read(make_request(), world.folder)
    assert file_of(found.commit(early))["deployed"] == {"path": "services/checkout/b.py", "lines": [[21, 21]]}


def test_what_runs_is_the_newest_deploy_that_is_no_rollback(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": numbered(40)})
    world.tag("v1.0", now - 98 * HOUR)
    early = world.commit(now - 9 * HOUR, "Early", {"a.py": numbered(40, n20="early")})
    middle = world.commit(now - 8 * HOUR, "Middle", {"a.py": "new\n" + numbered(40, n20="early")})
    world.tag("v1.1", now - 7 * HOUR)
    world.tag("v1.2", now - 2 * HOUR, "back", target="v1.0^{commit}")
    late = world.commit(now - HOUR, "Late", {"a.py": "new\n" * 9 + numbered(40, n20="early")})
    found = read(make_request(), world.folder)
    assert found.commit(early)["details"]["lines_deployed_in"] == middle
    assert file_of(found.commit(early))["deployed"]["lines"] == [[21, 21]]
    assert "lines_deployed_in" not in found.commit(late)["details"], "it did not run"
    assert "deployed" not in file_of(found.commit(late))


def test_without_it_rows_stay(
    world: World, make_request: Any, now: datetime, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    world.commit(now - 99 * HOUR, "Root", {"a.py": numbered(40)})
    shas = [world.commit(now - (5 - n) * HOUR, f"C{n}", {"a.py": numbered(40, n20=str(n))}) for n in range(3)]
    plant(tmp_path / "bin", monkeypatch, "*diff-tree*--stdin*", "echo 'error: x: Permission denied' >&2; exit 128")
    found = read(make_request(), world.folder)
    assert [file_of(found.commit(s))["lines"] for s in shas] == [[[20, 20]]] * 3
    assert [r["details"]["files"][0]["lines"] for r in found.older] == [[[1, 40]]]
    assert {g.cause for g in found.gaps} == {"denied"}
    wanted = {f"lines of commits in {shas[-1][:12]}", "lines of commits from before the change window"}
    assert {g.wanted for g in found.gaps} == wanted


@pytest.mark.parametrize("seed", range(3))
def test_lines_in_what_runs_are_those_that_git_blame_tells(
    seed: int, world: World, make_request: Any, now: datetime
) -> None:
    """On insertions and replacements alone, which have no neighbours to be told."""
    dice = random.Random(seed)
    lines = [f"line {n} {dice.random()}" for n in range(80)]
    world.commit(now - 99 * HOUR, "Root", {"a.py": "\n".join(lines) + "\n"})
    shas = []
    for step in range(8):
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(lines))
            lines[at : at + dice.randint(0, 1)] = [f"new {dice.random()}" for _ in range(dice.randint(1, 3))]
        shas.append(world.commit(now - (20 - step) * HOUR, f"Step {step}", {"a.py": "\n".join(lines) + "\n"}))
    blamed = [text.split(" ")[0].lstrip("^") for text in world.git("blame", "-l", "-s", "a.py").splitlines()]
    found = read(make_request(), world.folder)
    for sha in shas:
        file = file_of(found.commit(sha))
        told = file.get("deployed", file)["lines"]
        assert [n for a, b in told for n in range(a, b + 1)] == [n for n, s in enumerate(blamed, 1) if s == sha]


@given(st.data())
def test_carried_lines_hold_the_same_text(data: st.DataObject) -> None:
    """Against two texts that the hunks are made from: every unchanged line is found again, no other is."""
    old: list[str] = []
    new: list[str] = []
    hunks: list[Hunk] = []
    for n in range(data.draw(st.integers(0, 6))):
        same = [f"same {n}.{m}" for m in range(data.draw(st.integers(1, 4)))]
        old, new = old + same, new + same
        gone, came = data.draw(st.integers(0, 3)), data.draw(st.integers(0, 3))
        if gone or came:
            starts = (len(old) + bool(gone), len(new) + bool(came))
            hunks.append(Hunk(starts[0], gone, starts[1], came))
            old, new = [*old, *["old"] * gone], [*new, *["new"] * came]
    start = data.draw(st.integers(1, len(new) + 1))
    end = data.draw(st.integers(start, len(new) + 1))
    found = [old[n - 1] for a, b in carried([(start, end)], hunks) for n in range(a, b + 1) if n <= len(old)]
    assert found == [text for text in new[start - 1 : end] if text != "new"]
