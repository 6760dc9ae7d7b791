"""The Kubernetes collector: shaping, kubeconfigs, login plugins, and an API server that misbehaves on purpose."""

from __future__ import annotations

import base64
import gzip
import json
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from conftest import NOW
from hypothesis import given
from hypothesis import strategies as st

from collectors.kubernetes import (
    Kubernetes,
    client,
    configuration,
    happenings,
    helm,
    labels,
    logpool,
    logstreams,
    network,
    objects,
    permissions,
    pods,
    podtemplates,
    quantities,
    rollouts,
    scaling,
    selection,
)
from gather_diagnostics import Gap, Request, Rows, Skew, Target, Window
from gather_diagnostics.logparse import Record
from gather_diagnostics.tables import to_batch

SECRET = "hunter2-never-to-be-seen"
ORIGIN = objects.Origin("prod", "eu-1", "checkout", NOW)
DAY = Window(NOW - timedelta(days=1), NOW)
Answer = Callable[[BaseHTTPRequestHandler], None]


def at(minutes: float) -> str:
    """RFC 3339, so many minutes before NOW."""
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


# --- quantities


UNITS = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@given(st.integers(0, 10**9), st.sampled_from(sorted(UNITS)), st.integers(0, 999))
def test_decimal_quantities(whole: int, unit: str, fraction: int) -> None:
    expected = float(f"{whole}.{fraction:03d}e{UNITS[unit]}")
    assert quantities.quantity(f"{whole}.{fraction:03d}{unit}") == pytest.approx(expected, rel=1e-12)
    assert quantities.quantity(f"-{whole}{unit}") == pytest.approx(-float(f"{whole}e{UNITS[unit]}"), rel=1e-12)


@given(st.integers(0, 2**40), st.integers(1, 6))
def test_binary_quantities_are_exact(number: int, power: int) -> None:
    assert quantities.quantity(f"{number}{' KMGTPE'[power]}i") == float(number * 1024**power)


@given(st.one_of(st.text(max_size=30), st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text())))
def test_no_quantity_breaks_it(value: Any) -> None:
    found = quantities.quantity(value)
    assert found is None or abs(found) < float("inf")


@pytest.mark.parametrize(
    ("written", "value"), [("1e3", 1000), ("1E3", 1000), ("2E", 2e18), ("100m", 0.1), (".5", 0.5), ("5.", 5), (3, 3)]
)
def test_quantities_by_example(written: Any, value: float) -> None:
    assert quantities.quantity(written) == value


@pytest.mark.parametrize("written", ["", "Ki", "1 Gi", "1GiB", "0x10", "1e9999", "１", "--1", "1mm", "NaN", "inf"])
def test_what_is_no_quantity(written: str) -> None:
    assert quantities.quantity(written) is None


def test_a_pod_is_limited_only_where_all_its_containers_are() -> None:
    limited = {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    half = {"resources": {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m"}}}
    assert quantities.summed([limited, half], "limits") == {"memory": 2 * 2**30}
    assert quantities.summed([limited, half], "requests") == {"cpu": 0.2}
    assert quantities.summed([{}], "limits") is None


# --- label selectors


@pytest.mark.parametrize(
    ("written", "yes", "no"),
    [
        ("app=checkout", {"app": "checkout"}, {"app": "cart"}),
        ("app==checkout, tier != cache", {"app": "checkout"}, {"app": "checkout", "tier": "cache"}),
        ("app in (a, b)", {"app": "b"}, {}),
        ("app notin (a,b)", {}, {"app": "a"}),
        ("app", {"app": ""}, {"x": "app"}),
        ("!app", {"x": "y"}, {"app": "y"}),
        ("app.kubernetes.io/name=checkout", {"app.kubernetes.io/name": "checkout"}, {}),
    ],
)
def test_selectors(written: str, yes: dict[str, str], no: dict[str, str]) -> None:
    assert labels.holds(labels.parse(written), yes)
    assert not labels.holds(labels.parse(written), no)


@pytest.mark.parametrize("written", ["", "=a", "a=b c", "a in b", "a=b,,c", "a in (b", "a;b"])
def test_what_is_no_selector(written: str) -> None:
    with pytest.raises(ValueError, match=r"it (is empty|can't be read)"):
        labels.parse(written)


@given(st.text(max_size=60))
def test_a_selector_is_read_or_refused(written: str) -> None:
    try:
        labels.parse(written)
    except ValueError:
        return
    assert written.strip()


# --- which objects are the service's


def workload(name: str, kind: str = "Deployment", inside: Mapping[str, str] | None = None, **marks: str) -> Any:
    template = {"metadata": {"labels": dict(inside or {})}, "spec": {"containers": []}}
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": marks},
        "spec": {"selector": {"matchLabels": dict(inside or {})}, "template": template},
    }


def test_the_most_telling_label_decides() -> None:
    named, by_app = workload("a", inside={"app.kubernetes.io/name": "checkout"}), workload("b", app="checkout")
    match, found = selection.choose(selection.candidates("checkout", ""), [by_app, named])
    assert found == [named]
    assert match is not None
    assert match.words == "label app.kubernetes.io/name=checkout"
    match, found = selection.choose(selection.candidates("b", ""), [by_app, named])
    assert found == [by_app]
    assert match is not None
    assert match.by_labels is None


def test_pods_are_narrowed_by_the_server_only_where_one_selector_fits_all() -> None:
    one, two = workload("a", inside={"app": "x", "b": "y"}), workload("c", inside={"app": "z"})
    assert selection.server_side([one]) == "app=x,b=y"
    assert selection.server_side([one, two]) == ""
    assert selection.server_side([one, workload("j", "Job", inside={"app": "x", "b": "y"})]) == ""
    assert selection.server_side([]) == ""


# --- rollouts


def template(image: str, **more: Any) -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "checkout"}},
        "spec": {"containers": [{"name": "app", "image": image, **more}]},
    }


