"""One question in PromQL, answered as of one moment.

Source: prometheus.io/docs/prometheus/latest/querying/api/#instant-queries and #expression-query-result-formats
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from collectors.prometheus.client import Client
from collectors.prometheus.settings import NAME
from collectors.prometheus.troubles import gap, partial
from gather_diagnostics import Answer, Gap, Request, questions
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES, MalformedError
from gather_diagnostics.model import Cell

VALUE = "value"
"""The column of the samples' values; all others are labels."""
_LABEL = "{} (label)"
"""Column of a label that is called like that one."""


def answers(client: Client, request: Request, query: str) -> Iterator[Answer | Gap]:
    """The answer as of `request.asked`, on the server's clock; gaps for what it warns of."""
    if not query.strip():
        yield questions.refused(NAME, query, "it is empty", "give an expression of PromQL, e.g. up")
        return
    try:
        there = request
        found = client.instant(query, _seconds(there))
        if (there := asked_on(request, client.skew)) != request:
            found = client.instant(query, _seconds(there))
        yield shaped(found, query, page(client.url, query, there.asked))
    except TROUBLES as error:
        yield gap(error, questions.wanted(query), client.url)
    yield from partial(client.warned, client.url)


def _seconds(request: Request) -> int:
    return int(request.asked.timestamp())


def shaped(found: Sequence[Any], query: str, ref: str) -> Answer | Gap:
    """A vector or scalar as labels and value, in the server's order. Pure; raises MalformedError."""
    if found and not isinstance(found[0], Mapping):
        return questions.answer([VALUE], [[_value(found)]], ref)  # a scalar or string is the sample itself
    if any(isinstance(one, Mapping) and "values" in one for one in found):
        why = "it gives samples over time (a range vector), and a single moment is asked for"
        return questions.refused(NAME, query, why, "put rate(), increase() or last_over_time() around it")
    labels = [_labels(one) for one in found]
    names = list(dict.fromkeys(name for its in labels for name in its))
    rows = ((*(its.get(n) for n in names), _value(one.get("value"))) for its, one in zip(labels, found, strict=True))
    return questions.answer([*(_LABEL.format(n) if n == VALUE else n for n in names), VALUE], rows, ref)


def _labels(one: Any) -> dict[str, str]:
    if not isinstance(one, Mapping) or not isinstance(one.get("metric"), Mapping):
        raise MalformedError("a series in the answer has no labels")
    return {str(name): str(value) for name, value in one["metric"].items()}


def _value(sample: Any) -> Cell:
    """The number; NaN, infinities and strings as they are written; None for a native histogram."""
    if sample is None:
        return None
    try:
        _, text = sample
    except (TypeError, ValueError) as error:
        raise MalformedError(f"a sample is not a pair of time and value: {str(sample)[:60]}") from error
    try:
        number = float(text)
    except (TypeError, ValueError):
        return str(text)
    if not math.isfinite(number):
        return str(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def page(base: str, query: str, at: datetime) -> str:
    """A page of that Prometheus with the same question at the same moment (UTC)."""
    shown = {"g0.expr": query, "g0.tab": "1", "g0.moment_input": f"{at:%Y-%m-%d %H:%M:%S}"}
    return f"{base}/graph?{urlencode(shown)}"
