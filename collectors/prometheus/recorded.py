"""Recording rules that keep a latency or an error ratio of the service: what its people look at themselves. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from collectors.prometheus.promql import series
from collectors.prometheus.queries import Query

MOST = 10
"""Rules read."""

_LATENCY = re.compile(r"latency|duration|response_?time", re.IGNORECASE)
_PERCENTILE = re.compile(
    r"(?:^|[:_])p(50|95|99)(?:[:_]|$)|(?:^|[:_])(50|95|99)(?:th|pct|p|percentile|quantile)(?:[:_]|$)"
)
_ERRORS = re.compile(r"error|fail|5xx", re.IGNORECASE)
# 'errors:rate5m' is errors a second; 'error_rate' is what people call the ratio.
_RATIO = re.compile(r"ratio|percent|error_rate(?!:)|per_request|share", re.IGNORECASE)
_UNITS = ((r"_?(ms|millis|milliseconds)([:_]|$)", 1000), (r"_?(us|micros|microseconds)([:_]|$)", 1_000_000))


def names_of(groups: Iterable[Any]) -> Iterator[str]:
    """Names of the recording rules in what /api/v1/rules answered. Whatever is no rule is passed over."""
    for group in groups:
        rules = group.get("rules") if isinstance(group, Mapping) else None
        for rule in rules if isinstance(rules, list) else ():
            if isinstance(rule, Mapping) and rule.get("type") == "recording" and isinstance(rule.get("name"), str):
                yield rule["name"]


def queries(
    rules: Iterable[str], names: Collection[str], service: str, selector: str, have: Collection[tuple[str, str]]
) -> Sequence[Query]:
    """Queries for the rules that measure what nothing else does.

    `names` are the metrics that have the service's label (of these, one with a colon is a rule by convention), `have`
    what is measured already: (metric, stat). A rule without the label is its own when it has the service in its name.
    """
    told: dict[tuple[str, str], Query] = {}
    for rule in sorted({*rules, *(n for n in names if ":" in n)}):
        made = series(rule, selector) if rule in names else rule if _named_after(rule, service) else ""
        query = _query(rule, made) if made else None
        if query and (query.metric, query.stat) not in have:
            told.setdefault((query.metric, query.stat), query)
    return list(told.values())[:MOST]


def _named_after(rule: str, service: str) -> bool:
    own = re.escape(re.sub(r"[^a-zA-Z0-9_]", "_", service))
    return bool(re.search(rf"(^|:){own}(:|_|$)", rule)) and bool(re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", rule))


def _query(rule: str, selected: str) -> Query | None:
    if _ERRORS.search(rule) and _RATIO.search(rule):
        expr = f"max({selected}){' / 100' if 'percent' in rule.lower() else ''}"
        return Query("recorded_error_rate", "error_rate", "ratio", "ratio", expr, whole=True)
    if _LATENCY.search(rule):
        found = _PERCENTILE.search(rule)
        stat = f"p{next(g for g in found.groups() if g)}" if found else "avg"
        scale = next((f" / {by}" for pattern, by in _UNITS if re.search(pattern, rule)), "")
        return Query(f"recorded_latency_{stat}", "latency", stat, "s", f"max({selected}){scale}", whole=True)
    return None
