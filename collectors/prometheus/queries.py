"""The questions put to Prometheus: PromQL made from what was found. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest
from urllib.parse import quote

from collectors.prometheus import families
from collectors.prometheus.discovery import Found, Inventory
from collectors.prometheus.promql import but, by, one_of, series
from collectors.prometheus.settings import QuerySettings
from gather_diagnostics.http.querytext import equals, escape, literally, matches

QUANTILES = (("p95", 0.95), ("p99", 0.99), ("p50", 0.5))
"""In order of use, should time run out."""
MOST_ENDPOINTS = 20
"""Told one by one: so many with most requests, and so many with most errors."""
MOST_CHARACTERS = 2_000
"""Of the endpoints' names in a query: an error ratio has them three times, and proxies take addresses up to 8,000."""
OTHER = "other"
"""The endpoint that all those not told one by one are summed up as."""
NAMED = "gathered_name"
"""Label that tells a query's several metrics apart, put on by the query itself where `__name__` is lost."""


@dataclass(frozen=True, slots=True)
class Naming:
    """What one series' samples are called in the metrics table."""

    metric: str
    stat: str
    unit: str


@dataclass(frozen=True, slots=True)
class Query:
    """One question, asked for every window."""

    name: str
    metric: str
    stat: str
    unit: str
    expr: str
    whole: bool = False
    """About the service as a whole: asked for the seasonal windows too."""
    own: bool = False
    """From the user's settings."""
    named: Mapping[str, Naming] = field(default_factory=dict)
    """Of a query about several metrics: by the value of NAMED, or by `__name__`."""

    def naming(self, labels: Mapping[str, object]) -> tuple[str, Naming]:
        """The metric's name at the source, '' where the query asks for one thing alone, and what it is called."""
        name = str(labels.get(NAMED) or labels.get("__name__") or "")
        if name in self.named:
            return name, self.named[name]
        return "", Naming(self.metric, self.stat, self.unit)


@dataclass(frozen=True, slots=True)
class Split:
    """A breakdown of a query by one label."""

    column: str
    label: str
    matcher: str
    """Leaves out series without the label, which would look like the whole service."""
    rest: bool = False
    """What the matcher selects is summed up as OTHER."""

    @property
    def name(self) -> str:
        return f"{self.column}_{OTHER}" if self.rest else self.column

    def expr(self, make: Callable[..., str]) -> str:
        """PromQL of `make(group, matcher)`, broken down."""
        if self.rest:
            return f'label_replace({make((), self.matcher)}, "{self.label}", "{OTHER}", "", "")'
        return make((self.label,), self.matcher)


Busiest = Mapping[str, Sequence[str]]
"""Metric name to the endpoints worth asking for, where it has too many for all."""


def splits(found: Found, busiest: Busiest) -> list[Split]:
    """By endpoint, version and instance, as far as the metric has more than one."""
    made = []
    for column, labels in families.COLUMNS:
        if label := found.label(labels, least=2):
            values = sorted(busiest.get(found.counted, ())) if column == "endpoint" else ()
            made.append(Split(column, label, one_of(label, values) if values else f'{label}!=""'))
            if values:
                made.append(Split(column, label, but(label, ["", *values]), rest=True))
    return made


def busiest(found: Found, label: str, seconds: int) -> Iterator[str]:
    """PromQL for the values of an endpoint label with most requests, and for those with most errors."""
    yield f"topk({MOST_ENDPOINTS}, {found.rate(seconds, (label,))})"
    if found.status:
        failed = found.rate(seconds, (label,), matches(found.status, found.protocol.errors))
        yield f"topk({MOST_ENDPOINTS}, {failed} > 0)"


def fitting(rankings: Sequence[Sequence[str]]) -> list[str]:
    """The first of each ranking, then the second, ...: as many different names as a query's address may hold."""
    kept: list[str] = []
    left = MOST_CHARACTERS
    for name in dict.fromkeys(n for place in zip_longest(*rankings) for n in place):
        if name and name != OTHER:  # an endpoint of that very name is summed up with the others
            left -= len(quote(escape(literally(name)) + "|", safe=""))
            if left < 0:
                break
            kept.append(name)
    return kept


def requests(durations: Sequence[Found], traffic: Sequence[Found], window: int, busiest: Busiest) -> Iterator[Query]:
    """Error rate, request rate and latency. The first of each is the service; further ones count by endpoint only.

    Two protocols' requests can't be added up to one percentile, so the whole is what the preferred one says.
    """
    parts: list[Query] = []
    for number, found in enumerate(traffic):
        parts += _of_traffic(found, window, splits(found, busiest), suffix=_suffix(number, found))
    for number, found in enumerate(durations):
        parts += _of_durations(found, window, splits(found, busiest), suffix=_suffix(number, found))
    yield from (q for q in parts if q.whole)
    yield from (q for q in parts if not q.whole)


def _suffix(number: int, found: Found) -> str:
    return f"_{found.protocol.name}" if number else ""


