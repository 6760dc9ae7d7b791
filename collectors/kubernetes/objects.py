"""Raw JSON of the Kubernetes API, read with suspicion: what has another shape than promised counts as absent. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

Object = Mapping[str, Any]
"""One object as the API server sends it, `kind` filled in."""
EMPTY: Object = {}

MOST_TEXT = 2_000
"""Characters kept of a message that the cluster wrote."""


def dig(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def mapping(value: Any, *path: str) -> Object:
    found = dig(value, *path)
    return found if isinstance(found, Mapping) else EMPTY


def items(value: Any, *path: str) -> list[Object]:
    """The objects in a list; Go writes null for an empty one."""
    found = dig(value, *path)
    return [i for i in found if isinstance(i, Mapping)] if isinstance(found, list) else []


def text(value: Any, *path: str) -> str:
    """The text at a path, cut at MOST_TEXT; '' where there is none."""
    found = dig(value, *path)
    return found[:MOST_TEXT] if isinstance(found, str) else ""


def integer(value: Any, *path: str) -> int | None:
    """A whole number that fits a table's column; also one written as text."""
    found = dig(value, *path)
    if isinstance(found, str) and re.fullmatch(r"-?[0-9]{1,18}", found):
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) >= 2**63:
        return None
    return found


def moment(value: Any, *path: str) -> datetime | None:
    """An RFC 3339 time in UTC. Go's zero time (year 1) counts as none."""
    found = dig(value, *path)
    if not isinstance(found, str):
        return None
    try:
        time = datetime.fromisoformat(found)
        time = time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
    return time if 1970 <= time.year < 2262 else None


def name(thing: Object) -> str:
    return text(thing, "metadata", "name")


def namespace(thing: Object) -> str:
    return text(thing, "metadata", "namespace")


def uid(thing: Object) -> str:
    return text(thing, "metadata", "uid")


def kind(thing: Object) -> str:
    return text(thing, "kind")


def labels(thing: Object) -> Object:
    return mapping(thing, "metadata", "labels")


def notes(thing: Object) -> Object:
    return mapping(thing, "metadata", "annotations")


def created(thing: Object) -> datetime | None:
    return moment(thing, "metadata", "creationTimestamp")


def owners(thing: Object) -> set[str]:
    """UIDs of what owns it."""
    return {text(o, "uid") for o in items(thing, "metadata", "ownerReferences")} - {""}


def template(workload: Object) -> Object:
    """The pod template of a workload, ReplicaSet, ControllerRevision or CronJob."""
    for path in (("spec", "jobTemplate", "spec", "template"), ("data", "spec", "template"), ("spec", "template")):
        if found := mapping(workload, *path):
            return found
    return EMPTY


def containers(spec: Object) -> Iterator[Object]:
    """Containers of a pod's spec, those that run first included."""
    yield from items(spec, "initContainers")
    yield from items(spec, "containers")


def condition(thing: Object, type_: str) -> Object:
    return next((c for c in items(thing, "status", "conditions") if c.get("type") == type_), EMPTY)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from, as far as they say so themselves."""

    context: str
    cluster: str
    service: str
    asked: datetime

    def ref(self, thing: Object, of: str = "") -> str:
        """'k8s://<context>/<namespace>/<kind>/<name>#<uid>'; `-` stands for no namespace."""
        where = quote(self.context, safe=":@")
        return f"k8s://{where}/{namespace(thing) or '-'}/{of or kind(thing)}/{name(thing)}#{uid(thing)}"

    def id(self, thing: Object, revision: object, of: str = "") -> str:
        """'k8s:<cluster>/<namespace>/<kind>/<name>:<revision>', the same for everybody who reads the cluster."""
        return f"k8s:{self.cluster}/{namespace(thing) or '-'}/{of or kind(thing)}/{name(thing)}:{revision}"

    def event(self, thing: Object, time: datetime | None, reason: str, message: str, **more: Any) -> dict[str, Any]:
        """A row of the table `events` about an object, told by its state; seen when asked where no time is known."""
        return {
            "time": time or self.asked,
            "ref": self.ref(thing),
            "kind": "kubernetes",
            "reason": reason,
            "object": f"{kind(thing)}/{name(thing)}",
            "message": message[:MOST_TEXT],
            "count": 1,
            "severity": "Warning",
            **more,
        }