def replica_set(revision: int, minutes: float, image: str, history: str = "", **more: Any) -> dict[str, Any]:
    notes = {"deployment.kubernetes.io/revision": str(revision)}
    if history:
        notes["deployment.kubernetes.io/revision-history"] = history
    metadata = {"name": f"checkout-{image[-3:]}", "namespace": "shop", "uid": f"rs-{image}", "annotations": notes}
    metadata |= {"creationTimestamp": at(minutes), "ownerReferences": [{"uid": "uid-checkout"}]}
    return {"kind": "ReplicaSet", "metadata": metadata, "spec": {"template": template(image, **more)}}


def deployment(revision: int, reason: str = "NewReplicaSetAvailable", minutes: float = 1, **metadata: Any) -> Any:
    made = workload("checkout")
    made["metadata"] |= {"annotations": {"deployment.kubernetes.io/revision": str(revision)}, **metadata}
    made["status"] = {"conditions": [{"type": "Progressing", "reason": reason, "lastUpdateTime": at(minutes)}]}
    return made


def rolled(thing: Any, carriers: list[Any], events: list[Any] | None = None) -> list[dict[str, Any]]:
    made = list(rollouts.rows(thing, carriers, events or [], ORIGIN, DAY))
    to_batch("changes", "kubernetes", made)
    return made


def test_a_rollout_in_words() -> None:
    probe = {"httpGet": {"path": "/ready", "port": 8080}}
    old = replica_set(41, 600, "shop/checkout:2.14.0", readinessProbe=probe, resources={"limits": {"memory": "256Mi"}})
    new = replica_set(
        42,
        20,
        "shop/checkout:2.14.1",
        readinessProbe={"httpGet": {"path": "/health", "port": 8080}},
        resources={"limits": {"memory": "128Mi"}},
        env=[{"name": "ADDED", "value": SECRET}],
    )
    first, second = rolled(deployment(42, minutes=18), [new, old])
    assert second["summary"] == (
        "checkout revision 42: image shop/checkout:2.14.0 -> 2.14.1; memory limit 256Mi -> 128Mi; env added: ADDED;"
        " readiness probe httpGet.path /ready -> /health"
    )
    assert (second["previous"], second["finished"]) == ("41", NOW - timedelta(minutes=18))
    assert second["time"] == NOW - timedelta(minutes=20)
    assert second["ref"] == "k8s://prod/shop/ReplicaSet/checkout-4.1#rs-shop/checkout:2.14.1"
    assert "what was before is no longer kept" in first["summary"]
    assert first["finished"] is None
    assert SECRET not in repr(second)


@pytest.mark.parametrize(
    ("reason", "state"), [("ProgressDeadlineExceeded", "stuck"), ("ReplicaSetUpdated", "under way"), ("", "under way")]
)
def test_a_rollout_that_is_not_done(reason: str, state: str) -> None:
    row = rolled(deployment(2, reason), [replica_set(1, 600, "c:1.0"), replica_set(2, 5, "c:1.1")])[-1]
    assert row["finished"] is None
    assert row["details"]["state"].startswith(state)
    assert ("stuck" in row["summary"]) is (state == "stuck")


