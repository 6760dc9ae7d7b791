"""The Prometheus collector's pure parts: its PromQL, its windows, its shapes.

What the queries answer on a real server is in test_prometheus_live.py.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collectors.prometheus import discovery, others, queries, runs, shape, spans
from gather_diagnostics import Window
from gather_diagnostics.http import querytext
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.tables import to_batch

START = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)


# --- PromQL
@given(st.text())
def test_a_quoted_text_ends_where_it_should(text: str) -> None:
    literal = querytext.quote(text)
    assert re.fullmatch(r'"(?:[^"\\\x00-\x1f]|\\["\\]|\\u[0-9a-f]{4})*"', literal)
    assert re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][1:] else m[1], literal[1:-1]) == text


@given(st.text())
def test_a_literal_pattern_matches_its_text_alone(text: str) -> None:
    assert re.fullmatch(querytext.literally(text), text)
    assert not re.fullmatch(querytext.literally(text), text + "x")


def test_lone_surrogates_can_be_sent() -> None:
    querytext.quote("a\udcffb").encode()


def test_selectors_go_from_the_most_telling_label_on() -> None:
    made = list(discovery.selectors("check.out", ""))
    assert made[:2] == ['service="check.out"', 'job=~"(.+/)?check\\\\.out"']
    assert list(discovery.selectors("x", 'app="y"')) == ['app="y"']


@pytest.mark.parametrize(
    ("pod", "its"),
    [
        ("checkout-7c9f6d5b8-4kxqz", True),  # deployment
        ("checkout-4kxqz", True),  # daemon set
        ("checkout-0", True),  # stateful set
        ("checkout-worker-7c9f6d5b8-4kxqz", False),
        ("checkout-worker-0", False),
        ("checkout", False),
        ("xcheckout-0", False),
    ],
)
def test_pods_of_a_namesake_are_told_apart(pod: str, its: bool) -> None:
    from collectors.prometheus.families import POD_SUFFIX

    assert bool(re.fullmatch("checkout" + POD_SUFFIX, pod)) is its


@pytest.mark.parametrize(
    ("expr", "filled"),
    [
        ("up{selector}", 'up{job="a"}'),
        ('up{{selector},code="5"}', 'up{job="a",code="5"}'),
        ('up{code="5", {selector}}', 'up{code="5", job="a"}'),
        ('rate(x{s="{service}"}[{window}])', 'rate(x{s="a\\"{window}"}[60s])'),
    ],
)
def test_places_in_a_users_query_are_filled_once(expr: str, filled: str) -> None:
    assert queries.fill(expr, 'a"{window}', 'job="a"', 60) == filled


def test_a_native_histogram_is_asked_without_buckets() -> None:
    found = discovery.inventory(
        [
            {"__name__": "http_request_duration_seconds", "service": "a", "code": c, "handler": h}
            for c in ("200", "500")
            for h in ("/x", "/y")
        ]
    )
    (durations,) = discovery.durations(found, 'service="a"')
    assert durations.kind == "native"
    assert queries.quantile(durations, 0.95, 60) == (
        'histogram_quantile(0.95, sum (rate(http_request_duration_seconds{service="a"}[60s])))'
    )
    assert durations.rate(60) == 'sum (histogram_count(rate(http_request_duration_seconds{service="a"}[60s])))'


# --- windows
@given(
    start=st.integers(0, 10**6),
    length=st.integers(1, 10**6),
    step=st.integers(1, 5000),
)
def test_spans_hold_each_grid_point_of_a_window_once(start: int, length: int, step: int) -> None:
    begin = START + timedelta(seconds=start)
    window = Window(begin, begin + timedelta(seconds=length))
    points: list[int] = []
    for span in spans.spans(window, step):
        inside = range(span.start, span.end + 1, step)
        assert 0 < len(inside) <= spans.MOST_POINTS
        points += inside
    first, last = window.start.timestamp(), window.end.timestamp()
    assert points == [t for t in range(int(first // step) * step, int(last) + 1, step) if first <= t < last]


def test_runs_end_where_a_sample_is_missing() -> None:
    span = spans.Span(0, 600, 60)
    times = [0, 60, 120, 300, 480, 540, 600]
    found = list(runs.runs([{"metric": {"a": "b"}, "values": [[t, "1"] for t in times]}], span))
    assert [(r.first.timestamp(), r.last.timestamp()) for r in found] == [(0, 120), (300, 300), (480, 600)]
    assert [(r.opened, r.lasting) for r in found] == [(True, False), (False, False), (False, True)]


def test_an_hour_with_its_baseline_has_a_sample_each_half_minute() -> None:
    assert spans.choose_step(Window(START, START + timedelta(hours=2))) == 30
    assert spans.choose_step(Window(START, START + timedelta(minutes=5))) == 15
    assert spans.choose_step(Window(START, START + timedelta(hours=7))) == 105


def test_adjacent_and_overlapping_windows_are_asked_for_at_once() -> None:
    hour = timedelta(hours=1)
    one = Window(START, START + hour)
    assert spans.merge([one.shifted(hour), one]) == [Window(START, START + 2 * hour)]
    assert spans.merge([one, Window(START, START + hour / 2)]) == [one]
    assert spans.merge([one, one.shifted(2 * hour)]) == [one, one.shifted(2 * hour)]


@pytest.mark.parametrize(("samples", "interval"), [(40, 15), (41, 15), (10, 60), (9, 60), (20, 30), (120, 5), (0, 15)])
def test_the_scrape_interval_is_read_from_a_count(samples: float, interval: int) -> None:
    assert spans.scrape_interval(samples, 600) == interval


def test_rates_survive_slow_scrapes_and_long_steps() -> None:
    assert spans.rate_window(15, 30) == 60
    assert spans.rate_window(60, 30) == 240
    assert spans.rate_window(15, 300) == 300


# --- shapes

QUERY = queries.Query("latency_p95", "latency", "p95", "s", 'x{a="b"}')
SPAN = spans.Span(int(START.timestamp()), int(START.timestamp()) + 60, 30)


def test_rows_fit_the_table_and_drop_what_is_no_number() -> None:
    labels = {"__name__": "x", "handler": "/pay", "pod": "p-0", "version": "v2", "zone": "a"}
    texts = ["NaN", "0.25", "+Inf", "1"]
    values = [[SPAN.start + 30 * n, text] for n, text in enumerate(texts)]  # the last is outside the span
    rows = list(shape.rows(QUERY, [{"metric": labels, "values": values}], "checkout", "ref", SPAN))
    assert rows == [
        {
            "time": START + timedelta(seconds=30),
            "value": 0.25,
            "metric": "latency",
            "stat": "p95",
            "unit": "s",
            "service": "checkout",
            "endpoint": "/pay",
            "instance": "p-0",
            "version": "v2",
            "labels": {"zone": "a"},
            "ref": "ref",
        }
    ]
    assert to_batch("metrics", "prometheus", rows).num_rows == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["metric", "values", "a"]), inner),
)


@given(st.lists(JSON, max_size=3))
def test_odd_answers_are_rows_or_a_named_error(answer: list[Any]) -> None:
    try:
        rows = list(shape.rows(QUERY, answer, "checkout", "ref", SPAN))
    except MalformedError as error:
        assert str(error)
        return
    to_batch("metrics", "prometheus", rows)


def test_a_raw_record_is_json_of_bounded_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shape, "MOST_RAW", 300)
    answer = [{"metric": {"n": str(n)}, "values": [[0, "1"]] * 5} for n in range(20)]
    document = json.loads(shape.raw("a.json", QUERY, SPAN, answer).text)
    assert 0 < len(document["answer"]) < 20
    assert document["left_out"] == 20 - len(document["answer"])
    assert document["expr"] == QUERY.expr


def test_a_row_leads_to_the_graph_of_its_query() -> None:
    link = urlsplit(shape.graph_url("https://prom.example/base", QUERY.expr, SPAN))
    shown = {k: v[0] for k, v in parse_qs(link.query).items()}
    assert (link.netloc, link.path) == ("prom.example", "/base/graph")
    assert (shown["g0.expr"], shown["g0.range_input"]) == (QUERY.expr, "60s")
    assert shown["g0.end_input"] == "2026-03-14 02:01:00"


# --- guards against too many series
@given(st.lists(st.lists(st.text(max_size=300), max_size=30), max_size=2))
def test_endpoints_told_one_by_one_fit_into_an_address(rankings: list[list[str]]) -> None:
    kept = queries.fitting(rankings)
    assert len(set(kept)) == len(kept)
    assert set(kept) <= {n for r in rankings for n in r}
    assert queries.OTHER not in kept
    assert "" not in kept
    joined = quote(querytext.escape("|".join(querytext.literally(n) for n in kept)), safe="")
    assert len(joined) <= queries.MOST_CHARACTERS


def test_the_first_of_each_ranking_come_first() -> None:
    assert queries.fitting([["a", "b", "c"], ["x", "a"]]) == ["a", "x", "b", "c"]
    assert queries.fitting([["/" * 600, "b" * 300], ["x"]]) == ["/" * 600, "x"], "a slash takes three"


def other(name: str, expr: str = "") -> others.Other:
    return others.Other(name, queries.Naming(name, "avg", "count"), expr)


@pytest.mark.parametrize(
    ("its", "values", "change"),
    [
        (other("g"), (10, 10, 20), 0.5),
        (other("g"), (10, 20, 10), 0.0),  # it moves as much without an incident
        (other("g"), (0, 0, 7), 1.0),
        (other("c_total", "rate"), (0, 100, 200), 0.0),
        (other("c_total", "rate"), (0, 100, 500), 0.75),
        (other("c_total", "rate"), (0, 100, 5), 1.0),  # reset: nothing is known but that it restarted
    ],
)
def test_what_changed_with_the_incident_weighs_more(its: others.Other, values: Any, change: float) -> None:
    moments = [(60.0 * n, {its.name: float(v)}) for n, v in enumerate(values)]
    assert others.change(its, moments) == pytest.approx(change)
    assert others.change(its, ()) == 0.0


def test_a_mean_changes_by_its_parts() -> None:
    moments = [(60.0 * n, {"d_sum": s, "d_count": c}) for n, (s, c) in enumerate([(0.0, 0.0), (10, 100), (50, 200)])]
    assert others.change(other("d", "mean"), moments) == pytest.approx(0.75)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)


@given(st.tuples(NUMBERS, NUMBERS, NUMBERS), st.sampled_from(["", "rate"]))
def test_a_change_is_a_share(values: tuple[float, float, float], expr: str) -> None:
    moments = [(60.0 * n, {"x": v}) for n, v in enumerate(values)]
    assert 0 <= others.change(other("x", expr), moments) <= 1
