"""What the shipped runbooks ask is something that the sources take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from servers.prometheus import prometheus

from collectors.cloudwatch import commands as cloudwatch
from collectors.git import commands as git
from collectors.kubernetes import commands as kubernetes
from collectors.prometheus import Prometheus
from gather_diagnostics import Answer
from gather_diagnostics.response.runbooks import filling, library
from gather_diagnostics.response.runbooks.model import Check, Query, Verify

FACTS = {
    "service": "checkout",
    "namespace": "shop",
    "workload": "deployment/checkout",
    "pod": "checkout-7c9f6d5b8-4kxqz",
    "node": "node-1",
    "commit": "0123abcd",
    "database": "orders",
    "dependency": "payments",
    "queue": "orders",
    "container": "app",
}
PARSERS: dict[str, Callable[[str], object]] = {
    "kubernetes": kubernetes.parse,
    "git": git.parse,
    "cloudwatch": cloudwatch.parse,
}


def asked() -> Iterator[Any]:
    """Every query of a shipped runbook, as (source, text with names filled in)."""
    for book in library.load([]).values():
        for step in book.steps:
            if isinstance(step, Check | Verify) and step.query:
                yield pytest.param(step.query, id=f"{book.id}-{step.id}")


QUERIES = list(asked())


def text(query: Query) -> str:
    filled = filling.query(query, FACTS)
    assert filled.unknown == (), "a name that this test should know"
    return filled.text


@pytest.mark.parametrize("query", [q for q in QUERIES if q.values[0].source in PARSERS])
def test_a_query_is_one_that_its_source_reads(query: Query) -> None:
    assert PARSERS[query.source](text(query))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with prometheus() as url:
        yield url


@pytest.mark.slow
@pytest.mark.parametrize("query", [q for q in QUERIES if q.values[0].source == "prometheus"])
def test_a_query_is_one_that_prometheus_takes(query: Query, server: str, make_request: Any) -> None:
    (found,) = Prometheus(Prometheus.Settings(url=server)).ask(make_request(), text(query))
    assert isinstance(found, Answer), found
