"""Kinds of objects that may be asked for by name, as kubectl calls them."""

from __future__ import annotations

from dataclasses import dataclass

from collectors.kubernetes import inventory
from collectors.kubernetes.inventory import Kind

WORKLOAD_KINDS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
"""Those with a history of rollouts."""
NODE_METRICS = Kind("NodeMetrics", "metrics.k8s.io", "nodes", ("v1beta1",))
NODE = Kind("Node", "", "nodes")


@dataclass(frozen=True, slots=True)
class Named:
    """A kind and what it is called: its resource, singular and plural, and short names (`kubectl api-resources`)."""

    kind: Kind
    short: tuple[str, ...] = ()
    cluster: bool = False
    """Its objects are outside of namespaces."""

    @property
    def names(self) -> tuple[str, ...]:
        resource, group = self.kind.resource, self.kind.group
        whole = (f"{resource}.{group}",) if group else ()
        # Endpoints have one name for one and for many.
        return tuple(dict.fromkeys((resource, self.kind.name.lower(), *self.short, *whole)))


_WORKLOAD_NAMES = {"Deployment": ("deploy",), "StatefulSet": ("sts",), "DaemonSet": ("ds",), "CronJob": ("cj",)}

NAMED = (
    Named(inventory.POD, ("po",)),
    *(Named(kind, _WORKLOAD_NAMES.get(kind.name, ())) for kind in inventory.WORKLOADS),
    Named(inventory.CARRIERS[0], ("rs",)),
    Named(inventory.CARRIERS[1]),
    Named(inventory.EVENT, ("ev",)),
    Named(inventory.SERVICE, ("svc",)),
    Named(inventory.ENDPOINTS, ("ep",)),
    Named(inventory.SLICE),
    Named(inventory.INGRESS, ("ing",)),
    Named(inventory.AUTOSCALER, ("hpa",)),
    Named(inventory.CONFIG_MAP, ("cm",)),
    Named(inventory.SECRET),
    Named(NODE, ("no",), cluster=True),
    Named(Kind("PersistentVolumeClaim", "", "persistentvolumeclaims"), ("pvc",)),
    Named(Kind("ResourceQuota", "", "resourcequotas"), ("quota",)),
    Named(Kind("PodDisruptionBudget", "policy", "poddisruptionbudgets", ("v1", "v1beta1")), ("pdb",)),
)
BY_NAME = {name: named for named in NAMED for name in named.names}
