"""What has to be read, declared once: the role that `policy` prints and the rights that are checked come from here.

Source: kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from collectors.kubernetes.objects import Object, items, text


@dataclass(frozen=True, slots=True)
class Need:
    """One right, and what it is for."""

    group: str
    resource: str
    verb: str
    why: str
    optional: bool = False
    """Without it the evidence is still what an on-call expects: its lack is told by `check`, not by every run."""
    cluster: bool = False
    """It concerns objects outside of namespaces."""
    namespace: str = ""
    """The one namespace it is needed in; '' for the service's."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.group, self.resource, self.verb


# Many organisations grant nobody Secrets: a run without them is whole, unless Helm keeps its history there.
SECRETS = Need(
    "", "secrets", "list", "when Secrets changed (metadata alone), and Helm's release history", optional=True
)
NODE_EVENTS = Need(
    "", "events", "list", "what the platform reports of nodes: such events are kept there", True, namespace="default"
)
NEEDS = (
    Need("", "pods", "list", "the state of the replicas"),
    Need("", "pods/log", "get", "their logs, also of the run before"),
    Need("", "events", "list", "what the platform reports"),
    Need("", "services", "list", "which addresses lead to the service"),
    Need("", "configmaps", "list", "when configuration changed; metadata alone is asked for"),
    Need("apps", "deployments", "list", "rollouts"),
    Need("apps", "replicasets", "list", "rollouts of Deployments"),
    Need("apps", "statefulsets", "list", "rollouts"),
    Need("apps", "daemonsets", "list", "rollouts"),
    Need("apps", "controllerrevisions", "list", "rollouts of StatefulSets and DaemonSets"),
    Need("batch", "jobs", "list", "the service's jobs"),
    Need("batch", "cronjobs", "list", "the service's jobs"),
    Need("autoscaling", "horizontalpodautoscalers", "list", "scaling"),
    SECRETS,
    Need("discovery.k8s.io", "endpointslices", "list", "whether any replica takes traffic", optional=True),
    Need("", "endpoints", "list", "the same on servers before 1.21", optional=True),
    Need("networking.k8s.io", "ingresses", "list", "what routes traffic to the service", optional=True),
    Need("metrics.k8s.io", "pods", "list", "CPU and memory in use, where metrics-server runs", optional=True),
    Need("", "nodes", "get", "pressure on the nodes the replicas run on", optional=True, cluster=True),
    NODE_EVENTS,
)
OTHER_EVENTS = Need("events.k8s.io", "events", "list", "the same events under their newer name")
"""Some roles grant this one alone; whoever has either needs nothing more."""
_ASKED = "asked for by runbooks"
ASKED = (
    Need("", "persistentvolumeclaims", "list", f"volumes, {_ASKED}", optional=True),
    Need("", "resourcequotas", "list", f"limits of the namespace, {_ASKED}", optional=True),
    Need("policy", "poddisruptionbudgets", "list", f"how many replicas may be missing, {_ASKED}", optional=True),
    Need("", "nodes", "list", f"all nodes, {_ASKED}", optional=True, cluster=True),
    Need("metrics.k8s.io", "nodes", "list", f"CPU and memory in use of nodes, {_ASKED}", optional=True, cluster=True),
)
"""What single questions need besides; neither a run nor `check` asks for these."""
BY_KEY = {n.key: n for n in (*NEEDS, OTHER_EVENTS) if n is not NODE_EVENTS}
BY_QUESTION = {n.key: n for n in ASKED} | BY_KEY
"""Every right that a single question may need."""
ROLE = "gather-diagnostics"


def granted(rules: Iterable[Object], need: Need) -> bool:
    """Whether resourceRules of a SelfSubjectRulesReview grant it, for objects of any name."""
    main, _, sub = need.resource.partition("/")
    resources = {"*", need.resource, f"*/{sub}"} if sub else {"*", main}
    return any(
        not _texts(rule, "resourceNames")
        and {"*", need.verb} & _texts(rule, "verbs")
        and {"*", need.group} & _texts(rule, "apiGroups")
        and resources & _texts(rule, "resources")
        for rule in rules
    )


def _texts(rule: Object, key: str) -> set[str]:
    found = rule.get(key)
    return {t for t in found if isinstance(t, str)} if isinstance(found, list) else set()


def rules(status: Mapping[str, Any]) -> list[Object]:
    return items(status, "resourceRules")


def complete(status: Mapping[str, Any]) -> bool:
    """Whether the review knows every rule; with a webhook authorizer (GKE, EKS, OpenShift) it does not."""
    return not status.get("incomplete") and not text(status, "evaluationError")


def lines(needs: Iterable[Need]) -> list[str]:
    """RBAC rules as lines of YAML, one an API group and verb."""
    grouped: dict[tuple[str, str], list[str]] = {}
    for need in needs:
        grouped.setdefault((need.group, need.verb), []).append(need.resource)
    return [
        f'- {{apiGroups: ["{group}"], resources: [{_quoted(names)}], verbs: ["{verb}"]}}'
        for (group, verb), names in grouped.items()
    ]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{n}"' for n in names)


def can_i(need: Need, namespace: str, context: str) -> str:
    """The kubectl command that tells whether it is granted."""
    main, _, sub = need.resource.partition("/")
    resource = f"{main}.{need.group}" if need.group else main
    namespace = need.namespace or namespace
    where = "" if need.cluster else f" -n {namespace}" if namespace else " -A"
    return (
        f"kubectl --context {context} auth can-i {need.verb} {resource}{f' --subresource={sub}' if sub else ''}{where}"
    )


def policy() -> str:
    """A ClusterRole with every right, and a RoleBinding that grants it inside one namespace."""
    every = (*NEEDS, *ASKED)
    inside = "\n".join(_rule(n) for n in every if not n.cluster and not n.namespace)
    outside = "\n".join(_rule(n) for n in every if n.cluster)
    return f"""\
# Read-only rights of `gather_diagnostics`, bound to one namespace.
# Without the rules marked optional a run is still complete. Secrets are one: where they must stay closed, take
# the rule out; only where Helm deploys the service will a gap say that its release history is missing
# (sources.kubernetes.secrets: false silences that too).
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {ROLE}
rules:
{inside}
---
# Grants it in the namespace 'shop' to the group 'on-call': put in your own names.
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: {ROLE}
  namespace: shop
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {ROLE}
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: on-call
---
# Optional: objects outside of namespaces. It takes effect through a ClusterRoleBinding.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: {ROLE}-cluster
rules:
{outside}
---
# Optional: {NODE_EVENTS.why}. It takes effect through a RoleBinding in the same namespace.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: {ROLE}-node-events
  namespace: {NODE_EVENTS.namespace}
rules:
{_rule(NODE_EVENTS)}
"""


def _rule(need: Need) -> str:
    why = f"optional: {need.why}" if need.optional else need.why
    return f'  - apiGroups: ["{need.group}"]  # {why}\n    resources: ["{need.resource}"]\n    verbs: ["{need.verb}"]'
