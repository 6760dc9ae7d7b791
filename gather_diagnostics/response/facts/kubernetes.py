"""Names of Kubernetes objects: from rollouts, from addresses of rows, from pods. Pure.

A row's `ref` is 'k8s://<context>/<namespace>/<kind>/<name>#<uid>', a rollout's id
'k8s:<cluster>/<namespace>/<kind>/<name>:<revision>'.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.changes import WORKLOADS, Change, later
from gather_diagnostics.response.facts.details import mapping, text

IN_CLUSTER = "in-cluster"
"""Stands for a context where a kubeconfig was not used: kubectl knows none of that name."""
Pair = tuple[str, object]

_SHORT_ID = re.compile(r"k8s:([A-Za-z]+)/([^/:]+):([^/:]+)")
_NUMBER = re.compile(r"[0-9]{1,9}")


def of_change(change: Change, changes: Sequence[Change]) -> Iterator[Pair]:
    """What one change of the cluster tells; nothing for others."""
    if not change.id.startswith("k8s:"):
        return
    yield from _place(change.ref)
    yield "cluster", _cluster(change)
    if change.details.get("kind") == "ConfigMap":
        yield "configmap", change.details.get("name")
    elif change.platform == "helm":
        yield "helm_release", change.details.get("release")
        yield "helm_revision", change.previous
        yield "version", change.details.get("app_version")
    elif change.platform == "kubernetes":
        yield from _rollout(change, changes)


def _rollout(change: Change, changes: Sequence[Change]) -> Iterator[Pair]:
    kind, name, _ = identity(change)
    if kind.lower() not in WORKLOADS:
        return
    yield "workload", f"{kind.lower()}/{name}"
    yield "namespace", change.details.get("namespace")
    own = [c for c in later(change, changes) if identity(c)[:2] == (kind, name)]
    runs = own[-1] if own else change
    yield "revision", identity(runs)[2] or runs.revision
    if change.previous and _NUMBER.fullmatch(change.previous):
        yield "previous_revision", change.previous
    yield "version", runs.details.get("version")
    yield from _images(change, runs)


def _images(change: Change, runs: Change) -> Iterator[Pair]:
    """Of the container whose image the change replaced, or of the only one."""
    now, before = mapping(runs.details, "images"), mapping(change.details, "previous_images")
    after = mapping(change.details, "images")
    replaced = [c for c in after if c in before and after[c] != before[c]] or (list(after) if len(after) == 1 else [])
    for container in replaced:
        yield "container", container
        yield "image", now.get(container)
        yield "previous_image", before.get(container)
        yield "previous_version", _tag(text(before, container))
    if not after and change.previous and "/" in change.previous:
        yield "image", runs.revision
        yield "previous_image", change.previous
        yield "previous_version", _tag(change.previous)


def _tag(image: str) -> str:
    name, _, tag = image.partition("@")[0].rpartition(":")
    return tag if name and "/" not in tag else ""


def identity(change: Change) -> tuple[str, str, str]:
    """(kind, name, number of the revision) of a rollout; empty texts for what is not told."""
    kind, name = text(change.details, "kind"), text(change.details, "name")
    if kind and name:
        return kind, name, change.revision or ""
    found = _SHORT_ID.fullmatch(change.id)
    return (found[1], found[2], found[3] if _NUMBER.fullmatch(found[3]) else "") if found else ("", "", "")


def _place(ref: str) -> Iterator[Pair]:
    """Context and namespace out of an address."""
    parts = ref.removeprefix("k8s://").partition("#")[0].split("/")
    if ref.startswith("k8s://") and len(parts) >= 4:
        context = unquote(parts[0])
        yield "context", context if context != IN_CLUSTER else None
        yield "namespace", parts[1] if parts[1] != "-" else None


def _cluster(change: Change) -> str | None:
    namespace, kind = change.details.get("namespace"), change.details.get("kind")
    head, found, _ = change.id.removeprefix("k8s:").partition(f"/{namespace}/{kind}/")
    return head if namespace and kind and found else None


def of_tables(evidence: Evidence, changes: Sequence[Change]) -> Iterator[Pair]:
    """What addresses of pods and of changes tell, what events are about, and how many pods there are."""
    for change in changes:
        yield from _place(change.ref)
        if change.id.startswith("k8s:") and change.details.get("kind") == "ConfigMap":
            yield "configmap", change.details.get("name")
        if change.details.get("kind") == "HorizontalPodAutoscaler":
            yield "autoscaler", _named(change.ref, "HorizontalPodAutoscaler")
    pods = evidence.tables.get("workloads")
    if pods is not None:
        for ref in pods["ref"].unique():
            yield from _place(ref)
    events = evidence.tables.get("events")
    if events is not None:
        for thing in events["object"].dropna().unique():
            kind, _, name = str(thing).partition("/")
            if kind.lower() in WORKLOADS:
                yield "workload", f"{kind.lower()}/{name}"
            if kind == "HorizontalPodAutoscaler":
                yield "autoscaler", name


def _named(ref: str, kind: str) -> str | None:
    parts = ref.removeprefix("k8s://").partition("#")[0].split("/")
    return parts[3] if len(parts) == 4 and parts[2] == kind else None


_SUFFIXES: Mapping[str, str] = {
    "deployment": "-[a-z0-9]{1,10}-[a-z0-9]{5}",
    "statefulset": "-[0-9]{1,6}",
    "daemonset": "-[a-z0-9]{5}",
}
"""What controllers put behind the workload's name to name its pods."""
DONE = ("Succeeded", "Completed", "Terminating")
"""Phases of pods that are not meant to work."""


def replicas(evidence: Evidence, workload: str) -> int:
    """How many pods the workload ('deployment/checkout') has; all of the service's where its pods are not named after
    it; 0 where no source told of pods."""
    table = evidence.tables.get("workloads")
    if table is None:
        return 0
    pods = table[(table["kind"] == "Pod") & ~table["phase"].isin(DONE)]
    kind, _, name = workload.partition("/")
    own = pods[pods["name"].str.fullmatch(re.escape(name) + _SUFFIXES.get(kind, "-.*"))]
    return len(own) or len(pods)