def test_a_rollout_is_not_done_before_it_began() -> None:
    row = rolled(deployment(2, minutes=30), [replica_set(1, 600, "c:1.0"), replica_set(2, 5, "c:1.1")])[-1]
    assert row["finished"] is None


def test_a_rollback_has_the_time_of_its_event() -> None:
    carriers = [replica_set(3, 600, "c:1.0", history="1"), replica_set(2, 300, "c:1.1")]
    event = {"reason": "ScalingReplicaSet", "firstTimestamp": at(7)}
    event |= {"message": "Scaled up replica set checkout-1.0 to 1"}
    rows = rolled(deployment(3, minutes=5), carriers, [event])
    assert [(r["revision"], r["previous"]) for r in rows] == [("1", None), ("2", "1"), ("3", "2")]
    assert rows[-1]["time"] == NOW - timedelta(minutes=7)
    assert rows[-1]["summary"].startswith("checkout revision 3, a rollback to revision 1: image c:1.1 -> 1.0")
    assert rows[-1]["details"]["rollback"] is True


def test_a_rollback_whose_time_nobody_knows_is_not_invented() -> None:
    carriers = [replica_set(3, 600, "c:1.0", history="1"), replica_set(2, 300, "c:1.1")]
    assert [r["revision"] for r in rolled(deployment(3), carriers)] == ["1", "2"]


def test_stateful_sets_have_controller_revisions() -> None:
    def revision(number: int, minutes: float, image: str) -> Any:
        metadata = {"name": f"db-{image}", "namespace": "shop", "uid": image, "creationTimestamp": at(minutes)}
        metadata["ownerReferences"] = [{"uid": "uid-db"}]
        return {
            "kind": "ControllerRevision",
            "metadata": metadata,
            "revision": number,
            "data": {"spec": {"template": template(image)}},
        }

    db = workload("db", "StatefulSet")
    db["status"] = {"currentRevision": "a", "updateRevision": "b"}
    rows = rolled(db, [revision(2, 10, "db:2"), revision(1, 100, "db:1")])
    assert [r["summary"] for r in rows] == [
        "db revision 1: first rollout; image db:1",
        "db revision 2: image db:1 -> 2",
    ]
    assert rows[1]["details"]["state"] == "under way"


def test_a_restart_and_a_change_of_configuration_by_its_checksum() -> None:
    old, new = template("c:1"), template("c:1")
    new["metadata"]["annotations"] = {"kubectl.kubernetes.io/restartedAt": at(3), "checksum/config": "ab"}
    told = [podtemplates.words(d) for d in podtemplates.differences(old, new)]
    assert sorted(told) == ["configuration, by its checksum/config", "restarted (kubectl rollout restart)"]


def test_values_of_the_environment_are_never_told() -> None:
    old, new = template("c:1", env=[{"name": "A", "value": SECRET}]), template("c:1", env=[{"name": "A", "value": "x"}])
    assert [podtemplates.words(d) for d in podtemplates.differences(old, new)] == ["env changed: A"]
    assert SECRET not in repr(podtemplates.differences(old, new))


@pytest.mark.parametrize(
    ("image", "tag"),
    [
        ("a/b:1.2", "1.2"),
        ("host:5000/a", "latest"),
        ("host:5000/a:v1", "v1"),
        ("a@sha256:0123456789abcdef", "sha256:0123456789ab"),
        ("a:v1@sha256:01", "v1"),
    ],
)
def test_tags(image: str, tag: str) -> None:
    assert podtemplates.tag(image) == tag


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("2026-03-14T03:00:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "metadata spec status name uid namespace labels annotations creationTimestamp containers image"
                " env state terminated conditions template data type reason message revision ownerReferences"
                " lastState restartCount containerStatuses involvedObject lastTimestamp count series endpoints"
                " subsets managedFields time fieldsV1 f:data resources limits memory selector matchLabels"
                " deployment.kubernetes.io/revision".split()
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(["metadata", "spec", "status", "data", "involvedObject"]), anything))
def test_objects_of_any_shape_do_no_harm(thing: dict[str, Any]) -> None:
    thing = {**thing, "kind": "Pod"}
    to_batch("workloads", "kubernetes", [pods.row(thing, ORIGIN)])
    to_batch("events", "kubernetes", list(pods.events(thing, ORIGIN, DAY.start)))
    to_batch("events", "kubernetes", list(pods.node_events(thing, ORIGIN)))
    to_batch("changes", "kubernetes", list(rollouts.rows(thing, [thing], [thing], ORIGIN, DAY)))
    to_batch("changes", "kubernetes", list(configuration.rows(thing, ORIGIN, DAY)))
    to_batch("changes", "kubernetes", list(scaling.event_rows([thing], [], ORIGIN, DAY)))
    row = happenings.row(thing, ORIGIN, DAY)
    to_batch("events", "kubernetes", [row] if row else [])
    configuration.mentioned([thing])
    podtemplates.differences(thing, {**thing, "spec": {}})
    network.behind(thing, [thing])
    logstreams.streams([thing])


