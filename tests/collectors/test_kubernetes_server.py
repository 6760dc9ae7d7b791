"""The test cluster itself: what the collector's tests lean on must be so, and must be told by the official client."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import urllib3
from kubernetes import client, config
from servers.kubehelm import add_helm_release
from servers.kubeobjects import (
    add_autoscaler,
    add_condition,
    add_config_map,
    add_event,
    add_event_v1,
    add_node,
    add_service,
    patch,
)
from servers.kubepods import add_pod, oom_killed, roll_out, running, set_pod, stopped, terminated, waiting
from servers.kubeprocesses import binary
from servers.kubernetes import Cluster, Refused, cluster, started
from servers.prometheus import ServerError

pytestmark = pytest.mark.slow

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
LINES = [(NOW + timedelta(seconds=n), f"line {n}") for n in range(5)]


@pytest.fixture(scope="module")
def k() -> Iterator[Cluster]:
    with cluster() as running_cluster:
        add_node(running_cluster, "node-1")
        yield running_cluster


@pytest.fixture
def ns(k: Cluster) -> str:
    return k.namespace()


def core(k: Cluster, user: str = "admin") -> client.CoreV1Api:
    return client.CoreV1Api(k.user(user))


def forbidden(k: Cluster, user: str, ns: str, what: str = "pods") -> str:
    """The sentence of the server's refusal."""
    calls = {"pods": "list_namespaced_pod", "secrets": "list_namespaced_secret"}
    with pytest.raises(client.ApiException) as caught:
        getattr(core(k, user), calls[what])(ns)
    assert caught.value.status == 403
    return str(json.loads(caught.value.body)["message"])


def test_it_is_the_version_it_says(k: Cluster) -> None:
    assert client.VersionApi(k.user("nobody")).get_code().git_version.startswith("v1.")


def test_users_may_what_is_promised(k: Cluster, ns: str) -> None:
    assert core(k, "reader").list_namespaced_pod(ns).items == []
    assert 'User "reader" cannot list resource "secrets"' in forbidden(k, "reader", ns, "secrets")
    assert 'User "nobody" cannot list resource "pods" in API group ""' in forbidden(k, "nobody", ns)
    assert 'User "system:anonymous"' in forbidden(k, "", ns)


def test_a_grant_holds_at_once_and_only_there(k: Cluster, ns: str) -> None:
    other = k.namespace()
    assert "limited" in forbidden(k, "limited", ns)
    k.grant("limited", ns, verbs=["list"], resources=["pods"])
    assert core(k, "limited").list_namespaced_pod(ns).items == []
    assert f'in the namespace "{other}"' in forbidden(k, "limited", other)


def test_a_kubeconfig_is_read_by_the_official_client(k: Cluster, ns: str, tmp_path: Path) -> None:
    path = k.kubeconfig("reader", namespace=ns, path=tmp_path / "config")
    _, context = config.list_kube_config_contexts(str(path))
    assert context["context"]["namespace"] == ns
    made = config.new_client_from_config(str(path))
    assert client.CoreV1Api(made).list_namespaced_pod(ns).items == []
    stranger = config.new_client_from_config(str(k.kubeconfig("stranger")))
    with pytest.raises(client.ApiException) as caught:
        client.CoreV1Api(stranger).list_namespaced_pod(ns)
    assert caught.value.status == 401


