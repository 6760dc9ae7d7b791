"""Single questions to Prometheus: a real one, and a stub for what a real one says seldom."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import NOW
from servers.prometheus import hanging, openmetrics, prometheus, saying, stub

from collectors.prometheus import Prometheus, question
from gather_diagnostics import Answer, Gap, Request, questions
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.http.querytext import equals

MakeRequest = Callable[..., Request]
ODD = 'checkout"} or vector(666) or up{x="\\'
"""A service's name that wants to be more than a name."""


def ask(request: Request, url: str, query: str, **settings: Any) -> list[Answer | Gap]:
    return list(Prometheus(Prometheus.Settings(url=url, **settings)).ask(request, query))


def answered(request: Request, url: str, query: str) -> Answer:
    (found,) = ask(request, url, query)
    assert isinstance(found, Answer), found
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Requests of two pods, one a second each and two from 03:10 on; a gauge of 300 shards."""
    times = [(NOW - timedelta(minutes=30)).timestamp() + 15 * n for n in range(120)]
    faster = (NOW - timedelta(minutes=10)).timestamp()
    counted = [(t, t - times[0] + max(0.0, t - faster)) for t in times]
    pods = [("requests_total", {"service": "checkout", "pod": pod}, counted) for pod in ("a", "b")]
    named = [("requests_total", {"service": ODD.replace("\\", "\\\\").replace('"', '\\"'), "pod": "odd"}, counted)]
    shards = [("shards", {"shard": str(n), "value": "v"}, [(t, float(n)) for t in times]) for n in range(300)]
    history = tmp_path_factory.mktemp("history") / "metrics.txt"
    history.write_text(openmetrics({"requests": ("counter", pods + named), "shards": ("gauge", shards)}))
    with prometheus(history) as url:
        yield url


@pytest.mark.slow
def test_a_vector_is_a_table_of_labels_and_values(server: str, make_request: MakeRequest) -> None:
    query = 'sum(rate(requests_total{service="checkout"}[2m])) by (pod)'
    found = answered(make_request(), server, query)
    assert found.columns == ("pod", "value")
    assert sorted(found.rows) == [("a", pytest.approx(2.0)), ("b", pytest.approx(2.0))]
    earlier = answered(make_request(now=NOW - timedelta(minutes=15)), server, query)
    assert sorted(earlier.rows) == [("a", pytest.approx(1.0)), ("b", pytest.approx(1.0))], "as of the moment of asking"
    shown = parse_qs(urlsplit(found.ref).query)
    assert (found.ref.startswith(f"{server}/graph?"), shown["g0.expr"]) == (True, [query])
    assert shown["g0.moment_input"] == ["2026-03-14 03:20:00"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "columns", "rows"),
    [
        ("1 + 1", ("value",), ((2,),)),
        ("1 / 3", ("value",), ((1 / 3,),)),
        ("vector(0) / 0", ("value",), (("NaN",),)),
        ("-1 / vector(0)", ("value",), (("-Inf",),)),
        ('"words"', ("value",), (("words",),)),
        ("nothing_of_that_name", ("value",), ()),
        ('shards{shard="7"}', ("__name__", "shard", "value (label)", "value"), (("shards", "7", "v", 7),)),
        ("topk(2, sum(shards) by (shard))", ("shard", "value"), (("299", 299), ("298", 298))),
    ],
)
def test_answers_of_every_kind(server: str, make_request: MakeRequest, query: str, columns: Any, rows: Any) -> None:
    found = answered(make_request(), server, query)
    assert (found.columns, found.rows) == (columns, rows)


@pytest.mark.slow
def test_long_answers_are_cut(server: str, make_request: MakeRequest) -> None:
    found = answered(make_request(), server, "shards")
    assert (len(found.rows), "there is more" in found.cut) == (questions.MOST_ROWS, True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("sum(", "parse error: unclosed left parenthesis"),
        ("rate(up)", "expected type range vector"),
        ("DROP TABLE x", "parse error: unexpected identifier"),
        ("shards[5m]", "range vector"),
    ],
)
def test_what_is_no_expression_is_refused_in_the_servers_words(
    server: str, make_request: MakeRequest, query: str, words: str
) -> None:
    (gap,) = ask(make_request(), server, query)
    assert isinstance(gap, Gap)
    assert (gap.cause, words in gap.why, gap.wanted) == ("invalid", True, f"the answer to {query}")
    assert gap.mend


@pytest.mark.slow
def test_a_quoted_name_stays_a_name(server: str, make_request: MakeRequest) -> None:
    found = answered(make_request(), server, f"sum(requests_total{{{equals('service', ODD)}}}) by (pod)")
    assert [row[0] for row in found.rows] == ["odd"]


@pytest.mark.parametrize("query", ["", "  \n"])
def test_an_empty_question_is_not_sent(make_request: MakeRequest, query: str) -> None:
    with stub(saying(200, "{}")) as running:
        (gap,) = ask(make_request(), running.url, query)
    assert isinstance(gap, Gap)
    assert (gap.cause, running.paths) == ("invalid", [])


def test_only_one_read_is_sent(make_request: MakeRequest) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}})
    with stub(saying(200, body)) as running:
        ask(
            make_request(),
            running.url,
            f"up{{{equals('service', ODD)}}}&time=0&query=admin",
            bearer_token="t0ken-t0ken",
        )
    (path,) = running.paths
    sent = parse_qs(urlsplit(path).query, strict_parsing=True)
    assert (urlsplit(path).path, sorted(sent)) == ("/api/v1/query", ["query", "time"])
    assert sent["time"] == [str(int(NOW.timestamp()))]
    assert running.headers[0]["Authorization"] == "Bearer t0ken-t0ken"


def test_the_moment_is_one_of_the_servers_clock(make_request: MakeRequest) -> None:
    body = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [0, "1"]}})
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    with stub(saying(200, body, headers={"Date": date})) as running:
        (found,) = ask(make_request(), running.url, "1")
    assert isinstance(found, Answer)
    times = [int(parse_qs(urlsplit(path).query)["time"][0]) - int(NOW.timestamp()) for path in running.paths]
    assert times[0] == 0
    assert times[1:] == [pytest.approx(300, abs=2)]


def test_warnings_come_with_the_answer(make_request: MakeRequest) -> None:
    body = {"status": "success", "warnings": ["store b is away"], "data": {"resultType": "scalar", "result": [0, "1"]}}
    with stub(saying(200, json.dumps(body))) as running:
        found, gap = ask(make_request(), running.url, "1")
    assert isinstance(found, Answer)
    assert isinstance(gap, Gap)
    assert "store b is away" in gap.why


FAULTS = {
    "denied": (saying(401, "no", "text/plain"), "denied"),
    "no prometheus": (saying(200, "<html>hello</html>", "text/html"), "invalid"),
    "odd result": (saying(200, '{"status": "success", "data": {"result": {}}}'), "invalid"),
    "odd series": (saying(200, '{"status": "success", "data": {"result": [{"value": [0, "1"]}]}}'), "invalid"),
    "odd sample": (saying(200, '{"status": "success", "data": {"result": [{"metric": {}, "value": 1}]}}'), "invalid"),
    "silence": (hanging(3), "timeout"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_troubles_are_gaps(make_request: MakeRequest, name: str) -> None:
    does, cause = FAULTS[name]
    with stub(does) as running:
        (gap,) = ask(make_request(source_seconds=1.0), running.url, "up")
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.wanted, bool(gap.mend)) == (cause, "the answer to up", True)


def test_without_an_address_there_is_a_gap(make_request: MakeRequest) -> None:
    (gap,) = ask(make_request(), "", "up")
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"


def test_a_native_histogram_has_no_single_value() -> None:
    found = question.shaped([{"metric": {"le": "x"}, "histogram": [0, {"count": "1"}]}], "h", "")
    assert isinstance(found, Answer)
    assert found.rows == (("x", None),)
    with pytest.raises(MalformedError):
        question.shaped([{"metric": {}}, 7], "h", "")
