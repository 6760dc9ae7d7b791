"""What landed on the branch: rows, times, kinds, patches."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gitreading import read
from gitworld import World, long_history

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


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
    assert details["files"] == [
        {"path": "a.py", "added": 2, "deleted": 1, "lines": [[1, 2]]},
        {"path": "b.py", "added": 1, "deleted": 0, "lines": [[1, 1]]},
    ]
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
    assert row["details"]["files"] == [{"path": 'a "b".py', "added": 2, "deleted": 2, "lines": [[1, 2]]}]
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