def test_rollouts_leave_the_history_a_controller_leaves(k: Cluster, ns: str) -> None:
    first = roll_out(k, ns, "checkout", image="shop/checkout:1.4.1", node="node-1", cause="first")
    second = roll_out(k, ns, "checkout", image="shop/checkout:1.4.2", node="node-1", manager="helm", replicas=3)
    sets = {s.metadata.name: s for s in client.AppsV1Api(k.admin).list_namespaced_replica_set(ns).items}
    assert {name: s.spec.replicas for name, s in sets.items()} == {first.replica_set: 0, second.replica_set: 3}
    notes = {name: s.metadata.annotations["deployment.kubernetes.io/revision"] for name, s in sets.items()}
    assert notes == {first.replica_set: "1", second.replica_set: "2"}
    deployment = client.AppsV1Api(k.admin).read_namespaced_deployment("checkout", ns)
    assert all(s.metadata.owner_references[0].uid == deployment.metadata.uid for s in sets.values())
    assert deployment.metadata.annotations == {"deployment.kubernetes.io/revision": "2"}
    assert {m.manager for m in deployment.metadata.managed_fields} >= {"kubectl", "helm"}
    assert deployment.status.available_replicas == 3
    pods = core(k).list_namespaced_pod(ns, label_selector="app=checkout").items
    assert {p.metadata.name for p in pods} == set(second.pods)
    assert {p.spec.containers[0].image for p in pods} == {"shop/checkout:1.4.2"}
    assert {p.metadata.owner_references[0].name for p in pods} == {second.replica_set}
    assert abs(datetime.now(UTC) - sets[second.replica_set].metadata.creation_timestamp) < timedelta(minutes=1)


def test_a_rollback_takes_the_old_replica_set_again(k: Cluster, ns: str) -> None:
    first = roll_out(k, ns, "checkout", image="a:1", replicas=1)
    roll_out(k, ns, "checkout", image="a:2", replicas=1)
    third = roll_out(k, ns, "checkout", image="a:1", replicas=1)
    assert (third.replica_set, third.revision) == (first.replica_set, 3)
    assert len(client.AppsV1Api(k.admin).list_namespaced_replica_set(ns).items) == 2
    assert roll_out(k, ns, "checkout", image="a:3", replicas=1).revision == 4


def test_pods_stand_in_any_state(k: Cluster, ns: str) -> None:
    for name in ("killed", "crashing", "failed"):
        add_pod(k, ns, name, {"app": "shop/worker:7"}, node="node-1")
    ended = NOW + timedelta(minutes=5)
    set_pod(k, ns, "killed", {"app": running(ended, restarts=3, last=oom_killed(NOW, ended))}, since=NOW)
    set_pod(k, ns, "crashing", {"app": waiting("CrashLoopBackOff", "back-off 5m0s", restarts=9)})
    set_pod(k, ns, "failed", {"app": stopped(terminated("Error", 2, NOW, ended))}, phase="Failed", reason="Evicted")
    pods = {p.metadata.name: p.status for p in core(k).list_namespaced_pod(ns).items}
    state = pods["killed"].container_statuses[0]
    assert (state.restart_count, state.ready, state.state.running.started_at) == (3, True, ended)
    assert (state.last_state.terminated.reason, state.last_state.terminated.exit_code) == ("OOMKilled", 137)
    assert state.last_state.terminated.finished_at == ended
    assert pods["killed"].start_time == NOW
    assert pods["crashing"].container_statuses[0].state.waiting.reason == "CrashLoopBackOff"
    assert {c.type: c.status for c in pods["crashing"].conditions}["Ready"] == "False"
    assert (pods["failed"].phase, pods["failed"].reason) == ("Failed", "Evicted")
    assert pods["failed"].container_statuses[0].state.terminated.exit_code == 2


def test_a_node_changes_one_condition(k: Cluster) -> None:
    add_node(k, "node-2", labels={"zone": "a"})
    add_condition(k, "node-2", "MemoryPressure", "True", "KubeletHasInsufficientMemory", "memory is short", NOW)
    add_condition(k, "node-2", "MemoryPressure", "False", "KubeletHasSufficientMemory", "enough again", NOW)
    status = core(k).read_node("node-2").status
    assert sorted((c.type, c.status) for c in status.conditions) == [("MemoryPressure", "False"), ("Ready", "True")]
    assert status.daemon_endpoints.kubelet_endpoint.port == k.kubelet.port


