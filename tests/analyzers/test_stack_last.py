"""Who changed the failing place last, from rows alone: which commits count, and what is said where none does."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from incidents import commit, deploy, lines, tables

from analyzers.stack_frames import stack_frames
from gather_diagnostics import Finding, Request

HOUR = timedelta(hours=1)
POOL = "services/checkout/app/pool.py"
TRACE = f'Traceback (most recent call last):\n  File "/app/{POOL}", line 44, in take\nEmpty: no connection'


@pytest.fixture
def request_(make_request: Any) -> Request:
    made: Request = make_request()
    return made


@pytest.fixture
def start(request_: Request) -> datetime:
    return request_.changes.start


def touching(when: datetime, name: str, path: str = POOL, *, old: bool = False, **file: Any) -> dict[str, Any]:
    """A commit; an old one as the git collector tells it."""
    row: dict[str, Any] = commit(when, name, path)
    row["details"]["files"][0] |= file
    row["details"] |= {"before_window": True, "lines_deployed_in": "f" * 40} if old else {}
    return row


def found(request: Request, *changes: dict[str, Any], trace: str = TRACE) -> Finding:
    logs = lines(request.baseline.start, request.incident.end, 20, "order {n} placed")
    logs += lines(request.incident.end - HOUR / 2, request.incident.end, 15, trace, level="ERROR")
    (finding,) = stack_frames(request, tables(logs=logs, changes=list(changes)))
    return finding


def last(finding: Finding) -> tuple[str, bool, str] | None:
    touched = finding.details["last_touched"]
    return touched and (touched["id"].removeprefix("git:commit:"), touched["in_window"], touched["on"])


def test_bundles_without_older_commits_say_what_they_did(request_: Request, start: datetime) -> None:
    finding = found(request_, touching(start + HOUR, "a1", lines=[[44, 44]]))
    assert last(finding) == ("a1", True, "line")
    assert finding.details["history_since"] is None
    other = found(request_, touching(start + HOUR, "a1", "services/checkout/app/cart.py"))
    assert last(other) is None
    assert other.headline.endswith("UTC."), "nothing is said of who changed it"


def test_a_file_that_no_commit_read_touches(request_: Request, start: datetime) -> None:
    finding = found(request_, touching(start - 500 * HOUR, "a1", "services/checkout/app/cart.py", old=True))
    assert last(finding) is None
    assert finding.details["history_since"] == (start - 500 * HOUR).isoformat()
    assert finding.headline.endswith(f" No commit read, back to {start - 500 * HOUR:%Y-%m-%d}, touches that file.")


def test_the_line_counts_before_the_function_before_the_file(request_: Request, start: datetime) -> None:
    file = touching(start - HOUR, "a1", lines=[[1, 2]], old=True)
    function = touching(start - 2 * HOUR, "b2", lines=[[5, 6]], functions=["def take(self):"], old=True)
    line = touching(start - 3 * HOUR, "c3", lines=[[44, 44]], old=True)
    assert last(found(request_, file, function, line)) == ("c3", False, "line")
    assert last(found(request_, file, function)) == ("b2", False, "function")
    assert "That function was last changed" in found(request_, file, function).headline
    assert last(found(request_, file)) == ("a1", False, "file")
    newer = touching(start - HOUR / 2, "d4", lines=[[44, 44]], old=True)
    assert last(found(request_, newer, line)) == ("d4", False, "line")


def test_near_is_enough_for_a_suspect_and_not_for_an_old_author(request_: Request, start: datetime) -> None:
    assert last(found(request_, touching(start + HOUR, "a1", lines=[[46, 46]]))) == ("a1", True, "line")
    old = touching(start - HOUR, "a1", old=True, lines=[[46, 46]])
    assert last(found(request_, old)) == ("a1", False, "file")


def test_old_lines_that_were_not_followed_to_what_runs_mean_nothing(request_: Request, start: datetime) -> None:
    row = touching(start - HOUR, "a1", lines=[[44, 44]], old=True)
    del row["details"]["lines_deployed_in"]
    assert last(found(request_, row)) == ("a1", False, "file")


def test_the_first_deploy_of_the_window_brings_an_old_commit(request_: Request, start: datetime) -> None:
    carried = touching(start - 50 * HOUR, "a" * 40, lines=[[44, 44]])
    deploys = [deploy(start + n * HOUR, f"v{n}", "a" * 40) for n in (20, 3, 9)]
    finding = found(request_, carried, *deploys)
    assert last(finding) == ("a" * 40, True, "line")
    assert finding.details["last_touched"]["time"] == (start - 50 * HOUR).isoformat()
    assert "and was deployed 20 hours before the first" in finding.headline
    late = deploy(request_.incident.end - HOUR / 4, "late", "a" * 40)
    assert last(found(request_, carried, late)) is None, "it came when the failures were there already"
    early = deploy(start - HOUR, "early", "a" * 40)
    assert last(found(request_, carried, early)) == ("a" * 40, False, "file"), "and was not followed"


def test_of_files_that_agree_as_well_the_one_changed_in_the_window_is_meant(request_: Request, start: datetime) -> None:
    trace = TRACE.replace(f"/app/{POOL}", "/app/pool.py")
    one = touching(start + HOUR, "a1", "services/checkout/a/pool.py")
    other = touching(start - HOUR, "b2", "services/checkout/b/pool.py", old=True)
    assert last(found(request_, one, other, trace=trace)) == ("a1", True, "file")
    assert last(found(request_, other, trace=trace)) == ("b2", False, "file")
    third = touching(start - HOUR, "c3", "services/checkout/c/pool.py", old=True)
    assert last(found(request_, other, third, trace=trace)) is None


@pytest.mark.parametrize(
    "details", [[], "x", {"files": {"a": 1}}, {"commits": 7, "files": ["x"]}, {"before_window": 1}]
)
def test_details_of_any_form_break_nothing(request_: Request, start: datetime, details: Any) -> None:
    assert last(found(request_, commit(start - HOUR, "a1") | {"details": details, "kind": "deploy"})) is None
