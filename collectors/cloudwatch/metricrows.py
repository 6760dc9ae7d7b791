"""Queries for GetMetricData, and its answers as rows of the metrics table. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.cloudwatch import links
from collectors.cloudwatch.catalogue import Family, Measure
from collectors.cloudwatch.resources import Dimensions, Resource, speaker
from collectors.cloudwatch.settings import CustomMetric
from collectors.cloudwatch.spans import Span

Samples = dict[datetime, float]
"""Start of the period (UTC) to value; finite ones."""


@dataclass(frozen=True, slots=True)
class Series:
    """What GetMetricData is asked for, once however many measures need it."""

    namespace: str
    name: str
    dimensions: Dimensions
    statistic: str


def needed(resource: Resource) -> Iterator[Series]:
    """The series of a resource's measures; a ratio needs two."""
    for measure in resource.family.measures:
        yield _series(resource, measure.name, measure.statistic)
        if measure.over:
            yield _series(resource, measure.over, "Sum")


def _series(resource: Resource, name: str, statistic: str) -> Series:
    return Series(resource.family.namespace, name, resource.dimensions, statistic)


def query(number: int, series: Series, period: int) -> dict[str, Any]:
    """One MetricDataQuery; its id is q<number>."""
    dimensions = [{"Name": k, "Value": v} for k, v in series.dimensions]
    metric = {"Namespace": series.namespace, "MetricName": series.name, "Dimensions": dimensions}
    return {"Id": f"q{number}", "MetricStat": {"Metric": metric, "Period": period, "Stat": series.statistic}}


def samples(result: Mapping[str, Any], span: Span) -> Samples:
    """The samples of one MetricDataResult that lie in the span."""
    pairs = zip(result.get("Timestamps") or (), result.get("Values") or (), strict=False)
    return {
        time.astimezone(UTC): float(value)
        for time, value in pairs
        if math.isfinite(value) and span.start <= time < span.end
    }


@dataclass(frozen=True, slots=True)
class Place:
    """What rows of one request and region have in common."""

    service: str
    region: str
    asked: datetime
    """A period that ends later is not over: its sum is too small."""
    leading: frozenset[tuple[str, str]]
    """(kind, name) of the resources that speak for the whole service."""


def place(service: str, region: str, asked: datetime, resources: Sequence[Resource]) -> Place:
    """Of those that take requests one speaks for the service; of each other kind, the best fitting."""
    leading: dict[str, Resource] = {}
    for resource in sorted(resources, key=lambda r: r.order):
        if not resource.family.serves and not resource.family.called:
            leading.setdefault(resource.family.title, resource)
    chosen = [*leading.values(), *(s for s in [speaker(resources)] if s)]
    return Place(service, region, asked, frozenset((r.family.title, r.name) for r in chosen))


def rows(resource: Resource, answers: Mapping[Series, Samples], at: Place, span: Span) -> Iterator[dict[str, Any]]:
    """Rows of one resource from the samples of its series."""
    columns = place_columns(resource, at)
    for measure in resource.family.measures:
        values = measured(measure, resource, answers, span, at.asked)
        if values:
            asked = [measure.name, measure.over] if measure.over else [measure.name]
            family, dims = resource.family, resource.dimensions
            ref = links.metric(at.region, family.namespace, asked, dims, measure.statistic, span)
            same = columns | {"metric": measure.metric, "stat": measure.stat, "unit": measure.unit, "ref": ref}
            yield from ({"time": time, "value": value, **same} for time, value in sorted(values.items()))


def measured(
    measure: Measure, resource: Resource, answers: Mapping[Series, Samples], span: Span, asked: datetime
) -> Samples:
    """The values of one measure, in its unit."""
    found = answers.get(_series(resource, measure.name, measure.statistic), {})
    whole = timedelta(seconds=span.period)
    if measure.over:
        totals = answers.get(_series(resource, measure.over, "Sum"), {})
        # AWS writes no sample where nothing failed.
        return {t: found.get(t, 0.0) / n for t, n in totals.items() if n > 0 and t + whole <= asked}
    if measure.per_second:
        return {t: v / span.period * measure.scale for t, v in found.items() if t + whole <= asked}
    return {t: v * measure.scale for t, v in found.items()}


def place_columns(resource: Resource, at: Place) -> dict[str, Any]:
    """The columns that say what was measured: the service, one of its parts, or something it calls."""
    given = dict(resource.dimensions)
    family = resource.family
    columns: dict[str, Any] = {"service": at.service}
    labels = {"namespace": family.namespace, "region": at.region, **given}
    if endpoint := " ".join(given[d] for d in family.endpoint if d in given):
        columns["endpoint"] = endpoint
    if family.version in given:
        columns["version"] = given[family.version]
    if family.called:
        columns |= {"caller": at.service, "callee": f"{family.called}/{resource.name}", "instance": resource.name}
    elif not leads(resource, at):
        columns["instance"] = resource.name
    return columns | {"labels": labels}


def leads(resource: Resource, at: Place) -> bool:
    """True for what speaks for the service, or is a part of it."""
    return resource.family.title == CUSTOM or (resource.family.title, resource.name) in at.leading


CUSTOM = "custom metric"


def custom(metric: CustomMetric, service: str) -> Resource:
    """A metric of the user's own as a resource of its own kind."""
    dimensions = tuple(sorted((k, v.replace("{service}", service)) for k, v in metric.dimensions.items()))
    name = metric.metric_name.replace("{service}", service)
    measures = tuple(
        Measure(name, s, metric.name, metric.unit, metric.scale, per_second=s == "Sum" and metric.unit == "1/s")
        for s in metric.stats
    )
    namespace = metric.namespace.replace("{service}", service)
    return Resource(Family(CUSTOM, namespace, name, (), measures, "", ""), dimensions, 0)
