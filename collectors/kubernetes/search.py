"""Finds the service's objects: its workloads, what carries their revisions, its pods."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from collectors.kubernetes import inventory, pods, selection, troubles
from collectors.kubernetes.client import TROUBLE
from collectors.kubernetes.inventory import Inventory, Kind
from collectors.kubernetes.kubeconfig import Place
from collectors.kubernetes.objects import Object, Origin, owners
from collectors.kubernetes.settings import NAME, KubernetesSettings
from collectors.kubernetes.troubles import GiveUpError
from gather_diagnostics import Gap, Rows, Skew

MOST_WORKLOADS = 200
MOST_CARRIERS = 2_000
MOST_PODS = 5_000
BATCH = 1_000

Items = Generator[Rows | Gap | Skew, None, None]


@dataclass
class Found:
    """The service's objects so far."""

    match: selection.Match | None = None
    workloads: list[Object] = field(default_factory=list)
    carriers: list[Object] = field(default_factory=list)
    """ReplicaSets and ControllerRevisions."""
    pods: list[Object] = field(default_factory=list)
    events: list[Object] = field(default_factory=list)

    @property
    def pushed(self) -> str:
        """A label selector that the server can narrow lists of pods with; '' for none."""
        return selection.server_side(self.workloads)


class Keeping:
    """Lists of one place, cut with a gap where they are endless."""

    def __init__(self, lists: Inventory, place: Place, origin: Origin) -> None:
        self.lists, self.place, self.origin = lists, place, origin

    def keep(
        self,
        kind: Kind,
        into: list[Object],
        test: Callable[[Object], bool],
        most: int,
        *,
        selector: str = "",
        metadata_only: bool = False,
    ) -> Items:
        """Add the objects that pass. Raises what Api raises."""
        for thing in self.lists.each(kind, metadata_only=metadata_only, selector=selector):
            if not test(thing):
                continue
            if len(into) >= most:
                yield self.too_many(kind.resource, most)
                return
            into.append(thing)

    def too_many(self, what: str, most: int) -> Gap:
        """A gap for a list that was cut."""
        why = f"more than {most:,} {what} concern {self.origin.service}; the first {most:,} are read"
        mend = "narrow it down: sources.kubernetes.selector, or sources.kubernetes.namespace"
        return Gap(NAME, f"all {what} ({self.place.context})", "truncated", why, mend)


class Search:
    """Finds the service in one place. Used once."""

    def __init__(self, keeping: Keeping, settings: KubernetesSettings, found: Found, since: datetime) -> None:
        """`since`: what a pod's state tells of earlier times is left out (UTC)."""
        self._since = since
        self._keeping, self._found = keeping, found
        self._lists, self._place, self._origin = keeping.lists, keeping.place, keeping.origin
        self._selector = settings.selector.replace("{service}", self._origin.service).strip()
        self._ways: list[selection.Match] = []
        self._known: list[Object] = []

    def workloads(self) -> Items:
        """Fill in the workloads: all of the namespace are listed, the first usual label that finds any decides."""
        try:
            self._ways = selection.candidates(self._origin.service, self._selector)
        except ValueError as error:
            mend = "correct sources.kubernetes.selector, e.g. app=checkout,tier!=cache"
            yield Gap(NAME, "the service's workloads", "not_configured", f"the selector: {error}", mend)
            raise GiveUpError("the selector") from error
        for kind in inventory.WORKLOADS:
            try:
                self._known += [_slim(w) for w in self._lists.each(kind)]
            except TROUBLE as error:
                yield troubles.gap(error, f"the {kind.resource}", self._place)
                if troubles.final(error):
                    raise GiveUpError(kind.resource) from error
        found = self._found
        found.match, found.workloads = selection.choose(self._ways, self._known)
        own = selection.uids(found.workloads)
        found.workloads += [w for w in selection.owned(self._known, own) if w not in found.workloads]
        if len(found.workloads) > MOST_WORKLOADS:
            yield self._keeping.too_many("workloads", MOST_WORKLOADS)
            del found.workloads[MOST_WORKLOADS:]

    def pods(self) -> Items:
        """Fill in carriers and pods; rows of `workloads` and of `events` that the pods' state tells."""
        found = self._found
        own = selection.uids(found.workloads)
        for kind in inventory.CARRIERS if own else ():
            test: Callable[[Object], bool] = lambda c: bool(owners(c) & own)  # noqa: E731
            yield from self._keeping.keep(kind, found.carriers, test, MOST_CARRIERS, selector=found.pushed)
        matches = [found.match] if found.match else self._ways
        mine = selection.pod_test(matches, own | selection.uids(found.carriers))
        yield from self._keeping.keep(inventory.POD, found.pods, mine, MOST_PODS, selector=found.pushed)
        if not found.pods and not found.workloads:
            yield self._nothing()
        for start in range(0, len(found.pods), BATCH):
            batch = found.pods[start : start + BATCH]
            yield Rows("workloads", [pods.row(p, self._origin) for p in batch])
            yield from batched("events", (e for p in batch for e in pods.events(p, self._origin, self._since)))

    def _nothing(self) -> Gap:
        where = f"namespace {self._place.namespace}" if self._place.namespace else "any namespace"
        tried = ", ".join(m.words for m in self._ways)
        near = selection.near(self._origin.service, self._known)
        why = f"no workload and no pod in {where} has {tried}; there is {near or 'no workload at all'}"
        mend = (
            "set sources.kubernetes.namespace or selector; to look everywhere:"
            f" kubectl --context {self._place.context} get deploy,sts,ds -A --show-labels"
        )
        return Gap(NAME, f"workloads of {self._origin.service} ({self._place.context})", "not_found", why, mend)


def _slim(workload: Object) -> Object:
    """Without what is large and never looked at: all workloads of a namespace are held until the service is found."""
    metadata = workload.get("metadata")
    notes = metadata.get("annotations") if isinstance(metadata, dict) else None
    if not isinstance(metadata, dict) or not isinstance(notes, dict):
        return workload
    kept = {k: v for k, v in notes.items() if not k.endswith("last-applied-configuration")}
    return {**workload, "metadata": {**metadata, "annotations": kept}}


def batched(table: str, rows: Iterator[dict[str, object]]) -> Iterator[Rows]:
    """Rows in batches, none for no rows."""
    batch: list[dict[str, object]] = []
    for row in rows:
        batch.append(row)
        if len(batch) >= BATCH:
            yield Rows(table, batch)
            batch = []
    if batch:
        yield Rows(table, batch)
