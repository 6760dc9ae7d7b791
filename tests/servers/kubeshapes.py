"""Objects of the Kubernetes API as small as the collector's tests need them, as plain JSON."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from conftest import NOW

from collectors.kubernetes import objects
from gather_diagnostics import Window

SECRET = "hunter2-never-to-be-seen"
ORIGIN = objects.Origin("prod", "eu-1", "checkout", NOW)
DAY = Window(NOW - timedelta(days=1), NOW)


def at(minutes: float) -> str:
    """RFC 3339, so many minutes before NOW."""
    return (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")


def workload(name: str, kind: str = "Deployment", inside: Mapping[str, str] | None = None, **marks: str) -> Any:
    template = {"metadata": {"labels": dict(inside or {})}, "spec": {"containers": []}}
    return {
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": marks},
        "spec": {"selector": {"matchLabels": dict(inside or {})}, "template": template},
    }


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


def event(**fields: Any) -> dict[str, Any]:
    about = {"kind": "Pod", "namespace": "shop", "name": "checkout-66b6c48dd5-x7k2p"}
    return {"kind": "Event", "involvedObject": about, "reason": "BackOff", "type": "Warning", **fields}


def pod(status: dict[str, Any], **spec: Any) -> dict[str, Any]:
    containers = [{"name": "app", "image": "shop/checkout:2", "resources": {"limits": {"memory": "128Mi"}}}]
    metadata = {"name": "checkout-1", "namespace": "shop", "uid": "u"}
    return {"kind": "Pod", "metadata": metadata, "spec": {"containers": containers, **spec}, "status": status}


def state(**fields: Any) -> dict[str, Any]:
    return {"containerStatuses": [{"name": "app", "restartCount": 3, **fields}], "phase": "Running"}


def packed(document: Any) -> str:
    inner = base64.b64encode(gzip.compress(json.dumps(document).encode()))
    return base64.b64encode(inner).decode()


def simple_pod(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": name, "labels": {"app": "checkout"}}}