def test_events_of_both_kinds_are_seen_through_both(k: Cluster, ns: str) -> None:
    later = NOW + timedelta(minutes=9, microseconds=7)
    add_event(k, ns, "Pod", "a", "BackOff", "Back-off restarting failed container", NOW, later, count=17)
    add_event_v1(k, ns, "Pod", "b", "FailedScheduling", "0/3 nodes are available", later, series=(4, later))
    old, new = sorted(core(k).list_namespaced_event(ns).items, key=lambda e: e.involved_object.name)
    assert (old.count, old.first_timestamp, old.last_timestamp) == (17, NOW, later.replace(microsecond=0))
    assert (new.count, new.first_timestamp, new.event_time) == (None, None, later)
    assert (new.message, new.series.count) == ("0/3 nodes are available", 4)
    # Raw, because the client's model of this kind insists on an eventTime, which the older events have not got.
    raw = client.EventsV1Api(k.admin).list_namespaced_event(ns, _preload_content=False)
    modern = {e["regarding"]["name"]: e for e in json.loads(raw.data)["items"]}
    assert (modern["a"]["deprecatedCount"], modern["a"]["eventTime"]) == (17, None)
    assert "deprecatedCount" not in modern["b"]


def test_an_autoscaler_read_as_v1_hides_its_conditions_in_an_annotation(k: Cluster, ns: str) -> None:
    limit = ("ScalingLimited", "True", "TooManyReplicas", "more than the maximum wanted", NOW)
    add_autoscaler(k, ns, "checkout", 2, 6, 6, cpu=95, scaled=NOW, conditions=[limit])
    (found,) = client.AutoscalingV1Api(k.admin).list_namespaced_horizontal_pod_autoscaler(ns).items
    assert (found.spec.max_replicas, found.status.desired_replicas) == (6, 6)
    assert found.status.current_cpu_utilization_percentage == 95
    (told,) = json.loads(found.metadata.annotations["autoscaling.alpha.kubernetes.io/conditions"])
    assert told["reason"] == "TooManyReplicas"
    with pytest.raises(client.ApiException) as caught:
        client.AutoscalingV2Api(k.admin).list_namespaced_horizontal_pod_autoscaler(ns)
    assert caught.value.status == 404


def test_services_name_pods_ready_or_not(k: Cluster, ns: str) -> None:
    add_service(k, ns, "checkout", ready=["a"], not_ready=["b"])
    (subset,) = core(k).read_namespaced_endpoints("checkout", ns).subsets
    assert [a.target_ref.name for a in subset.addresses] == ["a"]
    assert [a.target_ref.name for a in subset.not_ready_addresses] == ["b"]
    add_service(k, ns, "empty")
    assert core(k).read_namespaced_endpoints("empty", ns).subsets is None


def test_a_config_map_changed_tells_who_changed_it(k: Cluster, ns: str) -> None:
    add_config_map(k, ns, "settings", {"a": "1", "b": "2"}, manager="argocd")
    patch(k, "v1", "ConfigMap", ns, "settings", {"data": {"a": "3", "b": None}}, fieldManager="kubectl-edit")
    held = core(k).read_namespaced_config_map("settings", ns)
    assert held.data == {"a": "3"}
    assert {m.manager for m in held.metadata.managed_fields} == {"argocd", "kubectl-edit"}


def test_helm_supersedes_the_release_before(k: Cluster, ns: str) -> None:
    add_helm_release(k, ns, "checkout", 1, "1.4.1", NOW)
    add_helm_release(k, ns, "checkout", 2, "1.4.2", NOW + timedelta(hours=1), values={"replicas": 3})
    held = {s.metadata.name: s for s in core(k).list_namespaced_secret(ns, label_selector="owner=helm").items}
    assert {s.metadata.labels["status"] for n, s in held.items() if n.endswith("v1")} == {"superseded"}
    found = held["sh.helm.release.v1.checkout.v2"]
    assert (found.type, found.metadata.labels["status"]) == ("helm.sh/release.v1", "deployed")
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(found.data["release"]))))
    assert release["chart"]["metadata"]["appVersion"] == "1.4.2"
    assert release["config"] == {"replicas": 3}


@pytest.fixture
def pod(k: Cluster, ns: str) -> str:
    """A pod that has written LINES, and before its restart something else."""
    add_pod(k, ns, "checkout", {"app": "a:1", "side": "b:1"}, node="node-1")
    k.kubelet.log(ns, "checkout", "app", LINES)
    k.kubelet.log(ns, "checkout", "app", [(NOW, "before the restart")], previous=True)
    return "checkout"


