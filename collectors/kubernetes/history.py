"""What happened to the service: events, rollouts, scaling, configuration, Helm releases."""

from __future__ import annotations

from datetime import datetime
from itertools import chain

from collectors.kubernetes import configuration, happenings, helm, inventory, nodes, rollouts, scaling, troubles
from collectors.kubernetes.inventory import Kind
from collectors.kubernetes.objects import Object, kind, labels, name, namespace, template, text
from collectors.kubernetes.search import Found, Items, Keeping, batched
from collectors.kubernetes.settings import NAME
from gather_diagnostics import Gap, Request, Window

MOST_EVENTS = 20_000
MOST_OTHERS = 500
MOST_PAYLOADS = 20
_NAMESAKES = ("HorizontalPodAutoscaler", "Service", "Ingress", "PodDisruptionBudget")
"""What is named after a workload usually is the workload's."""


class History:
    """Reads what happened to the objects found. Every step raises what Api raises."""

    def __init__(self, keeping: Keeping, request: Request, found: Found) -> None:
        self._keeping, self._found = keeping, found
        self._origin, self._lists, self._context = keeping.origin, keeping.lists, keeping.place.context
        self._changes = request.changes
        windows = (request.changes, request.baseline, request.incident)
        self.whole = Window(min(w.start for w in windows), max(w.end for w in windows))

    def events(self) -> Items:
        """About the workloads, their ReplicaSets and pods, those that are gone included."""
        found = self._found
        circle = happenings.Circle()
        circle.add([*found.workloads, *found.carriers], parents=True)
        circle.add(found.pods)
        circle.names |= {(its, namespace(w), name(w)) for w in found.workloads for its in _NAMESAKES}
        circle.names |= {("Node", "", node) for node in nodes.names(found.pods)}
        # One of the two is enough, and both would be each event twice: since 1.19 core/v1 and events.k8s.io/v1 are two
        # spellings of what is stored once (KEP-383). core/v1 comes first, because most roles grant it and older servers
        # know it.
        which = inventory.EVENT if self._lists.allows(inventory.EVENT) else inventory.OTHER_EVENT
        yield from self._keeping.keep(which, found.events, circle.holds, MOST_EVENTS)
        made = (happenings.row(e, self._origin, self.whole) for e in found.events)
        yield from batched("events", (r for r in made if r))

    def revisions(self) -> Items:
        """Revisions of each workload, then scalings that no rollout explains."""
        found = self._found
        began: list[datetime] = []
        for workload in found.workloads:
            about = [e for e in found.events if _about(e, workload)]
            rows = list(rollouts.rows(workload, found.carriers, about, self._origin, self._changes))
            began += [r["time"] for r in rows]
            yield from batched("changes", iter(rows))
        scaled = [e for e in found.events if happenings.about_scaling(e)]
        yield from batched("changes", scaling.event_rows(scaled, began, self._origin, self._changes))

    def autoscalers(self) -> Items:
        found: list[Object] = []
        workloads = self._found.workloads
        yield from self._keeping.keep(inventory.AUTOSCALER, found, lambda a: scaling.targets(a, workloads), MOST_OTHERS)
        for one in found:
            rows = scaling.autoscaler_rows(one, self._found.events, self._origin, self._changes)
            yield from batched("changes", rows)
            told = chain(scaling.at_limit(one, self._origin), scaling.unable(one, self._origin))
            yield from batched("events", told)

    def configured(self, which: Kind) -> Items:
        """Changes of ConfigMaps or Secrets, by metadata alone: what is in them stays on the server."""
        templates = [template(w) for w in self._found.workloads] or self._found.pods[:50]
        named = configuration.mentioned(templates)
        match = self._found.match

        def belongs(thing: Object) -> bool:
            if labels(thing).get("owner") == "helm":
                return False
            return (kind(thing), name(thing)) in named or bool(match and match.by_labels and match.labelled(thing))

        found: list[Object] = []
        yield from self._keeping.keep(which, found, belongs, MOST_OTHERS, metadata_only=True)
        rows = (r for thing in found for r in configuration.rows(thing, self._origin, self._changes))
        yield from batched("changes", rows)

    def releases(self) -> Items:
        """Metadata of all releases, payloads of those in the window and the one before."""
        names = helm.names(self._found.workloads, self._origin.service)
        releases: dict[tuple[str, str], list[helm.Release]] = {}
        for secret in self._lists.each(inventory.SECRET, metadata_only=True, selector="owner=helm"):
            made = helm.release(secret)
            if made and made.name in names:
                releases.setdefault((namespace(secret), made.name), []).append(made)
        for (where, called), history in sorted(releases.items()):
            full, unread = self._with_payloads(history, where)
            yield from batched("changes", helm.rows(full, self._origin, self._changes))
            if unread:
                what = f"charts of the Helm release {called} ({self._context})"
                yield Gap(NAME, what, "invalid", unread, f"see what Helm makes of it: helm history {called} -n {where}")

    def _with_payloads(self, history: list[helm.Release], where: str) -> tuple[list[helm.Release], str]:
        """(all releases, why a payload could not be read or '')."""
        by_version = {r.version: r for r in sorted(history, key=lambda r: r.version)}
        versions = list(by_version)
        inside = [n for n, r in enumerate(by_version.values()) if r.time and r.time in self._changes]
        if not inside:
            return history, ""
        asked = versions[max(0, inside[0] - 1) :][-MOST_PAYLOADS:]
        selector = f"owner=helm,name={history[0].name},version in ({','.join(map(str, asked))})"
        unread = ""
        for secret in self._lists.each(inventory.SECRET, selector=selector):
            made = helm.release(secret)
            if made and namespace(secret) == where and made.version in by_version:
                try:
                    by_version[made.version] = helm.with_payload(by_version[made.version], secret)
                except ValueError as error:
                    unread = f"the payload of revision {made.version} can't be read: {troubles.cut(str(error))}"
        return list(by_version.values()), unread


def _about(event: Object, workload: Object) -> bool:
    about = happenings.regarding(event)
    return (text(about, "kind"), text(about, "name")) == (kind(workload), name(workload))