# --- events, scaling, pods


def event(**fields: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "shop", "name": "checkout-66b6c48dd5-x7k2p"}
    return {"kind": "Event", "involvedObject": about, "reason": "BackOff", "type": "Warning", **fields}


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


def pod(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "shop/checkout:2", "resources": {"limits": {"memory": "128Mi"}}}]
    metadata = {"name": "checkout-1", "namespace": "shop", "uid": "u"}
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}, "status": status}


def state(**fields: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "app", "restartCount": 3, **fields}], "phase": "Running"}


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


# --- Helm


def packed(document: Any) -> str:
    inner = base64.b64encode(gzip.compress(json.dumps(document).encode()))
    return base64.b64encode(inner).decode()


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
    assert [d["kind"] for d in documents] == ["ClusterRole", "RoleBinding", "ClusterRole"]
    rules = [r for d in documents for r in d.get("rules", [])]
    assert all(permissions.granted(rules, n) for n in permissions.NEEDS)
    assert {v for r in rules for v in r["verbs"]} == {"get", "list"}
    assert not any("*" in part for r in rules for key in r for part in r[key])


# --- kubeconfigs


def kubeconfig(path: Path, server: str = "http://127.0.0.1:9", user: Any = None, **context: str) -> Path:
    document = {
        "current-context": "prod",
        "clusters": [{"name": "eu-1", "cluster": {"server": server}}],
        "users": [{"name": "me", "user": {"token": SECRET} if user is None else user}],
        "contexts": [{"name": "prod", "context": {"cluster": "eu-1", "user": "me", **context}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def planned(request: Request, **settings: Any) -> list[Target | Gap]:
    return list(Kubernetes(Kubernetes.Settings(**settings)).plan(request))


def test_planning_names_the_cluster_without_credentials(tmp_path: Path, make_request: Any) -> None:
    path = kubeconfig(tmp_path / "c", f"https://user:{SECRET}@api.example.com:6443/?token={SECRET}", namespace="shop")
    (target,) = planned(make_request(), kubeconfig=str(path))
    assert isinstance(target, Target)
    assert target.where == "https://api.example.com:6443 (context prod)"
    assert "namespace shop" in target.what
    assert "the current context of" in target.because
    (target,) = planned(make_request(), kubeconfig=str(path), namespace="*", contexts=["prod"])
    assert isinstance(target, Target)
    assert "all namespaces" in target.what


def test_several_kubeconfigs_the_first_wins(tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kubeconfig(tmp_path / "a", "https://first:1")
    second = yaml.safe_load(kubeconfig(tmp_path / "b", "https://second:1").read_text())
    second["current-context"] = "other"
    second["contexts"].append({"name": "other", "context": {"cluster": "eu-1", "user": "me"}})
    (tmp_path / "b").write_text(yaml.safe_dump(second))
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "missing"), str(first), str(tmp_path / "b")]))
    assert [t.where for t in planned(make_request()) if isinstance(t, Target)] == ["https://first:1 (context prod)"]
    assert len(planned(make_request(), contexts=["prod", "other"])) == 2


def test_no_cluster_is_known(tmp_path: Path, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (gap,) = planned(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "KUBECONFIG" in gap.mend


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"users: [{{token: {SECRET}", "not valid YAML"),
        ("- a\n", "no kubeconfig"),
        ("", "empty"),
        ("contexts: []\n", "names no current context"),
        ("current-context: x\n", "there is no context 'x'"),
        ("current-context: x\ncontexts: [{name: x, context: {cluster: gone}}]\n", "'gone', which has no server"),
        ("\x00", "not a YAML text"),
        ("current-context: [1]\ncontexts: {a: b}\n", "names no current context"),
    ],
)
def test_kubeconfigs_that_are_of_no_use(tmp_path: Path, make_request: Any, content: str, words: str) -> None:
    (tmp_path / "c").write_text(content)
    (gap,) = planned(make_request(), kubeconfig=str(tmp_path / "c"))
    assert isinstance(gap, Gap)
    assert (gap.cause, words in gap.why) == ("not_configured", True), gap
    assert gap.mend
    assert SECRET not in repr(gap)


