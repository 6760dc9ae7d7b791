"""Commits from before the change window, and what a failing line's history says with them: real repositories."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gitreading import clone, plan, plant, read
from gitworld import World, long_history
from incidents import lines, tables

from analyzers.changes import changes
from analyzers.stack_frames import stack_frames
from gather_diagnostics import Coverage, Evidence, Finding, Request
from gather_diagnostics.document import brief, view
from gather_diagnostics.selection import is_history

HOUR = timedelta(hours=1)
DAY = 24 * HOUR
FILE = "services/checkout/pool.py"
TRACE = """\
Traceback (most recent call last):
  File "/app/{path}", line {line}, in take
    raise Empty
Empty: no connection"""


def numbered(count: int, **changed: str) -> str:
    return "".join(f"{changed.get(f'n{n}', f'line {n}')}\n" for n in range(1, count + 1))


def frames(request: Request, folder: Path, line: int, path: str = FILE, **settings: Any) -> Finding:
    """The finding of a failure there, half an hour before the end, with what the collector reads."""
    logs = lines(request.baseline.start, request.incident.end, 20, "order {n} placed")
    start = request.incident.end - HOUR / 2
    logs += lines(start, request.incident.end, 15, TRACE.format(path=path, line=line), level="ERROR")
    found = read(request, folder, **settings)
    (finding,) = stack_frames(request, tables(logs=logs, changes=[*found.rows, *found.older]))
    return finding


def last(finding: Finding) -> tuple[str, bool, str]:
    touched = finding.details["last_touched"]
    return touched["id"].removeprefix("git:commit:"), touched["in_window"], touched["on"]


@pytest.fixture
def shop(world: World, now: datetime) -> World:
    """A file of 40 lines; line 20 was changed three weeks ago and moved to 25 ten days ago; a change of today."""
    world.commit(now - 60 * DAY, "Begin", {FILE: numbered(40)})
    world.git("config", "user.name", "Priya Nair")
    world.commit(now - 21 * DAY, "Retry policy", {FILE: numbered(40, n20="retry")})
    world.git("config", "user.name", "Ada")
    world.commit(now - 10 * DAY, "Header", {FILE: "new\n" * 5 + numbered(40, n20="retry")})
    world.commit(now - 2 * HOUR, "Elsewhere", {"services/checkout/cart.py": "1\n"})
    return world


def sha_of(world: World, subject: str) -> str:
    return world.git("log", "--all", "--format=%H", f"--grep={subject}")


def test_a_line_changed_three_weeks_ago_is_old(shop: World, make_request: Any, now: datetime) -> None:
    finding = frames(make_request(), shop.folder, 25)
    sha = sha_of(shop, "Retry policy")
    assert finding.details["last_touched"] == {
        "id": f"git:commit:{sha}", "author": "Priya Nair <ada@example.com>", "summary": "Retry policy",
        "time": (now - 21 * DAY).isoformat(), "in_window": False, "on": "line",
    }  # fmt: skip
    said = (
        f"That line was last changed 21 days before by Priya Nair ({sha[:7]} “Retry policy”): not in the change window."
    )
    assert finding.headline.endswith(said)
    assert (finding.details["changes"], finding.details["file"]) == ([], FILE)
    assert [s.table for s in finding.supports] == ["logs", "changes"], "the claim leads to the commit's row"


def test_a_line_changed_in_the_window(shop: World, make_request: Any, now: datetime) -> None:
    sha = shop.commit(now - 3 * HOUR, "Today", {FILE: "new\n" * 5 + numbered(40, n20="today")})
    finding = frames(make_request(), shop.folder, 25)
    assert last(finding) == (sha, True, "line")
    assert finding.details["changes"] == finding.details["lines_hit"] == [f"git:commit:{sha}"]
    assert "“Today” by Ada changed that line" in finding.headline
    assert "last changed" not in finding.headline


def test_a_line_never_changed_is_the_first_commits(shop: World, make_request: Any) -> None:
    assert last(frames(make_request(), shop.folder, 40)) == (sha_of(shop, "Begin"), False, "line")


def test_a_change_beside_an_old_line_is_told_with_it(shop: World, make_request: Any, now: datetime) -> None:
    today = shop.commit(now - 3 * HOUR, "Today", {FILE: "new\n" * 5 + numbered(40, n20="retry", n35="today")})
    finding = frames(make_request(), shop.folder, 25)
    assert last(finding) == (sha_of(shop, "Retry policy"), False, "line")
    assert finding.details["changes"] == [f"git:commit:{today}"]
    assert "“Today” by Ada changed that file" in finding.headline
    assert "That line itself was last changed 21 days before" in finding.headline


def test_a_fix_after_the_first_failure_is_not_the_last_change(shop: World, make_request: Any, now: datetime) -> None:
    shop.commit(now - HOUR / 6, "Fix", {FILE: "new\n" * 5 + numbered(40, n20="fixed")})
    _, in_window, on = last(frames(make_request(), shop.folder, 25))
    assert (in_window, on) == (False, "file"), "its line is the fix's now, and that the fix came too late"


def test_a_renamed_file_keeps_its_history(shop: World, make_request: Any, now: datetime) -> None:
    shop.git("mv", FILE, "services/checkout/conn.py")
    shop.commit(now - 5 * DAY, "Rename")
    finding = frames(make_request(), shop.folder, 25, "services/checkout/conn.py")
    assert last(finding) == (sha_of(shop, "Retry policy"), False, "line")
    assert last(frames(make_request(), shop.folder, 31, "services/checkout/conn.py"))[0] == sha_of(shop, "Begin")


def test_a_merge_is_named_only_for_what_it_changed_itself(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 60 * DAY, "Begin", {FILE: numbered(40)})
    world.git("switch", "-q", "-c", "feature")
    side = world.commit(now - 30 * DAY, "Side", {FILE: numbered(40, n4="side", n20="side")})
    world.git("switch", "-q", "main")
    world.commit(now - 29 * DAY, "Main", {FILE: numbered(40, n4="main", n36="main")})
    world.dated(now - 28 * DAY, "merge", "-q", "--no-commit", "-s", "ours", "feature")
    merge = world.commit(now - 28 * DAY, "Merge", {FILE: numbered(40, n4="both", n20="side", n36="main")})
    world.git("switch", "-q", "-c", "plain")
    world.commit(now - 27 * DAY, "Plain side", {"services/checkout/cart.py": "1\n"})
    world.git("switch", "-q", "main")
    plain = world.merge(now - 26 * DAY, "plain", "Merge plain")
    world.commit(now - HOUR, "Today", {"services/checkout/cart.py": "2\n"})
    assert last(frames(make_request(), world.folder, 20)) == (side, False, "line")
    assert last(frames(make_request(), world.folder, 4)) == (merge, False, "line")
    assert plain not in {r["revision"] for r in read(make_request(), world.folder).older}
    few = read(make_request(), world.folder, older_commits=3).older
    assert {r["summary"] for r in few} == {"Plain side", "Merge", "Main", "Side"}, "merges are not counted"


def test_where_a_shallow_clone_ends_nobody_is_named(shop: World, make_request: Any, tmp_path: Path) -> None:
    shallow = clone(shop, tmp_path / "shallow", "--depth=2")
    found = read(make_request(), shallow)
    (row,) = found.older
    assert (row["summary"], row["details"]["files"], row["details"]["history_ends"]) == ("Header", [], True)
    assert found.gaps == [], "the change window is whole"
    finding = frames(make_request(), shallow, 25)
    assert finding.details["last_touched"] is None
    assert "Who changed it last is unknown: the clone's history begins at 2026-03-04." in finding.headline


def test_an_old_commit_that_was_deployed_today_is_a_change_of_the_window(
    shop: World, make_request: Any, now: datetime
) -> None:
    shop.tag("v1.0", now - 30 * DAY, target=sha_of(shop, "Begin"))
    shop.tag("v1.1", now - HOUR)
    found = read(make_request(), shop.folder)
    assert [r["summary"] for r in found.older] == ["Begin"], "the others are told as what the deploy carried"
    finding = frames(make_request(), shop.folder, 25)
    sha = sha_of(shop, "Retry policy")
    assert last(finding) == (sha, True, "line")
    assert finding.details["lines_hit"] == [f"git:commit:{sha}"]
    assert (
        "“Retry policy” by Priya Nair changed that line (services/checkout/pool.py) and was deployed 3"
        in finding.headline
    )


def test_a_line_replaced_since_what_runs_is_still_its_old_authors(
    shop: World, make_request: Any, now: datetime
) -> None:
    """The deploy of the window is of a commit from before it: later ones did not run."""
    shop.tag("v1.0", now - 50 * DAY, target=sha_of(shop, "Begin"))
    deployed = sha_of(shop, "Retry policy")
    shop.tag("v1.1", now - 5 * HOUR, target=deployed)
    late = sha_of(shop, "Header")
    older = {r["revision"]: r["details"] for r in read(make_request(), shop.folder).older}
    assert "lines_deployed_in" not in older[late]
    assert older[sha_of(shop, "Begin")]["lines_deployed_in"] == deployed


def test_older_commits_have_limits(world: World, make_request: Any, now: datetime) -> None:
    long_history(world, 300, now - 2 * DAY, "services/checkout")
    world.commit(now - HOUR, "Today", {"x": "1\n"})
    assert len(read(make_request(), world.folder).older) == 100
    found = read(make_request(), world.folder, older_commits=7)
    assert [r["summary"] for r in found.older] == [f"Change {n}" for n in range(299, 292, -1)]
    assert all("lines" in f for r in found.older for f in r["details"]["files"])
    assert read(make_request(), world.folder, older_commits=0).older == []
    assert any("newest 7 such commits" in t.what for t in plan(make_request(), world.folder, older_commits=7)[0])


def test_only_commits_of_the_service_are_read(shop: World, make_request: Any, now: datetime) -> None:
    request = make_request(now=now + 3 * DAY)
    shop.commit(now + DAY, "Another service", {"services/cart/a.py": "1\n"})
    assert [r["summary"] for r in read(request, shop.folder).older] == ["Elsewhere", "Header", "Retry policy", "Begin"]


def test_a_commit_of_a_wrong_clock_stays_before_the_window(world: World, make_request: Any, now: datetime) -> None:
    world.commit(now - 9 * DAY, "Begin", {FILE: numbered(9)})
    world.git("switch", "-q", "-c", "feature")
    wrong = world.commit(now - HOUR, "Ahead of its time", {FILE: numbered(9, n3="x")})
    world.git("switch", "-q", "main")
    world.merge(now - 5 * DAY, "feature", "Merge")
    (row,) = (r for r in read(make_request(), world.folder).older if r["revision"] == wrong)
    assert row["time"] == now - 5 * DAY


def test_a_walk_that_takes_too_long_costs_the_rest_of_it_and_is_told(
    shop: World, make_request: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """git stops after two of the three."""
    does = '"$(dirname "$0")/real" "$@" | head -2; exec sleep 30'
    plant(tmp_path / "bin", monkeypatch, "*--max-count=500*", does)
    (tmp_path / "bin" / "real").write_text((tmp_path / "bin" / "git").read_text().replace("*--max-count=500*", "no"))
    (tmp_path / "bin" / "real").chmod(0o755)
    found = read(make_request(source_seconds=3.0), shop.folder)
    assert [r["summary"] for r in found.older] == ["Header", "Retry policy"]
    assert [(g.cause, g.wanted) for g in found.gaps] == [("truncated", "commits from before the change window")]
    assert "2 of 100" in found.gaps[0].why


def test_history_is_no_candidate_and_no_event(shop: World, make_request: Any) -> None:
    request = make_request()
    found = read(request, shop.folder)
    frame = tables(changes=[*found.rows, *found.older])
    assert (len(found.rows), list(is_history(frame["changes"]))) == (1, [True, True, True, False])
    nothing = dict.fromkeys(("onset", "error_rate", "latency", "stack_frames", "dependencies"), ())
    verdict, *candidates = changes(request, frame, nothing)
    assert (verdict.details["candidates"], [c.details["change"] for c in candidates]) == (1, [found.rows[0]["id"]])
    document = view(Evidence(request, frame, (Coverage("test", (), {"changes": 4}, 1.0, "complete"),), ()))
    assert [e["what"].rpartition(" by ")[0].split(" ", 1)[1] for e in document["timeline"]] == ["Elsewhere"]
    assert document["timeline"][0]["row"] == 3
    assert document["changes_seen"] == 1
    assert brief.rows_words(document["coverage"][0]) == "1 changes, 3 older commits"
