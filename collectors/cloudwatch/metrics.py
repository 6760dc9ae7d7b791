"""Reads metrics with GetMetricData: many series a call, the request's windows one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collectors.cloudwatch import metricrows, spans
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.metricrows import Place, Samples, Series
from collectors.cloudwatch.resources import Resource
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.spans import Span
from collectors.cloudwatch.troubles import CallError, cut, gap
from gather_diagnostics import Gap, Request, Rows

MOST_QUERIES = 500
"""In one GetMetricData call: AWS's limit."""

Answers = dict[Series, Samples]


def read(
    api: Api, settings: CloudWatchSettings, request: Request, resources: Sequence[Resource]
) -> Iterator[Rows | Gap]:
    """Rows of the resources and of the configured metrics: baseline and incident first, then the seasons."""
    own = [metricrows.custom(m, request.service) for m in settings.metrics]
    at = metricrows.place(request.service, api.region, request.asked, resources)
    ordered = sorted(resources, key=lambda r: r.order)
    windows = [*spans.merge((request.baseline, request.incident)), *request.seasonal]
    for span in (spans.span(w, request.asked, settings.period_seconds) for w in windows):
        # The user's own go apart: a mistake in them makes AWS refuse the whole call.
        for part in (*batches(ordered), *batches(own)):
            hopeless = yield from _part(api, part, at, span)
            if hopeless:
                return


def batches(resources: Sequence[Resource]) -> Iterator[list[Resource]]:
    """Resources whose series fit into one call; a resource is never split."""
    batch: list[Resource] = []
    size = 0
    for resource in resources:
        more = len(set(metricrows.needed(resource)))
        if batch and size + more > MOST_QUERIES:
            yield batch
            batch, size = [], 0
        batch.append(resource)
        size += more
    if batch:
        yield batch


def _part(api: Api, part: Sequence[Resource], at: Place, span: Span) -> Any:
    """Yields rows and gaps; returns True when asking on is useless."""
    series = list(dict.fromkeys(s for r in part for s in metricrows.needed(r)))
    answers: Answers = {}
    stop = yield from _ask(api, series, span, answers)
    for resource in part:
        if rows := list(metricrows.rows(resource, answers, at, span)):
            yield Rows("metrics", rows)
    return stop


def _ask(api: Api, series: Sequence[Series], span: Span, into: Answers) -> Any:
    """Fill `into`; what AWS refuses as invalid is halved until the one at fault stands alone. Yields gaps."""
    try:
        yield from answered(api, series, span, into)
    except CallError as error:
        if error.code in ("ValidationError", "InvalidParameterValue", "InvalidParameterCombination"):
            if len(series) > 1:
                middle = len(series) // 2
                first = yield from _ask(api, series[:middle], span, into)
                return first or (yield from _ask(api, series[middle:], span, into))
            yield gap(error, _wanted(series))
            return False
        yield gap(error, _wanted(series))
        return error.useless
    return False


def answered(api: Api, series: Sequence[Series], span: Span, into: Answers) -> Iterator[Gap]:
    """One call, all its pages. Raises CallError."""
    queries = [metricrows.query(n, s, span.period) for n, s in enumerate(series)]
    asked = {"MetricDataQueries": queries, "StartTime": span.start, "EndTime": span.end}
    by_id = {f"q{n}": s for n, s in enumerate(series)}
    status: dict[str, Mapping[str, Any]] = {}
    for page in api.pages("cloudwatch", "get_metric_data", ScanBy="TimestampAscending", **asked):
        for result in page.get("MetricDataResults") or ():
            if (one := by_id.get(str(result.get("Id")))) is not None:
                into.setdefault(one, {}).update(metricrows.samples(result, span))
                status[str(result["Id"])] = result
    for id_, last in status.items():
        if last.get("StatusCode", "Complete") != "Complete":
            yield _incomplete(by_id[id_], last)


def _incomplete(series: Series, result: Mapping[str, Any]) -> Gap:
    said = "; ".join(str(m.get("Value", "")) for m in result.get("Messages") or ())
    why = (
        f"CloudWatch answers {result['StatusCode']} for {series.name} ({series.statistic}): {cut(said) or 'no reason'}"
    )
    return Gap(NAME, _wanted([series]), "invalid", why, "try again, or with a larger sources.cloudwatch.period_seconds")


def _wanted(series: Sequence[Series]) -> str:
    first = series[0]
    more = f" and {len(series) - 1} more series" if len(series) > 1 else ""
    return f"{first.statistic} of {first.namespace} {first.name}{more}"
