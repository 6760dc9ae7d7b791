"""Which slice carries a rise: versions, instances, endpoints, zones, from metrics and from error lines."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidents import findings, lines, samples

from gather_diagnostics.slicing.slices import Slice, carriers

MINUTE = timedelta(minutes=1)
PODS = {"pod-1": "v1", "pod-2": "v1", "pod-3": "v1", "pod-4": "v1", "pod-5": "v2"}


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


def ratios(request, onset, parts, *, normal=0.002, **columns):
    """error_rate of {value: level after the onset, or None}, of one dimension."""
    (dimension,) = parts
    return [
        row
        for n, (value, after) in enumerate(parts[dimension].items())
        for row in samples(
            request,
            "error_rate",
            "ratio",
            normal,
            after=after,
            onset=onset,
            unit="ratio",
            seed=n,
            noise=0.3,
            **{dimension: value},
            **columns,
        )
    ]


def rates(request, dimension, **each):
    return [
        row
        for n, (value, rate) in enumerate(each.items())
        for row in samples(request, "request_rate", "rate", rate, unit="1/s", seed=n, **{dimension: value})
    ]


def whole(request, onset, after):
    return samples(request, "error_rate", "ratio", 0.002, after=after, onset=onset, unit="ratio")


def test_the_version_that_fails_is_named_with_its_part_of_the_traffic(request_, onset) -> None:
    rows = whole(request_, onset, 0.022) + ratios(request_, onset, {"version": {"v1": None, "v2": 0.2}})
    found = findings(request_, metrics=rows + rates(request_, "version", v1=90.0, v2=10.0))["error_rate:slice"]
    assert (found.details["dimension"], found.details["values"]) == ("version", ["v2"])
    assert found.details["explains"] > 0.9
    assert found.details["share"] == pytest.approx(0.1, abs=0.02)
    assert found.details["weights"] == "request_rate"
    assert "version v2 explains" in found.headline
    assert found.supports[0].rows


def test_without_request_rates_it_says_that_traffic_is_taken_as_equal(request_, onset) -> None:
    rows = whole(request_, onset, 0.022) + ratios(request_, onset, {"version": {"v1": None, "v2": 0.2}})
    found = findings(request_, metrics=rows)["error_rate:slice"]
    assert found.details["weights"] == "equal"
    assert "taken as equal" in found.headline


def test_traffic_decides_between_a_small_bad_slice_and_a_large_one(request_, onset) -> None:
    """/rare fails more often, /pay carries the rise: it has nearly all requests."""
    rows = whole(request_, onset, 0.05)
    rows += ratios(request_, onset, {"endpoint": {"/rare": 0.3, "/pay": 0.1, "/cart": None, "/home": None}})
    rates_ = {"/rare": 0.01, "/pay": 50.0, "/cart": 50.0, "/home": 50.0}
    found = findings(request_, metrics=rows + rates(request_, "endpoint", **rates_))["error_rate:slice"]
    assert "/pay" in found.details["values"]
    assert found.details["explains"] > 0.9
    assert found.details["affected"]["endpoint"]["count"] == 2


def test_a_rise_of_all_alike_is_nobodys(request_, onset) -> None:
    rows = whole(request_, onset, 0.1) + ratios(request_, onset, {"instance": dict.fromkeys(PODS, 0.1)})
    found = findings(request_, metrics=rows)["error_rate:slice"]
    assert found.details["dimension"] is None
    assert found.details["affected"]["instance"]["count"] == 5
    assert "no slice carries" in found.headline


def test_healthy_slices_give_no_finding(request_) -> None:
    rows = whole(request_, None, None) + ratios(request_, None, {"instance": dict.fromkeys(PODS)})
    found = findings(request_, metrics=rows)
    assert not [i for i in found if i.endswith(":slice")]


def test_a_lone_spike_of_one_replica_is_no_slice(request_, onset) -> None:
    rows = whole(request_, None, None) + ratios(request_, None, {"instance": dict.fromkeys(PODS)})
    spike = next(r for r in rows if r.get("instance") == "pod-3" and r["time"] > onset)
    spike["value"] = 0.9
    assert "error_rate:slice" not in findings(request_, metrics=rows)


def test_replicas_of_a_bad_version_are_told_as_the_version(request_, onset) -> None:
    rows = []
    for pod, version in {**PODS, "pod-4": "v2"}.items():
        after = 0.2 if version == "v2" else None
        rows += ratios(request_, onset, {"instance": {pod: after}}, version=version)
    found = findings(request_, metrics=rows)
    details = found["error_rate:slice"].details
    assert (details["dimension"], details["values"]) == ("version", ["v2"])
    assert {"dimension": "instance", "values": ["pod-4", "pod-5"]}.items() <= details["others"][0].items()
    assert "5 replicas" in found["error_rate"].headline


def test_one_bad_replica_of_the_usual_version_is_told_as_the_replica(request_, onset) -> None:
    rows = []
    for pod, version in PODS.items():
        rows += ratios(request_, onset, {"instance": {pod: 0.2 if pod == "pod-2" else None}}, version=version)
    details = findings(request_, metrics=rows)["error_rate:slice"].details
    assert (details["dimension"], details["values"]) == ("instance", ["pod-2"])


def test_a_version_that_is_new_is_held_against_the_old_ones(request_, onset) -> None:
    rows = ratios(request_, onset, {"version": {"v1": None, "v2": 0.2}})
    rows = [r for r in rows if r["version"] == "v1" or r["time"] >= onset]
    details = findings(request_, metrics=rows + whole(request_, onset, 0.1))["error_rate:slice"].details
    assert details["values"] == ["v2"]


def test_zones_come_from_labels_and_versions_from_workloads(request_, onset) -> None:
    rows = whole(request_, onset, 0.07)
    for n, pod in enumerate(PODS):
        labels = {"zone": "eu-1a" if n < 2 else "eu-1b", "le": str(n)}
        rows += ratios(request_, onset, {"instance": {pod: 0.2 if n < 2 else None}}, labels=labels)
    pods = [{"time": request_.incident.end, "ref": p, "kind": "Pod", "name": p, "version": v} for p, v in PODS.items()]
    details = findings(request_, metrics=rows, workloads=pods)["error_rate:slice"].details
    assert (details["dimension"], details["values"]) == ("zone", ["eu-1a"])
    assert details["affected"]["version"] == {"values": ["v1"], "count": 1, "of": 2}
    assert "le" not in details["affected"]


def test_latency_is_sliced_too(request_, onset) -> None:
    rows = samples(request_, "latency", "p95", 0.2, after=0.5, onset=onset)
    for pod in PODS:
        rows += samples(
            request_, "latency", "p95", 0.2, after=1.5 if pod == "pod-5" else None, onset=onset, instance=pod
        )
    found = findings(request_, metrics=rows)["latency:slice"]
    assert found.details["values"] == ["pod-5"]
    assert found.details["stat"] == "p95"
    assert "1,500 ms" in found.headline or "1,4" in found.headline
    healthy = [r for r in rows if r.get("instance") not in ("pod-5", None)]
    assert "latency:slice" not in findings(request_, metrics=healthy)


def test_error_lines_are_sliced_where_metrics_are_missing(request_, onset) -> None:
    start, end = request_.baseline.start, request_.incident.end
    rows = []
    for n, (pod, version) in enumerate(PODS.items()):
        rows += lines(start, end, 6, "order {n} placed", instance=pod, tenant=f"t{n % 3}", seed=n)
        rows += lines(onset, end, 5 if version == "v2" else 300, "boom {n}", level="ERROR", instance=pod, seed=n)
    pods = [{"time": end, "ref": p, "kind": "Pod", "name": p, "version": v} for p, v in PODS.items()]
    found = findings(request_, logs=rows, workloads=pods)
    details = found["log_errors:slice"].details
    assert (details["dimension"], details["values"]) == ("version", ["v2"])
    assert details["weights"] == "lines"
    assert details["share"] == pytest.approx(0.2, abs=0.03)
    assert found["log_errors"].details["share"] > 0.1 > found["log_errors"].details["baseline_share"]


def test_a_tenant_with_most_traffic_and_most_errors_is_no_culprit(request_, onset) -> None:
    start, end = request_.baseline.start, request_.incident.end
    rows = []
    for tenant, every in (("large", 4), ("small", 40), ("tiny", 80)):
        rows += lines(start, end, every, "order {n} placed", tenant=tenant)
        rows += lines(onset, end, every * 2, "boom {n}", level="ERROR", tenant=tenant)
    assert findings(request_, logs=rows)["log_errors:slice"].details["dimension"] is None


amounts = st.floats(0, 1e6, allow_nan=False)


@given(st.lists(st.tuples(amounts, amounts, st.floats(1e-3, 1e6), st.booleans()), max_size=12))
def test_whatever_the_slices_a_carrier_explains_most_of_the_rise(raw) -> None:
    slices = [Slice(str(n), u, v, (v - u) * w, w, r and v > u, 0) for n, (u, v, w, r) in enumerate(raw)]
    for found in carriers({"version": slices}):
        assert 0.67 <= found.explains <= 1
        assert 0 < found.share < 1
        assert 0 <= found.surprise <= 0.7
        assert 0 < len(found.slices) < found.of
        assert all(s.rose for s in found.slices)


def test_every_bad_slice_is_in_the_set_and_no_good_one() -> None:
    slices = [
        Slice(f"pod-{n:02}", 0.0, bad, bad, 1.0, bad > 0.1, n) for n in range(20) for bad in [0.5 if n < 4 else 0.01]
    ]
    assert carriers({"instance": slices})[0].values == ["pod-00", "pod-01", "pod-02", "pod-03"]


def test_sums_beside_their_own_parts_are_not_counted_twice(request_, onset) -> None:
    """Requests by endpoint, and the same again by endpoint and version: v2 has a tenth of the traffic, not more."""
    rows = whole(request_, onset, 0.022) + ratios(request_, onset, {"version": {"v1": None, "v2": 0.2}})
    rows += rates(request_, "version", v1=90.0, v2=10.0)
    for endpoint in ("/a", "/b"):
        rows += samples(request_, "request_rate", "rate", 500.0, unit="1/s", version="v2", endpoint=endpoint)
        rows += samples(request_, "request_rate", "rate", 100.0, unit="1/s", endpoint=endpoint)
    share = findings(request_, metrics=rows)["error_rate:slice"].details["share"]
    assert share == pytest.approx(0.1, abs=0.02)


def test_usual_lines_of_every_instance_are_no_rise_of_one(request_, onset) -> None:
    """The rise is of lines that do not say whose they are."""
    start, end = request_.baseline.start, request_.incident.end
    rows = lines(onset, end, 10, "boom {n}", level="ERROR")
    for n, pod in enumerate(PODS):
        rows += lines(start, end, 6, "order {n} placed", instance=pod, seed=n)
        rows += lines(start, end, 200, "card declined {n}", level="ERROR", instance=pod, seed=n + 3)
    details = findings(request_, logs=rows)["log_errors:slice"].details
    assert details["dimension"] is None
    assert details["affected"]["instance"]["count"] == 0


@pytest.mark.parametrize("label", ["value", "time", "metric", "stat", "unit", "source", "service"])
def test_a_label_that_is_called_like_a_column_takes_nobodys_place(request_, onset, label) -> None:
    rows = whole(request_, onset, 0.07)
    for n, pod in enumerate(PODS):
        rows += ratios(request_, onset, {"instance": {pod: 0.2 if n < 2 else None}}, labels={label: str(n % 2)})
    assert findings(request_, metrics=rows)["error_rate:slice"].details["dimension"] == "instance"