def test_an_unknown_context_names_those_there_are(tmp_path: Path, make_request: Any) -> None:
    (gap,) = planned(make_request(), kubeconfig=str(kubeconfig(tmp_path / "c")), contexts=["prd"])
    assert isinstance(gap, Gap)
    assert "there are prod" in gap.why


# --- an API server that misbehaves on purpose


def saying(status: int, body: Any, headers: Mapping[str, str] | None = None, cut: int = 0) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response_only(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        given.setdefault("Date", handler.date_time_string())
        for name, value in given.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content[: len(content) - cut])
        handler.close_connection = bool(cut)

    return answer


def refusal(code: int, message: str, **headers: str) -> Answer:
    return saying(code, {"kind": "Status", "code": code, "message": message}, headers)


class Server:
    """Empty lists and every right, but for `routes`: path without query to its answers, the last one repeated."""

    def __init__(self) -> None:
        self.routes: dict[str, list[Answer]] = {}
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []
        self.headers: list[dict[str, str]] = []
        self.rules = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]
        self.everything: Answer | None = None

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.asked.append((handler.command, url.path, parse_qs(url.query)))
        self.headers.append(dict(handler.headers))
        if self.everything:
            self.everything(handler)
        elif found := self.routes.get(url.path):
            (found.pop(0) if len(found) > 1 else found[0])(handler)
        elif url.path.endswith("rulesreviews"):
            saying(201, {"status": {"resourceRules": self.rules, "incomplete": False}})(handler)
        else:
            saying(200, {"items": None})(handler)

    def count(self, path: str) -> int:
        return sum(p == path for _, p, _ in self.asked)


@contextmanager
def serving() -> Iterator[tuple[Server, str]]:
    made = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            try:
                made.answer(self)
            except OSError:
                self.close_connection = True  # the client hung up: some tests are about that

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield made, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimpleNamespace]:
    with serving() as (server, url):
        yield SimpleNamespace(server=server, url=url, config=kubeconfig(tmp_path / "config", url, namespace="shop"))


POD_LIST = "/api/v1/namespaces/shop/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"


def simple_pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "checkout"}}}


def collected(config: Path, request: Request, **settings: Any) -> SimpleNamespace:
    made = SimpleNamespace(gaps=[], skews=[], rows=[])
    for item in Kubernetes(Kubernetes.Settings(kubeconfig=str(config), **settings)).collect(request):
        match item:
            case Rows(table, rows):
                to_batch(table, "kubernetes", rows)
                made.rows.extend((table, r) for r in (rows if isinstance(rows, list) else rows.to_pylist()))
            case Gap():
                assert item.why
                assert item.mend
                assert len(item.why) < 700
                made.gaps.append(item)
            case Skew():
                made.skews.append(item)
    assert SECRET not in repr(made)
    return made


def names(made: SimpleNamespace) -> list[str]:
    return sorted(r["name"] for table, r in made.rows if table == "workloads")


def test_null_lists_are_empty_ones(api: Any, make_request: Any) -> None:
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["not_found"]
    assert api.server.headers[0]["Authorization"] == f"Bearer {SECRET}"
    assert {m for m, p, _ in api.server.asked if "review" not in p} == {"GET"}, "nothing but reads"


def test_an_expired_token_begins_the_list_anew(api: Any, make_request: Any) -> None:
    page = {"metadata": {"continue": "t"}, "items": [simple_pod("a"), simple_pod("b")]}
    rest = {"metadata": {}, "items": [simple_pod("b"), simple_pod("c")]}
    api.server.routes[POD_LIST] = [saying(200, page), refusal(410, "too old"), saying(200, page), saying(200, rest)]
    made = collected(api.config, make_request())
    assert names(made) == ["a", "b", "c"]
    assert api.server.count(POD_LIST) == 4

    api.server.routes[POD_LIST] = [saying(200, page), refusal(410, "too old"), saying(200, page), refusal(410, "old")]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["truncated"]


def test_pages_that_do_not_go_on(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"metadata": {"continue": "t"}, "items": []})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["invalid"]
    assert api.server.count(POD_LIST) == 2


def test_throttling_is_waited_for_within_bounds(api: Any, make_request: Any) -> None:
    pods_ = saying(200, {"items": [simple_pod("a")]})
    api.server.routes[POD_LIST] = [refusal(429, "slow down", **{"Retry-After": "0"}), pods_]
    assert names(collected(api.config, make_request())) == ["a"]
    api.server.routes[POD_LIST] = [refusal(429, "slow down", **{"Retry-After": "3600"})]
    before = api.server.count(POD_LIST)
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["throttled"]
    assert api.server.count(POD_LIST) == before + 1
    assert api.server.asked[-1][1] == POD_LIST, "a server that is busy is left in peace"


