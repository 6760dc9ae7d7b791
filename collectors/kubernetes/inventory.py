"""Fetches objects, one list a kind and namespace, and keeps what belongs to the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from collectors.kubernetes.access import Access
from collectors.kubernetes.client import AnswerError, Api
from collectors.kubernetes.objects import Object


@dataclass(frozen=True, slots=True)
class Kind:
    """Where a kind is served."""

    name: str
    group: str
    resource: str
    versions: tuple[str, ...] = ("v1",)
    """The preferred first; older servers know the later ones."""

    def path(self, version: str, namespace: str) -> str:
        root = f"/apis/{self.group}/{version}" if self.group else f"/api/{version}"
        inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{inside}/{self.resource}"


WORKLOADS = (
    Kind("Deployment", "apps", "deployments"),
    Kind("StatefulSet", "apps", "statefulsets"),
    Kind("DaemonSet", "apps", "daemonsets"),
    Kind("CronJob", "batch", "cronjobs", ("v1", "v1beta1")),
    Kind("Job", "batch", "jobs"),
)
CARRIERS = (Kind("ReplicaSet", "apps", "replicasets"), Kind("ControllerRevision", "apps", "controllerrevisions"))
POD = Kind("Pod", "", "pods")
EVENT = Kind("Event", "", "events")
OTHER_EVENT = Kind("Event", "events.k8s.io", "events", ("v1", "v1beta1"))
CONFIG_MAP = Kind("ConfigMap", "", "configmaps")
SECRET = Kind("Secret", "", "secrets")
AUTOSCALER = Kind("HorizontalPodAutoscaler", "autoscaling", "horizontalpodautoscalers")
SERVICE = Kind("Service", "", "services")
SLICE = Kind("EndpointSlice", "discovery.k8s.io", "endpointslices")
ENDPOINTS = Kind("Endpoints", "", "endpoints")
INGRESS = Kind("Ingress", "networking.k8s.io", "ingresses")
POD_METRICS = Kind("PodMetrics", "metrics.k8s.io", "pods", ("v1beta1",))


@dataclass
class Inventory:
    """Lists of one place. Its methods raise what Api raises."""

    api: Api
    access: Access
    absent: list[Kind] = field(default_factory=list)
    """Kinds that this server does not serve."""

    def allows(self, kind: Kind) -> bool:
        return self.access.allows(kind.group, kind.resource, "list")

    def each(self, kind: Kind, *, metadata_only: bool = False, selector: str = "") -> Iterator[Object]:
        """Objects of a kind. None where it may not be listed, which was told at the start, or is not served."""
        if not self.allows(kind):
            return
        for version in kind.versions:
            path = kind.path(version, self.access.place.namespace)
            try:
                yield from self.api.each(path, kind.name, metadata_only=metadata_only, selector=selector)
            except AnswerError as error:
                # A kind in a namespace that is not there lists nothing; 404 speaks of the API group or its version.
                # A server that lacks the core group is no API server.
                if error.status != 404 or not kind.group:
                    raise
                continue
            return
        self.absent.append(kind)
