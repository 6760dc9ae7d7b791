"""What runs out, as the collectors' metrics tell it: at its limit, on the way there, and only seemingly so."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from incidents import samples, tables

from analyzers.saturation import saturation
from analyzers.saturation.judging import rising, smoothed
from analyzers.saturation.resources import RESOURCES
from gather_diagnostics import Finding

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def request_(make_request: Any) -> Any:
    return make_request()


@pytest.fixture
def onset(request_: Any) -> Any:
    return request_.incident.end - 23 * MINUTE


def found(request: Any, metrics: Any, **rows: Any) -> dict[str, Finding]:
    return {f.id: f for f in saturation(request, tables(metrics=metrics, **rows))}


def share(request: Any, metric: str, normal: float, **columns: Any) -> list[dict[str, Any]]:
    """A series in ratio; little noise, as gauges have."""
    given = {"noise": 0.01, "unit": "ratio", **columns}
    return samples(request, metric, "ratio", normal, **given)


def ramp(rows: list[dict[str, Any]], start: datetime, per_minute: float) -> list[dict[str, Any]]:
    for row in rows:
        row["value"] += max(0.0, (row["time"] - start) / MINUTE) * per_minute
    return rows


@pytest.mark.parametrize(
    ("metric", "resource"),
    [
        ("memory_of_limit", "memory"),
        ("connections_of_limit", "connections"),
        ("fds_of_limit", "file_descriptors"),
        ("disk_of_limit", "disk"),
        ("cpu_throttling", "cpu_throttling"),
    ],
)
def test_what_reaches_its_limit_says_since_when_and_where(
    request_: Any, onset: Any, metric: str, resource: str
) -> None:
    rows = [
        r
        for n in range(3)
        for r in share(request_, metric, 0.2, after=0.99, noise=0.002, onset=onset, instance=f"c-{n}", seed=n)
    ]
    rows += [r for n in range(3, 12) for r in share(request_, metric, 0.2, instance=f"c-{n}", seed=n)]
    answer = found(request_, [{**r, "value": min(r["value"], 0.995)} for r in rows])
    assert set(answer) == {"saturation", f"saturation:{resource}"}
    one = answer[f"saturation:{resource}"]
    assert one.severity == "high"
    assert one.time is not None
    assert abs(one.time - onset) <= 2 * MINUTE
    assert one.details["ratio"] == pytest.approx(0.99, abs=0.01)
    assert sorted(one.details["instances"]) == ["c-0", "c-1", "c-2"]
    assert (one.details["affected"], one.details["of"]) == (3, 12)
    assert "3 of 12 instances" in one.headline
    told = tables(metrics=rows)["metrics"].iloc[list(one.supports[0].rows)]
    assert (told["value"] > 0.9).all()


def test_memory_against_the_limit_that_the_manifest_declares(request_: Any, onset: Any) -> None:
    rows = samples(request_, "memory", "avg", 2e8, after=4.8e8, onset=onset, unit="bytes", noise=0.01, instance="c-1")
    pod = {"time": request_.asked, "ref": "c-1", "kind": "Pod", "name": "c-1", "limits": {"memory": 5.1e8}}
    one = found(request_, rows, workloads=[pod])["saturation:memory"]
    assert one.details["limit"] == 5.1e8
    assert one.details["ratio"] == pytest.approx(0.94, abs=0.02)
    assert one.severity == "medium"
    assert "486.4 MiB" in one.headline
    assert set(found(request_, rows)) == {"saturation"}, "without a limit nobody can tell"


def test_a_limit_that_is_a_metric_of_its_own(request_: Any, onset: Any) -> None:
    rows = samples(request_, "connections", "avg", 20, after=99.5, onset=onset, unit="count", noise=0.002)
    rows += samples(request_, "connections_max", "avg", 100, unit="count", noise=0)
    one = found(request_, rows)["saturation:connections"]
    assert (one.details["limit"], one.severity, one.details["kind"]) == (100, "high", "used")


def test_a_leak_says_when_it_runs_out(request_: Any) -> None:
    start = request_.incident.start
    rows = ramp(share(request_, "memory_of_limit", 0.3, noise=0.005, instance="c-1"), start, 0.006)
    one = found(request_, rows)["saturation:memory"]
    full = start + timedelta(minutes=0.7 / 0.006)
    assert one.details["since"] is None
    early, out, late = (
        datetime.fromisoformat(one.details[k]) for k in ("runs_out_earliest", "runs_out", "runs_out_latest")
    )
    assert early <= out <= late
    assert abs(out - full) < 6 * MINUTE
    assert abs(out - full) <= max(late - out, out - early) + 3 * MINUTE
    assert one.severity == "high", "within the hour"
    assert "runs out at" in one.headline


def test_free_storage_runs_out_at_nothing(request_: Any) -> None:
    place = {"caller": "checkout", "callee": "rds/orders", "instance": "orders", "unit": "bytes", "noise": 0.0005}
    rows = ramp(samples(request_, "free_storage", "min", 4e9, **place, step=60), request_.incident.start, -2e7)
    one = found(request_, rows)["saturation:disk:rds/orders"]
    assert one.details["ratio"] is None, "how large it is, is not known"
    out = datetime.fromisoformat(one.details["runs_out"])
    assert abs(out - (request_.incident.start + 200 * MINUTE)) < 15 * MINUTE
    assert one.details["level"] == pytest.approx(2.8e9, rel=0.05)
    assert "rds/orders" in one.headline


def test_burst_credits_that_are_used_up(request_: Any, onset: Any) -> None:
    rows = samples(request_, "BurstBalance", "avg", 98, after=3, onset=onset, unit="percent", noise=0.01)
    one = found(request_, rows)["saturation:credits"]
    assert one.details["ratio"] == pytest.approx(0.97, abs=0.01)
    assert one.details["level"] == pytest.approx(3, abs=0.5)


def test_a_queue_that_grows_is_told_against_its_baseline(request_: Any, onset: Any) -> None:
    rows = ramp(
        samples(request_, "queue_depth", "max", 4, unit="count", noise=0.2, callee="sqs/orders", caller="checkout"),
        onset,
        50,
    )
    one = found(request_, rows)["saturation:queue:sqs/orders"]
    assert one.severity == "high"
    assert one.details["growth"] == pytest.approx(50, rel=0.1)
    assert one.details["ratio"] is None
    assert one.time is not None
    assert abs(one.time - onset) < 3 * MINUTE


def test_throttled_calls_are_told_though_aws_writes_no_zeros(request_: Any, onset: Any) -> None:
    rows = samples(request_, "throttles", "rate", 0.5, unit="1/s", step=60, callee="dynamodb/carts", caller="checkout")
    rows = [r for r in rows if r["time"] >= onset]
    one = found(request_, rows)["saturation:throttles:dynamodb/carts"]
    assert one.severity == "medium"
    assert one.time is not None
    assert abs(one.time - onset) <= MINUTE
    assert "baseline 0" in one.headline


def test_an_autoscaler_at_its_maximum(request_: Any, onset: Any) -> None:
    event = {"time": onset, "ref": "hpa", "kind": "kubernetes", "reason": "AtMaximum"}
    event |= {"object": "HorizontalPodAutoscaler/checkout", "message": "it has all of the 8 replicas that it may have"}
    one = found(request_, [], events=[event])["saturation:replicas"]
    assert (one.severity, one.time, one.supports[0].table) == ("medium", onset, "events")
    old = event | {"time": onset - 9 * HOUR}
    assert found(request_, [], events=[old])["saturation:replicas"].severity == "low"


def test_plenty_of_room_is_said_to_be_plenty(request_: Any) -> None:
    rows = share(request_, "memory_of_limit", 0.6, instance="c-1") + share(request_, "disk_of_limit", 0.4)
    rows += samples(request_, "queue_depth", "max", 4, unit="count", noise=0.3)
    answer = found(request_, rows)
    assert set(answer) == {"saturation"}
    assert "3 series of 3 resources" in answer["saturation"].headline
    assert "memory at most 6" in answer["saturation"].headline
    assert answer["saturation"].details["checked"]["disk"]["highest"] == pytest.approx(0.4, abs=0.02)
    assert answer["saturation"].supports[0].rows


def test_no_metric_of_a_limit_is_not_health(request_: Any) -> None:
    answer = found(request_, samples(request_, "latency", "p95", 0.2))
    assert "not known" in answer["saturation"].headline


# Red herrings.


def test_a_disk_that_has_long_been_full_is_old_news(request_: Any) -> None:
    one = found(request_, share(request_, "disk_of_limit", 0.93, noise=0.001))["saturation:disk"]
    assert (one.severity, one.details["old"]) == ("low", True)
    assert "since before the baseline" in one.headline


def test_what_is_over_is_told_as_over(request_: Any, onset: Any) -> None:
    rows = share(request_, "connections_of_limit", 0.4, after=1.0, onset=onset, until=onset + 8 * MINUTE, noise=0.001)
    one = found(request_, rows)["saturation:connections"]
    assert one.severity == "medium"
    assert one.details["until"] is not None
    assert one.headline.startswith("Connections at the limit for a while: 100% from ")


def test_a_dip_does_not_make_it_begin_anew(request_: Any, onset: Any) -> None:
    rows = share(request_, "connections_of_limit", 0.4, after=0.99, onset=onset, noise=0.001)
    for row in rows[-40::7]:
        row["value"] = 0.5
    one = found(request_, rows)["saturation:connections"]
    assert one.time is not None
    assert abs(one.time - onset) <= 2 * MINUTE


@pytest.mark.parametrize("where", [slice(-30, -28), slice(-1, None)])
def test_a_sample_or_two_at_the_limit_are_no_saturation(request_: Any, where: slice) -> None:
    rows = share(request_, "connections_of_limit", 0.4)
    for row in rows[where]:
        row["value"] = 1.0
    assert set(found(request_, rows)) == {"saturation"}


def test_somewhat_more_throttling_is_not_told(request_: Any) -> None:
    rows = samples(request_, "throttles", "rate", 4, after=7, onset=request_.incident.start, unit="1/s")
    assert set(found(request_, rows)) == {"saturation"}
    rows = samples(request_, "throttles", "rate", 4, after=16, onset=request_.incident.start, unit="1/s")
    assert "saturation:throttles" in found(request_, rows)


@pytest.mark.parametrize("minutes", [5, 12, 20, 35, 50])
def test_a_step_is_no_trend(request_: Any, minutes: int) -> None:
    start = request_.incident.end - minutes * MINUTE
    for seed in range(5):
        rows = share(request_, "memory_of_limit", 0.4, after=0.7, onset=start, seed=seed, noise=0.02)
        assert set(found(request_, rows)) == {"saturation"}


def test_a_garbage_collectors_saw_tooth_is_no_leak(request_: Any) -> None:
    rows = share(request_, "memory_of_limit", 0.3)
    for number, row in enumerate(rows):
        row["value"] += 0.5 * ((number + 25) % 90) / 90
    assert set(found(request_, rows)) == {"saturation"}


def test_noise_is_told_as_running_out_hardly_ever(request_: Any) -> None:
    wrong = 0
    for seed in range(12):
        rows = share(request_, "memory_of_limit", 0.6, noise=0.05, seed=seed)
        wrong += len(found(request_, rows)) > 1
    assert wrong == 0


def test_a_throttle_now_and_then_is_usual(request_: Any) -> None:
    rows = samples(request_, "throttles", "rate", 0.4, unit="1/s", noise=0.3)
    assert set(found(request_, rows)) == {"saturation"}


def test_what_other_services_use_is_not_ours(request_: Any, onset: Any) -> None:
    rows = share(request_, "memory_of_limit", 0.99, service="cart")
    rows += share(request_, "connections_of_limit", 0.99, caller="frontend", callee="checkout")
    assert "not known" in found(request_, rows)["saturation"].headline


def test_the_rolling_median_and_the_rise() -> None:
    assert smoothed(np.array([1.0, 1, 9, 1, 1, 5, 5, 5])).tolist() == [1, 1, 1, 1, 5, 5, 5, 5]
    times = np.arange(30.0)
    assert rising(times, 2 * times)[0] == 2
    assert rising(times, -times) == (0, 0, 0)
    assert rising(times[:5], times[:5]) == (0, 0, 0)


def test_resources_are_declared_soundly() -> None:
    assert len({r.name for r in RESOURCES}) == len(RESOURCES)
    for resource in RESOURCES:
        assert 0 < resource.near <= resource.full <= 1
        for measure in resource.measures:
            assert (measure.kind == "used") == bool(measure.limits or measure.declared)


@pytest.mark.slow
def test_five_hundred_series_take_a_second(request_: Any) -> None:
    import time

    rows = [
        r
        for n in range(500)
        for r in ramp(
            share(request_, "memory_of_limit", 0.3, instance=f"c-{n}", seed=n, step=60), request_.incident.start, 0.004
        )
    ]
    frames = tables(metrics=rows)
    list(saturation(request_, tables(metrics=rows[:240])))  # scipy's import is not what is measured
    began = time.perf_counter()
    answer = {f.id: f for f in saturation(request_, frames)}
    assert time.perf_counter() - began < 3
    assert answer["saturation:memory"].details["of"] == 500
