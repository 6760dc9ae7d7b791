"""Outages that were over before anybody asked, and what only looks like one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from incidents import findings, lines, samples

MINUTE = timedelta(minutes=1)


@pytest.fixture
def request_(make_request: Any) -> Any:
    return make_request()


@pytest.fixture
def start(request_: Any) -> Any:
    return request_.incident.end - 30 * MINUTE


def failing(request: Any, start: Any, minutes: float, after: float = 0.4, **more: Any) -> list[dict[str, Any]]:
    until = start + minutes * MINUTE
    return samples(request, "error_rate", "ratio", 0.003, after=after, onset=start, until=until, unit="ratio", **more)


@pytest.mark.parametrize("minutes", [5, 8, 12, 20])
@pytest.mark.parametrize("seed", range(3))
def test_an_outage_that_is_over_is_dated_with_its_end(request_: Any, start: Any, minutes: int, seed: int) -> None:
    told = findings(request_, metrics=failing(request_, start, minutes, seed=seed, noise=0.3))["onset"]
    assert abs(told.time - start) <= MINUTE
    end = start + minutes * MINUTE
    assert told.headline.endswith(f"It is over: back at the baseline since {end:%H:%M:%S} UTC.")
    assert told.details["recovered"] == end.isoformat()
    (signal,) = told.details["signals"]
    assert signal["until"] == end.isoformat()
    assert "and is back at" in signal["words"]
    assert told.confidence < 0.8, "one signal alone is not corroborated"


def test_traffic_that_fell_and_came_back(request_: Any, start: Any) -> None:
    gone = samples(
        request_, "request_rate", "rate", 80, after=3, onset=start, until=start + 8 * MINUTE, unit="1/s", noise=0.1
    )
    told = findings(request_, metrics=gone)["onset"]
    assert abs(told.time - start) <= MINUTE
    assert "request rate falls from 8" in told.headline
    assert told.details["recovered"]


def test_a_mild_one_needs_a_second_signal(request_: Any, start: Any) -> None:
    mild = failing(request_, start, 5, after=0.03)
    chatter = lines(request_.baseline.start, request_.incident.end, 5, "order {n} placed")
    alone = findings(request_, metrics=mild, logs=chatter)["onset"]
    assert alone.time is None
    assert "rises from 0.30% to 3" in alone.details["isolated"][0]["words"]
    errors = lines(start, start + 5 * MINUTE, 5, "no stock for order {n}", level="ERROR")
    joined = findings(request_, metrics=mild, logs=chatter + errors)["onset"]
    assert abs(joined.time - start) <= MINUTE
    assert joined.confidence >= 0.8
    assert joined.details["recovered"]


def test_one_series_that_goes_on_keeps_it_from_being_over(request_: Any, start: Any) -> None:
    slow = samples(request_, "latency", "p95", 0.1, after=2.0, onset=start)
    told = findings(request_, metrics=failing(request_, start, 8) + slow)["onset"]
    assert abs(told.time - start) <= MINUTE
    assert told.details["recovered"] is None
    assert "It is over" not in told.headline


def test_a_lasting_one_is_not_said_to_be_over(request_: Any, start: Any) -> None:
    told = findings(request_, metrics=failing(request_, start, 60))["onset"]
    assert told.details["recovered"] is None
    assert told.details["signals"][0]["until"] is None


def spikes(request: Any, share: float, seed: int) -> list[dict[str, Any]]:
    """Every tenth minute or so many requests fail, as ever."""
    rows = samples(request, "error_rate", "ratio", 0.003, unit="ratio", seed=seed)
    draw = np.random.default_rng(seed)
    for start in np.flatnonzero(draw.random(len(rows)) < 0.03):
        for row in rows[start : start + 4]:
            row["value"] = share
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_what_comes_and_goes_all_the_time_is_no_onset(request_: Any, seed: int) -> None:
    assert findings(request_, metrics=spikes(request_, 0.3, seed))["onset"].time is None


@pytest.mark.parametrize("seed", range(6))
def test_noise_of_few_requests_is_no_onset(request_: Any, seed: int) -> None:
    """Thirty requests a sample, of which each fails with a chance of 2 %: now and then three do."""
    rows = samples(request_, "error_rate", "ratio", 0.0, unit="ratio")
    failed = np.random.default_rng(seed).binomial(30, 0.02, len(rows)) / 30
    rows = [row | {"value": float(value)} for row, value in zip(rows, failed, strict=True)]
    assert findings(request_, metrics=rows)["onset"].time is None


def test_a_minute_is_no_outage_however_bad(request_: Any, start: Any) -> None:
    told = findings(request_, metrics=failing(request_, start, 1, after=0.9))["onset"]
    assert told.time is None
    assert told.details["isolated"] == []


def test_a_slow_quarter_of_an_hour_is_none_by_itself(request_: Any, start: Any) -> None:
    slow = samples(request_, "latency", "p95", 0.1, after=0.3, onset=start, until=start + 6 * MINUTE)
    assert findings(request_, metrics=slow)["onset"].time is None
