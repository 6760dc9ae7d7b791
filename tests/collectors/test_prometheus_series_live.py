"""Counters that are reset, and more points than one answer may hold: from a real Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from servers.prometheus import openmetrics, prometheus

from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Raw, Request, Rows

pytestmark = pytest.mark.slow

BEGIN, END = int((NOW - timedelta(hours=4, minutes=20)).timestamp()), int(NOW.timestamp())
RESTARTS = [END - 5400, END - 1800, END - 600]


def restarting(rate: float) -> list[tuple[float, float]]:
    """Grows by `rate` a second and begins anew with every restart."""
    starts = [BEGIN, *RESTARTS]
    return [(t, rate * (t - max(s for s in starts if s <= t))) for t in range(BEGIN, END + 1, 15)]


def history() -> str:
    its = [
        ("http_requests_total", {"service": "reborn", "pod": pod, "code": code}, restarting(rate))
        for pod, rate in (("reborn-0", 6.0), ("reborn-1", 2.0))
        for code in ("200", "500")
    ]
    return openmetrics(
        {
            "http_requests": ("counter", its),
            "process_files_open_files": ("gauge", [("process_files_open_files", OWN, flat(30))]),
            "process_files_max_files": ("gauge", [("process_files_max_files", OWN, flat(120))]),
        }
    )


OWN = {"service": "reborn", "pod": "reborn-0"}


def flat(value: float) -> list[tuple[float, float]]:
    return [(t, value) for t in range(BEGIN, END + 1, 15)]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(history())
    with prometheus(file) as address:
        yield address


def read(url: str, request: Request, **settings: Any) -> tuple[dict[str, list[dict[str, Any]]], set[str]]:
    """Rows of the service as a whole by metric, and the names of the raw records. Fails on another gap than latency."""
    items = list(Prometheus(Prometheus.Settings(url=url, **settings)).collect(request))
    assert [g.wanted for g in items if isinstance(g, Gap)] == ["latency of reborn"]
    found: dict[str, list[dict[str, Any]]] = {}
    for row in (row for i in items if isinstance(i, Rows) for row in i.rows):
        if not {"endpoint", "version"} & row.keys() and (row["metric"] == "fds_of_limit" or "instance" not in row):
            found.setdefault(row["metric"], []).append(dict(row))
    return found, {i.name for i in items if isinstance(i, Raw)}


def test_a_reset_is_neither_a_dip_below_zero_nor_a_spike(url: str, make_request: Callable[..., Request]) -> None:
    rows, _ = read(url, make_request("reborn"))
    rates = [r["value"] for r in rows["request_rate"]]
    assert len(rates) == 240
    # A restart loses what came between the last scrape and it: one scrape of four.
    assert all(0.6 * 16 <= v <= 16.01 for v in rates), (min(rates), max(rates))
    steady = [v for v in rates if v > 15.99]
    assert len(steady) > 200
    assert {round(r["value"], 3) for r in rows["error_rate"]} == {0.5}


def test_more_points_than_an_answer_may_hold_are_all_there_once(url: str, make_request: Callable[..., Request]) -> None:
    request = make_request("reborn", minutes=120)
    rows, raws = read(url, request, step_seconds=1)
    times = [r["time"] for r in rows["request_rate"]]
    assert len(times) == len(set(times)) == 14_400, "the server refuses more than 11,000 in one answer"
    assert (min(times), max(times)) == (request.baseline.start, request.incident.end - timedelta(seconds=1))
    assert {"request_rate.json", "request_rate-1.json"} <= raws


def test_open_files_are_told_as_micrometer_names_them(url: str, make_request: Callable[..., Request]) -> None:
    rows, _ = read(url, make_request("reborn"))
    assert {r["value"] for r in rows["fds_of_limit"]} == {0.25}
