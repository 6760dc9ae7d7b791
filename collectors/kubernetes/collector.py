"""The collector's entrances."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import ClassVar

from collectors.kubernetes import access, permissions, troubles
from collectors.kubernetes.client import TROUBLE, Api
from collectors.kubernetes.credentials import CredentialError, configuration
from collectors.kubernetes.inventory import POD
from collectors.kubernetes.kubeconfig import KubeconfigError, Place, places
from collectors.kubernetes.reading import Reading, wanted
from collectors.kubernetes.settings import NAME, KubernetesSettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""


class Kubernetes:
    """Rollouts, events, replicas and logs of a service, from the API of one or more Kubernetes clusters."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"changes", "events", "workloads", "logs", "metrics", "topology"})
    Settings: ClassVar[type[KubernetesSettings]] = KubernetesSettings
    policy_name: ClassVar[str] = NAME

    def __init__(self, settings: KubernetesSettings) -> None:
        self.settings = settings

    @classmethod
    def policy(cls) -> str:
        """A least-privilege ClusterRole and an example RoleBinding (YAML), from the list that `check` goes by."""
        return permissions.policy()

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """One Target a context. Looks at the kubeconfig alone; a context's login plugin is not run."""
        try:
            found = self._places(request)
        except KubeconfigError as error:
            yield troubles.unusable(error, f"objects and logs of {request.service}")
            return
        for place in found:
            where = f"namespace {place.namespace}" if place.namespace else "all namespaces"
            what = f"rollouts, events, pods and logs of {request.service} in {where}"
            yield Target(what, f"{place.server} (context {place.context})", place.because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask for the version, for the rights, and for one pod: tells address, TLS, credentials, rights and clock."""
        try:
            found = self._places(request)
        except KubeconfigError as error:
            yield troubles.unusable(error, f"objects and logs of {request.service}")
            return
        for place, end in _shared(found, request.source_seconds * SHARE):
            api = self._api(place, end)
            if isinstance(api, Gap):
                yield api
                continue
            try:
                api.get("/version")
                rights = access.ask(api, place, wanted(self.settings))
                yield from rights.gaps(optional=True)
                if rights.allows("", "pods", "list"):
                    api.get(POD.path("v1", place.namespace), limit=1)
            except TROUBLE as error:
                yield troubles.gap(error, "an answer of the API server", place)
            yield from troubles.clock(api, place)
            api.close()

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Cluster by cluster: find the service's workloads, then everything about them, logs last."""
        try:
            found = self._places(request)
        except KubeconfigError as error:
            yield troubles.unusable(error, f"objects and logs of {request.service}")
            return
        for place, end in _shared(found, request.source_seconds * SHARE):
            api = self._api(place, end)
            if isinstance(api, Gap):
                yield api
                continue
            try:
                yield from Reading(self.settings, request, place, api, end).read()
            finally:
                api.close()

    def _places(self, request: Request) -> list[Place]:
        def filled(setting: str) -> str:
            return setting.replace("{service}", request.service).strip()

        settings = self.settings
        contexts = [filled(c) for c in settings.contexts]
        return places(filled(settings.kubeconfig), contexts, filled(settings.namespace))

    def _api(self, place: Place, end: float) -> Api | Gap:
        try:
            made = configuration(place, end - time.monotonic())
            return Api(made, place.context, self.settings.page_size, end)
        except CredentialError as error:
            return troubles.unusable(error, f"a login to {place.server} (context {place.context})")


def _shared(found: list[Place], seconds: float) -> Iterator[tuple[Place, float]]:
    """Each place with when its time ends (time.monotonic()): what one leaves over is shared by those after it."""
    end = time.monotonic() + seconds
    for number, place in enumerate(found):
        now = time.monotonic()
        yield place, now + (end - now) / (len(found) - number)
