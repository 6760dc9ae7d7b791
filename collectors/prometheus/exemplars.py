"""Traces of the slowest requests, out of exemplars. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from collectors.prometheus.discovery import Found
from collectors.prometheus.promql import series
from collectors.prometheus.shape import columns
from gather_diagnostics.http.errors import MalformedError

WORST = 20
"""Exemplars kept."""
TRACE_LABELS = ("trace_id", "traceID", "traceId", "TraceID")


def query(found: Found) -> str:
    """The series whose exemplars are asked for."""
    return series(f"{found.name}_bucket" if found.kind == "histogram" else found.name, found.selector)


def rows(answer: Sequence[Any], per_second: int, service: str, ref: str) -> list[dict[str, Any]]:
    """Rows of the metrics table, metric latency, stat exemplar, trace id in labels: the WORST, slowest first.

    Raises MalformedError. Source: prometheus.io/docs/prometheus/latest/querying/api/#querying-exemplars
    """
    found = [row for one in answer for row in _of(one, per_second, service, ref)]
    # The same request may stand in several buckets' exemplars.
    once = {(row["labels"]["trace_id"], row["time"]): row for row in found}
    return sorted(once.values(), key=lambda r: (-r["value"], r["labels"]["trace_id"]))[:WORST]


def _of(one: Any, per_second: int, service: str, ref: str) -> Iterator[dict[str, Any]]:
    try:
        labels = {k: v for k, v in one["seriesLabels"].items() if k != "le"}
        for exemplar in one["exemplars"]:
            its: Mapping[str, Any] = exemplar["labels"]
            trace = next((str(its[label]) for label in TRACE_LABELS if its.get(label)), "")
            value, time = float(exemplar["value"]) / per_second, float(exemplar["timestamp"])
            if trace and math.isfinite(value):
                made = columns(labels)
                made["labels"] = made.get("labels", {}) | {"trace_id": trace}
                told = {"metric": "latency", "stat": "exemplar", "unit": "s", "service": service, "ref": ref}
                yield made | told | {"time": datetime.fromtimestamp(time, UTC), "value": value}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise MalformedError(f"an exemplar is not as it should be: {error}") from error
