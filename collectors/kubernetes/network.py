"""Services, their endpoints, and who calls whom as far as manifests tell. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from collectors.kubernetes.objects import (
    Object,
    Origin,
    containers,
    items,
    kind,
    labels,
    mapping,
    name,
    namespace,
    template,
    text,
)

_HOST = re.compile(
    r"(^|//|[@,])([a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)((?:\.[a-z0-9-]{1,63}){0,6})(:\d{1,5})?(?=[/?,]|$)"
)
_TELLING = re.compile(r"HOST|ADDR|URL|URI|ENDPOINT|TARGET|UPSTREAM|BROKER|SERVERS?$", re.IGNORECASE)
_SERVICE_OF_SLICE = "kubernetes.io/service-name"


def leads_to(service: Object, pods: Sequence[Object], templates: Iterable[Object]) -> bool:
    """Whether a Service selects these pods, or would."""
    selector = mapping(service, "spec", "selector")
    carried = [labels(p) for p in pods] + [mapping(t, "metadata", "labels") for t in templates]
    return bool(selector) and any(selector.items() <= c.items() for c in carried)


def behind(service: Object, things: Iterable[Object]) -> tuple[int, int]:
    """(how many addresses take traffic, how many there are), from its EndpointSlices or, on old servers, Endpoints."""
    ready = every = 0
    for thing in things:
        if not concerns(thing, [service]):
            continue
        # A condition that is not told counts as true: kubernetes.io/docs/concepts/services-networking/endpoint-slices
        told = [mapping(e, "conditions").get("ready") is not False for e in items(thing, "endpoints")]
        for subset in items(thing, "subsets"):
            told += [True] * len(items(subset, "addresses")) + [False] * len(items(subset, "notReadyAddresses"))
        ready, every = ready + sum(told), every + len(told)
    return ready, every


def concerns(thing: Object, services: Iterable[Object]) -> bool:
    return any((namespace(thing), _of(thing)) == (namespace(s), name(s)) for s in services)


def _of(thing: Object) -> str:
    return name(thing) if kind(thing) == "Endpoints" else text(labels(thing), _SERVICE_OF_SLICE)


def unready(service: Object, things: Sequence[Object], origin: Origin) -> Iterator[dict[str, Any]]:
    """An event where no address behind a Service takes traffic."""
    ready, every = behind(service, things)
    if not ready:
        message = f"none of its {every} addresses is ready: requests to {name(service)} fail"
        yield origin.event(service, None, "NoReadyEndpoints", message)


def edges(
    workloads: Iterable[Object], known: set[str], ingresses: Iterable[Object], own: Sequence[Object], origin: Origin
) -> Iterator[dict[str, Any]]:
    """Rows of `topology`: Services of the namespace that the pods' environment addresses, Ingresses that lead here."""
    itself = {origin.service, *(name(s) for s in own)}
    refs = {(origin.service, callee): origin.ref(w) for w in workloads for callee in _addressed(w, known - itself)}
    refs |= {(f"ingress/{name(i)}", origin.service): origin.ref(i) for i in ingresses if backs(i, own)}
    for (caller, callee), ref in sorted(refs.items()):
        yield {"time": origin.asked, "ref": ref, "caller": caller, "callee": callee, "weight": 1.0}


def _addressed(workload: Object, known: set[str]) -> set[str]:
    """Of values that may hold secrets, nothing but the name of a Service that is known anyway."""
    found = set()
    for container in containers(mapping(template(workload), "spec")):
        for entry in items(container, "env"):
            value, telling = text(entry, "value"), _TELLING.search(text(entry, "name"))
            for match in _HOST.finditer(value):
                scheme, host, domain, port = match.groups()
                inside = not domain or domain.split(".")[1] == namespace(workload)
                if host in known and inside and (scheme == "//" or port or domain or telling):
                    found.add(host)
    return found


def backs(ingress: Object, services: Iterable[Object]) -> bool:
    """Whether an Ingress leads to one of these Services."""
    backends = [mapping(ingress, "spec", "defaultBackend")]
    for rule in items(ingress, "spec", "rules"):
        backends += [mapping(p, "backend") for p in items(rule, "http", "paths")]
    led_to = {(namespace(ingress), text(b, "service", "name")) for b in backends}
    return any((namespace(s), name(s)) in led_to for s in services)
