"""When ConfigMaps and Secrets changed, as rows of the table `changes`. Pure; names of keys only, never values.

The API server notes who owns which key since when (managedFields); what a key held before stands nowhere.
Source: kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from collectors.kubernetes.objects import (
    Object,
    Origin,
    created,
    dig,
    items,
    kind,
    mapping,
    moment,
    name,
    notes,
    text,
)
from gather_diagnostics import Window

MOST_KEYS = 50
_FIELDS = ("f:data", "f:binaryData", "f:stringData")
_ALWAYS_THERE = "kube-root-ca.crt"
Named = set[tuple[str, str]]
"""('ConfigMap' or 'Secret', name)"""


def mentioned(templates: Iterable[Object]) -> Named:
    """What pod templates take configuration from: environment, volumes, projected volumes."""
    found: Named = set()
    for template in templates:
        spec = mapping(template, "spec")
        for which in ("initContainers", "containers"):
            for container in items(spec, which):
                found |= _environment(container)
        for volume in items(spec, "volumes"):
            found |= _volume(volume)
            for source in items(volume, "projected", "sources"):
                found |= _volume(source)
    return {(k, n) for k, n in found if n and n != _ALWAYS_THERE}


def _environment(container: Object) -> Named:
    found = {("ConfigMap", text(e, "configMapRef", "name")) for e in items(container, "envFrom")}
    found |= {("Secret", text(e, "secretRef", "name")) for e in items(container, "envFrom")}
    for entry in items(container, "env"):
        found.add(("ConfigMap", text(entry, "valueFrom", "configMapKeyRef", "name")))
        found.add(("Secret", text(entry, "valueFrom", "secretKeyRef", "name")))
    return found


def _volume(volume: Object) -> Named:
    return {
        ("ConfigMap", text(volume, "configMap", "name")),
        ("Secret", text(volume, "secret", "secretName") or text(volume, "secret", "name")),
    }


def rows(thing: Object, origin: Origin, window: Window) -> Iterator[dict[str, Any]]:
    """A row for each writer of its keys whose last write is inside the window; one for its creation."""
    born = created(thing)
    writes = {
        (text(entry, "manager"), time): _keys(entry)
        for entry in items(thing, "metadata", "managedFields")
        if (time := moment(entry, "time")) and _keys(entry) is not None
    }
    if not writes and born:
        writes = {("", born): None}
    for (manager, time), keys in sorted(writes.items(), key=lambda w: (w[0][1], w[0][0])):
        if time in window:
            yield _row(thing, manager, time, keys or [], born, origin)


def _keys(entry: Object) -> list[str] | None:
    """Keys of the data that a writer owns; None where it wrote none."""
    fields = [dig(entry, "fieldsV1", f) for f in _FIELDS]
    if all(f is None for f in fields):
        return None
    return sorted({str(k)[2:] for f in fields if isinstance(f, dict) for k in f if str(k).startswith("f:")})


def _row(
    thing: Object, manager: str, time: datetime, keys: list[str], born: datetime | None, origin: Origin
) -> dict[str, Any]:
    made = born is not None and abs((time - born).total_seconds()) < 2
    by = f" by {manager}" if manager else ""
    shown = f"; keys it writes: {', '.join(keys[:10])}{', …' if len(keys) > 10 else ''}" if keys else ""
    return {
        "time": time,
        "ref": origin.ref(thing),
        "id": origin.id(thing, f"{time.isoformat()}{f'/{manager}' if manager else ''}"),
        "kind": "config",
        "service": origin.service,
        "revision": text(thing, "metadata", "resourceVersion") or None,
        "author": None,
        "summary": f"{kind(thing)} {name(thing)} {'created' if made else 'changed'}{by}{shown}"[:1000],
        "finished": time,
        "details": {
            "kind": kind(thing),
            "name": name(thing),
            "context": origin.context,
            "manager": manager,
            "keys": keys[:MOST_KEYS],
            "keys_total": len(keys),
            "release": text(notes(thing), "meta.helm.sh/release-name"),
        },
    }
