"""One cluster from the first question to the last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from collectors.kubernetes import access, helm, inventory, network, nodes, pods, troubles
from collectors.kubernetes.access import Access
from collectors.kubernetes.client import TROUBLE, Api
from collectors.kubernetes.history import MOST_OTHERS, History
from collectors.kubernetes.inventory import Inventory
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.logpool import LogPool
from collectors.kubernetes.logstreams import started, streams
from collectors.kubernetes.objects import Object, Origin, name, namespace, template
from collectors.kubernetes.permissions import NEEDS, OTHER_EVENTS, Need
from collectors.kubernetes.search import MOST_CARRIERS, Found, Items, Keeping, Search, batched
from collectors.kubernetes.settings import KubernetesSettings
from collectors.kubernetes.troubles import GiveUpError
from gather_diagnostics import Request
from gather_diagnostics.http.clock import asked_on

Step = tuple[str, Callable[[], Items]]
"""What is read, and what reads it."""


def wanted(settings: KubernetesSettings) -> list[Need]:
    """The rights that a run with these settings asks for."""
    return [n for n in (*NEEDS, OTHER_EVENTS) if settings.secrets or n.resource != "secrets"]


class Reading:
    """Reads one place for one request. Used once."""

    def __init__(self, settings: KubernetesSettings, request: Request, place: Place, api: Api, end: float) -> None:
        self._settings, self._request, self._place, self._api, self._end = settings, request, place, api, end
        self._found = Found()

    def read(self) -> Items:
        """Everything, the most telling first, until an answer says that asking on is useless.

        The clock first: it decides for which times is asked, and says on which clock the rows that follow are.
        """
        try:
            rights = access.ask(self._api, self._place, wanted(self._settings))
        except TROUBLE as error:
            yield troubles.gap(error, "what may be read", self._place)
            yield from troubles.clock(self._api, self._place)
            return
        yield from troubles.clock(self._api, self._place)
        yield from rights.gaps(optional=False)
        self._request = asked_on(self._request, self._api.skew)
        # The gap that says why it ends early was told where it arose.
        with suppress(GiveUpError):
            yield from self._everything(rights)

    def _everything(self, rights: Access) -> Items:
        request, place = self._request, self._place
        self._origin = Origin(place.context, place.cluster, request.service, request.asked)
        self._lists = Inventory(self._api, rights)
        self._keeping = Keeping(self._lists, place, self._origin)
        search = Search(self._keeping, self._settings, self._found, request.changes.start)
        for what, step in (("the service's workloads", search.workloads), ("the service's pods", search.pods)):
            yield from self._guarded(what, step)
        yield from rights.without_secrets(helm.deployed(self._found.workloads))
        if self._found.workloads or self._found.pods:
            for what, step in self._steps(History(self._keeping, request, self._found)):
                yield from self._guarded(what, step)

    def _steps(self, history: History) -> list[Step]:
        ran = self._found.pods
        steps: list[Step] = [
            ("events", history.events),
            ("rollouts", history.revisions),
            ("the nodes of the pods", lambda: nodes.conditions(self._keeping, ran)),
            ("events of the nodes", lambda: nodes.events(self._keeping, ran, history.whole)),
            ("Services and their endpoints", self._network),
            ("autoscalers", history.autoscalers),
            ("changes of ConfigMaps", lambda: history.configured(inventory.CONFIG_MAP)),
        ]
        if self._settings.secrets:
            steps.append(("changes of Secrets", lambda: history.configured(inventory.SECRET)))
            steps.append(("Helm's release history", history.releases))
        return [*steps, ("CPU and memory in use", self._usage), ("logs", self._logs)]

    def _guarded(self, what: str, step: Callable[[], Items]) -> Items:
        """One failing step does not stop the rest, but for errors that all would meet."""
        try:
            yield from step()
        except TROUBLE as error:
            yield troubles.gap(error, what, self._place)
            if troubles.final(error):
                raise GiveUpError(what) from error

    def _network(self) -> Items:
        every: list[Object] = []
        ingresses: list[Object] = []
        keep = self._keeping.keep
        yield from keep(inventory.SERVICE, every, lambda _: True, MOST_CARRIERS)
        templates = [template(w) for w in self._found.workloads]
        own = [s for s in every if network.leads_to(s, self._found.pods, templates)]
        yield from self._endpoints(own)
        yield from keep(inventory.INGRESS, ingresses, lambda i: network.backs(i, own), MOST_OTHERS)
        known = {name(s) for s in every}
        yield from batched("topology", network.edges(self._found.workloads, known, ingresses, own, self._origin))

    def _endpoints(self, own: list[Object]) -> Items:
        for kind in (inventory.SLICE, inventory.ENDPOINTS) if own else ():
            if not self._lists.allows(kind):
                continue
            things = [t for t in self._lists.each(kind) if network.concerns(t, own)]
            if kind in self._lists.absent:
                continue
            for service in own:
                yield from batched("events", network.unready(service, things, self._origin))
            return

    def _usage(self) -> Items:
        by_name = {(namespace(p), name(p)): p for p in self._found.pods}
        measured = self._lists.each(inventory.POD_METRICS, selector=self._found.pushed)
        rows = (
            row
            for m in measured
            if (pod := by_name.get((namespace(m), name(m))))
            for row in pods.usage(m, pod, self._origin)
        )
        yield from batched("metrics", rows)

    def _logs(self) -> Items:
        if self._lists.access.allows("", "pods/log", "get"):
            found = [s for s in streams(self._found.pods) if started(s)]
            pool = LogPool(self._api, self._place, self._settings, self._request, self._origin, self._end)
            yield from pool.read(found)
