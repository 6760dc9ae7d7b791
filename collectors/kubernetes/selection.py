"""Which objects belong to the service. Pure."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from collectors.kubernetes import labels
from collectors.kubernetes.objects import Object, kind, mapping, name, owners, template, uid
from collectors.kubernetes.objects import labels as labels_of


@dataclass(frozen=True, slots=True)
class Match:
    """How the service's objects are told from others."""

    words: str
    """'label app=checkout'."""
    by_labels: labels.Selector | None
    by_name: str = ""

    def workload(self, thing: Object) -> bool:
        """By its own labels, or by those its pods carry."""
        if self.by_labels is None:
            return name(thing) == self.by_name
        inside = mapping(template(thing), "metadata", "labels")
        return labels.holds(self.by_labels, labels_of(thing)) or labels.holds(self.by_labels, inside)

    def labelled(self, thing: Object) -> bool:
        if self.by_labels is None:
            return name(thing) == self.by_name
        return labels.holds(self.by_labels, labels_of(thing))


def candidates(service: str, configured: str) -> list[Match]:
    """Ways to find the service, the most telling first. Raises ValueError for a selector that can't be read."""
    if configured:
        return [Match(f"selector {configured} (sources.kubernetes.selector)", labels.parse(configured))]
    usual = [Match(f"label {key}={service}", (labels.Requirement(key, frozenset({service})),)) for key in labels.USUAL]
    return [*usual, Match(f"the name {service}", None, service)]


def choose(found: Sequence[Match], workloads: Iterable[Object]) -> tuple[Match | None, list[Object]]:
    """The first way that finds a workload, and what it finds."""
    known = list(workloads)
    for match in found:
        if matched := [w for w in known if match.workload(w)]:
            return match, matched
    return None, []


def owned(things: Iterable[Object], by: set[str]) -> list[Object]:
    return [t for t in things if owners(t) & by]


def uids(things: Iterable[Object]) -> set[str]:
    return {uid(t) for t in things} - {""}


def pod_test(matches: Sequence[Match], by: set[str]) -> Callable[[Object], bool]:
    """Whether a pod is the service's: by its owner, or by its labels."""
    labelled = [m for m in matches if m.by_labels is not None]
    return lambda pod: bool(owners(pod) & by) or any(m.labelled(pod) for m in labelled)


def server_side(workloads: Sequence[Object]) -> str:
    """The label selector of all pods, where there is only one such: the server then sends nothing else. '' for none."""
    found = {_match_labels(w) for w in workloads}
    return found.pop() if len(found) == 1 else ""


def _match_labels(workload: Object) -> str:
    if kind(workload) not in ("Deployment", "StatefulSet", "DaemonSet"):
        return ""
    selector = mapping(workload, "spec", "selector")
    wanted = mapping(selector, "matchLabels")
    if selector.get("matchExpressions") or not all(isinstance(v, str) for v in wanted.values()):
        return ""
    return ",".join(f"{k}={v}" for k, v in sorted(wanted.items()))


def near(service: str, workloads: Iterable[Object]) -> str:
    """What there is instead, for a person who looks for a service that is not there."""
    names = sorted({f"{kind(w)}/{name(w)}" for w in workloads})
    by_name = {n.partition("/")[2]: n for n in names}
    close = [by_name[n] for n in difflib.get_close_matches(service, by_name, n=3, cutoff=0.5)]
    return ", ".join(close or names[:10])
