"""How far an incident reaches, how many it hits, and whether it gets worse."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from incidents import findings, lines, samples

MINUTE = timedelta(minutes=1)
PODS = ("pod-1", "pod-2", "pod-3", "pod-4")


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


def incident(request, onset, *, bad=PODS, after=0.1, until=None, rate=40.0):
    """error_rate of the service and by pod, of which those in `bad` fail; request_rate of the service."""
    rows = samples(request, "request_rate", "rate", rate, unit="1/s", seed=9)
    share = after * len(bad) / len(PODS)
    rows += samples(request, "error_rate", "ratio", 0.002, after=share, onset=onset, until=until, unit="ratio")
    for n, pod in enumerate(PODS):
        level = after if pod in bad else None
        rows += samples(
            request,
            "error_rate",
            "ratio",
            0.002,
            after=level,
            onset=onset,
            until=until,
            unit="ratio",
            instance=pod,
            seed=n,
        )
    return rows


def bent(request, rows, factor):
    """Every value multiplied by 1 + `factor` for each of the last 15 minutes."""
    start = request.incident.end - 15 * MINUTE
    return [
        r | {"value": r["value"] * max(1 + factor * max((r["time"] - start) / MINUTE, 0), 0.01)}
        if r["metric"] == "error_rate"
        else r
        for r in rows
    ]


def scope(request, **rows):
    return findings(request, **rows)["scope"]


def test_all_replicas_alike_is_widespread_and_requests_are_counted(request_, onset) -> None:
    found = scope(request_, metrics=incident(request_, onset))
    assert found.details["spread"] == "widespread"
    instances = found.details["instances"]
    assert (instances["affected"], instances["of"], sorted(instances["names"])) == (4, 4, list(PODS))
    assert found.details["share_of_requests_failing"] == pytest.approx(0.1, rel=0.1)
    assert found.details["requests_failed"] == pytest.approx(0.1 * 40 * 23 * 60, rel=0.1)
    assert found.details["trend"] == "steady"
    assert found.details["users"] is None
    assert "Widespread" in found.headline
    assert "4 of 4 instances" in found.headline


def test_one_replica_is_isolated(request_, onset) -> None:
    details = scope(request_, metrics=incident(request_, onset, bad=("pod-3",), after=0.4)).details
    assert details["spread"] == "isolated"
    assert details["carried_by"]["values"] == ["pod-3"]
    assert details["instances"] == {"affected": 1, "of": 4, "names": ["pod-3"]}


def test_two_replicas_are_several(request_, onset) -> None:
    assert scope(request_, metrics=incident(request_, onset, bad=("pod-1", "pod-3"))).details["spread"] == "several"


def test_without_parts_to_compare_it_does_not_guess(request_, onset) -> None:
    rows = [r for r in incident(request_, onset) if "instance" not in r]
    found = scope(request_, metrics=rows)
    assert found.details["spread"] is None
    assert found.details["instances"] is None
    assert "can't be told" in found.headline


@pytest.mark.parametrize(("factor", "trend"), [(0.2, "worse"), (-0.05, "recovering"), (0.0, "steady")])
def test_trend_of_the_last_quarter_of_an_hour(request_, onset, factor, trend) -> None:
    rows = bent(request_, incident(request_, onset), factor)
    assert scope(request_, metrics=rows).details["trend"] == trend


def test_an_onset_minutes_ago_is_not_itself_a_trend(request_) -> None:
    rows = incident(request_, request_.incident.end - 10 * MINUTE)
    found = findings(request_, metrics=rows)
    assert found["scope"].details["trend"] == "steady"
    assert found["error_rate"].details["trend"] == "flat"


def test_recovered_since(request_, onset) -> None:
    until = onset + 12 * MINUTE
    found = scope(request_, metrics=incident(request_, onset, until=until, after=0.3))
    assert found.details["trend"] == "recovered"
    told = datetime.fromisoformat(found.details["recovered_since"])
    assert abs(told - until) <= 2 * MINUTE
    assert f"recovered since {told:%H:%M} UTC" in found.headline
    assert found.details["requests_failed"] == pytest.approx(0.3 * 40 * 12 * 60, rel=0.15)


def test_a_stray_bad_minute_does_not_end_a_recovery(request_, onset) -> None:
    until = onset + 8 * MINUTE
    rows = incident(request_, onset, until=until, after=0.3)
    for row in rows:
        if row["metric"] == "error_rate" and until + 8 * MINUTE <= row["time"] < until + 9 * MINUTE:
            row["value"] = 0.2
    told = scope(request_, metrics=rows).details
    assert told["trend"] == "recovered"
    assert abs(datetime.fromisoformat(told["recovered_since"]) - until) <= 2 * MINUTE


def test_a_pause_of_two_minutes_is_no_recovery(request_, onset) -> None:
    rows = incident(request_, onset, after=0.3, until=request_.incident.end - 2 * MINUTE)
    assert scope(request_, metrics=rows).details["trend"] != "recovered"


def test_errors_that_are_gone_while_it_is_still_slow_are_no_recovery(request_, onset) -> None:
    rows = incident(request_, onset, after=0.3, until=onset + 5 * MINUTE)
    rows += samples(request_, "latency", "p95", 0.2, after=2.0, onset=onset)
    details = scope(request_, metrics=rows).details
    assert (details["signal"], details["trend"]) == ("latency", "steady")


def test_users_and_requests_in_error_lines(request_, onset) -> None:
    start, end = request_.baseline.start, request_.incident.end
    rows = lines(start, end, 5, "order {n} placed", tenant="acme")
    for n in range(30):
        time = onset + n * 30 * timedelta(seconds=1)
        ids = {"tenant": f"tenant-{n % 7}", "request_id": f"req-{n}"}
        rows.append({"time": time, "ref": f"a:{n}", "level": "ERROR", "message": "boom"} | ids)
    found = scope(request_, logs=rows)
    assert (found.details["users"], found.details["requests_with_errors"]) == (7, 30)
    assert found.details["error_lines"] == 30
    assert found.details["share_of_requests_failing"] is None
    assert "at least 7 tenants" in found.headline
    assert found.supports[0].table == "logs"


def test_healthy_is_said_with_the_usual_share(request_) -> None:
    found = scope(request_, metrics=incident(request_, None))
    assert found.details["spread"] is None
    assert found.details["trend"] == "steady"
    assert "Nothing that requests feel" in found.headline
    assert "as usual" in found.headline


def test_an_outage_that_is_over_is_not_lost_in_the_average(request_, onset) -> None:
    until = onset + 8 * MINUTE
    found = findings(request_, metrics=incident(request_, onset, until=until, after=0.3))
    told = found["scope"].details
    assert told["trend"] == "recovered"
    assert abs(datetime.fromisoformat(told["since"]) - onset) <= MINUTE
    assert told["requests_failed"] == pytest.approx(0.3 * 40 * 8 * 60, rel=0.15)
    assert "in a part of the window only" in found["error_rate"].headline


def test_spikes_of_a_minute_are_no_outage(request_, onset) -> None:
    """Red herring: four single bad samples in an hour."""
    rows = incident(request_, None)
    for row in rows:
        minutes = (row["time"] - request_.incident.start) / MINUTE
        if row["metric"] == "error_rate" and minutes in (8, 21, 34, 47):
            row["value"] = 0.3
    assert scope(request_, metrics=rows).details["spread"] is None
    assert "Nothing that requests feel" in scope(request_, metrics=rows).headline


def test_a_busy_hour_of_usual_errors_is_healthy(request_) -> None:
    """Red herring: many users meet the usual errors, as they did in the baseline."""
    start, end = request_.baseline.start, request_.incident.end
    rows = lines(start, end, 5, "order {n} placed") + lines(
        start, end, 20, "card declined {n}", level="ERROR", tenant="a"
    )
    found = scope(request_, logs=rows)
    assert found.details["spread"] is None
    assert found.details["users"] is None


def test_nothing_came_in_nothing_is_said(request_) -> None:
    assert "scope" not in findings(request_)
