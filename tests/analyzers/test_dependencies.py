"""Is a dependency failing first, with us, or after us?"""

from __future__ import annotations

from datetime import timedelta

import pytest
from incidents import findings, lines, samples

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PEERS = ("payments", "cart", "orders-db")


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


def edges(request):
    row = {"time": request.incident.end, "ref": "topology", "caller": "checkout", "weight": 1.0}
    return [row | {"callee": peer} for peer in PEERS]


def ours(request, onset):
    return samples(request, "error_rate", "ratio", 0.002, after=0.1, onset=onset, unit="ratio")


def calls(request, peer, onset=None, *, after=0.3, until=None, own=None, seed=3):
    """What we see of our calls to a peer; `own`: what it measures itself, from when on."""
    series = {"onset": onset, "after": after, "until": until, "unit": "ratio", "noise": 0.3}
    rows = samples(request, "error_rate", "ratio", 0.002, caller="checkout", callee=peer, seed=seed, **series)
    series |= {"onset": own, "service": peer}
    return rows + samples(request, "error_rate", "ratio", 0.002, seed=seed + 1, **series)


def chatter(request):
    return lines(request.baseline.start, request.incident.end, 5, "order {n} placed")


def test_a_callee_that_fails_minutes_before_us_is_the_suspect(request_, onset) -> None:
    first = onset - 5 * MINUTE
    rows = ours(request_, onset) + calls(request_, "payments", first, own=first) + calls(request_, "cart")
    found = findings(request_, metrics=rows, topology=edges(request_))
    told = found["dependencies:payments"]
    assert (told.details["order"], told.details["itself"]) == ("before", "failing")
    assert told.details["lead"] == pytest.approx(300, abs=90)
    assert told.severity == "high"
    assert abs(told.time - first) <= MINUTE
    assert "fails first" in told.headline
    assert told.supports[0].rows
    assert found["dependencies"].details["first"] == "payments"
    assert "3 dependencies looked at" in found["dependencies"].headline
    assert "dependencies:cart" not in found


def test_one_that_fails_after_us_is_a_victim(request_, onset) -> None:
    late = onset + 8 * MINUTE
    rows = ours(request_, onset) + calls(request_, "payments", late, own=late)
    found = findings(request_, metrics=rows, topology=edges(request_))
    assert found["dependencies:payments"].details["order"] == "after"
    assert "victim" in found["dependencies:payments"].headline
    assert found["dependencies:payments"].severity == "low"
    assert found["dependencies"].details["suspects"] == []
    assert found["dependencies"].details["victims"] == ["payments"]
    assert "none left its baseline before the onset" in found["dependencies"].headline


def test_calls_that_fail_while_the_callee_is_well_point_to_the_way_there(request_, onset) -> None:
    rows = ours(request_, onset) + calls(request_, "payments", onset)
    told = findings(request_, metrics=rows, topology=edges(request_))["dependencies:payments"]
    assert (told.details["order"], told.details["itself"]) == ("with", "healthy")
    assert "own figures stay at their baseline" in told.headline
    assert told.severity == "medium"


def test_a_slow_callee(request_, onset) -> None:
    rows = ours(request_, onset)
    first = onset - 4 * MINUTE
    rows += samples(request_, "latency", "p95", 0.1, after=2.0, onset=first, service="orders-db")
    told = findings(request_, metrics=rows, topology=edges(request_))["dependencies:orders-db"]
    assert [s["kind"] for s in told.details["signals"]] == ["latency"]
    assert "latency rises from 100 ms" in told.headline or "latency rises from 9" in told.headline


def test_healthy_dependencies_are_said_to_be(request_, onset) -> None:
    rows = ours(request_, onset) + [r for n, p in enumerate(PEERS) for r in calls(request_, p, seed=10 * n)]
    found = findings(request_, metrics=rows, topology=edges(request_))
    assert found["dependencies"].headline == "3 dependencies looked at; none left its baseline before the onset."
    assert not [i for i in found if i.startswith("dependencies:")]


def test_a_dependency_that_had_recovered_before_is_not_blamed(request_, onset) -> None:
    rows = ours(request_, onset)
    rows += calls(request_, "payments", onset - 30 * MINUTE, until=onset - 24 * MINUTE, own=onset - 30 * MINUTE)
    found = findings(request_, metrics=rows, topology=edges(request_))
    assert "dependencies:payments" not in found