def _of_traffic(found: Found, window: int, splits: Sequence[Split], suffix: str) -> Iterator[Query]:
    if found.status:
        if not suffix:
            yield Query("error_rate", "error_rate", "ratio", "ratio", error_ratio(found, window), whole=True)
        for split in splits:
            if not suffix or split.column == "endpoint":
                expr = split.expr(partial(error_ratio, found, window))
                yield Query(f"error_rate_by_{split.name}{suffix}", "error_rate", "ratio", "ratio", expr)
    if not suffix:
        yield Query("request_rate", "request_rate", "rate", "1/s", found.rate(window), whole=True)
    for split in splits:
        if split.column == "endpoint":
            expr = split.expr(partial(found.rate, window))
            yield Query(f"request_rate_by_{split.name}{suffix}", "request_rate", "rate", "1/s", expr)


def _of_durations(found: Found, window: int, splits: Sequence[Split], suffix: str) -> Iterator[Query]:
    for stat, q in QUANTILES:
        if found.kind == "summary" and _kept(found, q) is None:
            continue
        if not suffix:
            yield Query(f"latency_{stat}", "latency", stat, "s", quantile(found, q, window), whole=True)
        for split in splits:
            # By instance and version one percentile will do: it tells a bad replica from good ones.
            if split.column == "endpoint" or (stat == "p95" and not suffix):
                expr = split.expr(partial(quantile, found, q, window))
                yield Query(f"latency_{stat}_by_{split.name}{suffix}", "latency", stat, "s", expr)


def error_ratio(found: Found, window: int, group: tuple[str, ...] = (), *matchers: str) -> str:
    """Failed requests out of all, 0..1. Zero where none failed; nothing, rather than NaN, where there were none."""
    failed = found.rate(window, group, *matchers, matches(found.status, found.protocol.errors))
    every = found.rate(window, group, *matchers)
    return f"({failed} or {every} * 0) / ({every} > 0)"


def quantile(found: Found, q: float, window: int, group: tuple[str, ...] = (), *matchers: str) -> str:
    """A percentile of latency in seconds.

    Of a summary the worst replica's, since its percentiles can't be averaged
    (prometheus.io/docs/practices/histograms).
    """
    match found.kind:
        case "summary":
            kept = equals("quantile", _kept(found, q) or str(q))
            expr = f"max{by(*group)}({series(found.name, found.selector, *matchers, kept)})"
        case "native":
            rate = f"rate({series(found.name, found.selector, *matchers)}[{window}s])"
            expr = f"histogram_quantile({q}, sum{by(*group)}({rate}))"
        case _:
            rate = f"rate({series(f'{found.name}_bucket', found.selector, *matchers)}[{window}s])"
            expr = f"histogram_quantile({q}, sum{by('le', *group)}({rate}))"
    return f"{expr} / {found.per_second}" if found.per_second != 1 else expr


def _kept(found: Found, q: float) -> str | None:
    """How a summary writes a quantile it keeps ('0.5', '0.50'); None where it doesn't keep it."""
    return next((v for v in sorted(found.labels.get("quantile", ())) if _number(v) == q), None)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def resources(found: Inventory, selector: str, window: int) -> Iterator[Query]:
    """CPU and memory: of the containers, a row a pod, or else of the processes."""
    cpu = families.CONTAINER_CPU if families.CONTAINER_CPU in found else families.PROCESS_CPU
    memory = families.CONTAINER_MEMORY if families.CONTAINER_MEMORY in found else families.PROCESS_MEMORY
    if cpu in found:
        expr = f"sum{by(*_instance(found, cpu))}(rate({series(cpu, selector)}[{window}s]))"
        yield Query("cpu", "cpu", "avg", "cores", expr)
    if memory in found:
        yield Query(
            "memory", "memory", "avg", "bytes", f"sum{by(*_instance(found, memory))}({series(memory, selector)})"
        )


def _instance(found: Inventory, name: str) -> tuple[str, ...]:
    return tuple(label for label in families.INSTANCE_LABELS if label in found[name])[:1]


_PLACE = re.compile(r"(?P<inside>[{,]\s*)?\{(?P<name>selector|service|window)\}")


def users(settings: Mapping[str, QuerySettings], service: str, selector: str, window: int) -> Iterator[Query]:
    """The queries of the settings, filled in."""
    for name, query in settings.items():
        expr = fill(query.expr, service, selector, window)
        yield Query(name, query.metric or name, query.stat, query.unit, expr, own=True)


def fill(expr: str, service: str, selector: str, window: int) -> str:
    """Put in the matchers, the service and the window; in one pass, so that nothing put in is filled in again.

    `up{selector}` gets braces of its own, `up{{selector},code="500"}` has them already.
    """

    def put(place: re.Match[str]) -> str:
        before = place["inside"] or ""
        match place["name"]:
            case "selector":
                return before + (selector if before else "{" + selector + "}")
            case "service":
                return before + escape(service)
            case _:
                return f"{before}{window}s"

    return _PLACE.sub(put, expr)
