"""What changed between two pod templates, in words. Values of environment variables are never told. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from collectors.kubernetes.objects import Object, items, labels, mapping, notes, text

MOST_DIFFERENCES = 40
MOST_VALUE = 120
_PROBES = ("readinessProbe", "livenessProbe", "startupProbe")
_RESTARTED = "kubectl.kubernetes.io/restartedAt"
_TOLD = {"name", "image", "env", "envFrom", "resources", *_PROBES}
_NOISE = {"pod-template-hash", "controller-revision-hash", "pod-template-generation"}

Difference = dict[str, Any]
"""{what, before, after}; before and after null where they may be secret or where there is nothing."""


def images(template: Object) -> dict[str, str]:
    """Container to image, init containers included."""
    spec = mapping(template, "spec")
    return {text(c, "name"): text(c, "image") for which in ("initContainers", "containers") for c in items(spec, which)}


def differences(before: Object, after: Object) -> list[Difference]:
    """From the most to the least telling: images first."""
    found: list[Difference] = []
    old, new = mapping(before, "spec"), mapping(after, "spec")
    for which in ("containers", "initContainers"):
        found += _containers(_named(old, which), _named(new, which), which)
    found += _annotations(notes(before), notes(after))
    found += _plain(_without(labels(before), _NOISE), _without(labels(after), _NOISE), "label ")
    rest = {"containers", "initContainers"}
    found += _plain(_without(old, rest), _without(new, rest), "")
    return sorted(found, key=_weight)[:MOST_DIFFERENCES]


def words(difference: Difference) -> str:
    """'image shop/checkout:2.14.0 -> 2.14.1'."""
    what, before, after = difference["what"], difference["before"], difference["after"]
    if before is None and after is None:
        return str(what)
    if before is None:
        return f"{what} added: {after}"
    if after is None:
        return f"{what} removed: {before}"
    if "image" in what and (repository := _repository(before)) and repository == _repository(after):
        after = after[len(repository) + 1 :]
    return f"{what} {before} -> {after}"


def _repository(image: str) -> str:
    head, colon, tag = image.rpartition(":")
    return head if colon and "/" not in tag and "@" not in image else ""


def tag(image: str) -> str:
    """Tag or digest of an image; 'latest' where it names neither."""
    name, _, digest = image.partition("@")
    _, colon, found = name.rpartition(":")
    if colon and "/" not in found:
        return found
    return digest[:19] or "latest"


def _weight(difference: Difference) -> int:
    what = str(difference["what"])
    order = ("image", "container", "memory", "cpu", "env", "restart", "readiness", "liveness", "startup")
    return next((n for n, word in enumerate(order) if word in what), len(order))


def _named(spec: Object, which: str) -> dict[str, Object]:
    return {text(c, "name"): c for c in items(spec, which)}


def _without(thing: Object, keys: set[str]) -> dict[str, Any]:
    return {k: v for k, v in thing.items() if k not in keys}


def _containers(old: Mapping[str, Object], new: Mapping[str, Object], which: str) -> Iterator[Difference]:
    alone = which == "containers" and len(old) == len(new) == 1 and old.keys() == new.keys()
    for name in sorted(old.keys() | new.keys()):
        what = "init container" if which == "initContainers" else "container"
        if name not in old:
            yield _difference(f"{what} {name}", None, text(new[name], "image"))
        elif name not in new:
            yield _difference(f"{what} {name}", text(old[name], "image"), None)
        else:
            yield from _container(old[name], new[name], "" if alone else f" of {name}")


def _container(old: Object, new: Object, of: str) -> Iterator[Difference]:
    if old.get("image") != new.get("image"):
        yield _difference(f"image{of}", text(old, "image"), text(new, "image"))
    for which, word in (("limits", "limit"), ("requests", "request")):
        before, after = (mapping(c, "resources", which) for c in (old, new))
        for resource in sorted(before.keys() | after.keys()):
            if before.get(resource) != after.get(resource):
                yield _difference(f"{resource} {word}{of}", before.get(resource), after.get(resource))
    yield from _environment(old, new, of)
    for probe in _PROBES:
        yield from _plain(mapping(old, probe), mapping(new, probe), f"{probe.removesuffix('Probe')} probe{of} ")
    yield from _plain(_without(old, _TOLD), _without(new, _TOLD), "", of)


def _environment(old: Object, new: Object, of: str) -> Iterator[Difference]:
    before, after = ({text(e, "name"): e for e in items(c, "env")} for c in (old, new))
    for verb, keys in (
        ("added", after.keys() - before.keys()),
        ("removed", before.keys() - after.keys()),
        ("changed", {k for k in before.keys() & after.keys() if before[k] != after[k]}),
    ):
        if keys:
            yield _difference(f"env {verb}{of}: {', '.join(sorted(keys)[:20])}", None, None)
    if old.get("envFrom") != new.get("envFrom"):
        yield _difference(f"envFrom{of}", _sources(old), _sources(new))


def _sources(container: Object) -> str | None:
    found = [text(e, k, "name") for e in items(container, "envFrom") for k in ("configMapRef", "secretRef")]
    return ", ".join(filter(None, found)) or None


def _annotations(old: Object, new: Object) -> Iterator[Difference]:
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) == new.get(key):
            continue
        if key == _RESTARTED:
            yield _difference("restarted (kubectl rollout restart)", None, None)
        elif "checksum" in key or "hash" in key:
            yield _difference(f"configuration, by its {key}", None, None)
        else:
            yield _difference(f"annotation {key}", old.get(key), new.get(key))


def _plain(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str, of: str = "") -> Iterator[Difference]:
    """What differs, with the path down to where it does; lists are compared as a whole."""
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _plain(before, after, f"{prefix}{key}.", of)
        else:
            yield _difference(f"{prefix}{key}{of}", before, after)


def _difference(what: str, before: Any, after: Any) -> Difference:
    return {"what": what[:300], "before": _shown(before), "after": _shown(after)}


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    written = value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return written if len(written) <= MOST_VALUE else written[: MOST_VALUE - 1] + "…"
