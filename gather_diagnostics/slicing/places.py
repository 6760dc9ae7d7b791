"""Where a sample or a line belongs: its columns, the labels that tell places apart, and what `workloads` knows of its
instance.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gather_diagnostics.selection import of_service
from gather_diagnostics.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("endpoint", "version", "instance", "caller")
KNOWN = {
    "zone": "zone",
    "az": "zone",
    "availability_zone": "zone",
    "topology.kubernetes.io/zone": "zone",
    "topology_kubernetes_io_zone": "zone",
    "cloud.availability_zone": "zone",
    "cloud_availability_zone": "zone",
    "region": "region",
    "cloud_region": "region",
    "node": "node",
    "tenant": "tenant",
    "tenant_id": "tenant",
    "customer": "tenant",
    "customer_id": "tenant",
    "account_id": "tenant",
    "version": "version",
    "app_version": "version",
    "service.version": "version",
    "service_version": "version",
}
"""Labels, and the dimension they are. Source of the dotted ones: opentelemetry.io/docs/specs/semconv/resource, and
kubernetes.io/docs/reference/labels-annotations-taints."""
NOT_PLACES = frozenset(
    "le quantile code status status_code http_status_code grpc_code response_code status_class job name __name__"
    " result outcome error_type exception".split()
)
"""Labels that say what came of a request or how it was measured, not where."""
_TAKEN = NOT_PLACES.union(column.name for column in TABLES["metrics"])
"""A label that is called like a column can't become one."""
MOST_LABELS = 20_000
"""Different label texts of log lines that are read; they may hold ids."""


@dataclass(frozen=True)
class Placed:
    """Samples with a column for every dimension."""

    rows: pd.DataFrame
    dimensions: tuple[str, ...]

    def narrowest(self, rows: pd.DataFrame, name: str) -> pd.DataFrame:
        """Those of `rows` that are told by `name` and by as few other dimensions as there are: sums beside their own
        parts must not be counted twice."""
        its = rows[rows[name].notna()]
        others = sum(its[dimension].notna().to_numpy(int) for dimension in self.dimensions)
        return its[others == others.min()] if len(its) else its


def placed_samples(metrics: pd.DataFrame, service: str, tables: Mapping[str, pd.DataFrame]) -> Placed:
    """Samples of what the service serves (not of what it calls) with their places as columns."""
    rows = of_service(metrics, service)
    rows = rows[rows["callee"].isna() | (rows["callee"] == service)]
    rows = _with(rows, _of_labels(rows["labels"], every=True))
    rows = _with(rows, _of_instances(rows["instance"], tables))
    names = dict.fromkeys([*COLUMNS, *KNOWN.values(), *(c for c in rows.columns if c.startswith("label "))])
    told = tuple(n for n in names if n in rows and rows[n].nunique() >= 2)
    bare = {n: n.removeprefix("label ") for n in told}
    return Placed(rows.rename(columns=bare), tuple(bare.values()))


def placed_lines(lines: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, list[str]]:
    """Rows of `logs` with their places as columns, and which dimensions they have."""
    if "labels" in lines:
        lines = _with(lines, _of_labels(lines["labels"], every=False))
    if "instance" in lines:
        lines = _with(lines, _of_instances(lines["instance"], tables))
    names = dict.fromkeys(["endpoint", "version", "instance", *KNOWN.values()])
    return lines, [n for n in names if n in lines and lines[n].notna().any()]


def _with(rows: pd.DataFrame, more: Mapping[str, Any]) -> pd.DataFrame:
    """Columns added; what a row says itself is kept."""
    made = {name: rows[name].fillna(values) if name in rows else values for name, values in more.items()}
    return rows.assign(**made)


def _of_labels(column: pd.Series[str], every: bool) -> dict[str, Any]:
    """Series by dimension, from JSON texts; each different text is read once. `every`: labels we do not know, too,
    as 'label <name>', so that none takes the place of a column."""
    texts = column.dropna()
    if not every:
        texts = texts[texts.str.contains(_KEYS, regex=True)]
    found: dict[str, dict[str, str]] = {}
    for text in texts.unique()[:MOST_LABELS]:
        for key, value in _items(text):
            name = KNOWN.get(key) or (f"label {key}" if every and key not in _TAKEN else "")
            if name and isinstance(value, str | int):
                found.setdefault(name, {}).setdefault(text, str(value))
    return {name: column.map(values) for name, values in sorted(found.items())}


_KEYS = '"(?:' + "|".join(key.replace(".", r"\.") for key in KNOWN) + ')":'


def _items(text: str) -> Sequence[tuple[str, Any]]:
    labels = json.loads(text)
    return list(labels.items()) if isinstance(labels, dict) else []


def _of_instances(instances: pd.Series[str], tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Version and node of instances, as `workloads` and then samples know them."""
    found = {}
    for table, name, names in (("workloads", "name", ("version", "node")), ("metrics", "instance", ("version",))):
        if table in tables:
            for wanted in names:
                if wanted in found or tables[table][wanted].isna().all():
                    continue
                pairs = tables[table][[name, wanted]].dropna().drop_duplicates(name)
                if len(pairs):
                    found[wanted] = instances.map(dict(zip(pairs[name], pairs[wanted], strict=True)))
    return found
