"""Releases as Helm 3 keeps them, in a test cluster. `k` is a Cluster.

add_helm_release(k, ns, "checkout", 3, "1.4.2", deployed)
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from servers.kubeobjects import Body, add_secret, patch, path, stamp
from servers.kubernetes import Cluster, Refused


def add_helm_release(
    k: Cluster,
    namespace: str,
    name: str,
    revision: int,
    app_version: str,
    deployed: datetime,
    *,
    status: str = "deployed",
    chart: str = "",
    chart_version: str = "0.1.0",
    description: str = "Upgrade complete",
    values: Mapping[str, Any] | None = None,
) -> Body:
    """What Helm 3 keeps of a revision: a Secret with gzipped JSON, base64 in base64; the one before is superseded.

    helm.sh/helm/v3/pkg/storage/driver (secrets.go, util.go).
    """
    info = {"first_deployed": stamp(deployed), "last_deployed": stamp(deployed), "deleted": ""}
    release = {
        "name": name,
        "namespace": namespace,
        "version": revision,
        "info": {**info, "description": description, "status": status},
        "chart": {"metadata": {"name": chart or name, "version": chart_version, "appVersion": app_version}},
        "config": dict(values or {}),
        "manifest": "",
    }
    told = _packed(release)
    prefix = f"sh.helm.release.v1.{name}.v"
    if status == "deployed" and revision > 1:
        _supersede(k, namespace, f"{prefix}{revision - 1}")
    labels = {"owner": "helm", "name": name, "status": status, "version": str(revision)}
    labels["modifiedAt"] = str(int(deployed.timestamp()))
    return add_secret(k, namespace, f"{prefix}{revision}", {"release": told}, labels=labels, kind="helm.sh/release.v1")


def _supersede(k: Cluster, namespace: str, secret: str) -> None:
    """Helm marks the label and the release in it; a revision that the test has not made is left alone."""
    try:
        held = k.api("GET", path("v1", "Secret", namespace, secret))["data"]["release"]
    except Refused as refused:
        if refused.status == 404:
            return
        raise
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(held))))
    release["info"]["status"] = "superseded"
    body = {"metadata": {"labels": {"status": "superseded"}}, "stringData": {"release": _packed(release)}}
    patch(k, "v1", "Secret", namespace, secret, body)


def _packed(release: Mapping[str, Any]) -> str:
    return base64.b64encode(gzip.compress(json.dumps(release).encode())).decode()
