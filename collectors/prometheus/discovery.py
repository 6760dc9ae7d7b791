"""Which of the known families a service has, read from the label sets of its series. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from collectors.prometheus import families
from collectors.prometheus.families import FAMILIES, SERVICE_LABELS, Family, Protocol
from collectors.prometheus.promql import by, series
from gather_diagnostics.http.querytext import equals, literally, matches

Inventory = Mapping[str, Mapping[str, frozenset[str]]]
"""Name of a metric to its labels and their values."""


CONTAINERS = (
    families.CONTAINER_CPU,
    families.CONTAINER_MEMORY,
    families.CONTAINER_THROTTLED,
    families.CONTAINER_PERIODS,
    families.CONTAINER_LIMIT,
    families.KUBE_LIMITS,
)


def selectors(service: str, configured: str) -> Iterator[str]:
    """Matchers that may select the service, the most telling first; only the configured ones where there are any."""
    if configured:
        yield configured
        return
    for label in SERVICE_LABELS:
        if label in families.PREFIXED:
            yield matches(label, f"(.+/)?{literally(service)}")
        else:
            yield equals(label, service)


def request_matches(selector: str) -> list[str]:
    """`match[]` of the series request that finds request and process metrics.

    Of a histogram's buckets one a series is enough to know that there are any.
    """
    names = "|".join(f.name for f in FAMILIES)
    counters = [f.counter for f in FAMILIES if f.counter]
    counters += [*families.HTTP.counters, *families.GRPC.counters, families.PROCESS_CPU, families.PROCESS_MEMORY]
    return [
        series("", matches("__name__", f"({names})(_count)?|{'|'.join(dict.fromkeys(counters))}"), selector),
        series("", matches("__name__", f"({names})_bucket"), equals("le", "+Inf"), selector),
    ]


def container_matches(selector: str) -> list[str]:
    """`match[]` of the series request that finds the containers' own metrics, and the limits set for them."""
    return [series("", matches("__name__", "|".join(CONTAINERS)), selector)]


def volume_matches(service: str) -> list[str]:
    """`match[]` of the series request that finds the service's volumes, by the names that charts give to claims."""
    claim = matches("persistentvolumeclaim", f"(.+-)?{literally(service)}(-[0-9]+)?")
    return [series(families.VOLUME_FREE, claim)]


def container_selector(service: str) -> str:
    """Matchers of the service's pods; cAdvisor's sums over a pod (no container) and pause containers are left out."""
    return matches("pod", literally(service) + families.POD_SUFFIX) + ',container!="",container!="POD"'


def concerns(labels: Mapping[str, Any], service: str) -> bool:
    """Whether labels name the service or one of its pods, as the selectors here would select them."""
    for label in SERVICE_LABELS:
        value = labels.get(label)
        if value == service or (label in families.PREFIXED and str(value).endswith(f"/{service}")):
            return True
    return bool(re.fullmatch(re.escape(service) + families.POD_SUFFIX, str(labels.get("pod", ""))))


def any_of(name: str, service: str, configured: str) -> str:
    """PromQL for the series of a name that any selector of the service selects, its pods' included."""
    made = [series(name, s) for s in selectors(service, "")]
    made.append(series(name, matches("pod", literally(service) + families.POD_SUFFIX)))
    return " or ".join(([series(name, configured)] if configured else []) + made)


def inventory(answer: Iterable[Any]) -> Inventory:
    """Sum up what /api/v1/series answered. Anything in it that is no label set is passed over."""
    names: dict[str, dict[str, set[str]]] = {}
    for labels in answer:
        if not isinstance(labels, Mapping):
            continue
        of_name = names.setdefault(str(labels.get("__name__", "")), {})
        for label, value in labels.items():
            if label != "__name__" and value:
                of_name.setdefault(label, set()).add(value)
    return {n: {label: frozenset(v) for label, v in ls.items()} for n, ls in names.items() if n}


@dataclass(frozen=True, slots=True)
class Found:
    """One metric of the service."""

    name: str
    kind: Literal["histogram", "native", "summary", "counter"]
    protocol: Protocol
    selector: str
    labels: Mapping[str, frozenset[str]]
    per_second: int = 1

    @property
    def counted(self) -> str:
        """The series that counts requests."""
        return f"{self.name}_count" if self.kind in ("histogram", "summary") else self.name

    def rate(self, window: int, group: tuple[str, ...] = (), *matchers: str) -> str:
        """PromQL for requests per second."""
        rate = f"rate({series(self.counted, self.selector, *matchers)}[{window}s])"
        return f"sum{by(*group)}({f'histogram_count({rate})' if self.kind == 'native' else rate})"

    def label(self, of: Iterable[str], *, least: int = 1) -> str:
        """The first of some labels that the series have, with at least so many values; '' for none."""
        return next((label for label in of if len(self.labels.get(label, ())) >= least), "")

    @property
    def status(self) -> str:
        return self.label(self.protocol.status_labels)


def durations(found: Inventory, selector: str) -> list[Found]:
    """Families with percentiles in them, at most one a protocol, the preferred first."""
    chosen: dict[str, Found] = {}
    for family in FAMILIES:
        if family.protocol.name not in chosen and (it := _durations(family, found, selector)):
            chosen[family.protocol.name] = it
    return list(chosen.values())


def _durations(family: Family, found: Inventory, selector: str) -> Found | None:
    kind: Literal["histogram", "native", "summary"]
    if f"{family.name}_bucket" in found:
        # A bucket has every label of its count and 'le' besides.
        kind, labels = "histogram", found.get(f"{family.name}_count") or found[f"{family.name}_bucket"]
    elif family.name in found:
        labels = found[family.name]
        kind = "summary" if "quantile" in labels else "native"
    else:
        return None
    return Found(family.name, kind, family.protocol, _narrowed(family, selector, labels), labels, family.per_second)


def _narrowed(family: Family, selector: str, labels: Mapping[str, frozenset[str]]) -> str:
    extra = [equals(label, value) for label, value in family.extra if value in labels.get(label, ())]
    return ",".join([selector, *extra])


def traffic(found: Inventory, selector: str, durations: Iterable[Found]) -> list[Found]:
    """What counts requests, one a protocol: preferably by status, preferably what the durations come from."""
    chosen: dict[str, Found] = {}
    for it in [*durations, *_counters(found, selector)]:
        known = chosen.get(it.protocol.name)
        if known is None or (it.status and not known.status):
            chosen[it.protocol.name] = it
    return list(chosen.values())


def _counters(found: Inventory, selector: str) -> Iterator[Found]:
    for family in FAMILIES:
        for name in filter(None, (family.counter, f"{family.name}_count")):
            if name in found:
                narrowed = _narrowed(family, selector, found[name])
                yield Found(name, "counter", family.protocol, narrowed, found[name])
    for protocol in (families.HTTP, families.GRPC):
        for name in protocol.counters:
            if name in found:
                yield Found(name, "counter", protocol, selector, found[name])
