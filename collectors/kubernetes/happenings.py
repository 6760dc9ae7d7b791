"""Events of the API server as rows of the table `events`. Pure.

core/v1 and events.k8s.io/v1 are two spellings of the same objects; both are understood.
Source: kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from collectors.kubernetes.objects import Object, Origin, dig, integer, kind, mapping, moment, name, text, uid
from gather_diagnostics import Window

_POD_SUFFIX = r"-(?:[a-z0-9]{5}|\d{1,6})"


@dataclass
class Circle:
    """The objects whose events are of interest, those included that are gone already."""

    uids: set[str] = field(default_factory=set)
    names: set[tuple[str, str, str]] = field(default_factory=set)
    """(kind, namespace, name)"""
    parents: set[tuple[str, str]] = field(default_factory=set)
    """(namespace, name) of what makes pods and names them after itself."""

    def add(self, things: Iterable[Object], *, parents: bool = False) -> None:
        for thing in things:
            where = text(thing, "metadata", "namespace")
            self.uids.add(uid(thing))
            self.names.add((kind(thing), where, name(thing)))
            if parents:
                self.parents.add((where, name(thing)))

    def holds(self, event: Object) -> bool:
        about = regarding(event)
        what, where, called = text(about, "kind"), text(about, "namespace"), text(about, "name")
        if (text(about, "uid") or None) in self.uids or (what, where, called) in self.names:
            return True
        if what not in ("Pod", "ReplicaSet", "Job"):
            return False
        # A pod or a ReplicaSet that is gone is known by its parent's name alone.
        stem = re.sub(r"-[a-z0-9]{1,12}$", "", called)
        if what == "Pod":
            stem = re.sub(f"{_POD_SUFFIX}$", "", called)
        return (where, stem) in self.parents


def regarding(event: Object) -> Object:
    return mapping(event, "involvedObject") or mapping(event, "regarding")


def last(event: Object) -> datetime | None:
    """When it was last seen."""
    for path in (("series", "lastObservedTime"), ("lastTimestamp",), ("deprecatedLastTimestamp",), ("eventTime",)):
        if time := moment(event, *path):
            return time
    return first(event) or moment(event, "metadata", "creationTimestamp")


def first(event: Object) -> datetime | None:
    for key in ("firstTimestamp", "deprecatedFirstTimestamp", "eventTime"):
        if time := moment(event, key):
            return time
    return None


def count(event: Object) -> int:
    for path in (("series", "count"), ("count",), ("deprecatedCount",)):
        if (found := integer(event, *path)) and found > 0:
            return found
    return 1


def row(event: Object, origin: Origin, window: Window) -> dict[str, Any] | None:
    """A row; None for an event outside the window (UTC) or without any time."""
    time = last(event)
    if time is None or time not in window:
        return None
    about, seen, began = regarding(event), count(event), first(event)
    message = text(event, "message") or text(event, "note")
    if seen > 1 and began and began < time:
        message += f" (first at {began:%Y-%m-%d %H:%M:%S} UTC)"
    return {
        "time": time,
        "ref": origin.ref(event, "Event"),
        "kind": "kubernetes",
        "reason": text(event, "reason") or "(none)",
        "object": f"{text(about, 'kind')}/{text(about, 'name')}",
        "message": message,
        "count": seen,
        "severity": text(event, "type") or None,
    }


def about_scaling(event: Object) -> bool:
    return text(event, "reason") in ("ScalingReplicaSet", "SuccessfulRescale")


def author(event: Object) -> str:
    """The component that reported it."""
    found = dig(event, "source", "component") or dig(event, "reportingComponent") or dig(event, "reportingController")
    return found if isinstance(found, str) else ""