def test_a_certain_but_tiny_rise_is_nobodys_trouble(request_, onset) -> None:
    rows = ours(request_, onset)
    rows += samples(
        request_, "error_rate", "ratio", 0.001, after=0.009, onset=onset, unit="ratio", noise=0.01, service="cart"
    )
    rows += samples(
        request_, "error_rate", "ratio", 0.001, after=0.03, onset=onset, unit="ratio", noise=0.01, service="payments"
    )
    found = findings(request_, metrics=rows, topology=edges(request_))
    assert found["dependencies"].details["suspects"] == ["payments"]


def test_many_noisy_dependencies_are_not_blamed(request_, onset) -> None:
    rows = ours(request_, onset)
    topology = []
    for n in range(60):
        rows += samples(
            request_, "error_rate", "ratio", 0.01, unit="ratio", noise=0.5, seed=n, step=60, service=f"s{n}"
        )
        rows += samples(request_, "latency", "p95", 0.1, noise=0.3, seed=n, step=60, service=f"s{n}")
        topology.append(edges(request_)[0] | {"callee": f"s{n}"})
    found = findings(request_, metrics=rows, topology=topology)
    assert not [i for i in found if i.startswith("dependencies:")]


def test_error_lines_name_the_database(request_, onset) -> None:
    bad = "could not save order {n}: dial tcp 10.2.0.7:5432: connect: connection refused"
    rows = chatter(request_) + lines(onset, request_.incident.end, 4, bad, level="ERROR")
    found = findings(request_, logs=rows)
    told = found["dependencies:10.2.0.7:5432"]
    assert told.details["system"] == "PostgreSQL"
    assert told.details["order"] == "with"
    assert [s["kind"] for s in told.details["signals"]] == ["refused"]
    assert "say “connection refused”" in told.headline
    assert not told.details["known"]
    assert told.supports[0].table == "logs"


def test_warnings_of_retries_date_a_dependency_before_our_errors(request_, onset) -> None:
    rows = chatter(request_) + lines(onset, request_.incident.end, 4, "order {n} failed", level="ERROR")
    retry = "retry {n}: Get http://payments:8080/charge: context deadline exceeded"
    rows += lines(onset - 4 * MINUTE, request_.incident.end, 5, retry, level="WARNING")
    told = findings(request_, logs=rows, topology=edges(request_))["dependencies:payments"]
    assert told.details["order"] == "before"
    assert told.details["signals"][0]["kind"] == "timeout"


def test_lines_and_metrics_of_one_dependency_are_one_finding(request_, onset) -> None:
    rows = chatter(request_) + lines(
        onset, request_.incident.end, 4, "Get http://payments.shop.svc:80/c/{n}: EOF, connection reset", level="ERROR"
    )
    metrics = ours(request_, onset) + calls(request_, "payments", onset, own=onset)
    told = findings(request_, logs=rows, metrics=metrics, topology=edges(request_))["dependencies:payments"]
    assert {s["kind"] for s in told.details["signals"]} == {"error_rate", "reset"}
    assert told.confidence >= 0.7
    assert told.severity == "high"


def refused(request, onset):
    bad = "could not save order {n}: dial tcp orders-db:5432: connect: connection refused"
    return chatter(request) + lines(onset, request.incident.end, 4, bad, level="ERROR", service="checkout")


def theirs(start, end, message="the database system is shutting down", **more):
    return lines(start, end, 6, message, **{"level": "CRITICAL", "service": "orders-db"} | more)


def test_a_dependencys_own_lines_date_it_to_the_second(request_, onset) -> None:
    rows = refused(request_, onset) + theirs(onset - 40 * SECOND, request_.incident.end)
    told = findings(request_, logs=rows, topology=edges(request_))["dependencies:orders-db"]
    assert (told.details["order"], told.details["itself"]) == ("before", "failing")
    assert told.details["lead"] == pytest.approx(40, abs=5)
    assert {s["kind"] for s in told.details["signals"]} == {"own_lines", "refused"}
    assert "error lines of its own" in told.headline
    assert "the database system is shutting down" in told.headline
    assert told.severity == "high"


def test_one_that_only_our_lines_name_is_heard_too(request_, onset) -> None:
    rows = refused(request_, onset) + theirs(onset - 40 * SECOND, request_.incident.end)
    told = findings(request_, logs=rows)["dependencies:orders-db"]
    assert (told.details["order"], told.details["known"]) == ("before", False)