def test_logs_come_from_the_kubelet(k: Cluster, ns: str, pod: str) -> None:
    def read(**words: object) -> str:
        return str(core(k).read_namespaced_pod_log(pod, ns, container="app", **words))

    assert read() == "".join(f"{line}\n" for _, line in LINES)
    assert read(previous=True) == "before the restart\n"
    assert read(tail_lines=2) == "line 3\nline 4\n"
    assert read(tail_lines=0) == ""
    assert read(limit_bytes=10) == "line 0\nlin"
    assert read(tail_lines=1, timestamps=True) == "2026-03-14T03:20:04.000000000Z line 4\n"
    assert read(since_seconds=3600) == ""
    assert k.kubelet.asked[-1].query == {"sinceSeconds": "3600"}
    assert (k.kubelet.asked[-1].namespace, k.kubelet.asked[-1].pod) == (ns, pod)


def test_since_time_is_applied_to_the_tail(k: Cluster, ns: str, pod: str) -> None:
    where = f"/api/v1/namespaces/{ns}/pods/{pod}/log?container=app&tailLines=3&sinceTime=2026-03-14T03:20:03Z"
    answer = k.session.get(k.url + where, headers={"Authorization": f"Bearer {k.token('admin')}"}, verify=str(k.ca))
    assert answer.text == "line 3\nline 4\n"


def test_what_servers_say_where_there_is_no_log(k: Cluster, ns: str, pod: str) -> None:
    def message(**words: object) -> tuple[int, str]:
        with pytest.raises(client.ApiException) as caught:
            core(k).read_namespaced_pod_log(pod, ns, **words)
        return caught.value.status, json.loads(caught.value.body)["message"]

    assert message() == (400, "a container name must be specified for pod checkout, choose one of: [app side]")
    status, words = message(container="side")
    assert (status, "is waiting to start: ContainerCreating" in words) == (400, True)
    status, words = message(container="side", previous=True)
    assert (status, 'previous terminated container "side" in pod "checkout" not found' in words) == (400, True)
    k.kubelet.refuse(ns, pod, "side", 500, "disk is on fire")
    status, words = message(container="side")
    assert (status, "disk is on fire" in words) == (500, True)


def read_until(stream: urllib3.BaseHTTPResponse, end: bytes) -> bytes:
    """What comes until that has come."""
    seen = b""
    while not seen.endswith(end):
        piece = stream.read1(4096)
        assert piece, f"the log ended after {seen!r}"
        seen += piece
    return seen


def test_a_log_that_hangs_or_trickles(k: Cluster, ns: str, pod: str) -> None:
    k.kubelet.log(ns, pod, "side", LINES, hang_after=0)
    with pytest.raises(urllib3.exceptions.HTTPError):
        core(k).read_namespaced_pod_log(pod, ns, container="side", _request_timeout=(1, 0.5))
    k.kubelet.log(ns, pod, "side", LINES, hang_after=2)
    log = {"container": "side", "follow": True, "_preload_content": False, "_request_timeout": (1, 0.5)}
    stream = core(k).read_namespaced_pod_log(pod, ns, **log)
    assert read_until(stream, b"line 1\n") == b"line 0\nline 1\n"
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        stream.read1(4096)
    stream.close()
    k.kubelet.log(ns, pod, "side", LINES, pause=0.1)
    begin = time.monotonic()
    assert core(k).read_namespaced_pod_log(pod, ns, container="side").count("\n") == 5
    assert time.monotonic() - begin >= 0.5


def test_a_log_is_followed(k: Cluster, ns: str, pod: str) -> None:
    k.kubelet.log(ns, pod, "side", LINES)
    stream = core(k).read_namespaced_pod_log(pod, ns, container="side", follow=True, _preload_content=False)
    threading.Timer(0.2, k.kubelet.append, (ns, pod, "side", NOW, "one more")).start()
    assert read_until(stream, b"one more\n").startswith(b"line 0\nline 1\n")
    stream.close()


