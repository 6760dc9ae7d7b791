"""Statistics of datapoints in periods, as CloudWatch defines them.

A percentile interpolates linearly between ranks (AWS does not say how it does). A statistic set has percentiles only
where all of its samples are equal: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatum
from servers.awsextra.wire import AwsError

_ORDERED = re.compile(r"(p|tm)(\d{1,2}(?:\.\d{1,10})?|100)")
PLAIN = ("Average", "Sum", "Minimum", "Maximum", "SampleCount")

Data = Iterable[MetricDatum | MetricAggregatedDatum]


@dataclass
class Bucket:
    """What fell into one period."""

    values: list[float] = field(default_factory=list)
    count: float = 0
    total: float = 0
    low: float = float("inf")
    high: float = float("-inf")
    opaque: bool = False
    """A statistic set of unequal samples is in it: no percentiles."""
    unit: str | None = None

    def add(self, datum: MetricDatum | MetricAggregatedDatum) -> None:
        self.unit = datum.unit
        if isinstance(datum, MetricDatum):
            count, total, low, high = 1.0, datum.value, datum.value, datum.value
        else:
            count, total, low, high = datum.sample_count, datum.sum, datum.min, datum.max
        self.opaque |= low != high
        self.values += [low] * int(count) if low == high else []
        self.count, self.total = self.count + count, self.total + total
        self.low, self.high = min(self.low, low), max(self.high, high)

    def get(self, statistic: str) -> float | None:
        """None where the datapoints don't allow it. Raises AwsError for a statistic that does not exist."""
        if statistic in PLAIN:
            average = self.total / self.count if self.count else None
            return dict(zip(PLAIN, (average, self.total, self.low, self.high, self.count), strict=True))[statistic]
        found = _ORDERED.fullmatch(statistic)
        if not found:
            raise AwsError("ValidationError", f"The value {statistic} for parameter Stat is not supported.")
        if self.opaque or not self.values:
            return None
        ordered, share = sorted(self.values), float(found[2]) / 100
        return percentile(ordered, share) if found[1] == "p" else trimmed_mean(ordered, share)


def percentile(ordered: list[float], share: float) -> float:
    """Between the closest ranks, linearly."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def trimmed_mean(ordered: list[float], share: float) -> float:
    """Mean of the lowest `share` of the samples, at least one."""
    kept = ordered[: max(1, round(share * len(ordered)))]
    return sum(kept) / len(kept)


def seconds(datum: Any) -> float:
    """Unix time of a datum; moto keeps naive UTC, or aware times where a client sent an offset."""
    when = datum.timestamp
    return float((when.replace(tzinfo=UTC) if when.tzinfo is None else when).timestamp())


def bucketed(data: Data, start: int, end: float, period: int) -> Mapping[int, Bucket]:
    """Start of the period (Unix seconds; periods begin at `start`) to what fell into it; empty ones are left out."""
    found: dict[int, Bucket] = {}
    for datum in data:
        when = seconds(datum)
        if start <= when < end:
            found.setdefault(start + int(when - start) // period * period, Bucket()).add(datum)
    return dict(sorted(found.items()))