def test_a_server_that_throttles_is_asked_nothing_further(api: Any, make_request: Any) -> None:
    thing = workload("checkout", app="checkout")
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [thing]})]
    events = "/api/v1/namespaces/shop/events"
    api.server.routes[events] = [refusal(429, "slow down", **{"Retry-After": "3600"})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["throttled"]
    assert api.server.asked[-1][1] == events
    api.server.routes[events] = [refusal(403, "no")]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied"]
    assert api.server.asked[-1][1] != events, "another refusal is of this one list alone"


def test_pages_are_of_the_size_asked_for(api: Any, make_request: Any) -> None:
    collected(api.config, make_request(), page_size=7)
    assert all(q["limit"] == ["7"] for _, p, q in api.server.asked if "review" not in p)


def test_contents_of_secrets_stay_on_the_server(api: Any, make_request: Any) -> None:
    release = {"name": "sh.helm.release.v1.checkout.v1", "namespace": "shop", "creationTimestamp": at(5), "uid": "r"}
    release["labels"] = {"owner": "helm", "name": "checkout", "version": "1", "status": "deployed", "app": "checkout"}
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [workload("checkout", app="checkout")]})]
    full = {"metadata": release, "data": {"release": packed({"config": {"password": SECRET}})}}
    secrets = "/api/v1/namespaces/shop/secrets"
    api.server.routes[secrets] = [saying(200, {"items": [{"metadata": release}]})] * 2 + [
        saying(200, {"items": [full]})
    ]
    made = collected(api.config, make_request())
    asked = [
        (q, h["Accept"]) for (_, p, q), h in zip(api.server.asked, api.server.headers, strict=True) if p == secrets
    ]
    assert [a.startswith("application/json;as=PartialObjectMetadataList") for _, a in asked] == [True, True, False]
    assert asked[2][0]["labelSelector"] == ["owner=helm,name=checkout,version in (1)"], "payloads of Helm's alone"
    assert [r["kind"] for table, r in made.rows if table == "changes"] == ["deploy"], (
        "a release is no Secret that changed"
    )


def test_events_under_their_other_name_will_do(api: Any, make_request: Any) -> None:
    names_ = ["pods", "deployments", "pods/log"]
    api.server.rules = [
        {"verbs": ["list", "get"], "apiGroups": ["", "apps"], "resources": names_},
        {"verbs": ["list"], "apiGroups": ["events.k8s.io"], "resources": ["events"]},
    ]
    api.server.routes[DEPLOYMENTS] = [saying(200, {"items": [workload("checkout", app="checkout")]})]
    seen = event(metadata={"uid": "e"}, eventTime=at(5), note="hm")
    seen["regarding"] = {"kind": "Deployment", "namespace": "shop", "name": "checkout"}
    del seen["involvedObject"]
    api.server.routes["/apis/events.k8s.io/v1/namespaces/shop/events"] = [saying(200, {"items": [seen]})]
    made = collected(api.config, make_request())
    assert [r["message"] for table, r in made.rows if table == "events"] == ["hm"]
    assert [g.cause for g in made.gaps] == ["denied"]
    assert "events" not in made.gaps[0].wanted
    del api.server.rules[1]
    assert "list events" in collected(api.config, make_request()).gaps[0].wanted


def test_nodes_that_a_role_in_a_namespace_can_not_grant(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [{**simple_pod(n), "spec": {"nodeName": n}} for n in "ab"]})]
    api.server.routes["/api/v1/nodes/a"] = [refusal(403, "nodes is forbidden")]
    assert collected(api.config, make_request()).gaps == []
    assert api.server.count("/api/v1/nodes/b") == 0


