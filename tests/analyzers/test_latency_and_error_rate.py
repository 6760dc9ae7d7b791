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


def latencies(request, onset, **more):
    return [
        row
        for n, (stat, normal, after) in enumerate((("p50", 0.08, 0.12), ("p95", 0.2, 1.2), ("p99", 0.4, 4.0)))
        for row in samples(request, "latency", stat, normal, after=after, onset=onset, seed=n, **more)
    ]


def test_percentiles_against_their_baseline_since_the_onset(request_, onset) -> None:
    found = findings(request_, metrics=latencies(request_, onset))
    details = {s: found[f"latency:{s}"].details for s in ("p50", "p95", "p99")}
    assert details["p95"]["ratio"] == pytest.approx(6, rel=0.1)
    assert details["p99"]["baseline"] == pytest.approx(0.4, rel=0.05)
    assert all(d["changed"] for d in details.values())
    assert found["latency:p99"].severity == "high"
    assert found["latency:p50"].severity == "low"
    assert "rose from 4" in found["latency:p99"].headline or "rose from 3" in found["latency:p99"].headline
    assert found["latency:p99"].supports[0].rows


def test_unchanged_latency_is_said_to_be_unchanged(request_) -> None:
    found = findings(request_, metrics=latencies(request_, None))
    assert not found["latency:p95"].details["changed"]
    assert "unchanged" in found["latency:p95"].headline
    assert found["latency:p95"].severity == "info"


def test_only_the_endpoint_that_moved_is_named(request_, onset) -> None:
    rows = samples(request_, "latency", "p95", 0.2, after=1.0, onset=onset, endpoint="/pay")
    rows += samples(request_, "latency", "p95", 0.2, endpoint="/cart")
    found = findings(request_, metrics=rows + latencies(request_, onset))
    assert "latency:endpoint:/pay" in found
    assert "latency:endpoint:/cart" not in found


def test_instances_and_edges_do_not_blur_the_whole(request_, onset) -> None:
    rows = latencies(request_, onset) + samples(request_, "latency", "p95", 50.0, instance="pod-1")
    rows += samples(request_, "latency", "p95", 50.0, caller="frontend", callee="checkout")
    assert findings(request_, metrics=rows)["latency:p95"].details["baseline"] < 1


@pytest.mark.parametrize(("after", "severity"), [(0.4, "critical"), (0.08, "high"), (0.02, "medium"), (0.008, "low")])
def test_severity_follows_the_share_that_fails(request_, onset, after, severity) -> None:
    rows = samples(request_, "error_rate", "ratio", 0.001, after=after, onset=onset, unit="ratio")
    found = findings(request_, metrics=rows)["error_rate"]
    assert found.severity == severity
    assert found.details["changed"]
    assert found.details["trend"] == "flat"


def test_it_says_whether_it_is_getting_worse(request_, onset) -> None:
    rows = samples(request_, "error_rate", "ratio", 0.001, after=0.05, onset=onset, unit="ratio")
    end = request_.incident.end
    for row in rows:
        minutes = (row["time"] - (end - 15 * MINUTE)) / MINUTE
        row["value"] *= 1 + max(minutes, 0) * 0.3
    rising = findings(request_, metrics=rows)["error_rate"]
    assert rising.details["trend"] == "rising"
    assert "getting worse" in rising.headline
    for row in rows:
        minutes = (row["time"] - (end - 15 * MINUTE)) / MINUTE
        row["value"] /= (1 + max(minutes, 0) * 0.3) ** 2
    assert findings(request_, metrics=rows)["error_rate"].details["trend"] == "falling"


def test_endpoints_that_fail_are_named_worst_first(request_, onset) -> None:
    rows = [
        row
        for endpoint, after in (("/pay", 0.2), ("/cart", 0.05), ("/health", 0.001))
        for row in samples(
            request_, "error_rate", "ratio", 0.001, after=after, onset=onset, unit="ratio", endpoint=endpoint
        )
    ]
    found = findings(request_, metrics=rows)
    ids = [i for i in found if i.startswith("error_rate:endpoint")]
    assert ids == ["error_rate:endpoint:/pay", "error_rate:endpoint:/cart"]


def test_error_lines_count_where_there_are_no_metrics(request_, onset) -> None:
    chatter = lines(request_.baseline.start, request_.incident.end, 5, "order {n} placed")
    bad = lines(onset, request_.incident.end, 4, "boom {n}", level="ERROR")
    found = findings(request_, logs=chatter + bad)["log_errors"]
    assert found.details["changed"]
    assert found.details["incident"] == pytest.approx(15, rel=0.3)
    healthy = findings(request_, logs=chatter)["log_errors"]
    assert not healthy.details["changed"]
    assert "no more than" in healthy.headline


def test_few_samples_are_not_a_trend(request_, onset) -> None:
    rows = samples(request_, "error_rate", "ratio", 0.001, after=0.1, onset=onset, unit="ratio", step=600)
    found = findings(request_, metrics=rows)["error_rate"]
    assert found.details["changed"]
    assert found.details["trend"] == "unknown"


def test_a_slope_within_the_baseline_is_no_trend(request_) -> None:
    rows = samples(request_, "error_rate", "ratio", 0.001, unit="ratio", noise=0.01)
    for row in rows[-30:]:
        row["value"] *= 1.2
    for n, row in enumerate(rows[-30:]):
        row["value"] *= 1 + n * 0.01
    assert findings(request_, metrics=rows)["error_rate"].details["trend"] == "flat"