def test_metrics_are_served_through_the_aggregator_under_rbac(k: Cluster, ns: str) -> None:
    custom = client.CustomObjectsApi(k.admin)
    with pytest.raises(client.ApiException) as absent:
        custom.list_namespaced_custom_object("metrics.k8s.io", "v1beta1", ns, "pods")
    assert absent.value.status == 404
    k.serve_metrics()
    k.kubelet.measure(ns, "a", {"app": ("250m", "64Mi")}, labels={"app": "checkout"})
    k.kubelet.measure(ns, "b", {"app": ("1", "1Gi")}, labels={"app": "cart"})
    found = custom.list_namespaced_custom_object("metrics.k8s.io", "v1beta1", ns, "pods", label_selector="app=checkout")
    assert [(i["metadata"]["name"], i["containers"]) for i in found["items"]] == [
        ("a", [{"name": "app", "usage": {"cpu": "250m", "memory": "64Mi"}}])
    ]
    with pytest.raises(client.ApiException) as refused:
        client.CustomObjectsApi(k.user("nobody")).list_namespaced_custom_object("metrics.k8s.io", "v1beta1", ns, "pods")
    assert refused.value.status == 403


def test_a_frozen_server_hangs_and_comes_back(k: Cluster, ns: str) -> None:
    with k.frozen(), pytest.raises(urllib3.exceptions.HTTPError):
        core(k).list_namespaced_pod(ns, _request_timeout=(0.5, 0.5))
    assert core(k).list_namespaced_pod(ns, _request_timeout=10).items == []


def test_refusals_carry_the_servers_sentence(k: Cluster) -> None:
    with pytest.raises(Refused, match='namespaces "nowhere" not found') as caught:
        k.api("GET", "/api/v1/namespaces/nowhere")
    assert caught.value.status == 404


def test_nothing_stays_behind() -> None:
    with cluster() as other:
        process, folder = other.server, other.folder
    assert process.poll() is not None
    assert not folder.exists()


def test_a_server_that_dies_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if not binary("etcd"):
        pytest.skip("etcd is missing, and the other tests say so")
    program = tmp_path / "kube-apiserver"
    program.write_text("#!/bin/sh\necho 'no flag of that name' >&2\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setenv("TEST_ASSET_KUBE_APISERVER", str(program))
    begin = time.monotonic()
    with pytest.raises(ServerError, match="no flag of that name"), started():
        pass
    assert time.monotonic() - begin < 10


def test_a_program_that_is_named_but_missing_is_not_replaced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TEST_ASSET_ETCD", str(tmp_path / "etcd"))
    assert binary("etcd") is None
    assert "TEST_ASSET_ETCD" in os.environ


@pytest.fixture
def builder(tmp_path: Path) -> Path:
    """The build script in a checkout of its own, whose path has a blank in it."""
    script = tmp_path / "a checkout" / "scripts" / "build_kube_apiserver"
    script.parent.mkdir(parents=True)
    shutil.copy(Path(__file__).resolve().parents[2] / "scripts" / "build_kube_apiserver", script)
    return script


def test_the_build_says_what_is_missing(builder: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        (tools / tool).symlink_to(str(shutil.which(tool)))
    ran = subprocess.run([builder], env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "there is no apt-get here" in ran.stderr
    assert "TEST_ASSET_KUBE_APISERVER" in ran.stderr


def test_a_build_that_is_there_is_left_alone(builder: Path) -> None:
    program = builder.parents[1] / ".cache/servers/usr/bin/kube-apiserver"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    ran = subprocess.run([builder], capture_output=True, text=True, check=False, timeout=10)
    assert ran.returncode == 0, ran.stderr
    assert str(program) in ran.stderr
    assert program.read_text() == "#!/bin/sh\nexit 0\n"


@pytest.mark.skipif(not shutil.which("apt-get") or not shutil.which("flock"), reason="no Debian")
def test_a_failed_step_shows_its_output_and_leaves_nothing(builder: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "apt-get").write_text("#!/bin/sh\necho 'E: no network today' >&2\nexit 100\n")
    (tools / "apt-get").chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}"}
    ran = subprocess.run([builder], env=env, capture_output=True, text=True, check=False, timeout=30)
    assert ran.returncode == 100
    assert "E: no network today" in ran.stderr
    assert "this failed: fetching Go" in ran.stderr
    assert [p.name for p in (builder.parents[1] / ".cache").iterdir()] == ["build_kube_apiserver.lock"]