def test_endpoints_where_slices_are_not_served(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    metadata = {"name": "checkout", "namespace": "shop", "uid": "s"}
    service = {"metadata": metadata, "spec": {"selector": {"app": "checkout"}}}
    api.server.routes["/api/v1/namespaces/shop/services"] = [saying(200, {"items": [service]})]
    api.server.routes["/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices"] = [refusal(404, "not found")]
    ready = {"metadata": metadata, "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}
    api.server.routes["/api/v1/namespaces/shop/endpoints"] = [
        saying(200, {"items": [ready]}),
        saying(200, {"items": []}),
    ]
    for expected in ([], ["NoReadyEndpoints"]):
        made = collected(api.config, make_request())
        assert [r["reason"] for table, r in made.rows if table == "events"] == expected
        assert made.gaps == []


def test_lines_outside_the_windows_are_left_out(api: Any, make_request: Any) -> None:
    thing = {**simple_pod("a"), "spec": {"containers": [{"name": "app"}]}}
    api.server.routes[POD_LIST] = [saying(200, {"items": [thing]})]
    lines = [f"{at(m)} line {m}" for m in (121, 119, 61, 1, 0, -5)]
    api.server.routes[f"{POD_LIST}/a/log"] = [saying(200, "\n".join(lines).encode())]
    made = collected(api.config, make_request())
    assert [r["message"] for table, r in made.rows if table == "logs"] == ["line 119", "line 61", "line 1"]
    assert api.server.asked[-1][2]["sinceTime"] == [at(120)]


def test_a_cluster_that_hangs_leaves_time_to_the_next(api: Any, make_request: Any, tmp_path: Path) -> None:
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        document = yaml.safe_load(api.config.read_text())
        document["clusters"].append({"name": "d", "cluster": {"server": f"http://127.0.0.1:{deaf.getsockname()[1]}"}})
        document["contexts"].append({"name": "deaf", "context": {"cluster": "d", "user": "me"}})
        api.config.write_text(yaml.safe_dump(document))
        made = collected(api.config, make_request(source_seconds=2.0), contexts=["deaf", "prod"])
    assert names(made) == ["a"]
    assert [g.cause for g in made.gaps] == ["timeout"]


def test_a_hiccup_is_tried_once_more(api: Any, make_request: Any) -> None:
    api.server.routes[POD_LIST] = [refusal(503, "starting"), saying(200, {"items": [simple_pod("a")]})]
    assert names(collected(api.config, make_request())) == ["a"]
    api.server.routes[DEPLOYMENTS] = [refusal(500, "etcd: leader changed")]
    before = api.server.count(DEPLOYMENTS)
    made = collected(api.config, make_request())
    assert api.server.count(DEPLOYMENTS) == before + 2
    assert [g.cause for g in made.gaps] == ["invalid"]
    assert "etcd: leader changed" in made.gaps[0].why
    assert names(made) == ["a"], "the rest is read all the same"


@pytest.mark.parametrize(
    ("answer", "cause", "words"),
    [
        (saying(200, b"<html>hello</html>", {"Content-Type": "text/html"}), "invalid", "text/html"),
        (saying(200, b'{"items": [{"a"'), "invalid", "no whole JSON"),
        (saying(200, [1, 2]), "invalid", "another shape"),
        (saying(200, {"kind": "Status"}), "invalid", "without a list"),
        (saying(200, {"items": []}, cut=3), "invalid", "broke its answer off"),
        (refusal(403, 'pods is forbidden: User "me" cannot list'), "denied", "forbidden"),
        (refusal(504, "the request timed out"), "timeout", "504"),
        (saying(302, {}, {"Location": f"https://login.example.com/?state={SECRET}"}), "denied", "login.example.com"),
    ],
)
def test_answers_that_are_none(api: Any, make_request: Any, answer: Answer, cause: str, words: str) -> None:
    api.server.routes[POD_LIST] = [answer]
    made = collected(api.config, make_request())
    assert [(g.cause, words in g.why) for g in made.gaps] == [(cause, True)], made.gaps


def test_a_bad_start_ends_at_once(api: Any, make_request: Any) -> None:
    api.server.everything = refusal(401, "Unauthorized")
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied"]
    assert len(api.server.asked) == 1


def test_a_review_that_is_not_served_leaves_the_answers_to_speak(api: Any, make_request: Any) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    api.server.routes[review] = [refusal(403, "no")]
    api.server.routes[POD_LIST] = [saying(200, {"items": [simple_pod("a")]})]
    made = collected(api.config, make_request())
    assert names(made) == ["a"]
    assert made.gaps == []


def test_an_incomplete_review_is_completed_right_by_right(api: Any, make_request: Any) -> None:
    review = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    rules = [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]
    api.server.routes[review] = [saying(201, {"status": {"resourceRules": rules, "incomplete": True}})]
    one = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    api.server.routes[one] = [saying(201, {"status": {"allowed": True}})]
    assert [g.cause for g in collected(api.config, make_request()).gaps] == ["not_found"]
    assert api.server.count(one) == len(permissions.NEEDS), "all but pods, and events by their other name"
    api.server.routes[one] = [saying(201, {"status": {"allowed": False}})]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["denied", "not_found"]
    assert api.server.count(DEPLOYMENTS) == 1, "once: when it was allowed"


def test_a_dripping_answer_ends_in_time(api: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)

    def drip(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        end = time.monotonic() + 5
        while time.monotonic() < end:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)

    api.server.routes[POD_LIST] = [drip]
    began = time.monotonic()
    made = collected(api.config, make_request())
    assert time.monotonic() - began < 3
    assert [g.cause for g in made.gaps] == ["timeout"]


def test_an_endless_answer_is_refused(api: Any, make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LARGEST", 10_000)
    api.server.routes[POD_LIST] = [saying(200, b" " * 200_000)]
    made = collected(api.config, make_request())
    assert [g.cause for g in made.gaps] == ["truncated"]


def test_a_clock_that_is_off(api: Any, make_request: Any) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    api.server.everything = saying(200, {"items": []}, {"Date": date})
    made = collected(api.config, make_request())
    assert 295 < made.skews[0].seconds < 305
    assert "NTP" in next(g for g in made.gaps if "clock" in g.why).mend


def test_nobody_listens(tmp_path: Path, make_request: Any) -> None:
    made = collected(kubeconfig(tmp_path / "c", "https://127.0.0.1:9"), make_request())
    assert [(g.cause, "refused" in g.why) for g in made.gaps] == [("unreachable", True)]
    made = collected(kubeconfig(tmp_path / "c", "https://nowhere.invalid"), make_request())
    assert [g.cause for g in made.gaps] == ["unreachable"]


def test_a_selector_that_is_none_asks_nothing_further(api: Any, make_request: Any) -> None:
    made = collected(api.config, make_request(), selector="app=(")
    assert [(g.cause, "sources.kubernetes.selector" in g.mend) for g in made.gaps] == [("not_configured", True)]


def test_check_is_cheap(api: Any, make_request: Any) -> None:
    collector = Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config)))
    assert [i for i in collector.check(make_request()) if isinstance(i, Gap)] == []
    assert len(api.server.asked) == 3


