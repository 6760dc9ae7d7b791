"""Where the service's own code fails: groups, baseline, and the commits that touch the lines."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from incidents import commit, lines, tables

from analyzers.stack_frames import candidates, stack_frames
from gather_diagnostics import Finding, Request

TRACE = """\
order {n} could not be placed
Traceback (most recent call last):
  File "/app/services/checkout/app/db/pool.py", line 7, in connection
    return pool.acquire(timeout=2.0)
  File "/usr/lib/python3.11/site-packages/psycopg/pool.py", line 91, in acquire
    raise PoolTimeout()
PoolTimeout: no connection for order {n} within 2.0 s"""
POOL = "services/checkout/app/db/pool.py"


@pytest.fixture
def request_(make_request: Any) -> Request:
    made: Request = make_request()
    return made


@pytest.fixture
def onset(request_: Request) -> datetime:
    return request_.incident.end - timedelta(minutes=20)


def everyday(request: Request) -> list[dict[str, Any]]:
    return lines(request.baseline.start, request.incident.end, 20, "order {n} placed")


def errors(start: datetime, request: Request, text: str = TRACE, **columns: Any) -> list[dict[str, Any]]:
    return lines(start, request.incident.end, 15, text, level="ERROR", **columns)


def touching(when: datetime, name: str, path: str = POOL, **file: Any) -> dict[str, Any]:
    row = commit(when, name, path)
    row["details"]["files"][0] |= file
    return row


def found(
    request: Request, logs: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]] = ()
) -> list[Finding]:
    return list(stack_frames(request, tables(logs=logs, changes=changes)))


def test_a_new_failure_names_its_place_and_the_commit_that_touched_the_line(request_: Request, onset: datetime) -> None:
    changes = [
        touching(onset - timedelta(minutes=48), "a1", lines=[[1, 2], [6, 9]]),
        touching(onset - timedelta(minutes=30), "b2", lines=[[40, 44]]),
        touching(onset - timedelta(minutes=9), "c3", "services/checkout/app/receipt.py", lines=[[7, 7]]),
    ]
    logs = errors(onset, request_)
    (finding,) = found(request_, everyday(request_) + logs, changes)
    assert finding.details["frame"] == {
        "path": f"/app/{POOL}", "line": 7, "function": "connection"
    }  # fmt: skip
    assert finding.details["exception"] == "PoolTimeout"
    assert finding.details["language"] == "python"
    assert (finding.details["count"], finding.details["baseline_count"]) == (len(logs), 0)
    assert finding.details["state"] == "new"
    assert finding.details["file"] == POOL
    assert finding.details["changes"] == ["git:commit:b2", "git:commit:a1"]
    assert finding.details["lines_hit"] == ["git:commit:a1"]
    assert finding.severity == "high"
    assert finding.time == logs[0]["time"]
    assert "connection (/app/services/checkout/app/db/pool.py:7)" in finding.headline
    assert "“commit a1”" in finding.headline
    assert [s.table for s in finding.supports] == ["logs", "changes"]


def test_where_later_commits_moved_the_lines_those_of_what_runs_count(request_: Request, onset: datetime) -> None:
    moved = {"path": POOL, "lines": [[7, 7]]}
    changes = [touching(onset - timedelta(minutes=48), "a1", lines=[[70, 71]], deployed=moved)]
    (finding,) = found(request_, everyday(request_) + errors(onset, request_), changes)
    assert finding.details["lines_hit"] == ["git:commit:a1"]


def test_a_function_is_found_by_its_name_and_old_bundles_have_no_lines(request_: Request, onset: datetime) -> None:
    changes = [
        touching(onset - timedelta(minutes=48), "a1", functions=["def connection():"]),
        touching(onset - timedelta(minutes=50), "b2"),
        touching(onset - timedelta(minutes=52), "c3", functions=["def connections():"]),
    ]
    (finding,) = found(request_, everyday(request_) + errors(onset, request_), changes)
    assert finding.details["functions_hit"] == ["git:commit:a1"]
    assert finding.details["lines_hit"] == []
    assert finding.details["changes"] == ["git:commit:a1", "git:commit:b2", "git:commit:c3"]


@pytest.mark.parametrize(
    ("path", "repository", "same"),
    [
        ("/app/db/pool.py", "services/checkout/db/pool.py", True),
        ("/app/pool.py", "services/checkout/pool.py", True),  # the container's root is the service's folder
        ("/srv/shop/releases/a/app/db/pool.py", "db/pool.py", True),
        ("/srv/shop/deep/cache/pool.py", "services/checkout/db/pool.py", False),
        ("/app/db/POOL.py", "db/pool.py", True),
        ("/app/db/pool.py", "db/pool.pyi", False),
        ("/app/db/pool.py", "", False),
    ],
)
def test_paths_agree_from_the_end(request_: Request, onset: datetime, path: str, repository: str, same: bool) -> None:
    logs = everyday(request_) + errors(onset, request_, TRACE.replace(f"/app/{POOL}", path))
    (finding,) = found(request_, logs, [touching(onset - timedelta(hours=1), "a1", repository)])
    assert bool(finding.details["changes"]) is same


def test_java_and_windows_paths(request_: Request, onset: datetime) -> None:
    java = "java.lang.IllegalStateException: gone\n\tat com.shop.db.Pool.get(Pool.java:41)"
    dotnet = "System.Exception: gone\n   at Shop.Db.Pool.Get(Int32 n) in C:\\build\\Shop\\Db\\Pool.cs:line 58"
    changes = [
        touching(onset - timedelta(hours=1), "a1", "checkout/src/main/java/com/shop/db/Pool.java", lines=[[40, 40]]),
        touching(onset - timedelta(hours=1), "b2", "src/Shop/Db/Pool.cs", lines=[[58, 58]]),
    ]
    logs = everyday(request_) + errors(onset, request_, java) + errors(onset, request_, dotnet)
    assert {f.details["language"]: f.details["lines_hit"] for f in found(request_, logs, changes)} == {
        "java": ["git:commit:a1"], "dotnet": ["git:commit:b2"]
    }  # fmt: skip


def test_a_file_of_the_same_name_in_another_service_is_a_red_herring(request_: Request, onset: datetime) -> None:
    cart = touching(onset - timedelta(minutes=5), "a1", "services/cart/app/db/pool.py", lines=[[7, 7]])
    cart["service"] = "cart"
    (finding,) = found(request_, everyday(request_) + errors(onset, request_), [cart])
    assert finding.details["changes"] == []


def test_two_files_that_agree_as_well_are_none(request_: Request, onset: datetime) -> None:
    logs = everyday(request_) + errors(onset, request_, TRACE.replace(f"/app/{POOL}", "/app/db/pool.py"))
    changes = [
        touching(onset - timedelta(hours=1), "a1", "x/db/pool.py") | {"service": None},
        touching(onset - timedelta(hours=1), "b2", "y/db/pool.py") | {"service": None},
    ]
    (finding,) = found(request_, logs, changes)
    assert finding.details["changes"] == []


def test_changes_before_the_change_window_and_after_the_first_error_are_not_told_as_its_cause(
    request_: Request, onset: datetime
) -> None:
    changes = [
        touching(onset + timedelta(minutes=5), "fix", lines=[[7, 7]]),
        touching(request_.changes.start - timedelta(hours=1), "old", lines=[[7, 7]]),
    ]
    (finding,) = found(request_, everyday(request_) + errors(onset, request_), changes)
    assert finding.details["changes"] == ["git:commit:fix"]
    assert "commit fix" not in finding.headline


def test_a_failure_as_frequent_as_ever_is_usual(request_: Request, onset: datetime) -> None:
    """Also when a deploy moved its line and its release's folder."""
    text = TRACE.replace("/app/", "/srv/releases/20260313/")
    later = text.replace("20260313", "20260314").replace("line 7,", "line 19,")
    logs = everyday(request_) + lines(request_.baseline.start, onset, 40, text, level="ERROR")
    logs += lines(onset, request_.incident.end, 40, later, level="ERROR")
    summary, usual = found(request_, logs, [touching(onset, "a1", lines=[[19, 19]])])
    assert summary.id == "stack_frames"
    assert summary.severity == "info"
    assert usual.details["state"] == "usual"
    assert usual.severity == "low"
    assert usual.details["frame"]["line"] == 19


