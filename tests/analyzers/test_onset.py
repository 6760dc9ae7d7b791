from __future__ import annotations

from datetime import timedelta

import pytest
from incidents import findings, lines, samples

MINUTE = timedelta(minutes=1)


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


def chatter(request):
    return lines(request.baseline.start, request.incident.end, 5, "order {n} placed")


def errors(request, onset, **more):
    return lines(onset, request.incident.end, 4, "no connection from pool within {n} s", level="ERROR", **more)


@pytest.mark.parametrize("seed", range(8))
def test_logs_and_metrics_together_give_it_to_the_minute(request_, onset, seed) -> None:
    found = findings(
        request_,
        logs=chatter(request_) + errors(request_, onset, seed=seed),
        metrics=samples(request_, "error_rate", "ratio", 0.003, after=0.1, onset=onset, unit="ratio", seed=seed)
        + samples(request_, "latency", "p99", 0.4, after=2.0, onset=onset, seed=seed + 1),
    )["onset"]
    assert abs(found.time - onset) <= MINUTE
    assert found.span.start <= found.time
    assert found.confidence >= 0.8
    assert {s["kind"] for s in found.details["signals"]} == {"log_pattern", "error_rate", "latency"}
    assert {s.table for s in found.supports} == {"logs", "metrics"}


def test_logs_alone_will_do(request_, onset) -> None:
    found = findings(request_, logs=chatter(request_) + errors(request_, onset))["onset"]
    assert abs(found.time - onset) <= MINUTE


def test_metrics_alone_will_do(request_, onset) -> None:
    rise = samples(request_, "latency", "p99", 0.4, after=2.0, onset=onset)
    found = findings(request_, metrics=rise)["onset"]
    assert abs(found.time - onset) <= MINUTE
    assert found.confidence < 0.8, "one signal alone is not corroborated"


def test_an_isolated_earlier_error_is_shown_as_such(request_, onset) -> None:
    lone = lines(onset - 17 * MINUTE, onset - 16 * MINUTE, 1000, "receipt printer is empty", level="ERROR")
    found = findings(request_, logs=chatter(request_) + lone + errors(request_, onset))["onset"]
    assert abs(found.time - onset) <= MINUTE
    assert "receipt printer" in found.details["isolated"][0]["words"]


def test_a_quiet_service_has_no_onset(request_) -> None:
    found = findings(
        request_,
        logs=chatter(request_)
        + lines(request_.baseline.start, request_.incident.end, 300, "mail refused", level="ERROR"),
        metrics=samples(request_, "error_rate", "ratio", 0.003, unit="ratio", noise=0.3)
        + samples(request_, "latency", "p95", 0.2)
        + samples(request_, "request_rate", "rate", 80, unit="1/s"),
    )["onset"]
    assert found.time is None
    assert found.headline.startswith("No onset between 02:20 and 03:20 UTC")
    assert len(found.details["checked"]) == 4


def test_a_pattern_that_was_always_there_is_no_onset(request_) -> None:
    usual = lines(request_.baseline.start, request_.incident.end, 20, "mail relay refused {n}", level="ERROR")
    assert findings(request_, logs=chatter(request_) + usual)["onset"].time is None


def test_a_surge_of_a_known_pattern_counts(request_, onset) -> None:
    usual = lines(request_.baseline.start, request_.incident.end, 120, "mail relay refused {n}", level="ERROR")
    surge = lines(onset, request_.incident.end, 3, "mail relay refused {n}", level="ERROR", seed=2)
    found = findings(request_, logs=chatter(request_) + usual + surge)["onset"]
    assert abs(found.time - onset) <= 2 * MINUTE
    assert "surges" in found.headline


def test_what_every_day_brings_is_no_onset(make_request) -> None:
    from gather_diagnostics import Window

    request = make_request()
    yesterday = request.incident.shifted(-timedelta(days=1))
    request = make_request(seasonal=(yesterday,))
    onset = request.incident.start + 20 * MINUTE
    rise = samples(request, "latency", "p99", 0.4, after=0.8, onset=onset)
    assert findings(request, metrics=rise)["onset"].time is not None
    past = samples(
        make_request(now=yesterday.end), "latency", "p99", 0.4, after=0.82, onset=onset - timedelta(days=1), seed=5
    )
    past = [row for row in past if row["time"] in Window(yesterday.start, yesterday.end)]
    assert findings(request, metrics=rise + past)["onset"].time is None


def test_it_says_when_it_began_before_the_window(request_) -> None:
    early = request_.incident.start - 10 * MINUTE
    found = findings(request_, metrics=samples(request_, "latency", "p99", 0.4, after=2.0, onset=early))["onset"]
    assert found.details["before_window"]
    assert "--since" in found.headline


def test_a_fall_of_traffic_counts(request_, onset) -> None:
    fall = samples(request_, "request_rate", "rate", 80, after=5, onset=onset, unit="1/s")
    found = findings(request_, metrics=fall)["onset"]
    assert abs(found.time - onset) <= MINUTE
    assert found.details["signals"][0]["kind"] == "traffic"


def test_another_services_errors_are_not_ours(request_, onset) -> None:
    theirs = errors(request_, onset, service="cart")
    assert findings(request_, logs=chatter(request_) + theirs)["onset"].time is None


def test_without_logs_and_metrics_it_says_so(request_) -> None:
    found = findings(request_)["onset"]
    assert found.time is None
    assert "neither logs nor metrics" in found.headline
    assert found.confidence == 0
