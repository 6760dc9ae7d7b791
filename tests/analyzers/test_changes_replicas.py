"""Ranking by what the replicas, the callers and the callees say."""

from __future__ import annotations

import zlib
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidents import deploy, findings, samples

from analyzers.changes.contrast import Measure, above
from analyzers.changes.replicas import same

MINUTE = timedelta(minutes=1)


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def onset(request_):
    return request_.incident.end - 12 * MINUTE


def replica(request, service, name, version, metric, normal, *, since=None, caller="frontend", **more):
    """Samples of one replica as it serves its caller; from `since` on where it is a new one."""
    stat, unit = ("ratio", "ratio") if metric == "error_rate" else ("p95", "s")
    rows = samples(
        request, metric, stat, normal, unit=unit, step=60, seed=zlib.crc32(f"{name} {metric}".encode()) % 1000, **more
    )
    edge = {"service": service, "instance": name, "version": version, "caller": caller, "callee": service}
    return [row | edge for row in rows if since is None or row["time"] >= since]


def fleet(request, service, *, onset, new_since=None, new_errors=0.001, old_errors_after=None, **columns):
    """Three old replicas and, with `new_since`, a new one."""
    rows = []
    for i in range(3):
        after = {"after": old_errors_after, "onset": onset} if old_errors_after else {}
        rows += replica(request, service, f"{service}-{i}", "v1", "error_rate", 0.001, **after, **columns)
        rows += replica(request, service, f"{service}-{i}", "v1", "latency", 0.02, **columns)
    if new_since:
        rows += replica(request, service, f"{service}-new", "v2", "error_rate", new_errors, since=new_since, **columns)
        rows += replica(request, service, f"{service}-new", "v2", "latency", 0.02, since=new_since, **columns)
    return rows


def rollout(time, service):
    return deploy(time, "v2") | {"id": f"deploy:{service}", "service": service, "revision": "v2", "previous": "v1"}


def alert(time, name="checkout"):
    return {"time": time, "ref": "a", "kind": "alert", "reason": "FIRING", "object": name, "severity": "page"}


def parts(found, id_, side):
    return {p["part"]: p for p in found[f"changes:{id_}"].details[side]}


def test_new_replicas_that_fail_where_the_old_ones_do_not(request_, onset) -> None:
    found = findings(
        request_,
        events=[alert(onset + MINUTE)],
        changes=[rollout(onset - 2 * MINUTE, "checkout"), rollout(onset - MINUTE, "cart")],
        metrics=fleet(request_, "checkout", onset=onset, new_since=onset, new_errors=0.8)
        + fleet(request_, "cart", onset=onset, new_since=onset),
    )
    assert found["changes"].details["first"] == "deploy:checkout"
    assert found["changes"].details["probability"] > 0.8
    assert "points against the old ones'" in parts(found, "deploy:checkout", "for")["new replicas fail"]["words"]
    assert "new replicas fail" not in parts(found, "deploy:cart", "for")


def test_new_replicas_that_fail_no_more_than_the_old_ones_are_not_to_blame(request_, onset) -> None:
    found = findings(
        request_,
        events=[alert(onset + MINUTE)],
        changes=[rollout(onset - 3 * MINUTE, "checkout")],
        metrics=fleet(request_, "checkout", onset=onset, new_since=onset, new_errors=0.5, old_errors_after=0.5),
    )
    assert "new replicas fail" not in parts(found, "deploy:checkout", "for")


def test_new_replicas_that_served_well_speak_for_a_rollout(request_, onset) -> None:
    metrics = fleet(request_, "checkout", onset=onset, new_since=onset - 20 * MINUTE)
    metrics += fleet(request_, "cart", onset=onset, new_since=onset)
    changes = [rollout(onset - 22 * MINUTE, "checkout"), rollout(onset - 2 * MINUTE, "cart")]
    edges = [{"time": onset, "ref": "t", "caller": "checkout", "callee": "cart"}]
    found = findings(request_, events=[alert(onset)], changes=changes, metrics=metrics, topology=edges)
    against = parts(found, "deploy:checkout", "against")["served"]
    assert "served for 20 min" in against["words"]
    assert found["changes"].details["first"] == "deploy:cart"


def test_new_replicas_that_never_took_traffic(request_, onset) -> None:
    changes = [rollout(onset - 2 * MINUTE, "checkout"), rollout(onset - 4 * MINUTE, "cart")]
    metrics = fleet(request_, "checkout", onset=onset) + fleet(request_, "cart", onset=onset, new_since=onset - MINUTE)
    edges = [{"time": onset, "ref": "t", "caller": "checkout", "callee": "cart"}]
    found = findings(request_, events=[alert(onset)], changes=changes, metrics=metrics, topology=edges)
    silent = parts(found, "deploy:checkout", "for")["new replicas are silent"]
    assert "none of its new replicas has taken traffic in the 14" in silent["words"]
    assert found["changes"].details["first"] == "deploy:checkout"


def test_a_rollout_of_a_moment_ago_is_not_silent_yet(request_, onset) -> None:
    end = request_.incident.end
    metrics = fleet(request_, "checkout", onset=end - MINUTE, old_errors_after=0.3)
    found = findings(
        request_, events=[alert(end - MINUTE)], changes=[rollout(end - 1.2 * MINUTE, "checkout")], metrics=metrics
    )
    assert "new replicas are silent" not in parts(found, "deploy:checkout", "for")


def test_replicas_of_unknown_versions_say_nothing(request_, onset) -> None:
    """A marker whose revision no sample carries must not look like a rollout whose replicas stay away."""
    metrics = fleet(request_, "checkout", onset=onset, old_errors_after=0.3)
    change = rollout(onset - 5 * MINUTE, "checkout") | {"revision": "2026.11.21", "previous": "2026.11.20"}
    found = findings(request_, events=[alert(onset)], changes=[change], metrics=metrics)
    assert not {"new replicas are silent", "served"} & parts(found, "deploy:checkout", "for").keys()