# --- exec plugins


def plugin(folder: Path, script: str) -> Path:
    path = folder / "login-plugin"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def exec_user(command: str, **more: Any) -> dict[str, Any]:
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": command, **more}}


def test_a_login_plugin_is_run_and_its_token_sent(api: Any, tmp_path: Path, make_request: Any) -> None:
    said = {"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1", "status": {"token": "T"}}
    plugin(tmp_path, f"""[ "$WHO" = me ] && [ "$1" = get ] && echo '{json.dumps(said)}'""")
    user = exec_user("./login-plugin", args=["get"], env=[{"name": "WHO", "value": "me"}])
    config = kubeconfig(tmp_path / "c", api.url, user, namespace="shop")
    assert [g.cause for g in collected(config, make_request()).gaps] == ["not_found"]
    assert api.server.headers[0]["Authorization"] == "Bearer T"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'session expired: log in again' >&2; exit 3", "session expired: log in again"),
        ("echo no json", "printed no JSON"),
        ("echo '{}'", "printed no ExecCredential"),
        ("""echo '{"kind": "ExecCredential", "status": {"x": 1}}'""", "neither a token nor a certificate"),
        ("exec sleep 20", "did not end within"),
    ],
)
def test_a_login_plugin_that_fails(api: Any, tmp_path: Path, make_request: Any, script: str, words: str) -> None:
    config = kubeconfig(tmp_path / "c", api.url, exec_user(str(plugin(tmp_path, script))))
    made = collected(config, make_request(source_seconds=1.0))
    assert [(g.cause, words in g.why) for g in made.gaps] == [("denied", True)], made.gaps
    assert api.server.asked == []


def test_a_login_plugin_that_is_not_there(api: Any, tmp_path: Path, make_request: Any) -> None:
    user = exec_user("no-such-plugin", installHint="apt-get install it")
    made = collected(kubeconfig(tmp_path / "c", api.url, user), make_request())
    assert [(g.cause, "not installed" in g.why, "apt-get install it" in g.mend) for g in made.gaps] == [
        ("denied", True, True)
    ]


@pytest.mark.parametrize(
    "user",
    [
        {"tokenFile": "nowhere"},
        {"client-certificate-data": f"%{SECRET}", "client-key-data": "%%"},
        {"token": f"{SECRET}\nmore"},
        {"token": {"a": SECRET}},
        {"auth-provider": {"name": "gcp"}},
        "text",
    ],
)
def test_credentials_of_no_use(api: Any, tmp_path: Path, make_request: Any, user: Any) -> None:
    url = "https://127.0.0.1:9" if isinstance(user, dict) and "client-key-data" in user else api.url
    made = collected(kubeconfig(tmp_path / "c", url, user), make_request())
    assert len(made.gaps) == 1
    assert made.gaps[0].cause in ("denied", "not_found", "unreachable"), made.gaps
