"""Answers in the columns that kubectl prints. Pure.

Sources: kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables; for `top` and `rollout
history`, which kubectl puts together itself, kubernetes.io/docs/reference/kubectl/generated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from collectors.kubernetes.client import MalformedError
from collectors.kubernetes.objects import (
    Object,
    integer,
    items,
    mapping,
    name,
    namespace,
    notes,
    owners,
    text,
    uid,
)
from collectors.kubernetes.quantities import quantity
from collectors.kubernetes.rollouts import CAUSE, REVISION
from gather_diagnostics.model import Cell

Printed = tuple[list[str], Iterable[list[Cell]]]
"""Columns and rows."""
NONE = "<none>"
USED = ("CPU(cores)", "MEMORY(bytes)")


def table(document: Object, *, namespaces: bool, wide: bool) -> Printed:
    """What the server has printed; with `namespaces` in a first column. Raises MalformedError."""
    defined = items(document, "columnDefinitions")
    if not defined:
        raise MalformedError("a list without the columns to print it in")
    shown = [at for at, column in enumerate(defined) if wide or not integer(column, "priority")]
    columns = [*(["NAMESPACE"] if namespaces else []), *(text(defined[at], "name").upper() for at in shown)]
    return columns, (_cells(row, shown, namespaces) for row in items(document, "rows"))


def _cells(row: Object, shown: list[int], namespaces: bool) -> list[Cell]:
    cells = row.get("cells")
    if not isinstance(cells, list) or len(cells) <= max(shown, default=0):
        raise MalformedError("a row that has not as many cells as there are columns")
    return [*([namespace(row.get("object", {}))] if namespaces else []), *(_cell(cells[at]) for at in shown)]


def _cell(value: Any) -> Cell:
    if value is None or isinstance(value, str | int | float):
        return value
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def pods_in_use(measured: Iterable[Object], *, namespaces: bool) -> Printed:
    """Of PodMetrics: cores and bytes of all containers together, as numbers."""
    columns = [*(["NAMESPACE"] if namespaces else []), "NAME", *USED]
    rows = (
        [*([namespace(one)] if namespaces else []), name(one), *(_summed(one, r) for r in ("cpu", "memory"))]
        for one in measured
    )
    return columns, rows


def _summed(measured: Object, resource: str) -> float | None:
    told = [quantity(mapping(c, "usage").get(resource)) for c in items(measured, "containers")]
    known = [amount for amount in told if amount is not None]
    return sum(known) if known else None


def nodes_in_use(measured: Iterable[Object], nodes: Iterable[Object]) -> Printed:
    """Of NodeMetrics: cores and bytes, and what share in percent that is of what pods may take of the node."""
    allocatable = {name(node): mapping(node, "status", "allocatable") for node in nodes}
    columns = ["NAME", USED[0], "CPU%", USED[1], "MEMORY%"]
    return columns, ([name(one), *_shares(one, allocatable.get(name(one), {}))] for one in measured)


def _shares(measured: Object, allocatable: Mapping[str, Any]) -> Iterator[Cell]:
    for resource in ("cpu", "memory"):
        used, most = quantity(mapping(measured, "usage").get(resource)), quantity(allocatable.get(resource))
        yield used
        yield round(100 * used / most) if used is not None and most else None


def history(workload: Object, carriers: Iterable[Object]) -> Printed:
    """Revisions of a workload, out of its ReplicaSets or ControllerRevisions, the oldest first."""
    own = [c for c in carriers if uid(workload) in owners(c)]
    found = sorted((revision(c), text(notes(c), CAUSE) or NONE) for c in own)
    return ["REVISION", "CHANGE-CAUSE"], ([number, cause] for number, cause in found)


def revision(carrier: Object) -> int:
    """0 where it bears none."""
    return integer(carrier, "revision") or integer(notes(carrier), REVISION) or 0
