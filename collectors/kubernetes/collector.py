"""The collector's entrances. What talks to a cluster is imported in them: other sources need not wait for it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

from collectors.kubernetes import permissions
from collectors.kubernetes.settings import NAME, KubernetesSettings
from gather_diagnostics import Answer, Gap, Raw, Request, Rows, Skew, Target, questions

if TYPE_CHECKING:
    from collectors.kubernetes.client import Api
    from collectors.kubernetes.kubeconfig import Place

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
        for place in self._places(request):
            if isinstance(place, Gap):
                yield place
                continue
            where = f"namespace {place.namespace}" if place.namespace else "all namespaces"
            what = f"rollouts, events, pods and logs of {request.service} in {where}"
            yield Target(what, f"{place.server} (context {place.context})", place.because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask for the version, for the rights, and for one pod: tells address, TLS, credentials, rights and clock."""
        from collectors.kubernetes import access, troubles
        from collectors.kubernetes.client import TROUBLE
        from collectors.kubernetes.inventory import POD
        from collectors.kubernetes.reading import wanted

        for opened in self._opened(request):
            if isinstance(opened, Gap):
                yield opened
                continue
            place, api, _ = opened
            try:
                api.get("/version")
                rights = access.ask(api, place, wanted(self.settings))
                yield from rights.gaps(optional=True)
                if rights.allows("", "pods", "list"):
                    api.get(POD.path("v1", place.namespace), limit=1)
            except TROUBLE as error:
                yield troubles.gap(error, "an answer of the API server", place)
            yield from troubles.clock(api, place)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Cluster by cluster: find the service's workloads, then everything about them, logs last."""
        from collectors.kubernetes.clocks import on_the_first
        from collectors.kubernetes.reading import Reading

        yield from on_the_first(
            [opened] if isinstance(opened, Gap) else Reading(self.settings, request, *opened).read()
            for opened in self._opened(request)
        )

    def ask(self, request: Request, query: str) -> Iterator[Answer | Gap]:
        """A read as kubectl has it, without the word kubectl: `get KIND[/NAME]` with `-n NAMESPACE` or `-A`,
        `-l SELECTOR`, `-o wide`; `top pods` or `top nodes`; `rollout history KIND/NAME`; `logs POD` or `logs KIND/NAME`
        with `-c`, `--previous`, `--tail N`, `--since 10m`. The columns are kubectl's; `top` gives cores and bytes as
        numbers, `logs` one column `LINE`, the newest lines of one pod.
        """
        from collectors.kubernetes import commands
        from collectors.kubernetes.question import Question, labelled

        try:
            command = commands.parse(query, secrets=self.settings.secrets)
        except ValueError as error:
            yield questions.refused(NAME, query, str(error), f"ask one of: {'; '.join(commands.FORMS)}")
            return
        for opened in self._opened(request):
            if isinstance(opened, Gap):
                yield opened
                continue
            place, api, _ = opened
            found = Question(api, place, query, command).answer()
            yield labelled(found, place) if len(self.settings.contexts) > 1 else found

    def _places(self, request: Request) -> list[Place] | list[Gap]:
        """Where to read, by the kubeconfig; or the gap that says why nowhere."""
        from collectors.kubernetes import troubles
        from collectors.kubernetes.kubeconfig import KubeconfigError, places

        def filled(setting: str) -> str:
            return setting.replace("{service}", request.service).strip()

        settings = self.settings
        contexts = [filled(c) for c in settings.contexts]
        try:
            return places(filled(settings.kubeconfig), contexts, filled(settings.namespace))
        except KubeconfigError as error:
            return [troubles.unusable(error, f"objects and logs of {request.service}")]

    def _opened(self, request: Request) -> Iterator[tuple[Place, Api, float] | Gap]:
        """Each cluster with a connection and when its time ends (time.monotonic()), or why there is none. The
        connection is closed when the next one is asked for."""
        from collectors.kubernetes import troubles
        from collectors.kubernetes.client import Api
        from collectors.kubernetes.credentials import CredentialError, configuration

        for place, end in _shared(self._places(request), request.source_seconds * SHARE):
            if isinstance(place, Gap):
                yield place
                continue
            try:
                made = configuration(place, end - time.monotonic())
                api = Api(made, place.context, self.settings.page_size, end)
            except CredentialError as error:
                yield troubles.unusable(error, f"a login to {place.server} (context {place.context})")
                continue
            try:
                yield place, api, end
            finally:
                api.close()


def _shared(found: Sequence[Place | Gap], seconds: float) -> Iterator[tuple[Place | Gap, float]]:
    """Each place with when its time ends (time.monotonic()): what one leaves over is shared by those after it."""
    end = time.monotonic() + seconds
    for number, place in enumerate(found):
        now = time.monotonic()
        yield place, now + (end - now) / (len(found) - number)
