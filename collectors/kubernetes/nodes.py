"""The nodes that the service's pods run on: their conditions, and what the platform reports of them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, islice
from urllib.parse import quote

from collectors.kubernetes import happenings, inventory, permissions, pods
from collectors.kubernetes.client import AnswerError
from collectors.kubernetes.objects import Object, condition, mapping, text
from collectors.kubernetes.search import Items, Keeping, batched
from gather_diagnostics import Window

MOST_NODES = 1_000
THREADS = 8


def names(found: Iterable[Object]) -> list[str]:
    """Names of the pods' nodes, those with pods in trouble first."""
    trouble: dict[str, bool] = {}
    for pod in found:
        if node := text(pod, "spec", "nodeName"):
            trouble[node] = trouble.get(node, False) or condition(pod, "Ready").get("status") != "True"
    return sorted(trouble, key=lambda node: (not trouble[node], node))


def conditions(keeping: Keeping, found: Iterable[Object]) -> Items:
    """What is wrong with the nodes, as rows of `events`. Each is asked for by its name: a cluster may have thousands,
    and the right to list them all is seldom given. Raises what Api raises."""
    if not keeping.lists.access.allows("", "nodes", "get"):
        return
    wanted = names(found)
    if len(wanted) > MOST_NODES:
        yield keeping.too_many("nodes", MOST_NODES)
    asked = islice(wanted, MOST_NODES)
    try:
        # The first alone: a namespace's role can't grant nodes, whatever its rules say, and one refusal is enough.
        first = [_node(keeping, node) for node in islice(asked, 1)]
        with ThreadPoolExecutor(THREADS, "nodes") as pool:
            for thing in chain(first, pool.map(lambda node: _node(keeping, node), asked)):
                yield from batched("events", pods.node_events(thing, keeping.origin))
    except AnswerError as error:
        if error.status != 403:
            raise


def _node(keeping: Keeping, name: str) -> Object:
    """Empty for one that is gone meanwhile."""
    try:
        return {**keeping.lists.api.get(f"/api/v1/nodes/{quote(name, safe='')}"), "kind": "Node"}
    except AnswerError as error:
        if error.status != 404:
            raise
        return {}


def events(keeping: Keeping, found: Iterable[Object], window: Window) -> Items:
    """Events about the nodes, which are kept in a namespace of their own. Raises what Api raises."""
    need = permissions.NODE_EVENTS
    wanted = set(names(found))
    if keeping.place.namespace in ("", need.namespace) or need in keeping.lists.access.denied or not wanted:
        return
    path = inventory.EVENT.path("v1", need.namespace)
    every = keeping.lists.api.each(path, inventory.EVENT.name, fields="involvedObject.kind=Node")
    about = (e for e in every if text(mapping(e, "involvedObject"), "name") in wanted)
    made = (happenings.row(e, keeping.origin, window) for e in about)
    yield from batched("events", (r for r in made if r))
