"""The Kubernetes collector, pure: events, pods, scaling, Helm, topology, logs, permissions."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from conftest import NOW
from servers.kubeshapes import (
    DAY,
    ORIGIN,
    at,
    event,
    packed,
    pod,
    replica_set,
    state,
    workload,
)

from collectors.kubernetes import (
    Kubernetes,
    configuration,
    happenings,
    helm,
    logpool,
    logstreams,
    network,
    permissions,
    pods,
    scaling,
)
from gather_diagnostics.logparse import Record

# --- events, scaling, pods


def test_both_spellings_of_an_event_are_one() -> None:
    old = event(firstTimestamp=at(20), lastTimestamp=at(5), count=7, message="again")
    new = event(eventTime=at(20), series={"lastObservedTime": at(5), "count": 7}, note="again")
    new["regarding"] = new.pop("involvedObject")
    rows = [happenings.row(e, ORIGIN, DAY) for e in (old, new)]
    assert rows[0] == rows[1]
    assert rows[0] is not None
    assert (rows[0]["count"], rows[0]["time"]) == (7, NOW - timedelta(minutes=5))
    assert "first at 2026-03-14 03:00:00 UTC" in rows[0]["message"]
    assert happenings.row(event(lastTimestamp=at(60 * 48)), ORIGIN, DAY) is None


def test_events_of_pods_that_are_gone_but_not_of_namesakes() -> None:
    circle = happenings.Circle()
    circle.add([replica_set(1, 1, "c:66b6c48dd5"), workload("checkout")], parents=True)
    circle.parents.add(("shop", "checkout-66b6c48dd5"))
    assert circle.holds(event())
    other = event()
    other["involvedObject"] |= {"name": "checkout-worker-66b6c48dd5-x7k2p"}
    assert not circle.holds(other)
    elsewhere = event()
    elsewhere["involvedObject"] |= {"namespace": "test"}
    assert not circle.holds(elsewhere)


def test_scaling_by_hand_is_told_and_a_rollouts_is_not() -> None:
    def scaled(minutes: float) -> Any:
        about = {"kind": "Deployment", "namespace": "shop", "name": "checkout"}
        made = event(reason="ScalingReplicaSet", lastTimestamp=at(minutes), involvedObject=about)
        return made | {"message": "Scaled down replica set checkout-66b6c48dd5 to 1 from 6"}

    rows = list(scaling.event_rows([scaled(100), scaled(8)], [NOW - timedelta(minutes=10)], ORIGIN, DAY))
    assert [r["summary"] for r in rows] == ["Deployment/checkout scaled down to 1 replicas from 6"]
    assert (rows[0]["time"], rows[0]["previous"]) == (NOW - timedelta(minutes=100), "6")


@pytest.mark.parametrize(
    ("status", "phase"),
    [
        (state(state={"waiting": {"reason": "ImagePullBackOff"}}), "ImagePullBackOff"),
        (state(state={"terminated": {"exitCode": 2, "reason": "Error"}}), "Error"),
        ({"phase": "Failed", "reason": "Evicted"}, "Evicted"),
        ({"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}, "Unschedulable"),
        ({"phase": "Succeeded"}, "Succeeded"),
        ({}, "Unknown"),
    ],
)
def test_phases(status: dict[str, Any], phase: str) -> None:
    assert pods.phase(pod(status)) == phase


def test_what_a_pods_state_tells() -> None:
    last = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at(4)}}
    told = list(pods.events(pod(state(lastState=last, state={"running": {}})), ORIGIN, DAY.start))
    assert [(e["reason"], e["time"]) for e in told] == [("OOMKilled", NOW - timedelta(minutes=4))]
    assert "its limit is 128Mi" in told[0]["message"]
    old = {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": at(60 * 24 * 7)}}
    assert not list(pods.events(pod(state(lastState=old)), ORIGIN, DAY.start))


def test_a_pod_that_does_not_start_and_one_that_has_to_go() -> None:
    waits = {"type": "Ready", "status": "False", "message": "containers with unready status: [app]"}
    pending = {"phase": "Pending", "conditions": [waits | {"lastTransitionTime": at(9)}]}
    (told,) = pods.events(pod(pending), ORIGIN, DAY.start)
    assert (told["reason"], told["message"][:10], told["time"]) == (
        "NotReady",
        "containers",
        NOW - timedelta(minutes=9),
    )
    drained = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drain"}
    (told,) = pods.events(pod({"phase": "Running", "conditions": [drained]}), ORIGIN, DAY.start)
    assert (told["reason"], told["message"]) == ("EvictionByEvictionAPI", "drain")


def test_an_autoscaler_that_can_not_scale() -> None:
    def autoscaler(written: str) -> dict[str, Any]:
        metadata = {"name": "checkout", "annotations": {"autoscaling.alpha.kubernetes.io/conditions": written}}
        return {"kind": "HorizontalPodAutoscaler", "metadata": metadata}

    broken = {"type": "ScalingActive", "status": "False", "reason": "FailedGetResourceMetric", "message": "no metrics"}
    fine = {"type": "AbleToScale", "status": "True", "reason": "ReadyForNewScale"}
    (told,) = scaling.unable(autoscaler(json.dumps([broken, fine])), ORIGIN)
    assert (told["reason"], told["message"]) == ("FailedGetResourceMetric", "no metrics")
    for odd in ("", "{", "7", "[7]", "null"):
        assert not list(scaling.unable(autoscaler(odd), ORIGIN))


# --- Helm


def test_a_bomb_in_a_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = helm.Release("checkout", 1, "deployed", {})
    monkeypatch.setattr(helm, "LARGEST", 1000)
    with pytest.raises(ValueError, match="larger than 1,000 bytes"):
        helm.with_payload(made, {"data": {"release": packed({"values": "x" * 100_000})}})
    for payload in ("", "%%%", base64.b64encode(b"%%%").decode(), packed([])[:20]):
        with pytest.raises(ValueError, match=r"it is not packed|Expecting value|codec"):
            helm.with_payload(made, {"data": {"release": payload}})


# --- topology


def test_callees_are_services_that_are_there() -> None:
    env = {
        "PAYMENTS_URL": "http://payments:8080/v1",
        "CART_HOST": "cart",
        "DB": "postgres://user:pw@db.shop.svc.cluster.local/x",
        "OTHER_NS": "http://users.accounts:80",
        "MODE": "mail",
        "OUTSIDE": "https://search.example.com/",
    }
    thing = workload("checkout")
    thing["spec"]["template"]["spec"]["containers"] = [{"env": [{"name": k, "value": v} for k, v in env.items()]}]
    known = {"payments", "cart", "db", "users", "mail", "search", "checkout"}
    rows = list(network.edges([thing], known, [], [], ORIGIN))
    assert [r["callee"] for r in rows] == ["cart", "db", "payments"]


def test_an_address_counts_as_ready_unless_told_otherwise() -> None:
    def slice_(*conditions: Any) -> Any:
        marks = {"kubernetes.io/service-name": "checkout"}
        endpoints = [{"conditions": c} for c in conditions]
        return {"kind": "EndpointSlice", "metadata": {"namespace": "shop", "labels": marks}, "endpoints": endpoints}

    service = {"kind": "Service", "metadata": {"name": "checkout", "namespace": "shop"}}
    assert network.behind(service, [slice_({"ready": None}, {"ready": False}), slice_({})]) == (2, 3)
    assert not list(network.unready(service, [slice_({})], ORIGIN))
    (told,) = network.unready(service, [slice_({"ready": False})], ORIGIN)
    assert (told["reason"], told["message"][:26]) == ("NoReadyEndpoints", "none of its 1 addresses is")


def test_only_writes_inside_the_window_are_changes() -> None:
    def write(minutes: float, manager: str, *keys: str) -> Any:
        fields = {"f:data": {".": {}, **{f"f:{k}": {} for k in keys}}}
        return {"manager": manager, "time": at(minutes), "fieldsV1": fields}

    entries = [write(60 * 48, "helm", "OLD"), write(9, "kubectl", "B", "A"), {"manager": "x", "time": at(3)}]
    metadata = {"name": "settings", "namespace": "shop", "managedFields": entries, "creationTimestamp": at(60 * 48)}
    (row,) = configuration.rows({"kind": "ConfigMap", "metadata": metadata}, ORIGIN, DAY)
    assert row["summary"] == "ConfigMap settings changed by kubectl; keys it writes: A, B"
    assert row["time"] == NOW - timedelta(minutes=9)


# --- logs


def test_stamps_in_any_zone() -> None:
    stamps = logstreams.Stamps()
    lines = [b"2026-03-14T03:20:00.123456789Z hello", b"2026-03-14T05:20:01+02:00 there", b"no stamp", b""]
    base = int(NOW.timestamp()) * 1_000_000
    assert list(stamps.taken(lines)) == [(base + 123456, b"hello"), (base + 1_000_000, b"there"), b"no stamp", b""]
    assert (stamps.lines, stamps.first, stamps.last) == (4, base + 123456, base + 1_000_000)


def test_around_the_first_error() -> None:
    records = [Record(n, f"{n}", time_us=n, level="ERROR" if n in (500, 5000) else None) for n in range(9000)]
    kept = [r.line for r in logstreams.around_first_error(iter(records), until=10_000)]
    assert kept == list(range(500 - logstreams.BEFORE, 500 + logstreams.AFTER))
    assert not list(logstreams.around_first_error(iter(records), until=400))


def test_a_bug_in_a_thread_is_raised_where_it_is_seen(monkeypatch: pytest.MonkeyPatch, make_request: Any) -> None:
    def broken(self: Any) -> Iterator[Any]:
        raise ZeroDivisionError("a bug")
        yield

    monkeypatch.setattr("collectors.kubernetes.logs.LogReading.batches", broken)
    place: Any = SimpleNamespace(context="prod", server="https://x")
    settings = Kubernetes.Settings()
    pool = logpool.LogPool(
        None,
        place,
        settings,
        make_request(),
        ORIGIN,
        time.monotonic() + 5,  # type: ignore[arg-type]
    )
    with pytest.raises(ZeroDivisionError):
        list(pool.read([logstreams.Stream(pod({}), "app", False)]))


# --- permissions


def test_rules_grant_as_rbac_means_it() -> None:
    need = permissions.BY_KEY["", "pods/log", "get"]
    rule = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
    assert permissions.granted([rule], need)
    assert permissions.granted([{**rule, "resources": ["*/log"], "verbs": ["*"]}], need)
    assert not permissions.granted([{**rule, "resources": ["pods"]}], need)
    assert not permissions.granted([{**rule, "apiGroups": ["apps"]}], need)
    assert not permissions.granted([{**rule, "resourceNames": ["one"]}], need)


def test_the_policy_reads_and_covers_every_need() -> None:
    documents = list(yaml.safe_load_all(Kubernetes.policy()))
    assert [d["kind"] for d in documents] == ["ClusterRole", "RoleBinding", "ClusterRole", "Role"]
    rules = [r for d in documents for r in d.get("rules", [])]
    assert documents[3]["metadata"]["namespace"] == "default", "where events of nodes are kept"
    assert all(permissions.granted(rules, n) for n in (*permissions.NEEDS, *permissions.ASKED))
    assert {v for r in rules for v in r["verbs"]} == {"get", "list"}
    assert not any("*" in part for r in rules for key in r for part in r[key])
