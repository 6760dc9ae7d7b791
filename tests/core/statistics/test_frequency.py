"""New, risen or usual: counts of the incident window against those of the baseline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from incidents import tables

from gather_diagnostics import Request, Window
from gather_diagnostics.statistics.frequency import Frequency, frequency


def counted(request: Request, before: int, after: int, compared: bool = True) -> Frequency | None:
    def row(when: datetime, count: int) -> dict[str, Any]:
        return {"time": when, "ref": "a:1", "message": "x", "count": count}

    old = row(request.baseline.start - timedelta(hours=1), 7)
    rows = [row(w.start, n) for w, n in ((request.baseline, before), (request.incident, after)) if n]
    return frequency(tables(logs=[old, *rows])["logs"], request, compared)


@pytest.mark.parametrize(
    ("before", "after", "state"),
    [
        (0, 1, "new"),
        (1, 3, "usual"),  # three times as many, but of so few that it is chance
        (1, 40, "risen"),
        (10_000, 15_000, "usual"),  # surely more, but not twice as many
        (10_000, 21_000, "risen"),
        (40, 1, "usual"),
    ],
)
def test_a_rise_is_large_and_no_chance(make_request: Any, before: int, after: int, state: str) -> None:
    found = counted(make_request(), before, after)
    assert found
    assert (found.state, found.count, found.baseline_count) == (state, after, before)
    assert found.stands_out is (state != "usual")


def test_windows_of_unlike_length_are_compared_by_rate(make_request: Any) -> None:
    request: Request = make_request()
    start = request.incident.start
    request = replace(request, baseline=Window(start - timedelta(hours=4), start))
    states = [f.state for before in (400, 100) if (f := counted(request, before, 100))]
    assert states == ["usual", "risen"]


def test_nothing_in_the_incident_window_is_nothing(make_request: Any) -> None:
    assert counted(make_request(), 50, 0) is None


def test_without_a_baseline_it_is_unknown(make_request: Any) -> None:
    found = counted(make_request(), 0, 5, compared=False)
    assert found
    assert (found.state, found.stands_out) == ("unknown", True)


def test_the_words(make_request: Any) -> None:
    request = make_request()
    first = f"first at {request.incident.start:%H:%M:%S} UTC"
    assert [f.words() for n in ((0, 1), (1, 4_000), (9, 9)) if (f := counted(request, *n))] == [
        f"once (none in the baseline, so it is new), {first}",
        f"4,000 times (baseline 1), {first}",
        f"9 times (baseline 9, so it is usual), {first}",
    ]
