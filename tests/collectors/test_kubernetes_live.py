"""The Kubernetes collector against a real API server: its lists, RBAC, selectors, pages and error texts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from servers.kubehelm import add_helm_release
from servers.kubeobjects import (
    add_autoscaler,
    add_condition,
    add_config_map,
    add_event,
    add_event_v1,
    add_node,
    add_secret,
    add_service,
    create,
    patch,
    stamp,
)
from servers.kubepods import add_pod, oom_killed, roll_out, set_pod, waiting
from servers.kubernetes import Cluster, cluster

from collectors.kubernetes import Kubernetes
from gather_diagnostics import Gap, Request, Rows, Skew, Target
from gather_diagnostics.tables import TABLES, to_batch

pytestmark = pytest.mark.slow
SECRET = "hunter2-never-to-be-seen"


@pytest.fixture(scope="module")
def k() -> Iterator[Cluster]:
    with cluster() as running_:
        add_node(running_, "node-1")
        yield running_


def asked(make_request: Any, service: str = "checkout", **fields: Any) -> Request:
    """Now: the server stamps what it stores with its own clock."""
    request: Request = make_request(service, now=datetime.now(UTC) + timedelta(seconds=1), **fields)
    return request


def run(config: Path, request: Request, **settings: Any) -> SimpleNamespace:
    """Rows by table (validated as the runner would), gaps, skews."""
    collector = Kubernetes(Kubernetes.Settings(kubeconfig=str(config), **settings))
    made = SimpleNamespace(gaps=[], skews=[], **{table: [] for table in TABLES})
    for item in collector.collect(request):
        match item:
            case Rows(table, rows):
                getattr(made, table).extend(to_batch(table, "kubernetes", rows).to_pylist())
            case Gap():
                made.gaps.append(item)
            case Skew():
                made.skews.append(item)
            case _:
                raise AssertionError(item)
    return made


def test_an_incident(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    now = datetime.now(UTC)
    first = roll_out(k, shop, "checkout", image="shop/checkout:2.14.0", node="node-1", env={"POOL": SECRET})
    time.sleep(1.1)  # times of objects have whole seconds
    later = roll_out(
        k,
        shop,
        "checkout",
        image="shop/checkout:2.14.1",
        node="node-1",
        env={"POOL": SECRET, "ADDED": SECRET, "PAYMENTS_URL": "http://payments:8080/v1"},
        resources={"limits": {"memory": "128Mi", "cpu": "250m"}, "requests": {"memory": "64Mi", "cpu": "100m"}},
        cause="ticket 7",
    )
    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    done |= {"lastUpdateTime": stamp(now + timedelta(minutes=5)), "lastTransitionTime": stamp(now)}
    patch(
        k,
        "apps/v1",
        "Deployment",
        shop,
        "checkout",
        {"status": {"conditions": [done], "observedGeneration": 99}},
        "status",
    )
    roll_out(k, shop, "payments", image="shop/payments:1", node="node-1", replicas=1)
    ill, well = later.pods
    last = oom_killed(now - timedelta(minutes=9), now - timedelta(minutes=4))
    set_pod(k, shop, ill, {"app": waiting("CrashLoopBackOff", "back-off 5m0s", restarts=4, last=last)})
    add_event(k, shop, "Pod", ill, "Unhealthy", "Readiness probe failed", now - timedelta(minutes=8), now, count=12)
    add_event_v1(k, shop, "Pod", f"{first.replica_set}-zzzzz", "FailedScheduling", "0/3 nodes", now)
    add_event(k, shop, "Pod", "payments-1", "Unhealthy", "somebody else's", now)
    add_service(k, shop, "checkout", not_ready=[ill, well])
    add_service(k, shop, "payments", ready=["payments-1"])
    add_autoscaler(k, shop, "checkout", 2, 6, 6, cpu=95, scaled=now - timedelta(minutes=3))
    errors = [(now - timedelta(seconds=30 - n), f"ERROR no connection {n}") for n in range(20)]
    k.kubelet.log(shop, well, "app", [(now - timedelta(minutes=20), "INFO started"), *errors])
    k.kubelet.log(shop, ill, "app", [(now - timedelta(minutes=5), "FATAL out of memory")], previous=True)

    made = run(k.kubeconfig("admin", shop), asked(make_request))

    assert made.gaps == []
    deploys = {r["revision"]: r for r in made.changes if r["kind"] == "deploy"}
    assert set(deploys) == {"1", "2"}
    assert "image shop/checkout:2.14.0 -> 2.14.1" in deploys["2"]["summary"]
    assert "env added: ADDED, PAYMENTS_URL" in deploys["2"]["summary"]
    assert "memory limit added: 128Mi" in deploys["2"]["summary"]
    assert "ticket 7" in deploys["2"]["details"]
    assert deploys["2"]["id"] == f"k8s:test/{shop}/Deployment/checkout:2"
    assert deploys["2"]["previous"] == "1"
    assert deploys["2"]["finished"] == (now + timedelta(minutes=5)).replace(microsecond=0)
    assert deploys["1"]["finished"] is None
    assert SECRET not in repr(made)

    assert {r["name"] for r in made.workloads} == {ill, well}
    sick = next(r for r in made.workloads if r["name"] == ill)
    assert (sick["phase"], sick["ready"], sick["restarts"]) == ("CrashLoopBackOff", False, 4)
    assert (sick["last_exit_reason"], sick["last_exit_code"]) == ("OOMKilled", 137)
    assert sick["limits"] == '{"cpu": 0.25, "memory": 134217728.0}'
    assert (sick["version"], sick["node"]) == ("2.14.1", "node-1")
    assert sick["ref"].startswith(f"k8s://admin/{shop}/Pod/{ill}#")

    reasons = {(r["reason"], r["object"]) for r in made.events}
    assert ("OOMKilled", f"Pod/{ill}") in reasons
    assert ("Unhealthy", f"Pod/{ill}") in reasons
    assert ("FailedScheduling", f"Pod/{first.replica_set}-zzzzz") in reasons, "a pod that is gone"
    assert ("NoReadyEndpoints", "Service/checkout") in reasons
    assert ("AtMaximum", "HorizontalPodAutoscaler/checkout") in reasons
    assert not any("payments" in r["object"] for r in made.events)
    assert [r["count"] for r in made.events if r["reason"] == "Unhealthy"] == [12]
    assert [(r["caller"], r["callee"]) for r in made.topology] == [("checkout", "payments")]
    assert [r["revision"] for r in made.changes if r["kind"] == "scale"] == ["6"]

    assert sum("no connection" in r["message"] for r in made.logs) == 20
    assert {r["level"] for r in made.logs if "no connection" in r["message"]} == {"ERROR"}
    fatal = next(r for r in made.logs if "out of memory" in r["message"])
    assert '"previous": true' in fatal["labels"]
    assert fatal["instance"] == ill
    assert len(made.skews) == 1
    assert abs(made.skews[0].seconds) < 5


def test_a_rollback_reuses_the_old_replica_set(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    roll_out(k, shop, "checkout", image="shop/checkout:1", node="node-1")
    time.sleep(1.1)
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1")
    time.sleep(1.1)
    back = roll_out(k, shop, "checkout", image="shop/checkout:1", node="node-1", manager="kubectl-rollout")
    assert back.revision == 3
    path = {"metadata": {"annotations": {"deployment.kubernetes.io/revision-history": "1"}}}
    patch(k, "apps/v1", "ReplicaSet", shop, back.replica_set, path)

    made = run(k.kubeconfig("admin", shop), asked(make_request))

    found = [(r["revision"], r["previous"]) for r in sorted(made.changes, key=lambda r: r["time"])]
    assert found == [("1", None), ("2", "1"), ("3", "2")]
    newest = max(made.changes, key=lambda r: r["time"])
    assert newest["summary"] == "checkout revision 3, a rollback to revision 1: image shop/checkout:2 -> 1"
    assert '"time_from": "the last change of the workload\'s template"' in newest["details"]


def test_configuration_by_metadata_alone(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    body = roll_out(k, shop, "checkout", image="shop/checkout:1", node="node-1", replicas=1)
    sources = [{"configMapRef": {"name": "settings"}}, {"secretRef": {"name": "passwords"}}]
    container = {"name": "app", "image": "shop/checkout:1", "envFrom": sources}
    spec = {"spec": {"template": {"spec": {"containers": [container]}}}}
    patch(k, "apps/v1", "Deployment", shop, body.deployment, spec)
    add_config_map(k, shop, "settings", {"POOL": "20", "LEVEL": SECRET}, manager="argocd")
    add_config_map(k, shop, "unrelated", {"A": "1"})
    add_config_map(k, shop, "labelled", {"B": "1"}, labels={"app": "checkout"})
    add_secret(k, shop, "passwords", {"DB": SECRET})

    made = run(k.kubeconfig("admin", shop), asked(make_request))

    found = {r["summary"] for r in made.changes if r["kind"] == "config"}
    assert "ConfigMap settings created by argocd; keys it writes: LEVEL, POOL" in found
    assert any(s.startswith("Secret passwords created") and s.endswith("keys it writes: DB") for s in found)
    assert any("ConfigMap labelled" in s for s in found)
    assert not any("unrelated" in s for s in found)
    assert SECRET not in repr(made)
    assert run(k.kubeconfig("admin", shop), asked(make_request), secrets=False).gaps == []


def test_helm_releases_without_their_values(k: Cluster, make_request: Any) -> None:
    shop, now = k.namespace(), datetime.now(UTC)
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1)
    add_helm_release(k, shop, "checkout", 6, "2.14.0", now - timedelta(days=3), chart_version="1.0.0")
    add_helm_release(
        k, shop, "checkout", 7, "2.14.1", now - timedelta(minutes=9), chart_version="1.1.0", values={"p": SECRET}
    )
    add_helm_release(k, shop, "cart", 1, "9", now - timedelta(minutes=9))

    made = run(k.kubeconfig("admin", shop), asked(make_request))

    helm = [r for r in made.changes if "/HelmRelease/" in r["id"]]
    assert [(r["revision"], r["previous"]) for r in helm] == [("7", "6")]
    assert helm[0]["summary"] == (
        "helm release checkout revision 7: chart checkout-1.0.0 -> checkout-1.1.0; app 2.14.0 -> 2.14.1"
    )
    assert helm[0]["finished"] is not None
    assert made.gaps == []
    assert SECRET not in repr(made)


def test_usage_and_pressure(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    pod = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-2", replicas=1).pods[0]
    add_node(k, "node-2")
    add_condition(k, "node-2", "MemoryPressure", "True", "KubeletHasInsufficientMemory", "too full", datetime.now(UTC))
    assert run(k.kubeconfig("admin", shop), asked(make_request)).metrics == [], "no metrics-server, and no gap"

    k.serve_metrics()
    k.kubelet.measure(shop, pod, {"app": ("250m", "64Mi"), "proxy": ("1500000n", "1Mi")}, labels={"app": "checkout"})
    k.kubelet.measure(shop, "payments-1", {"app": ("1", "1Gi")}, labels={"app": "payments"})
    made = run(k.kubeconfig("admin", shop), asked(make_request))

    found = {(r["metric"], r["unit"], r["instance"]): r["value"] for r in made.metrics}
    assert found == {("cpu", "cores", pod): pytest.approx(0.2515), ("memory", "bytes", pod): 65 * 2**20}
    pressure = [r for r in made.events if r["object"] == "Node/node-2"]
    assert [(r["reason"], r["message"]) for r in pressure] == [("MemoryPressure", "too full")]
    assert made.gaps == []


def test_pages_of_one(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    rolled = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=3)
    roll_out(k, shop, "cart", image="shop/cart:2", node="node-1", replicas=3)
    made = run(k.kubeconfig("admin", shop), asked(make_request), page_size=1)
    assert sorted(r["name"] for r in made.workloads) == sorted(rolled.pods)
    assert made.gaps == []


def test_a_pod_of_nobody_is_found_by_its_label(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    add_pod(k, shop, "checkout-0", {"app": "shop/checkout:3"}, labels={"k8s-app": "checkout"})
    add_pod(k, shop, "other-0", {"app": "shop/other:3"}, labels={"k8s-app": "other"})
    made = run(k.kubeconfig("admin", shop), asked(make_request))
    assert [(r["name"], r["phase"]) for r in made.workloads] == [("checkout-0", "Pending")]


def test_a_selector_and_all_namespaces(k: Cluster, make_request: Any) -> None:
    one, two = k.namespace(), k.namespace()
    for shop in (one, two):
        roll_out(k, shop, "front", image="shop/front:2", node="node-1", replicas=1, labels={"team": f"t-{one}"})
        roll_out(k, shop, "back", image="shop/back:2", node="node-1", replicas=1)
    config = k.kubeconfig("admin", one)
    made = run(config, asked(make_request), namespace="*", selector=f"team in (t-{one}),app!=back")
    assert {r["ref"].split("/")[3] for r in made.workloads} == {one, two}
    assert len(made.workloads) == 2
    assert made.gaps == []


def test_nothing_of_that_name(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1)
    made = run(k.kubeconfig("admin", shop), asked(make_request, "chekout"))
    assert [g.cause for g in made.gaps] == ["not_found"]
    assert "Deployment/checkout" in made.gaps[0].why
    assert "sources.kubernetes.namespace" in made.gaps[0].mend


def test_what_is_denied_is_one_gap(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    pod = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1).pods[0]
    k.kubelet.log(shop, pod, "app", [(datetime.now(UTC), "ERROR unseen")])
    k.grant("limited", shop, verbs=["list"], resources=["pods"])

    made = run(k.kubeconfig("limited", shop), asked(make_request))

    assert [r["name"] for r in made.workloads] == [pod], "pods are found by their labels"
    assert [g.cause for g in made.gaps] == ["denied"]
    gap = made.gaps[0]
    assert '- {apiGroups: [""], resources: ["pods/log"], verbs: ["get"]}' in gap.mend
    assert f"kubectl --context limited auth can-i get pods --subresource=log -n {shop}" in gap.mend
    assert "list pods," not in gap.wanted
    assert not any(a.pod == pod for a in k.kubelet.asked), "what is denied is not asked for"


def test_a_namespaced_role_from_the_policy_is_enough(k: Cluster, make_request: Any) -> None:
    shop = k.namespace()
    role, binding, cluster_role, node_events = yaml.safe_load_all(Kubernetes.policy())
    granted = role["rules"] + cluster_role["rules"] + node_events["rules"]
    assert {v for r in granted for v in r["verbs"]} <= {"get", "list"}
    create(k, role)
    binding["subjects"] = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nobody"}]
    binding["metadata"]["namespace"] = shop
    create(k, binding, shop)
    k.await_allowed("nobody", shop, "get", "pods/log")
    pod = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1).pods[0]
    k.kubelet.log(shop, pod, "app", [(datetime.now(UTC), "ERROR seen")])

    made = run(k.kubeconfig("nobody", shop), asked(make_request))

    assert made.gaps == []
    assert [r["message"] for r in made.logs] == ["seen"]
    checked = list(
        Kubernetes(Kubernetes.Settings(kubeconfig=str(k.kubeconfig("nobody", shop)))).check(asked(make_request))
    )
    told = [g.wanted for g in checked if isinstance(g, Gap)]
    assert told == ["get nodes (nobody)", "list events (nobody)"], "told by check alone"

    created = datetime.now(UTC)
    add_event(k, "default", "Node", "node-1", "SystemOOM", "victim: java", created, created)
    create(k, node_events, "default")
    k.bind("nobody", "Role", node_events["metadata"]["name"], "default")
    k.await_allowed("nobody", "default", "list", "events")
    made = run(k.kubeconfig("nobody", shop), asked(make_request))
    assert [(r["object"], r["message"]) for r in made.events] == [("Node/node-1", "victim: java")]
    assert made.gaps == []


def test_the_read_only_role_lacks_secrets(k: Cluster, make_request: Any) -> None:
    """As in many organisations: that is a lack only where Helm keeps its history in them."""
    shop = k.namespace()
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1)
    made = run(k.kubeconfig("reader", shop), asked(make_request))
    assert made.gaps == []
    assert {r["kind"] for r in made.changes} == {"deploy"}
    patch(k, "apps/v1", "Deployment", shop, "checkout", {"metadata": {"labels": {"helm.sh/chart": "checkout-1.0"}}})
    (gap,) = run(k.kubeconfig("reader", shop), asked(make_request)).gaps
    assert "secrets" in gap.wanted
    assert "Helm deploys Deployment/checkout" in gap.why
    assert "sources.kubernetes.secrets: false" in gap.mend


def test_either_name_of_events_tells_the_same(k: Cluster, make_request: Any) -> None:
    """They are stored once: reading one of the two misses nothing."""
    shop, now = k.namespace(), datetime.now(UTC)
    (pod,) = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1).pods
    add_event(k, shop, "Pod", pod, "Unhealthy", "probe failed", now - timedelta(minutes=8), now, count=12)
    add_event_v1(k, shop, "Pod", pod, "FailedScheduling", "0/3 nodes", now, series=(4, now))
    k.grant("limited", shop, verbs=["list"], resources=["pods"])
    k.grant("limited", shop, verbs=["list"], resources=["deployments"], groups=["apps"])
    k.grant("limited", shop, verbs=["list"], resources=["events"], groups=["events.k8s.io"])

    def told(user: str) -> list[tuple[Any, ...]]:
        rows = run(k.kubeconfig(user, shop), asked(make_request)).events
        return sorted(
            (r["time"], r["reason"], r["object"], r["message"], r["count"]) for r in rows if "Pod/" in r["object"]
        )

    assert told("limited") == told("admin")
    assert {(reason, count) for _, reason, _, _, count in told("admin")} >= {("Unhealthy", 12), ("FailedScheduling", 4)}


def test_credentials_the_server_does_not_know(k: Cluster, make_request: Any) -> None:
    made = run(k.kubeconfig("stranger", "default"), asked(make_request))
    assert [g.cause for g in made.gaps] == ["denied"]
    assert "401" in made.gaps[0].why
    assert "kubectl --context stranger" in made.gaps[0].mend
    assert "not a token" not in repr(made)


def test_a_server_that_hangs(k: Cluster, make_request: Any) -> None:
    config = k.kubeconfig("admin", "default")
    with k.frozen():
        began = time.monotonic()
        made = run(config, asked(make_request, source_seconds=2.0))
        assert time.monotonic() - began < 3
    assert [g.cause for g in made.gaps] == ["timeout"]


def test_logs_larger_than_allowed(k: Cluster, make_request: Any) -> None:
    shop, now = k.namespace(), datetime.now(UTC)
    pod = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1).pods[0]
    start = now - timedelta(minutes=50)
    lines = [(start + timedelta(milliseconds=100 * n), f"INFO everyday line {n}") for n in range(20_000)]
    lines[3000] = (lines[3000][0], "ERROR the first error")
    k.kubelet.log(shop, pod, "app", lines)

    made = run(k.kubeconfig("admin", shop), asked(make_request), max_log_lines=1000)

    messages = [r["message"] for r in made.logs]
    assert "the first error" in messages
    assert "everyday line 2999" in messages, "what came before it"
    assert "everyday line 19999" in messages, "the newest"
    assert "everyday line 10" not in messages
    assert len(messages) == len(set(messages)) == 2000
    assert [g.cause for g in made.gaps] == ["truncated"]
    assert "max_log_lines" in made.gaps[0].mend
    assert all(a.query["timestamps"] == "true" and "limitBytes" in a.query for a in k.kubelet.asked if a.pod == pod)

    made = run(k.kubeconfig("admin", shop), asked(make_request), max_log_bytes=2**18)
    messages = [r["message"] for r in made.logs]
    assert "everyday line 19999" in messages
    assert len(messages) == len(set(messages))
    assert [g.cause for g in made.gaps] == ["truncated"]
    assert "bytes" in made.gaps[0].why


def test_one_log_that_hangs_and_one_that_fails(k: Cluster, make_request: Any) -> None:
    shop, now = k.namespace(), datetime.now(UTC)
    pods = roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=3).pods
    k.kubelet.log(shop, pods[0], "app", [(now, "ERROR fine")])
    k.kubelet.log(shop, pods[1], "app", [(now, "ERROR stuck")], hang_after=0)
    k.kubelet.refuse(shop, pods[2], "app", 500, "disk is on fire")
    began = time.monotonic()
    made = run(k.kubeconfig("admin", shop), asked(make_request, source_seconds=5.0))
    assert time.monotonic() - began < 6
    assert [r["message"] for r in made.logs] == ["fine"]
    by_cause = {g.cause: g for g in made.gaps}
    assert set(by_cause) == {"timeout", "invalid"}
    assert "disk is on fire" in by_cause["invalid"].why


def test_two_clusters_of_which_one_is_gone(k: Cluster, make_request: Any, tmp_path: Path) -> None:
    shop = k.namespace()
    roll_out(k, shop, "checkout", image="shop/checkout:2", node="node-1", replicas=1)
    config = yaml.safe_load(k.kubeconfig("admin", shop).read_text())
    config["clusters"].append({"name": "gone", "cluster": {"server": "https://127.0.0.1:9"}})
    config["contexts"].append({"name": "gone", "context": {"cluster": "gone", "user": "admin"}})
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    made = run(path, asked(make_request), contexts=["gone", "admin"])
    assert len(made.workloads) == 1
    assert [g.cause for g in made.gaps] == ["unreachable"]
    collector = Kubernetes(Kubernetes.Settings(kubeconfig=str(path), contexts=["gone", "admin"]))
    planned = list(collector.plan(asked(make_request)))
    assert [t.where for t in planned if isinstance(t, Target)] == [
        "https://127.0.0.1:9 (context gone)",
        f"{k.url} (context admin)",
    ]


def test_a_certificate_nobody_signed(k: Cluster, make_request: Any, tmp_path: Path) -> None:
    config = yaml.safe_load(k.kubeconfig("admin", "default").read_text())
    del config["clusters"][0]["cluster"]["certificate-authority"]
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    made = run(path, asked(make_request))
    assert [g.cause for g in made.gaps] == ["unreachable"]
    assert "TLS" in made.gaps[0].why
    assert "certificate" in made.gaps[0].why
