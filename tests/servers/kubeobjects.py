"""Objects for a test cluster, made as kubectl and the components of a cluster would make them. `k` is a Cluster.

    add_node(k, "node-1")                          Ready, its kubelet is the stand-in; add_condition(...) changes it
    add_event(k, ns, "Pod", "worker-0", "BackOff", "Back-off restarting failed container", first, last, count=17)
    add_event_v1(k, ns, "Pod", "worker-0", "FailedScheduling", "0/3 nodes are available", when)
    add_config_map(k, ns, "settings", {...})   add_secret(k, ns, "passwords", {...})
    add_service(k, ns, "checkout", ready=["worker-0"], not_ready=[])   with its Endpoints
    add_autoscaler(k, ns, "checkout", 2, 6, 6, cpu=95)
    create(k, body, namespace)                     anything else, by apiVersion and kind
    patch(k, "apps/v1", "Deployment", ns, name, body, sub="status")    a merge patch
    delete(k, "v1", "Pod", ns, name)

Deployments with their history and pods are in servers.kubepods, Helm's releases in servers.kubehelm. All times are
datetimes with a zone. creationTimestamp and managedFields are the server's own: always now.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from servers.kubernetes import Cluster

Body = dict[str, Any]
numbers = itertools.count(1)
"""For names that must differ."""
PLURALS = {"Endpoints": "endpoints", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies"}


def path(version: str, kind: str, namespace: str | None, name: str = "", sub: str = "") -> str:
    """Where the API keeps it."""
    root = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    parts = [root, f"namespaces/{namespace}" if namespace else "", PLURALS.get(kind, kind.lower() + "s"), name, sub]
    return "/".join(part for part in parts if part)


def create(k: Cluster, body: Body, namespace: str | None = None, **query: str) -> Body:
    """Create what the body says: the object as the server stored it."""
    return k.api("POST", path(body["apiVersion"], body["kind"], namespace), body, **query)


def patch(
    k: Cluster, version: str, kind: str, namespace: str | None, name: str, body: Body, sub: str = "", **query: str
) -> Body:
    """A JSON merge patch: lists are replaced as a whole, None removes a key."""
    where = path(version, kind, namespace, name, sub)
    return k.api("PATCH", where, body, content="application/merge-patch+json", **query)


def delete(k: Cluster, version: str, kind: str, namespace: str | None, name: str) -> None:
    """Delete at once."""
    k.api("DELETE", path(version, kind, namespace, name), gracePeriodSeconds="0")


def stamp(time: datetime, *, micro: bool = False) -> str:
    """RFC 3339 as Kubernetes writes it, in seconds; in microseconds where the field is a MicroTime."""
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%S}{f'.{time.microsecond:06d}' if micro else ''}Z"


def add_node(k: Cluster, name: str, *, labels: Mapping[str, str] | None = None) -> None:
    """A Ready node whose logs come from the kubelet stand-in."""
    create(k, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": dict(labels or {})}})
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": k.kubelet.port}},
        "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110"},
        "allocatable": {"cpu": "3800m", "memory": "15Gi", "pods": "110"},
        "conditions": [],
    }
    patch(k, "v1", "Node", None, name, {"status": status}, "status")
    add_condition(k, name, "Ready", "True", "KubeletReady", "kubelet is posting ready status", datetime.now(UTC))


def add_condition(k: Cluster, node: str, kind: str, status: str, reason: str, message: str, since: datetime) -> None:
    """Set one condition of a node: Ready, MemoryPressure, DiskPressure, PIDPressure."""
    told = {"type": kind, "status": status, "reason": reason, "message": message}
    condition = {**told, "lastTransitionTime": stamp(since), "lastHeartbeatTime": stamp(datetime.now(UTC))}
    now = k.api("GET", path("v1", "Node", None, node))["status"].get("conditions", [])
    kept = [other for other in now if other["type"] != kind]
    patch(k, "v1", "Node", None, node, {"status": {"conditions": [*kept, condition]}}, "status")


def add_event(
    k: Cluster,
    namespace: str,
    kind: str,
    name: str,
    reason: str,
    message: str,
    first: datetime,
    last: datetime | None = None,
    *,
    count: int = 1,
    warning: bool = True,
    component: str = "kubelet",
    uid: str = "",
) -> Body:
    """An event as kubelets and controllers wrote them for long: core/v1 with first and last time and a count.

    An event about a node belongs into the namespace default.
    """
    about = {"kind": kind, "name": name, "uid": uid}
    if kind != "Node":
        about["namespace"] = namespace
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{next(numbers):016x}"},
        "involvedObject": about,
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "count": count,
        "firstTimestamp": stamp(first),
        "lastTimestamp": stamp(last or first),
        "source": {"component": component},
    }
    return create(k, body, namespace)


def add_event_v1(
    k: Cluster,
    namespace: str,
    kind: str,
    name: str,
    reason: str,
    note: str,
    time: datetime,
    *,
    series: tuple[int, datetime] | None = None,
    warning: bool = True,
    controller: str = "default-scheduler",
) -> Body:
    """An event as newer components write them: events.k8s.io/v1 with eventTime, and (count, last seen) of a series.

    Read as core/v1 its firstTimestamp, lastTimestamp and count are empty.
    """
    body: Body = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.{next(numbers):016x}"},
        "regarding": {"kind": kind, "name": name, "namespace": namespace},
        "reason": reason,
        "note": note,
        "type": "Warning" if warning else "Normal",
        "action": "Binding",
        "eventTime": stamp(time, micro=True),
        "reportingController": controller,
        "reportingInstance": f"{controller}-0",
    }
    if series:
        body["series"] = {"count": series[0], "lastObservedTime": stamp(series[1], micro=True)}
    return create(k, body, namespace)


def add_config_map(
    k: Cluster,
    namespace: str,
    name: str,
    data: Mapping[str, str],
    *,
    labels: Mapping[str, str] | None = None,
    manager: str = "kubectl",
) -> Body:
    """A ConfigMap; change it with `patch`."""
    metadata = {"name": name, "labels": dict(labels or {})}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(data)}
    return create(k, body, namespace, fieldManager=manager)


def add_secret(
    k: Cluster,
    namespace: str,
    name: str,
    data: Mapping[str, str],
    *,
    labels: Mapping[str, str] | None = None,
    kind: str = "Opaque",
) -> Body:
    """A Secret; the values are text, encoded here."""
    metadata = {"name": name, "labels": dict(labels or {})}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": kind, "stringData": dict(data)}
    return create(k, body, namespace)


def add_service(
    k: Cluster, namespace: str, name: str, *, ready: Sequence[str] = (), not_ready: Sequence[str] = ()
) -> None:
    """A Service that selects app=NAME, and Endpoints that name these pods."""
    ports = [{"name": "http", "port": 80, "targetPort": 8080}]
    spec = {"selector": {"app": name}, "ports": ports}
    create(k, {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}, namespace)
    hosts = itertools.count(2)

    def addresses(pods: Sequence[str]) -> list[Body]:
        about = {"kind": "Pod", "namespace": namespace}
        return [{"ip": f"10.1.0.{next(hosts)}", "targetRef": {**about, "name": pod}} for pod in pods]

    subset: Body = {"ports": [{"name": "http", "port": 8080}], "addresses": addresses(ready)}
    subset["notReadyAddresses"] = addresses(not_ready)
    subsets = [subset] if ready or not_ready else []
    body = {"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name}, "subsets": subsets}
    create(k, body, namespace)


def add_autoscaler(
    k: Cluster,
    namespace: str,
    deployment: str,
    lowest: int,
    highest: int,
    desired: int,
    *,
    current: int | None = None,
    cpu: int | None = None,
    target: int = 70,
    scaled: datetime | None = None,
    conditions: Sequence[tuple[str, str, str, str, datetime]] = (),
) -> Body:
    """An HPA of a Deployment by CPU (percent), with its status; conditions are (type, status, reason, message, since).

    Written as autoscaling/v2beta2. Read as autoscaling/v1, the conditions are JSON in an annotation.
    """
    version, kind = "autoscaling/v2beta2", "HorizontalPodAutoscaler"
    aim = {"type": "Utilization", "averageUtilization": target}
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
        "minReplicas": lowest,
        "maxReplicas": highest,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": aim}}],
    }
    create(k, {"apiVersion": version, "kind": kind, "metadata": {"name": deployment}, "spec": spec}, namespace)
    status: Body = {"desiredReplicas": desired, "currentReplicas": desired if current is None else current}
    if cpu is not None:
        usage = {"name": "cpu", "current": {"averageUtilization": cpu, "averageValue": f"{cpu * 2}m"}}
        status["currentMetrics"] = [{"type": "Resource", "resource": usage}]
    if scaled:
        status["lastScaleTime"] = stamp(scaled)
    names = ("type", "status", "reason", "message")
    status["conditions"] = [
        {**dict(zip(names, told, strict=True)), "lastTransitionTime": stamp(since)} for *told, since in conditions
    ]
    return patch(k, version, kind, namespace, deployment, {"status": status}, "status")
