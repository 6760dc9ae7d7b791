"""Answers turned into rows, links and raw records. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from collectors.prometheus.families import COLUMNS
from collectors.prometheus.queries import NAMED, Query
from collectors.prometheus.spans import Span
from gather_diagnostics import Raw
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.http.records import MOST_RAW, lines

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rows(query: Query, answer: Sequence[Any], service: str, ref: str, span: Span) -> Iterator[dict[str, Any]]:
    """Rows of the metrics table from the `result` of a range query (resultType matrix).

    NaN and infinite values are dropped, and so are samples outside the span. Raises MalformedError.
    Source: prometheus.io/docs/prometheus/latest/querying/api/#range-queries
    """
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("metric"), Mapping):
            raise MalformedError("a series in the answer has no labels")
        same = _same(query, one["metric"]) | {"service": service, "ref": ref}
        for seconds, value in samples(one):
            if span.start <= seconds <= span.end:
                yield {"time": _EPOCH + timedelta(seconds=seconds), "value": value, **same}


def _same(query: Query, labels: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that all samples of a series share."""
    name, naming = query.naming(labels)
    same = columns(labels) | {"metric": naming.metric, "stat": naming.stat, "unit": naming.unit}
    if name and name != naming.metric:
        same["labels"] = same.get("labels", {}) | {"name": name}
    return same


def samples(one: Mapping[str, Any]) -> Iterator[tuple[float, float]]:
    """(Unix seconds, value) of a series; finite ones. Raises MalformedError."""
    values = one.get("values", ())
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise MalformedError("the samples of a series are not a list")
    for sample in values:
        try:
            time, text = sample
            seconds, value = float(time), float(text)
        except (TypeError, ValueError) as error:
            raise MalformedError(f"a sample is not a pair of time and value: {str(sample)[:60]}") from error
        if math.isfinite(value) and math.isfinite(seconds):
            yield seconds, value


def single(answer: Sequence[Any]) -> float:
    """The value of an instant query's only sample; NaN where there is none."""
    try:
        return float(answer[0]["value"][1])
    except (IndexError, KeyError, TypeError, ValueError):
        return math.nan


def label_values(answer: Sequence[Any], label: str) -> Iterator[str]:
    """The values of one label in the answer to an instant query."""
    for one in answer:
        labels = one.get("metric") if isinstance(one, Mapping) else None
        if isinstance(labels, Mapping) and labels.get(label):
            yield str(labels[label])


def numbers(answer: Sequence[Any], label: str) -> dict[str, float]:
    """The finite values of an instant query's samples, by one label."""
    found = {}
    for one in answer:
        name = next(label_values([one], label), "")
        value = single([one])
        if name and math.isfinite(value):
            found[name] = value
    return found


def columns(labels: Mapping[str, Any]) -> dict[str, Any]:
    """Labels as columns: endpoint, instance and version where a usual label says so, the rest in `labels`."""
    rest = {str(k): str(v) for k, v in labels.items() if k not in ("__name__", NAMED)}
    made: dict[str, Any] = {}
    for column, names in COLUMNS:
        if label := next((n for n in names if rest.get(n)), ""):
            made[column] = rest.pop(label)
    return made | ({"labels": rest} if rest else {})


def order(one: Any) -> str:
    """A sort key by labels, so that equal answers are kept and cut alike."""
    return json.dumps(one.get("metric") if isinstance(one, Mapping) else one, sort_keys=True)


def graph_url(base: str, expr: str, span: Span) -> str:
    """A page of that Prometheus which draws the query over the span."""
    shown = {
        "g0.expr": expr,
        "g0.tab": "0",
        "g0.range_input": f"{max(span.end - span.start, span.step)}s",
        "g0.end_input": f"{span.last:%Y-%m-%d %H:%M:%S}",
    }
    return f"{base}/graph?{urlencode(shown)}"


def raw(name: str, query: Query, span: Span, answer: Sequence[Any]) -> Raw:
    """The answer as text, series by series up to MOST_RAW characters; `left_out` counts the others."""
    kept = lines(answer, MOST_RAW)
    asked = {"expr": query.expr, "start": span.first.isoformat(), "end": span.last.isoformat(), "step": span.step}
    head = json.dumps(asked | {"left_out": len(answer) - len(kept)}, ensure_ascii=False)
    series = ",\n".join(kept)
    return Raw(name, f'{head[:-1]}, "answer": [\n{series}\n]}}\n')