def test_symptoms_that_a_callee_explains_do_not_speak_against_the_caller(request_, onset) -> None:
    metrics = fleet(request_, "checkout", onset=onset, old_errors_after=0.3)
    metrics += fleet(request_, "cart", onset=onset, old_errors_after=0.4, caller="checkout")
    changes = [rollout(onset - 2 * MINUTE, "checkout"), rollout(onset - 2 * MINUTE, "cart")]
    for change in changes:
        change |= {"revision": "x2", "previous": "x1"}
    found = findings(request_, events=[alert(onset)], changes=changes, metrics=metrics)
    assert "explained by cart" in parts(found, "deploy:checkout", "against")["explained by a callee"]["words"]
    assert "its own symptoms" in parts(found, "deploy:cart", "for")
    assert found["changes"].details["first"] == "deploy:cart"


def test_what_callers_see_counts_where_the_service_itself_is_mute(request_, onset) -> None:
    seen = [
        row | {"service": "checkout", "instance": "checkout-0", "version": "v1", "caller": "checkout", "callee": "mail"}
        for row in samples(request_, "error_rate", "ratio", 0.001, after=0.4, onset=onset, unit="ratio", step=60)
    ]
    changes = [rollout(onset - 3 * MINUTE, "mail"), rollout(onset - 3 * MINUTE, "cart")]
    found = findings(request_, events=[alert(onset)], changes=changes, metrics=seen)
    assert "callers see" in parts(found, "deploy:mail", "for")["callers see errors"]["words"]
    assert "does not call" in parts(found, "deploy:cart", "against")["place"]["words"]


def test_services_that_share_nothing_but_the_ground_fail_together(request_, onset) -> None:
    """A change of what all stand on is suspected rather than a rollout of one of them."""
    ill = [
        fleet(request_, name, onset=onset, old_errors_after=0.4, caller=None) for name in ("a", "b", "c", "checkout")
    ]
    metrics = [row | {"callee": None} for rows in ill for row in rows]
    infra = deploy(onset - 3 * MINUTE, "nodes") | {"kind": "infra", "service": None, "summary": "node pool upgraded"}
    changes = [rollout(onset - 2 * MINUTE, "checkout") | {"revision": "x2", "previous": "x1"}, infra]
    found = findings(request_, events=[alert(onset)], changes=changes, metrics=metrics)
    assert "3 of 3 services that no call connects" in parts(found, "deploy:checkout", "against")["spread"]["words"]
    assert "4 of 4 services left their baseline at once" in parts(found, "git:tag:nodes", "for")["spread"]["words"]


def pod(name, version, **state):
    return {"time": None, "ref": name, "kind": "Pod", "name": name, "version": version} | state


def test_new_replicas_that_crash_while_the_old_ones_run(request_, onset) -> None:
    well = {"ready": True, "restarts": 0, "phase": "Running"}
    crashed = {"ready": False, "restarts": 4, "phase": "CrashLoopBackOff", "last_exit_reason": "OOMKilled"}
    pods = [pod("a", "v1", **well), pod("b", "v1", **well), pod("c", "v2", **crashed)]
    found = findings(
        request_,
        events=[alert(onset)],
        changes=[rollout(onset - MINUTE, "checkout")],
        workloads=[row | {"time": request_.asked} for row in pods],
    )
    told = parts(found, "deploy:checkout", "for")["workload"]["words"]
    assert told == "1 of its 1 new replicas are not ready or were restarted (OOMKilled)"


def test_replicas_of_both_versions_that_crash_are_not_the_rollouts_doing(request_, onset) -> None:
    crashed = {"time": request_.asked, "ready": False, "restarts": 4, "phase": "CrashLoopBackOff"}
    pods = [pod("a", "v1") | crashed, pod("b", "v1") | crashed, pod("c", "v2") | crashed]
    found = findings(request_, events=[alert(onset)], changes=[rollout(onset - MINUTE, "checkout")], workloads=pods)
    assert "workload" not in parts(found, "deploy:checkout", "for")


@pytest.mark.parametrize(
    ("version", "revision", "alike"),
    [
        ("v2", "v2", True),
        ("2.1.0", "v2.1.0", True),
        ("v2", "registry.example/shop/checkout:v2", True),
        ("1a2b3c4", "1a2b3c4d5e6f7a8b9c0d1a2b3c4d5e6f7a8b9c0d", True),
        ("v2", "v21", False),
        ("v1", "v2", False),
        ("", "v2", False),
        ("v2", None, False),
    ],
)
def test_versions_and_revisions(version, revision, alike) -> None:
    assert same(version, revision) is alike


SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(SHARES, SHARES, st.sampled_from(["ratio", "times"]))
def test_a_contrast_is_between_nothing_and_certain(samples_, usual, unit) -> None:
    measure = Measure("m", "m", unit, noise=0.01, material=0.02, full=0.5)
    found = above(measure, np.array(samples_), np.array(usual))
    assert 0 <= found.strength <= 1
    if np.median(samples_) <= np.median(usual):
        assert found.strength == 0


def test_more_and_farther_samples_are_surer() -> None:
    measure = Measure("m", "m", "ratio", noise=0.005, material=0.01, full=0.5)
    usual = np.full(10, 0.01)
    strengths = [above(measure, np.full(n, v), usual).strength for n, v in ((1, 0.02), (1, 0.2), (3, 0.5))]
    assert strengths == sorted(strengths)
    assert strengths[0] < 0.2 < 0.8 < strengths[2]
