"""Everyday events, looked at a page at once, give the rows that they give one by one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.cloudwatch import logrows
from collectors.cloudwatch.groups import Group
from gather_diagnostics.logparse import lanes
from gather_diagnostics.tables import to_batch

REQUEST_ID = "8f507cfc-1111-2222-3333-123456789012"
MESSAGES = st.sampled_from(
    [
        "INFO up and running",
        "2026-03-14T03:20:11.123Z ERROR order 5 failed\n",
        f"2026-03-14T03:20:11.123Z INFO {REQUEST_ID} begins",
        '{"level": "info", "message": "up", "service": "cart", "request_id": "r1", "n": 1}\r\n',
        f'{{"level":"info","message":"{REQUEST_ID} up","log_group":"its own"}}',
        'time=2026-03-14T03:20:11Z level=warn msg="slow one" took=12ms',
        f"START RequestId: {REQUEST_ID} Version: 3",
        "Traceback (most recent call last):",
        '  File "h.py", line 1\nKeyError: 1\n',
        "caf\u00e9",
        "INFO \ud800 lone",
        "INFO " + "x" * 70_000,
        "",
    ]
)
EVENTS = st.lists(st.tuples(MESSAGES, st.sampled_from("ab")), min_size=1, max_size=30)


@pytest.fixture(autouse=True)
def every_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the small pages of a test."""
    monkeypatch.setattr(logrows, "_WORTHWHILE", 1)
    monkeypatch.setattr(lanes, "LEAST_LINES", 1)


def told(parts: list[Any]) -> list[dict[str, Any]]:
    rows = [row for part in parts if len(part) for row in to_batch("logs", "cloudwatch", part).to_pylist()]
    return sorted(rows, key=lambda row: str(row["ref"]))


@given(EVENTS, st.integers(1, 30), st.sampled_from(["/ecs/checkout", "/aws/lambda/checkout"]))
def test_a_page_at_once_is_event_by_event(given_events: list[tuple[str, str]], size: int, name: str) -> None:
    group = Group(name, "eu-west-1")
    events = [
        {"timestamp": 1_773_458_411_000 + n, "message": text, "logStreamName": stream, "eventId": f"{n:04d}"}
        for n, (text, stream) in enumerate(given_events)
    ]
    pages = [events[at : at + size] for at in range(0, len(events), size)]
    plain, quick = logrows.Shaper(group, "checkout"), logrows.Shaper(group, "checkout")
    expected = [plain.rows(page) for page in pages] + [plain.rest()]
    found = [part for page in pages for part in quick.parts(page)] + [quick.rest()]
    assert told(found) == told(expected)


def test_everyday_events_come_as_a_batch() -> None:
    """Without it, equality would also hold if every event were looked at by itself."""
    events = [
        {"timestamp": n, "message": "INFO up and running", "logStreamName": "a", "eventId": str(n)} for n in range(9)
    ]
    batch, rest = logrows.Shaper(Group("/ecs/checkout", "eu-west-1"), "checkout").parts(events)
    assert (batch.num_rows, len(rest)) == (7, 1)
