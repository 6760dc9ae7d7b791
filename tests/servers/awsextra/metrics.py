"""CloudWatch's GetMetricData and GetMetricStatistics, from what PutMetricData or `put_metric` stored in moto.

Chosen where AWS's documents leave it open: GetMetricData's periods begin at multiples of the period, those of
GetMetricStatistics at StartTime; a page of GetMetricData fills up query by query. Datapoints do not age.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum, cloudwatch_backends
from servers.awsextra.expressions import Context, evaluate
from servers.awsextra.searches import Series
from servers.awsextra.state import ACCOUNT, State, answers, helper
from servers.awsextra.statistics import Bucket, Data, bucketed
from servers.awsextra.wire import AwsError, Call

PAGE = 100_800
MOST_QUERIES = 500
MOST_STATISTICS = 1440
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")


@helper
def put_metric(
    state: State,
    region: str,
    namespace: str,
    name: str,
    points: Sequence[tuple[datetime, float | list[float]]],
    dimensions: Mapping[str, str],
    unit: str,
) -> None:
    """Like PutMetricData, for any time and without its limits."""
    pairs = [{"Name": key, "Value": value} for key, value in dimensions.items()]
    store = cloudwatch_backends[ACCOUNT][region].metric_data
    for when, value in points:
        naive = when.astimezone(UTC).replace(tzinfo=None)
        values = value if isinstance(value, list) else [value]
        store.extend(MetricDatum(namespace, name, float(v), pairs, naive, unit) for v in values)


def stored(region: str, namespace: str, name: str, dimensions: Mapping[str, str], unit: str | None) -> Data:
    """The datapoints of exactly this metric: dimensions are part of its name."""
    for datum in cloudwatch_backends[ACCOUNT][region].get_all_metrics():
        if (datum.namespace, datum.name) != (namespace, name) or (unit and datum.unit != unit):
            continue
        if {d.name: d.value for d in datum.dimensions} == dimensions:
            assert isinstance(datum, MetricDatum | MetricAggregatedDatum)
            yield datum


def named(dimensions: Iterable[Mapping[str, str]] | None) -> dict[str, str]:
    return {d["Name"]: d["Value"] for d in dimensions or ()}


@answers("cloudwatch", "GetMetricStatistics")
def get_metric_statistics(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    plain, extended = p.get("Statistics") or [], p.get("ExtendedStatistics") or []
    if bool(plain) == bool(extended):
        raise AwsError("InvalidParameterCombination", "Must specify either Statistics or ExtendedStatistics, not both")
    start, end = _window(p, "InvalidParameterValue")
    asked = (end - start) // p["Period"]
    if asked > MOST_STATISTICS:
        message = f"You have requested up to {asked:,} datapoints, which exceeds the limit of {MOST_STATISTICS:,}."
        raise AwsError("InvalidParameterCombination", message)
    data = stored(call.region, p["Namespace"], p["MetricName"], named(p.get("Dimensions")), p.get("Unit"))
    points = [_datapoint(when, b, plain, extended) for when, b in bucketed(data, start, end, p["Period"]).items()]
    # AWS promises no order; this one is deterministic and not by time.
    points.sort(key=lambda point: int(point["Timestamp"].timestamp()) * 2_654_435_761 % 2**32)
    return {"Label": p["MetricName"], "Datapoints": points}


def _datapoint(when: int, bucket: Bucket, plain: Sequence[str], extended: Sequence[str]) -> dict[str, Any]:
    point: dict[str, Any] = {"Timestamp": datetime.fromtimestamp(when, UTC), "Unit": bucket.unit or "None"}
    point |= {statistic: bucket.get(statistic) for statistic in plain}
    found = {statistic: bucket.get(statistic) for statistic in extended}
    known = {statistic: value for statistic, value in found.items() if value is not None}
    return point | ({"ExtendedStatistics": known} if known else {})


@answers("cloudwatch", "GetMetricData")
def get_metric_data(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    if p.get("NextToken"):
        if p["NextToken"] not in state.pages:
            raise AwsError("InvalidNextToken", "The value for parameter NextToken is invalid.")
        remaining = state.pages[p["NextToken"]]
    else:
        remaining = _results(call)
    page, rest = _page(remaining, p.get("MaxDatapoints") or PAGE)
    answer: dict[str, Any] = {"MetricDataResults": page, "Messages": []}
    if rest:
        answer["NextToken"] = str(uuid.uuid4())
        state.pages[answer["NextToken"]] = rest
    return answer


def _results(call: Call) -> list[dict[str, Any]]:
    p = call.params
    queries = {query["Id"]: query for query in p["MetricDataQueries"]}
    _refuse_bad(p["MetricDataQueries"], queries)
    start, end = _window(p, "ValidationError")
    context = Context(queries, lambda stat: _series(call.region, stat, start, end), lambda: _known(call.region))
    results = []
    for name, query in queries.items():
        found = evaluate(context, name)
        if query.get("ReturnData", True):
            ascending = p.get("ScanBy") == "TimestampAscending"
            results += [_result(name, query, series, ascending) for series in found]
    return results


def _refuse_bad(given: Sequence[Mapping[str, Any]], queries: Mapping[str, Mapping[str, Any]]) -> None:
    if len(given) > MOST_QUERIES:
        raise AwsError("ValidationError", f"The collection MetricDataQueries must not have more than {MOST_QUERIES}.")
    if len(queries) != len(given):
        raise AwsError("ValidationError", "The values for parameter id in MetricDataQueries are not unique.")
    for name, query in queries.items():
        if not _ID.fullmatch(name):
            raise AwsError("ValidationError", f"The value {name} for parameter MetricDataQueries.Id is not matching.")
        if ("MetricStat" in query) == ("Expression" in query):
            raise AwsError("ValidationError", f"The query {name} must have either MetricStat or Expression.")
        period = query.get("MetricStat", {}).get("Period", 60)
        if period not in (1, 5, 10, 20, 30) and (period <= 0 or period % 60):
            raise AwsError("ValidationError", f"The value {period} for parameter Period is not a multiple of 60.")


def _window(p: Mapping[str, Any], code: str) -> tuple[int, int]:
    start, end = int(p["StartTime"].timestamp()), int(p["EndTime"].timestamp())
    if start >= end:
        raise AwsError(code, "The parameter StartTime must be less than the parameter EndTime.")
    return start, end


def _series(region: str, stat: Mapping[str, Any], start: int, end: int) -> Series:
    metric, period, statistic = stat["Metric"], stat["Period"], stat["Stat"]
    dimensions = named(metric.get("Dimensions"))
    data = stored(region, metric["Namespace"], metric["MetricName"], dimensions, stat.get("Unit"))
    Bucket().get(statistic)  # refuses a statistic that does not exist, with or without data
    buckets = bucketed(data, start // period * period, end, period)
    points = {when: value for when, b in buckets.items() if (value := b.get(statistic)) is not None}
    properties = {"Namespace": metric["Namespace"], "MetricName": metric["MetricName"], "Stat": statistic}
    properties |= {"Period": str(period)} | {f"Dim.{name}": value for name, value in dimensions.items()}
    return Series(points, period, metric["MetricName"], properties)


def _known(region: str) -> set[tuple[str, str, tuple[tuple[str, str], ...]]]:
    """(namespace, name, sorted dimensions) of every metric."""
    data = cloudwatch_backends[ACCOUNT][region].get_all_metrics()
    return {(d.namespace, d.name, tuple(sorted((str(x.name), str(x.value)) for x in d.dimensions))) for d in data}


def _result(name: str, query: Mapping[str, Any], series: Series, ascending: bool) -> dict[str, Any]:
    points = sorted(series.points.items(), reverse=not ascending)
    return {
        "Id": name,
        "Label": series.labelled(query.get("Label")),
        "Timestamps": [datetime.fromtimestamp(when, UTC) for when, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete",
    }


def _page(results: list[dict[str, Any]], room: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(this page, what follows); a result that goes on is PartialData."""
    page: list[dict[str, Any]] = []
    for number, result in enumerate(results):
        size = len(result["Values"])
        if size <= room:
            page.append(result)
            room -= size
            continue
        if room:
            page.append(_part(result, 0, room) | {"StatusCode": "PartialData"})
        return page, [_part(result, room, size), *results[number + 1 :]]
    return page, []


def _part(result: dict[str, Any], start: int, end: int) -> dict[str, Any]:
    return result | {key: result[key][start:end] for key in ("Timestamps", "Values")}