def test_a_healthy_service_has_no_trace(request_: Request) -> None:
    logs = everyday(request_) + lines(
        request_.incident.start, request_.incident.end, 30, "look\n  at the docs {n}\n  and the like"
    )
    (finding,) = found(request_, logs)
    assert (finding.id, finding.severity, finding.details["traces"]) == ("stack_frames", "info", 0)
    assert f"{len([r for r in logs if r['time'] >= request_.incident.start])} lines" in finding.headline


def test_other_services_traces_are_theirs(request_: Request, onset: datetime) -> None:
    (finding,) = found(request_, everyday(request_) + errors(onset, request_, service="cart"))
    assert finding.id == "stack_frames"


def test_a_trace_in_a_field_of_a_structured_line(request_: Request, onset: datetime) -> None:
    labels = {"logger": "orders", "exc_info": TRACE.partition("\n")[2]}
    logs = everyday(request_) + errors(onset, request_, "order {n} could not be placed", labels=labels)
    (finding,) = found(request_, logs)
    assert finding.details["frame"]["function"] == "connection"


def test_traces_of_libraries_alone_are_told_without_a_place(request_: Request, onset: datetime) -> None:
    text = (
        "java.io.IOException: closed\n\tat sun.nio.ch.Net.read(Net.java:3)\n\tat java.base/java.net.Nio.run(Nio.java:8)"
    )
    (finding,) = found(request_, everyday(request_) + errors(onset, request_, text))
    assert finding.details["frame"] is None
    assert "no frame of the service's own code" in finding.headline


