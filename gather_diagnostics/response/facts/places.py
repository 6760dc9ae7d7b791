"""Where it hurts: what findings name, and what labels of the service's own series agree on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.details import listed, mapping, text, texts
from gather_diagnostics.response.facts.labels import labels_of

if TYPE_CHECKING:
    import pandas as pd

View = Mapping[str, Any]
Pair = tuple[str, object]

UNNAMED = "unnamed"
"""The dependency of lines that name none."""
LABELS: Mapping[str, str] = {
    "namespace": "namespace",
    "kubernetes_namespace": "namespace",
    "exported_namespace": "namespace",
    "k8s_namespace_name": "namespace",
    "k8s.namespace.name": "namespace",
    "cluster": "cluster",
    "k8s_cluster_name": "cluster",
    "k8s.cluster.name": "cluster",
    "container": "container",
    "k8s_container_name": "container",
    "queue": "queue",
    "topic": "queue",
    "datname": "database",
}
"""Labels of series and streams, and the name each tells.

Sources: opentelemetry.io/docs/specs/semconv/resource, the labels that prometheus-operator attaches, postgres_exporter.
"""
_KEYS = '"(?:' + "|".join(re.escape(key) for key in LABELS) + ')":'
_KUBERNETES_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DATABASES = re.compile(
    r"(?i)postgres|mysql|mariadb|mongo|oracle|redis|rds|aurora|dynamo|(^|[-_.])(db|database|sql)([-_.]|$)"
)
_NAMING = ("known_errors:dns-", "known_errors:tls-")
"""Known errors whose lines speak of a host."""
_HOST = re.compile(
    r"(?i)(?:certificate (?:is valid )?(?:of|for)|host(?:name)?[=:]?|lookup|resolve|ENOTFOUND|EAI_AGAIN)[ '\"“]{1,3}"
    r"([a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+)"
)


def told(evidence: Evidence, document: View) -> list[Pair]:
    """What the findings say of the place."""
    findings = {f["id"]: f for f in document["findings"]}
    return [
        *_carried(findings.get("scope")),
        *_dependency(document["findings"]),
        *_saturated(document["findings"]),
        *_pods(evidence, document["findings"]),
        *_endpoints(document["findings"]),
        *_hosts(document["findings"]),
    ]


def _carried(scope: View | None) -> Iterator[Pair]:
    """The one value of a dimension that carries the trouble."""
    carried = mapping((scope or {"details": {}})["details"], "carried_by")
    names = {"endpoint": "endpoint", "tenant": "tenant", "node": "node", "host": "host", "region": "region"}
    if (name := names.get(text(carried, "dimension"))) and len(listed(carried, "values")) == 1:
        yield name, listed(carried, "values")[0]


def _dependency(findings: list[View]) -> Iterator[Pair]:
    """The likeliest dependency that failed before us or with us."""
    suspected = [
        f for f in findings if f["question"] == "dependencies" and f["details"].get("order") in ("before", "with")
    ]
    suspected = [f for f in suspected if text(f["details"], "dependency") not in ("", UNNAMED)]
    suspected.sort(key=lambda f: (f["details"]["order"] != "before", -f["confidence"]))
    for finding in suspected[:1]:
        yield "dependency", finding["details"]["dependency"]
        if _DATABASES.search(f"{finding['details']['dependency']} {finding['details'].get('system') or ''}".strip()):
            # What CloudWatch measures is called 'rds/<identifier>'.
            yield "database", finding["details"]["dependency"].removeprefix("rds/")


def _saturated(findings: list[View]) -> Iterator[Pair]:
    for finding in findings:
        if finding["question"] == "saturation" and finding["severity"] != "info":
            where, resource = finding["details"].get("where"), finding["details"].get("resource")
            if where and resource in ("queue", "connections"):
                yield "queue" if resource == "queue" else "database", where


def _endpoints(findings: list[View]) -> Iterator[Pair]:
    """The only endpoint that got worse by itself."""
    worse = {
        f["id"].partition(":endpoint:")[2] for f in findings if ":endpoint:" in f["id"] and f["severity"] != "info"
    }
    yield from (("endpoint", e) for e in worse)


def _hosts(findings: list[View]) -> Iterator[Pair]:
    """The host that lines about certificates or DNS speak of."""
    for finding in findings:
        if finding["id"].startswith(_NAMING) and finding["details"].get("state") == "new":
            yield from (("host", h) for h in _HOST.findall(str(finding["details"].get("example", ""))))


def _pods(evidence: Evidence, findings: list[View]) -> Iterator[Pair]:
    """The pod in the worst state and its node; a node that is told of by itself comes first."""
    worst = worst_pod(evidence.tables.get("workloads"))
    nodes = bad_nodes(evidence, findings)
    yield from (("node", n) for n in nodes)
    if worst is not None:
        yield "pod", worst["name"]
        if not nodes:
            yield "node", worst["node"]


def bad_nodes(evidence: Evidence, findings: list[View]) -> list[str]:
    """Nodes that are not as they should be, or whose pods say so, sorted."""
    its = [f for f in findings if f["id"] == "workload_health:NodeNotReady"]
    named = {n.removeprefix("Node/") for f in its for n in texts(f["details"], "instances")}
    pods, events = evidence.tables.get("workloads"), evidence.tables.get("events")
    there = dict(zip(pods["name"], pods["node"], strict=True)) if pods is not None else {}
    told = {str(o) for o in events["object"].dropna().unique()} if events is not None else set()
    nodes = {n for n in named if n in set(there.values()) or f"Node/{n}" in told}
    return sorted(nodes | {str(there[n]) for n in named - nodes if isinstance(there.get(n), str)})


def worst_pod(pods: pd.DataFrame | None) -> Mapping[Any, Any] | None:
    """The pod that is not ready or was restarted, the one with most restarts first; None where all are well."""
    if pods is None:
        return None
    its = pods[pods["kind"] == "Pod"]
    ready, restarts = its["ready"].fillna(False).astype(bool), its["restarts"].fillna(0)
    bad = its.assign(unready=~ready, restarts=restarts)[~ready | (restarts > 0)]
    if bad.empty:
        return None
    first: Mapping[Any, Any] = (
        bad.sort_values(["unready", "restarts", "name"], ascending=[False, False, True]).iloc[0].to_dict()
    )
    return first


def of_labels(evidence: Evidence) -> Iterator[Pair]:
    """Names in labels; CloudWatch calls something else a namespace."""
    for table in ("metrics", "logs"):
        for labels in labels_of(evidence, table, having=_KEYS):
            if "log_group" in labels or str(labels.get("namespace", "")).startswith("AWS/"):
                continue
            for label, name in LABELS.items():
                value = labels.get(label)
                if isinstance(value, str) and (name != "namespace" or _KUBERNETES_NAME.fullmatch(value)):
                    yield name, value
