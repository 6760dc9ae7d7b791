"""One cluster from the first question to the last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

from collectors.kubernetes import access, inventory, network, pods, troubles
from collectors.kubernetes.client import TROUBLE, AnswerError, Api
from collectors.kubernetes.history import MOST_OTHERS, History
from collectors.kubernetes.inventory import Inventory
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.logpool import LogPool
from collectors.kubernetes.logstreams import started, streams
from collectors.kubernetes.objects import Object, Origin, name, namespace, template, text
from collectors.kubernetes.permissions import NEEDS, OTHER_EVENTS, Need
from collectors.kubernetes.search import MOST_CARRIERS, Found, Items, Keeping, Search, batched
from collectors.kubernetes.settings import KubernetesSettings
from collectors.kubernetes.troubles import GiveUpError
from gather_diagnostics import Request

MOST_NODES = 50

Step = tuple[str, Callable[[], Items]]
"""What is read, and what reads it."""


def wanted(settings: KubernetesSettings) -> list[Need]:
    """The rights that a run with these settings asks for."""
    return [n for n in (*NEEDS, OTHER_EVENTS) if settings.secrets or n.resource != "secrets"]


class Reading:
    """Reads one place for one request. Used once."""

    def __init__(self, settings: KubernetesSettings, request: Request, place: Place, api: Api, end: float) -> None:
        self._settings, self._request, self._place, self._api, self._end = settings, request, place, api, end
        self._origin = Origin(place.context, place.cluster, request.service, request.asked)
        self._found = Found()

    def read(self) -> Items:
        """Everything, the most telling first, until an answer says that asking on is useless."""
        # The gap that says why it ends early was told where it arose.
        with suppress(GiveUpError):
            yield from self._guarded("what may be read", self._begin)
        yield from troubles.clock(self._api, self._place)

    def _begin(self) -> Items:
        rights = access.ask(self._api, self._place, wanted(self._settings))
        yield from rights.gaps(optional=False)
        self._lists = Inventory(self._api, rights)
        keeping = Keeping(self._lists, self._place, self._origin)
        search = Search(keeping, self._settings, self._found, self._request.changes.start)
        for what, step in (("the service's workloads", search.workloads), ("the service's pods", search.pods)):
            yield from self._guarded(what, step)
        if self._found.workloads or self._found.pods:
            for what, step in self._steps(History(keeping, self._request, self._found)):
                yield from self._guarded(what, step)

    def _steps(self, history: History) -> list[Step]:
        steps: list[Step] = [
            ("events", history.events),
            ("rollouts", history.revisions),
            ("the nodes of the pods", self._nodes),
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

    def _nodes(self) -> Items:
        names = sorted({n for p in self._found.pods if (n := text(p, "spec", "nodeName"))})
        if not self._lists.access.allows("", "nodes", "get"):
            return
        for node in names[:MOST_NODES]:
            try:
                thing = {**self._api.get(f"/api/v1/nodes/{quote(node, safe='')}"), "kind": "Node"}
            except AnswerError as error:
                # A namespace's role can't grant nodes, whatever its rules say; and a node may be gone meanwhile.
                if error.status == 403:
                    return
                if error.status != 404:
                    raise
                continue
            yield from batched("events", pods.node_events(thing, self._origin))

    def _network(self) -> Items:
        every: list[Object] = []
        ingresses: list[Object] = []
        keep = Keeping(self._lists, self._place, self._origin).keep
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