def test_folded_rows_count_as_the_lines_they_stand_for(request_: Request, onset: datetime) -> None:
    logs = errors(onset, request_)
    (finding,) = found(request_, everyday(request_) + [row | {"count": 10} for row in logs])
    assert finding.details["count"] == 10 * len(logs)


def test_traces_that_differ_in_ids_and_amounts_are_read_once(request_: Request, onset: datetime) -> None:
    text = TRACE.replace("order {n} could", "order {n} of user-{n}, EUR 3.{n}, 0x7f{n} 'sku-{n}' could")
    rows = tables(logs=errors(onset, request_, text))["logs"]
    assert len(rows) > 20
    assert len(candidates.find(rows).traces) == 1


def test_traces_that_were_too_many_to_read_are_told(
    request_: Request, onset: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "MOST_DISTINCT", 1)
    rare = errors(onset, request_, TRACE.replace("connection", "rare"))[:3]
    summary, finding = found(request_, everyday(request_) + errors(onset, request_) + rare)
    assert summary.details["unread"] == 3
    assert "3 more that look like traces" in summary.headline
    assert finding.details["frame"]["function"] == "connection"


def test_groups_are_ordered_new_ones_first_then_by_frequency(request_: Request, onset: datetime) -> None:
    usual = TRACE.replace("connection", "usual")
    often, seldom = TRACE.replace("connection", "often"), TRACE.replace("connection", "seldom")
    logs = everyday(request_) + lines(request_.baseline.start, request_.incident.end, 5, usual, level="ERROR")
    logs += errors(onset, request_, often) + lines(onset, request_.incident.end, 200, seldom, level="ERROR")
    assert [f.details["frame"]["function"] for f in found(request_, logs)] == ["often", "seldom", "usual"]


def test_two_million_lines_take_seconds(request_: Request, onset: datetime) -> None:
    """A hundredth of them here, 1 % traces, each with its own numbers: parsed once a kind, not once a row."""
    frame = tables(logs=errors(onset, request_)[:1] + everyday(request_)[:1])["logs"]
    plain, trace = (int(frame.index[frame["level"] == level][0]) for level in ("INFO", "ERROR"))
    many = frame.iloc[[plain] * 19_800 + [trace] * 200].reset_index(drop=True)
    many["message"] = [m.replace("order 0", f"order {n}") for n, m in enumerate(many["message"])]
    many["time"] = onset
    start = time.perf_counter()
    (finding,) = stack_frames(request_, {"logs": many})
    assert finding.details["count"] == 200
    assert time.perf_counter() - start < 1.0