def test_a_few_seconds_between_two_clocks_are_no_lead(request_, onset) -> None:
    rows = refused(request_, onset) + theirs(onset - 4 * SECOND, request_.incident.end)
    told = findings(request_, logs=rows, topology=edges(request_))["dependencies:orders-db"]
    assert told.details["order"] == "with"


@pytest.mark.parametrize(
    "more",
    [
        {"level": "WARNING"},
        {"service": "another"},
        {"end": -10},
        {"start": -180, "message": "deadlock detected {n}"},
    ],
    ids=["warnings", "a stranger's", "over before ours began", "as often as always"],
)
def test_lines_of_others_that_say_nothing_of_our_trouble(request_, onset, more) -> None:
    start, end = onset + more.pop("start", -20) * MINUTE, onset + more.pop("end", 60) * MINUTE
    rows = refused(request_, onset) + theirs(
        max(start, request_.baseline.start), min(end, request_.incident.end), **more
    )
    told = findings(request_, logs=rows, topology=edges(request_))
    assert told["dependencies:orders-db"].details["order"] == "with"
    assert {s["kind"] for s in told["dependencies:orders-db"].details["signals"]} == {"refused"}


def test_a_new_pattern_among_usual_errors_is_heard(request_, onset) -> None:
    usual = theirs(request_.baseline.start, request_.incident.end, "deadlock detected {n}", seed=3)
    rows = refused(request_, onset) + usual + theirs(onset - 3 * MINUTE, request_.incident.end)
    told = findings(request_, logs=rows, topology=edges(request_))["dependencies:orders-db"]
    assert told.details["order"] == "before"
    assert "first “the database system is shutting down”" in told.headline


def test_usual_time_outs_and_a_lone_one_are_noise(request_, onset) -> None:
    rows = chatter(request_) + lines(onset, request_.incident.end, 4, "order {n} failed", level="ERROR")
    usual = "call {n} to payments timed out"
    rows += lines(request_.baseline.start, request_.incident.end, 60, usual, level="ERROR", seed=5)
    rows += [
        {"time": onset, "ref": "x", "level": "ERROR", "message": "dial tcp 10.0.0.9:6379: connection refused"},
    ]
    found = findings(request_, logs=rows, topology=edges(request_))
    assert not [i for i in found if i.startswith("dependencies:")]
    assert found["dependencies"].details["suspects"] == []


def test_our_own_name_and_inbound_lines_are_no_dependency(request_, onset) -> None:
    texts = ("http://checkout.shop.svc:80/x/{n} timed out", "http: TLS handshake error from 10.0.0.5:5123{n}: EOF")
    rows = chatter(request_)
    for text in texts:
        rows += lines(onset, request_.incident.end, 4, text, level="ERROR")
    assert not [i for i in findings(request_, logs=rows) if i.startswith("dependencies:")]


def test_an_event_about_a_callee_confirms_and_does_not_date(request_, onset) -> None:
    alert = {"time": onset + 10 * MINUTE, "ref": "a", "kind": "alert", "reason": "FIRING", "object": "payments-5xx"}
    rows = ours(request_, onset) + calls(request_, "payments", onset - 3 * MINUTE, own=onset - 3 * MINUTE)
    found = findings(request_, metrics=rows, topology=edges(request_), events=[alert])
    told = found["dependencies:payments"].details
    assert told["order"] == "before"
    assert told["signals"][-1]["kind"] == "event"


def test_an_old_alert_does_not_make_a_victim_the_cause(request_, onset) -> None:
    alert = {"time": onset - 10 * MINUTE, "ref": "a", "kind": "alert", "reason": "FIRING", "object": "payments-disk"}
    late = onset + 8 * MINUTE
    rows = ours(request_, onset) + calls(request_, "payments", late, own=late)
    found = findings(request_, metrics=rows, topology=edges(request_), events=[alert])
    assert found["dependencies:payments"].details["order"] == "after"


def test_without_any_dependency_it_says_so(request_) -> None:
    found = findings(request_, logs=chatter(request_))["dependencies"]
    assert found.details["looked_at"] == []
    assert "nothing could be looked at" in found.headline
    assert found.confidence < 0.5


def test_folded_lines_count_as_many(request_, onset) -> None:
    row = {
        "time": onset,
        "until": onset + 10 * MINUTE,
        "count": 400,
        "ref": "x",
        "level": "ERROR",
        "message": "dial tcp: lookup payments on 10.0.0.10:53: no such host",
    }
    found = findings(request_, logs=[*chatter(request_), row], topology=edges(request_))
    assert "400 lines say" in found["dependencies:payments"].headline
