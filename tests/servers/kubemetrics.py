"""What metrics-server would answer for metrics.k8s.io: CPU and memory of pods and nodes, as the test says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GROUP = "metrics.k8s.io/v1beta1"
METRICS = f"/apis/{GROUP}"


@dataclass(frozen=True)
class Measured:
    """One pod: container to (CPU, memory) as Kubernetes writes quantities, and the pod's labels.

    Or one node, in no namespace: what it uses stands under one name, whatever that is.
    """

    containers: Mapping[str, tuple[str, str]]
    labels: Mapping[str, str]


def measured(
    path: str, query: Mapping[str, str], metrics: Mapping[tuple[str, str], Measured], now: datetime
) -> tuple[int, Mapping[str, Any]]:
    """What metrics-server answers: its resources, and the PodMetrics of a namespace, of all, or of one pod.

    Of label selectors it knows `a=b,c=d`; it answers 400 to others rather than something wrong.
    """
    match path.strip("/").split("/"):
        case [""]:
            kinds = [_resource("pods", "PodMetrics", True), _resource("nodes", "NodeMetrics", False)]
            return 200, {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": GROUP, "resources": kinds}
        case ["pods"]:
            wanted = [key for key in metrics if key[0]]
        case ["namespaces", namespace, "pods"]:
            wanted = [key for key in metrics if key[0] == namespace]
        case ["namespaces", namespace, "pods", pod] if (namespace, pod) in metrics:
            return 200, _pod_metrics((namespace, pod), metrics[namespace, pod], now)
        case ["nodes"]:
            nodes = [_node_metrics(key, metrics[key], now) for key in metrics if not key[0]]
            return 200, {"apiVersion": GROUP, "kind": "NodeMetricsList", "metadata": {}, "items": nodes}
        case _:
            return 404, _status(404, "NotFound", f"the server could not find the requested resource {path}")
    terms = [term.replace("==", "=").partition("=") for term in query.get("labelSelector", "").split(",") if term]
    if not all(re.fullmatch(r"[\w./-]+", key) and sign for key, sign, _ in terms):
        return 400, _status(400, "BadRequest", f"this stand-in does not know: {query['labelSelector']}")
    wanted = [key for key in wanted if all(metrics[key].labels.get(name) == value for name, _, value in terms)]
    items = [_pod_metrics(key, metrics[key], now) for key in wanted]
    return 200, {"apiVersion": GROUP, "kind": "PodMetricsList", "metadata": {}, "items": items}


def _status(code: int, reason: str, message: str) -> dict[str, Any]:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**body, "message": message, "reason": reason, "code": code}


def _resource(name: str, kind: str, namespaced: bool) -> dict[str, Any]:
    return {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}


def _pod_metrics(key: tuple[str, str], measured: Measured, now: datetime) -> dict[str, Any]:
    usages = [
        {"name": name, "usage": {"cpu": cpu, "memory": memory}} for name, (cpu, memory) in measured.containers.items()
    ]
    return {
        "apiVersion": GROUP,
        "kind": "PodMetrics",
        "metadata": {"name": key[1], "namespace": key[0], "labels": dict(measured.labels)},
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "window": "30s",
        "containers": usages,
    }


def _node_metrics(key: tuple[str, str], measured: Measured, now: datetime) -> dict[str, Any]:
    ((cpu, memory),) = measured.containers.values()
    return {
        "apiVersion": GROUP,
        "kind": "NodeMetrics",
        "metadata": {"name": key[1], "labels": dict(measured.labels)},
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "window": "30s",
        "usage": {"cpu": cpu, "memory": memory},
    }
