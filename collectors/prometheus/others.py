"""The service's other metrics: nobody knows what they mean, and one of them may tell what no usual one does. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from collectors.prometheus import families
from collectors.prometheus.promql import one_of, series
from collectors.prometheus.queries import NAMED, Naming, Query
from collectors.prometheus.saturation import queue_names
from gather_diagnostics.http.querytext import quote

MOST_SERIES = 2_000
"""Of one metric: summing up more would burden a server in trouble."""
GAUGES_A_QUERY, COUNTERS_A_QUERY = 25, 8
"""So that a query's address stays below the 8,000 characters that proxies take."""

_TELLING = re.compile(
    r"error|fail|time_?out|retr|reject|drop|refus|abort|throttl|circuit|breaker|queue|pool|wait|lock|lag|backlog|cache"
)
_NOISE = re.compile(
    r":|^(up|ALERTS|ALERTS_FOR_STATE|target_info)$|^(scrape|go_memstats|go_gc|go_info|python_gc|python_info|promhttp"
    r"|prometheus|process_(start|virtual)|jvm_(info|classes|buffer))"
    r"|_(bucket|created|info|build|timestamp|timestamp_seconds|start_time_seconds)$"
)
_KNOWN = re.compile(f"({'|'.join(f.name for f in families.FAMILIES)})(_count|_sum|_max)?")
_TAKEN = frozenset(
    {families.PROCESS_CPU, families.PROCESS_MEMORY}
    | {name for pair in families.FDS for name in pair}
    | {n for p in families.POOLS for n in (p.used, p.most)}
    | {f.counter for f in families.FAMILIES}
    | {*families.HTTP.counters, *families.GRPC.counters}
)


@dataclass(frozen=True, slots=True)
class Other:
    """One metric, and how it is summed up over the service."""

    name: str
    naming: Naming
    expr: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The metrics that are read, and those that are not."""

    chosen: Sequence[Other]
    left_out: Sequence[str]
    crowded: Sequence[str]
    """Metrics of more than MOST_SERIES series."""


Moments = Sequence[tuple[float, Mapping[str, float]]]
"""(Unix seconds, metric to the sum of its series then): when the baseline began, the incident began, and it ended."""
TELLING = 0.5
"""What a name that tells of trouble weighs, where a complete change weighs 1."""


def choose(
    sizes: Mapping[str, int],
    types: Mapping[str, str],
    selector: str,
    window: int,
    most: int,
    moments: Moments = (),
) -> Choice:
    """Up to `most` metrics: those that changed most from baseline to incident and those whose names tell of trouble.

    `sizes` is the number of series of each metric of the service, `types` what the server knows of their types.
    """
    taken = {*_TAKEN, *queue_names(sizes)}
    names = [n for n in sizes if n not in taken and not _NOISE.search(n) and not _KNOWN.fullmatch(n)]
    crowded = sorted(n for n in names if sizes[n] > MOST_SERIES)
    found = {o.name: o for n in names if sizes[n] <= MOST_SERIES and (o := _other(n, sizes, types, selector, window))}
    weights = {n: change(o, moments) + TELLING * bool(_TELLING.search(n)) for n, o in found.items()}
    ordered = sorted(found.values(), key=lambda o: (-weights[o.name], o.name))
    return Choice(ordered[:most], [o.name for o in ordered[most:]], crowded)


def change(other: Other, moments: Moments) -> float:
    """How much a metric changed with the incident, 0..1: of a counter its rate, of a mean the mean, of a gauge its
    value beyond what it moved within the baseline. 0 where the moments do not tell."""
    if len(moments) != 3:
        return 0.0
    if not other.expr:
        before, then, last = (at.get(other.name, 0.0) for _, at in moments)
        return _relative(max(0.0, abs(last - then) - abs(then - before)), before, then, last)
    points = [_point(other.name, time, at) for time, at in moments]
    usual, now = _quotient(points[0], points[1]), _quotient(points[1], points[2])
    return _relative(abs(now - usual), usual, now)


Point = tuple[float, float]
"""Of a counter (value, time); of a mean (sum, count)."""


def _point(name: str, time: float, at: Mapping[str, float]) -> Point:
    if f"{name}_count" in at:
        return at.get(f"{name}_sum", 0.0), at[f"{name}_count"]
    return at.get(name, 0.0), time


def _quotient(earlier: Point, later: Point) -> float:
    """Growth of one by growth of the other; 0 where that did not grow, or a counter was reset."""
    over = later[1] - earlier[1]
    return max(0.0, later[0] - earlier[0]) / over if over > 0 else 0.0


def _relative(difference: float, *values: float) -> float:
    most = max(map(abs, values))
    return min(1.0, difference / most) if most > 0 else 0.0


def _other(name: str, names: Collection[str], types: Mapping[str, str], selector: str, window: int) -> Other | None:
    """How to ask for one metric; None for one that can't be summed up, or is a part of another."""
    if name.endswith("_sum") and (base := name.removesuffix("_sum")) + "_count" in names:
        # The mean of a histogram or a summary: the parts alone say little.
        total, number = (f"sum(rate({series(base + part, selector)}[{window}s]))" for part in ("_sum", "_count"))
        return Other(base, Naming(base, "avg", unit(base)), f"{total} / ({number} > 0)")
    if name.endswith("_count") and name.removesuffix("_count") + "_sum" in names:
        return None
    kind = types.get(name) or types.get(name.removesuffix("_total"), "")
    if f"{name}_count" in names or kind in ("histogram", "summary"):
        return None
    if name.endswith(("_total", "_count")) or kind == "counter":
        return Other(name, Naming(name, "rate", rate_unit(name)), f"sum(rate({series(name, selector)}[{window}s]))")
    return Other(name, Naming(name, "avg", unit(name)), "")


def unit(name: str) -> str:
    """The unit that a gauge's name ends with (prometheus.io/docs/practices/naming); 'count' where it names none."""
    for suffix, told in (("_seconds", "s"), ("_bytes", "bytes"), ("_ratio", "ratio"), ("_percent", "percent")):
        if name.endswith(suffix):
            return told
    return "count"


def rate_unit(name: str) -> str:
    """The unit of a counter's rate."""
    told = unit(name.removesuffix("_total"))
    return "1/s" if told == "count" else f"{told}/s"


def queries(chosen: Sequence[Other], selector: str) -> Iterator[Query]:
    """Several metrics a query: one query each would be fifty."""
    gauges = [o for o in chosen if not o.expr]
    for number, some in enumerate(_parts(gauges, GAUGES_A_QUERY)):
        expr = f"avg by (__name__) ({series('', one_of('__name__', [o.name for o in some]), selector)})"
        yield _query(f"other_gauges_{number}", expr, some)
    counted = [o for o in chosen if o.expr]
    for number, some in enumerate(_parts(counted, COUNTERS_A_QUERY)):
        expr = " or ".join(f'label_replace({o.expr}, "{NAMED}", {quote(o.name)}, "", "")' for o in some)
        yield _query(f"other_rates_{number}", expr, some)


def _parts(others: Sequence[Other], size: int) -> Iterator[Sequence[Other]]:
    for start in range(0, len(others), size):
        yield others[start : start + size]


def _query(name: str, expr: str, some: Sequence[Other]) -> Query:
    return Query(name, "other", "avg", "count", expr, named={o.name: o.naming for o in some})
