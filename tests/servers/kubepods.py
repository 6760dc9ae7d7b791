"""Deployments with their history, and pods in any state, in a test cluster. `k` is a Cluster.

first = roll_out(k, ns, "checkout", image="shop/checkout:1.4.1", node="node-1")     revision 1: ReplicaSet and pods
later = roll_out(k, ns, "checkout", image="shop/checkout:1.4.2", node="node-1")     revision 2; 1 is scaled to zero
add_pod(k, ns, "worker-0", {"app": "shop/worker:7"}, node="node-1")                 a pod of nobody
set_pod(k, ns, later.pods[0], {"app": running(since, restarts=3, last=oom_killed(since, until))})
set_pod(k, ns, later.pods[1], {"app": waiting("CrashLoopBackOff", "back-off 5m0s", restarts=9, last=...)})
set_pod(k, ns, "worker-0", {"app": stopped(terminated("Error", 1, since, until))}, phase="Failed")
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from servers.kubeobjects import Body, create, delete, numbers, patch, path, stamp
from servers.kubernetes import Cluster, Refused


@dataclass(frozen=True)
class Rollout:
    """One revision of a Deployment."""

    deployment: str
    replica_set: str
    revision: int
    pods: tuple[str, ...]


def roll_out(
    k: Cluster,
    namespace: str,
    name: str,
    *,
    image: str,
    node: str | None = None,
    replicas: int = 2,
    env: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    cause: str | None = None,
    resources: Mapping[str, Mapping[str, str]] | None = None,
    manager: str = "kubectl",
) -> Rollout:
    """Create a Deployment or update its template, and do what its controller would: ReplicaSets, pods, status.

    The container is called app; labels default to app=NAME and `app` stays the selector; `cause` is the change-cause;
    `manager` shows up in managedFields. A template that was there before gets its old ReplicaSet back, as in a
    rollback.
    """
    marks = {"app": name, **(labels or {})}
    container = {"name": "app", "image": image, "env": [{"name": n, "value": v} for n, v in (env or {}).items()]}
    template: Body = {
        "metadata": {"labels": marks},
        "spec": {"containers": [{**container, "resources": dict(resources or {})}]},
    }
    deployment = _apply(k, namespace, name, marks, template, replicas, cause, manager)
    chosen, revision = _turn(k, namespace, deployment, template, replicas)
    pods = _replace_pods(k, namespace, chosen, replicas, node)
    told = {"deployment.kubernetes.io/revision": str(revision)}
    patch(k, "apps/v1", "Deployment", namespace, name, {"metadata": {"annotations": told}})
    counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), replicas)
    status = {**counts, "observedGeneration": deployment["metadata"]["generation"]}
    patch(k, "apps/v1", "Deployment", namespace, name, {"status": status}, "status")
    return Rollout(name, chosen["metadata"]["name"], revision, tuple(pods))


def _apply(
    k: Cluster,
    namespace: str,
    name: str,
    labels: Mapping[str, str],
    template: Body,
    replicas: int,
    cause: str | None,
    manager: str,
) -> Body:
    metadata = {"name": name, "labels": dict(labels), "annotations": {"kubernetes.io/change-cause": cause}}
    spec = {"replicas": replicas, "template": template}
    try:
        body = {"metadata": metadata, "spec": spec}
        return patch(k, "apps/v1", "Deployment", namespace, name, body, fieldManager=manager)
    except Refused as refused:
        if refused.status != 404:
            raise
    metadata["annotations"] = {"kubernetes.io/change-cause": cause} if cause else {}
    spec["selector"] = {"matchLabels": {"app": name}}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}
    return create(k, body, namespace, fieldManager=manager)


def _turn(k: Cluster, namespace: str, deployment: Body, template: Body, replicas: int) -> tuple[Body, int]:
    """Scale the ReplicaSet of this template up and all others to zero: it, and its revision."""
    name = deployment["metadata"]["name"]
    digest = hashlib.sha256(json.dumps(template, sort_keys=True).encode()).hexdigest()[:10]
    known = k.api("GET", path("apps/v1", "ReplicaSet", namespace), labelSelector=f"app={name}")["items"]
    revisions = [int(old["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for old in known]
    revision = max(revisions, default=0) + 1
    notes = {"deployment.kubernetes.io/revision": str(revision)}
    if cause := deployment["metadata"].get("annotations", {}).get("kubernetes.io/change-cause"):
        notes["kubernetes.io/change-cause"] = cause
    for old in known:
        _scale(k, namespace, old["metadata"]["name"], 0)
    chosen = f"{name}-{digest}"
    if any(old["metadata"]["name"] == chosen for old in known):
        patch(k, "apps/v1", "ReplicaSet", namespace, chosen, {"metadata": {"annotations": notes}})
    else:
        create(k, _replica_set(deployment, template, chosen, digest, notes), namespace)
    return _scale(k, namespace, chosen, replicas), revision


def _replica_set(deployment: Body, template: Body, name: str, digest: str, notes: Mapping[str, str]) -> Body:
    labels = {**template["metadata"]["labels"], "pod-template-hash": digest}
    selector = {"app": deployment["metadata"]["name"], "pod-template-hash": digest}
    owners = [_owner("apps/v1", "Deployment", deployment)]
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "labels": labels, "annotations": dict(notes), "ownerReferences": owners},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": selector},
            "template": {**template, "metadata": {"labels": labels}},
        },
    }


def _scale(k: Cluster, namespace: str, name: str, replicas: int) -> Body:
    patch(k, "apps/v1", "ReplicaSet", namespace, name, {"spec": {"replicas": replicas}})
    status = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "fullyLabeledReplicas"), replicas)
    return patch(k, "apps/v1", "ReplicaSet", namespace, name, {"status": status}, "status")


def _owner(version: str, kind: str, owner: Body) -> Body:
    metadata = owner["metadata"]
    told = {"apiVersion": version, "kind": kind, "name": metadata["name"], "uid": metadata["uid"]}
    return {**told, "controller": True, "blockOwnerDeletion": True}


def _replace_pods(k: Cluster, namespace: str, owner: Body, replicas: int, node: str | None) -> list[str]:
    template, name = owner["spec"]["template"], owner["metadata"]["name"]
    app = template["metadata"]["labels"]["app"]
    for old in k.api("GET", path("v1", "Pod", namespace), labelSelector=f"app={app},pod-template-hash")["items"]:
        delete(k, "v1", "Pod", namespace, old["metadata"]["name"])
    pods = []
    for _ in range(replicas):
        metadata = {"name": f"{name}-{next(numbers):05x}", "labels": template["metadata"]["labels"]}
        metadata["ownerReferences"] = [_owner("apps/v1", "ReplicaSet", owner)]
        spec = {**template["spec"], **({"nodeName": node} if node else {})}
        create(k, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, namespace)
        if node:
            set_pod(k, namespace, metadata["name"], {"app": running(datetime.now(UTC))})
        pods.append(metadata["name"])
    return pods


def add_pod(
    k: Cluster,
    namespace: str,
    name: str,
    containers: Mapping[str, str],
    *,
    node: str | None = None,
    labels: Mapping[str, str] | None = None,
    owner: tuple[str, str, Body] | None = None,
) -> Body:
    """A pod, container to image; Pending until `set_pod`. `owner` is (apiVersion, kind, the owner as stored)."""
    metadata: Body = {"name": name, "labels": dict(labels or {})}
    if owner:
        metadata["ownerReferences"] = [_owner(*owner)]
    spec: Body = {"containers": [{"name": c, "image": image} for c, image in containers.items()]}
    if node:
        spec["nodeName"] = node
    return create(k, {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}, namespace)


@dataclass(frozen=True)
class Container:
    """State of a container: its `state` and `lastState` as the API has them."""

    state: Body
    restarts: int = 0
    last: Body | None = None
    ready: bool = True


def running(since: datetime, *, restarts: int = 0, last: Body | None = None, ready: bool = True) -> Container:
    """It runs."""
    return Container({"running": {"startedAt": stamp(since)}}, restarts, last, ready)


def waiting(reason: str, message: str = "", *, restarts: int = 0, last: Body | None = None) -> Container:
    """It waits: CrashLoopBackOff, ImagePullBackOff, ContainerCreating."""
    return Container({"waiting": {"reason": reason, "message": message}}, restarts, last, ready=False)


def stopped(termination: Body, *, restarts: int = 0, last: Body | None = None) -> Container:
    """It has ended, as `terminated` or `oom_killed` say."""
    return Container(termination, restarts, last, ready=False)


def terminated(reason: str, code: int, started: datetime, finished: datetime, message: str = "") -> Body:
    """How a container ended: for `last=`, and for `stopped`."""
    told = {"reason": reason, "exitCode": code, "message": message}
    return {"terminated": {**told, "startedAt": stamp(started), "finishedAt": stamp(finished)}}


def oom_killed(started: datetime, finished: datetime) -> Body:
    """It took more memory than its limit."""
    return terminated("OOMKilled", 137, started, finished)


def set_pod(
    k: Cluster,
    namespace: str,
    name: str,
    containers: Mapping[str, Container],
    *,
    phase: str = "Running",
    reason: str | None = None,
    message: str | None = None,
    since: datetime | None = None,
) -> Body:
    """Set a pod's status, as its kubelet would; `since` is startTime and when the conditions last changed."""
    images = {c["name"]: c["image"] for c in k.api("GET", path("v1", "Pod", namespace, name))["spec"]["containers"]}
    ready = all(container.ready for container in containers.values())
    changed = stamp(since or datetime.now(UTC))
    conditions = [
        {"type": kind, "status": "True" if value else "False", "lastTransitionTime": changed}
        for kind, value in (("PodScheduled", True), ("ContainersReady", ready), ("Ready", ready))
    ]
    states = [_container_status(c, images[c], state) for c, state in containers.items()]
    status = {"phase": phase, "reason": reason, "message": message, "startTime": changed}
    body = {"status": {**status, "podIP": "10.1.0.7", "conditions": conditions, "containerStatuses": states}}
    return patch(k, "v1", "Pod", namespace, name, body, "status")


def _container_status(name: str, image: str, container: Container) -> Body:
    return {
        "name": name,
        "image": image,
        "imageID": f"sha256:{hashlib.sha256(image.encode()).hexdigest()}",
        "containerID": f"containerd://{hashlib.sha256(f'{name}{container.restarts}'.encode()).hexdigest()}",
        "ready": container.ready,
        "started": container.ready,
        "restartCount": container.restarts,
        "state": container.state,
        "lastState": container.last or {},
    }
