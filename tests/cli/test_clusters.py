"""The whole command against a real Kubernetes API server and AWS's protocols, with nothing but the rights that
`gather_diagnostics policy` grants - and every request on the wire looked at: nothing we send may change anything."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from servers.aws import AwsServer, aws
from servers.kubeobjects import add_event, add_node, create
from servers.kubepods import roll_out
from servers.kubernetes import Cluster, Refused, cluster

pytestmark = pytest.mark.slow

READS = re.compile(r"(Get|List|Describe|Lookup|Filter|BatchGet)[A-Z]\w+|GET")
NAMED_EXCEPTIONS = {"StartQuery", "StopQuery"}
"""Logs Insights: asking takes a POST that starts a query and one that ends it. Neither changes what is stored."""
REVIEWS = re.compile(r"/apis/authorization\.k8s\.io/v1/selfsubject(access|rules)reviews")
"""'May I?' is asked with a POST that stores nothing."""


@pytest.fixture(scope="module")
def k() -> Iterator[Cluster]:
    with cluster() as running:
        add_node(running, "node-1")
        yield running


@pytest.fixture(scope="module")
def cloud() -> Iterator[AwsServer]:
    with aws() as server:
        yield server


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """(method, path) of every HTTP request of this process from here on, whichever library sends it."""
    requests: list[tuple[str, str]] = []
    put = http.client.HTTPConnection.putrequest

    def record(self: Any, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        requests.append((method, url))
        return put(self, method, url, *args, **kwargs)

    monkeypatch.setattr(http.client.HTTPConnection, "putrequest", record)
    return requests


def grant_the_policy(run: Any, k: Cluster, namespace: str, user: str) -> None:
    """What an administrator would do with the printed policy."""
    role, binding, *_ = yaml.safe_load_all(run("policy", "kubernetes").out)
    with suppress(Refused):  # there already, from another test: the same text makes the same role
        create(k, role)
    binding["subjects"] = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
    binding["metadata"]["namespace"] = namespace
    create(k, binding, namespace)
    k.await_allowed(user, namespace, "get", "pods/log")


def fill(k: Cluster, shop: str, cloud: AwsServer, onset: datetime, now: datetime) -> None:
    pods = roll_out(k, shop, "checkout", image="shop/checkout:2.14.1", node="node-1", replicas=2).pods
    usual = [(now - timedelta(seconds=s), f"INFO order {s} placed") for s in range(6000, 0, -5)]
    bad = [(now - timedelta(seconds=s), "ERROR no connection from pool") for s in range(1200, 0, -5)]
    for pod in pods:
        k.kubelet.log(shop, pod, "app", sorted(usual + bad))
    add_event(k, shop, "Pod", pods[0], "Unhealthy", "Readiness probe failed", onset, now, count=3)
    minutes = [now - timedelta(minutes=m) for m in range(120, 0, -1)]
    slow = [(t, 900.0 if t > onset else 90.0) for t in minutes]
    cloud.put_metric("AWS/Lambda", "Duration", slow, {"FunctionName": "checkout"})
    cloud.put_metric("AWS/Lambda", "Invocations", [(t, 600.0) for t in minutes], {"FunctionName": "checkout"})
    cloud.put_metric(
        "AWS/Lambda", "Errors", [(t, 90.0 if t > onset else 1.0) for t in minutes], {"FunctionName": "checkout"}
    )
    cloud.put_logs("/aws/lambda/checkout", "stream", [(t, "ERROR upstream timed out") for t in minutes if t > onset])


def test_one_run_reads_both_changes_nothing_and_misses_nothing(
    run: Any, k: Cluster, cloud: AwsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: list[tuple[str, str]]
) -> None:
    now = datetime.now(UTC)
    onset = now - timedelta(minutes=20)
    shop = k.namespace()
    grant_the_policy(run, k, shop, "limited")
    fill(k, shop, cloud, onset, now)
    for name, value in cloud.environment().items():
        monkeypatch.setenv(name, value)
    sources = {"kubernetes": {"kubeconfig": str(k.kubeconfig("limited", shop))}, "cloudwatch": {}}
    (tmp_path / "diagnostics.yaml").write_text(json.dumps({"sources": sources}))
    cloud.forget_calls()
    sent.clear()

    ran = run(
        "--service", "checkout", "--format", "json", "--quiet", "--source", "kubernetes", "--source", "cloudwatch"
    )

    document = ran.json
    assert ran.code == 0, document["gaps"]
    assert {c["source"]: c["status"] for c in document["coverage"]} == dict.fromkeys(sources, "complete")
    assert abs(datetime.fromisoformat(document["onset"]["time"]) - onset) < timedelta(seconds=90)
    for table in ("logs", "metrics", "events", "workloads", "changes"):
        assert document["tables"][table], table

    assert len(sent) > 20
    writes = [(m, p) for m, p in sent if m not in ("GET", "HEAD") and "/api" in p and not REVIEWS.match(p)]
    assert writes == [], "Kubernetes takes reads and 'may I?' alone"
    operations = {call.operation for call in cloud.calls()}
    assert len(operations) > 8
    assert "GetResources" in operations, "tags are looked for too"
    assert [o for o in operations if not READS.fullmatch(o) and o not in NAMED_EXCEPTIONS] == []


def test_the_policy_does_not_let_anybody_write(run: Any, k: Cluster) -> None:
    shop = k.namespace()
    grant_the_policy(run, k, shop, "nobody")
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "data": {"a": "b"}}
    for method, path, body in (
        ("POST", f"/api/v1/namespaces/{shop}/configmaps", manifest),
        ("DELETE", f"/api/v1/namespaces/{shop}/pods/x", None),
        ("PATCH", f"/apis/apps/v1/namespaces/{shop}/deployments/x", {}),
    ):
        headers = {"Authorization": f"Bearer {k.token('nobody')}", "Content-Type": "application/json"}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        answer = k.session.request(method, k.url + path, json=body, headers=headers, verify=str(k.ca), timeout=30)
        assert answer.status_code == 403, answer.text
    actions = [a for s in json.loads(run("policy", "aws").out)["Statement"] for a in s["Action"]]
    assert [a for a in actions if not READS.fullmatch(a.partition(":")[2]) and not a.endswith("Query")] == []


def test_doctor_names_the_exact_rule_that_is_missing(run: Any, k: Cluster, tmp_path: Path) -> None:
    shop = k.namespace()
    k.grant("nobody", shop, verbs=["list"], resources=["pods"])
    sources = {"kubernetes": {"kubeconfig": str(k.kubeconfig("nobody", shop))}}
    (tmp_path / "diagnostics.yaml").write_text(json.dumps({"sources": sources}))
    ran = run("doctor", "--service", "checkout", "--source", "kubernetes")
    assert ran.code == 2
    assert "kubernetes: trouble" in ran.out
    assert '"events"' in ran.out
    assert 'verbs: ["list"]' in ran.out
    assert "clock:" in ran.out
