"""Fail over: off a node, an instance or a zone that is bad, to the standby of a database. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gather_diagnostics.response.facts import fit
from gather_diagnostics.response.facts.details import View
from gather_diagnostics.response.facts.labels import labels_of
from gather_diagnostics.response.facts.places import bad_nodes
from gather_diagnostics.response.mitigation.proposals import (
    Proposal,
    aws,
    both,
    cluster_wide,
    command,
    kubectl,
    proposal,
)
from gather_diagnostics.response.mitigation.situation import Situation

ZONE = "topology.kubernetes.io/zone"
"""The label of nodes. Source: kubernetes.io/docs/reference/labels-annotations-taints/"""
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
MOST_NODES = 3
_DRAIN = (
    "All pods of other services on it move too. It stops at pods with emptyDir data and at disruption budgets; what it"
    " moved does not come back by itself."
)


def proposals(s: Situation) -> Iterator[Proposal]:
    yield from _node(s)
    yield from _part(s)
    yield from _database(s)


def _node(s: Situation) -> Iterator[Proposal]:
    """A node that is not as it should be."""
    finding = s.finding("workload_health:NodeNotReady")
    if finding is None:
        return
    for node in bad_nodes(s.evidence, s.document["findings"])[:MOST_NODES]:
        if not _LABEL.fullmatch(node):
            continue
        against = [] if finding["details"].get("going_on") else ["The node was not seen in trouble since."]
        if _pods_on(s, node) == 0:
            against.append("None of the replicas runs there any more.")
        yield _emptied(s, f"Take the node {node} out.", [node], finding, against)


def _pods_on(s: Situation, node: str) -> int | None:
    pods = s.evidence.tables.get("workloads")
    return None if pods is None or pods["node"].isna().all() else int((pods["node"] == node).sum())


def _emptied(s: Situation, what: str, nodes: list[str], finding: View, against: list[str]) -> Proposal:
    """Source: kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/"""
    cordon = command(*cluster_wide(s.facts, "cordon", *nodes))
    drain = command(*cluster_wide(s.facts, "drain", *nodes, "--ignore-daemonsets", "--timeout=5m"))
    back = command(*cluster_wide(s.facts, "uncordon", *nodes))
    return proposal(
        "fail_over", what, both(cordon, drain), why=[finding["headline"]], risk=_DRAIN, undo=back,
        against=[*s.over, *against], findings=[finding],
    )  # fmt: skip


def _part(s: Situation) -> Iterator[Proposal]:
    """One zone, node or replica that carries the trouble while the others are well."""
    dimension, value = s.carried
    scope = s.finding("scope")
    if scope is None or s.platform != "kubernetes" or not fit(value):
        return
    if dimension == "zone" and _LABEL.fullmatch(value):
        yield _emptied(s, f"Take the zone {value} out.", [f"--selector={ZONE}={value}"], scope, [])
    elif dimension == "node" and _LABEL.fullmatch(value):
        yield _emptied(s, f"Take the node {value} out.", [value], scope, [])
    elif dimension == "instance" and value in _pods(s):
        yield proposal(
            "fail_over", f"Delete the pod {value}; its controller makes a new one.",
            command(*kubectl(s.facts, "delete", f"pod/{value}")), why=[scope["headline"]],
            risk="Its requests in flight fail; save its log first, it goes with the pod.",
            undo="There is nothing to undo: the new pod takes its place.", against=s.over, findings=[scope],
        )  # fmt: skip


def _pods(s: Situation) -> set[str]:
    pods = s.evidence.tables.get("workloads")
    return set() if pods is None else set(pods.loc[pods["kind"] == "Pod", "name"])


def _database(s: Situation) -> Iterator[Proposal]:
    """The standby of a database that failed before us or with us."""
    name = s.facts.get("database", "")
    its = [f for f in s.findings("dependencies") if f["details"].get("order") in ("before", "with")]
    finding = next((f for f in its if f["details"].get("dependency") in (name, f"rds/{name}")), None)
    if finding is None or not fit(name):
        return
    risk = "The database is away for a minute or two, and what its standby has not got yet is lost."
    words, risk = _rds(s, name, risk)
    what = f"Fail {name} over to its standby, if it has one."
    undo = "Fail over once more, when the first one is well."
    against = list(s.over)
    if finding["details"].get("itself") == "healthy":
        against.append(f"{name} is well by its own figures: the trouble is on the way there, or in our calls.")
    yield proposal(
        "fail_over", what, command(*words), why=[finding["headline"]], risk=risk, undo=undo, against=against,
        findings=[finding],
    )  # fmt: skip


def _rds(s: Situation, name: str, risk: str) -> tuple[list[str], str]:
    """Source: docs.aws.amazon.com/cli/latest/reference/rds/ (reboot-db-instance, failover-db-cluster)"""
    for labels in labels_of(s.evidence, "metrics", "cloudwatch", having="DB(?:Instance|Cluster)Identifier"):
        if labels.get("DBClusterIdentifier") == name:
            return aws(s.facts, "rds", "failover-db-cluster", f"--db-cluster-identifier={name}"), risk
        if labels.get("DBInstanceIdentifier") == name:
            words = ["rds", "reboot-db-instance", f"--db-instance-identifier={name}", "--force-failover"]
            return aws(s.facts, *words), f"{risk} Only a Multi-AZ instance has a standby."
    return ["<your failover command>", name], f"{risk} How it fails over is not known from the evidence."
