"""The Prometheus collector without a Prometheus: its PromQL, its shapes, and every way a server may fail it.

What the queries answer on a real server is in test_prometheus_live.py.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from servers.prometheus import broken_off, dripping, free_port, hanging, saying, stub

from collectors.prometheus import Prometheus, discovery, promql, queries, runs, session, shape, spans
from collectors.prometheus.settings import PrometheusSettings, QuerySettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target, Window
from gather_diagnostics.tables import to_batch

START = datetime(2026, 3, 14, 2, 0, tzinfo=UTC)
ERROR = {"status": "error", "errorType": "bad_data", "error": "invalid parameter: parse error at char 7"}


def success(data: Any, **more: Any) -> str:
    return json.dumps({"status": "success", "data": data, **more})


def settings(**fields: Any) -> PrometheusSettings:
    return PrometheusSettings.model_validate(fields)


def collected(request: Request, **fields: Any) -> list[Any]:
    """Everything but what the clock said."""
    return [i for i in Prometheus(settings(**fields)).collect(request) if not isinstance(i, Skew)]


def gaps(items: list[Any]) -> list[Gap]:
    return [i for i in items if isinstance(i, Gap)]


# --- PromQL


@examples(deadline=None)
@given(st.text())
def test_a_quoted_text_ends_where_it_should(text: str) -> None:
    literal = promql.quote(text)
    assert re.fullmatch(r'"(?:[^"\\\x00-\x1f]|\\["\\]|\\u[0-9a-f]{4})*"', literal)
    assert re.sub(r"\\(u[0-9a-f]{4}|.)", lambda m: chr(int(m[1][1:], 16)) if m[1][1:] else m[1], literal[1:-1]) == text


@examples(deadline=None)
@given(st.text())
def test_a_literal_pattern_matches_its_text_alone(text: str) -> None:
    assert re.fullmatch(promql.literally(text), text)
    assert not re.fullmatch(promql.literally(text), text + "x")


def test_lone_surrogates_can_be_sent() -> None:
    promql.quote("a\udcffb").encode()


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


@examples(deadline=None)
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


@examples(deadline=None)
@given(st.lists(JSON, max_size=3))
def test_odd_answers_are_rows_or_a_named_error(answer: list[Any]) -> None:
    try:
        rows = list(shape.rows(QUERY, answer, "checkout", "ref", SPAN))
    except shape.MalformedError as error:
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


# --- the plan


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)


def test_without_an_address_it_is_not_configured(make_request: Callable[..., Request]) -> None:
    (gap,) = Prometheus(settings()).plan(make_request())
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.mend) == ("not_configured", "set PROMETHEUS_URL or sources.prometheus.url")


@pytest.mark.parametrize("url", ["prometheus:9090", "ftp://x", "http://", "http://u:secret@h:port", "http://[::1"])
def test_a_url_that_is_none_is_said_without_its_password(make_request: Callable[..., Request], url: str) -> None:
    (gap,) = Prometheus(settings(url=url)).plan(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "secret" not in f"{gap.why}{gap.mend}"


def test_the_environment_and_the_service_make_the_address(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_URL", "http://me:secret@prom:9090/base/")
    (target,) = Prometheus(settings()).plan(make_request())
    assert target == Target("metrics of checkout", "http://prom:9090/base", "PROMETHEUS_URL is set")
    (target,) = Prometheus(settings(url="http://prom/{service}")).plan(make_request(service="a/b"))
    assert isinstance(target, Target)
    assert target.where == "http://prom/a%2Fb"


# --- a server that answers, and sometimes does not


SERIES = [
    {"__name__": f"http_request_duration_seconds_{part}", "service": "checkout", "code": "200", **more}
    for part, more in (("count", {}), ("bucket", {"le": "+Inf"}))
]


def server(query: Callable[[str], Any] | None = None, series: Any = SERIES) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers series requests, and range queries by what `query` says of an expression: a result, or an answer."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked = urlsplit(handler.path)
        parameters = parse_qs(asked.query)
        if asked.path not in ("/api/v1/series", "/api/v1/query", "/api/v1/query_range"):
            saying(404, "404 page not found", "text/plain")(handler)
            return
        if asked.path.endswith("/query_range") and not about_service(handler.path):
            saying(200, success({"resultType": "matrix", "result": []}))(handler)
            return
        if asked.path.endswith("/series"):
            pods = "container_" in parameters["match[]"][0] or "kubelet_" in parameters["match[]"][0]
            saying(200, success([] if pods else series))(handler)
            return
        if asked.path.endswith("/query"):
            saying(200, success({"resultType": "vector", "result": []}))(handler)
            return
        said = query(parameters["query"][0]) if query else one_series(parameters)
        if callable(said):
            said(handler)
        else:
            saying(200, success({"resultType": "matrix", "result": said}))(handler)

    return answer


def about_service(path: str) -> bool:
    """A range query about the service's own metrics, not about alerts, targets and disks."""
    expr = parse_qs(urlsplit(path).query)["query"][0]
    return not any(name in expr for name in ("ALERTS{", "up{", "node_filesystem"))


def one_series(parameters: Mapping[str, list[str]], **labels: str) -> list[Any]:
    return [{"metric": labels, "values": [[float(parameters["start"][0]), "1.5"]]}]


def test_every_query_gives_rows_and_a_raw_record(make_request: Callable[..., Request]) -> None:
    with stub(server()) as running:
        items = collected(make_request(), url=running.url)
    assert not gaps(items)
    rows = [row for i in items if isinstance(i, Rows) for row in i.rows]
    assert {(r["metric"], r["stat"]) for r in rows} == {
        ("error_rate", "ratio"),
        ("request_rate", "rate"),
        ("latency", "p50"),
        ("latency", "p95"),
        ("latency", "p99"),
    }
    assert all(r["ref"].startswith(f"{running.url}/graph?") for r in rows)
    assert {i.name for i in items if isinstance(i, Raw)} >= {"error_rate.json", "latency_p95.json"}


def test_all_windows_are_asked_for_on_the_grid(make_request: Callable[..., Request]) -> None:
    request = make_request()
    seasons = tuple(request.incident.shifted(-timedelta(days=d)) for d in (1, 7))
    request = make_request(seasonal=seasons)
    with stub(server()) as running:
        collected(request, url=running.url)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for path in running.paths:
        p = parse_qs(urlsplit(path).query)
        if "/query_range" in path and about_service(path):
            assert p["step"] == ["30"]
            ranges.setdefault(p["query"][0], []).append((int(p["start"][0]), int(p["end"][0])))
    first, last = request.baseline.start.timestamp(), request.incident.end.timestamp()
    expected = [(int(first), int(last) - 30)]
    expected += [(int(w.start.timestamp()), int(w.end.timestamp()) - 30) for w in reversed(seasons)]
    assert ranges
    assert all(sorted(spans) == sorted(expected) for spans in ranges.values())


def test_a_long_window_at_a_short_step_is_asked_for_in_parts(make_request: Callable[..., Request]) -> None:
    with stub(server()) as running:
        items = collected(make_request(minutes=600), url=running.url, step_seconds=5)
    assert not gaps(items)
    asked = [parse_qs(urlsplit(p).query) for p in running.paths if "/query_range" in p and about_service(p)]
    assert {(int(p["end"][0]) - int(p["start"][0])) // 5 + 1 for p in asked} == {11_000, 3_400}
    assert {i.name for i in items if isinstance(i, Raw)} >= {"error_rate.json", "error_rate-1.json"}


def test_one_refused_query_does_not_stop_the_others(make_request: Callable[..., Request]) -> None:
    def query(expr: str) -> Any:
        return saying(400, json.dumps(ERROR)) if expr == "broken(" else [{"metric": {}, "values": [[0, "1"]]}]

    own = {"orders": QuerySettings(expr="broken("), "error_rate": QuerySettings(expr="mine", metric="error_rate")}
    with stub(server(query)) as running:
        items = collected(make_request(), url=running.url, queries=own)
        asked = [parse_qs(urlsplit(p).query)["query"][0] for p in running.paths if "/query_range" in p]
    (gap,) = gaps(items)
    assert (gap.cause, gap.wanted) == ("invalid", "query orders")
    assert "parse error at char 7" in gap.why
    assert "sources.prometheus.queries.orders" in gap.mend
    assert "mine" in asked
    assert not any(e.startswith("(sum") for e in asked), "the built-in of that name is replaced"
    assert "latency_p50.json" in {i.name for i in items if isinstance(i, Raw)}


def test_too_many_series_are_cut_and_told(make_request: Callable[..., Request]) -> None:
    start = int(make_request().baseline.start.timestamp())
    many = [{"metric": {"pod": f"p{n}"}, "values": [[start, "1"]]} for n in range(5)]
    with stub(server(lambda expr: many)) as running:
        items = collected(make_request(), url=running.url, max_series=3)
    assert all(len(i.rows) == 3 for i in items if isinstance(i, Rows))
    assert {g.cause for g in gaps(items)} == {"truncated"}
    assert "5 series; 3 are kept" in gaps(items)[0].why


def test_warnings_of_partial_answers_are_told_once(make_request: Callable[..., Request]) -> None:
    warned = success({"resultType": "matrix", "result": []}, warnings=["store eu-1 is away"])
    with stub(server(lambda expr: saying(200, warned))) as running:
        (gap,) = gaps(collected(make_request(), url=running.url))
    assert "store eu-1 is away" in gap.why


def test_a_stranger_is_told_with_the_labels_that_were_tried(make_request: Callable[..., Request]) -> None:
    with stub(server(series=[])) as running:
        items = collected(make_request(), url=running.url)
    (gap,) = items
    assert gap.cause == "not_found"
    assert "service, job, app, app_kubernetes_io_name" in gap.why
    assert "sources.prometheus.selector" in gap.mend


def test_what_can_not_be_measured_is_told(make_request: Callable[..., Request]) -> None:
    bare = [{"__name__": "http_requests_total", "service": "checkout", "method": "GET"}]
    with stub(server(series=bare)) as running:
        found = {g.wanted: g for g in gaps(collected(make_request(), url=running.url))}
    assert set(found) == {"latency of checkout", "error_rate of checkout"}
    assert {g.cause for g in found.values()} == {"not_found"}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"bearer_token": "t0k"}, {"Authorization": "Bearer t0k"}),
        ({"username": "me", "password": "pä"}, {"Authorization": "Basic bWU6cMOk"}),
        ({"headers": {"X-Scope-OrgID": "team-{service}"}}, {"X-Scope-OrgID": "team-checkout"}),
    ],
)
def test_credentials_are_sent_with_every_request(
    make_request: Callable[..., Request], fields: dict[str, Any], expected: dict[str, str]
) -> None:
    with stub(server()) as running:
        collected(make_request(), url=running.url, **fields)
    assert len(running.headers) > 3
    assert all(sent.items() >= expected.items() for sent in running.headers)


def test_credentials_in_the_url_are_sent_and_never_shown(make_request: Callable[..., Request]) -> None:
    with stub(saying(403, "forbidden to you", "text/plain")) as running:
        url = running.url.replace("http://", "http://me:s3cret@") + "/base/"
        items = collected(make_request(), url=url)
    assert running.headers[0]["Authorization"] == "Basic bWU6czNjcmV0"
    assert running.paths[0].startswith("/base/api/v1/series")
    assert "s3cret" not in str(items)


# --- faults

Fault = Callable[[BaseHTTPRequestHandler], None]
REDIRECT = {"Location": "https://login.example/start?state=t0ken"}
FAULTS: list[tuple[str, Fault, str, str]] = [
    ("401", saying(401, "no token", "text/plain"), "denied", "no token"),
    ("403", saying(403, '{"message": "not for you"}'), "denied", "not for you"),
    ("302", saying(302, "", headers=REDIRECT), "denied", "login.example"),
    ("404", saying(404, "404 page not found", "text/plain"), "not_found", "no Prometheus API"),
    ("429", saying(429, "slow down", "text/plain"), "throttled", "slow down"),
    ("500", saying(500, "panic!\n" * 1000, "text/plain"), "invalid", "panic!"),
    ("503", saying(503, json.dumps({**ERROR, "errorType": "timeout", "error": "query timed out"})), "timeout", "timed"),
    ("html", saying(200, "<html><title>Sign in</title>", "text/html"), "invalid", "text/html instead of JSON"),
    ("list", saying(200, "[]"), "invalid", "not like Prometheus"),
    ("no data", saying(200, '{"status": "success"}'), "invalid", "without data"),
    ("no result", saying(200, success({})), "invalid", "not like Prometheus"),
    ("broken off", broken_off(b'{"status": "success", "data": ['), "invalid", "broke its answer off"),
    ("deep", saying(200, "[" * 200_000), "invalid", "instead of JSON"),
    ("gzip", saying(200, b"\x1f\x8bnothing", headers={"Content-Encoding": "gzip"}), "invalid", "gzip"),
]


@pytest.mark.parametrize(("fault", "cause", "words"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
def test_a_fault_becomes_one_gap(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch, fault: Fault, cause: str, words: str
) -> None:
    monkeypatch.setattr(session, "PAUSE_SECONDS", 0.01)
    with stub(fault) as running:
        (gap,) = collected(make_request(), url=running.url)
        (checked,) = Prometheus(settings(url=running.url)).check(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == cause, gap
    assert words in gap.why
    assert len(gap.why) < 500
    assert "t0ken" not in str(gap)
    assert checked.cause == cause
    tries = 2 if cause == "throttled" else 1
    assert len(running.paths) == 2 * tries, "nothing is asked after a fault that tells everything"


def test_a_refused_connection_ends_at_once(make_request: Callable[..., Request]) -> None:
    began = time.monotonic()
    (gap,) = collected(make_request(), url=f"http://127.0.0.1:{free_port()}")
    assert gap.cause == "unreachable"
    assert "refused" in gap.why
    assert "HTTPConnectionPool" not in gap.why
    assert time.monotonic() - began < 2


def test_a_name_that_nobody_knows_is_unreachable(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    (gap,) = collected(make_request(), url="http://prometheus.invalid")
    assert gap.cause == "unreachable"
    assert "Name or service not known" in gap.why or "resolve" in gap.why


def test_a_server_without_tls_is_unreachable_by_https(make_request: Callable[..., Request]) -> None:
    with stub(server()) as running:
        (gap,) = collected(make_request(), url=running.url.replace("http:", "https:"))
    assert gap.cause == "unreachable"
    assert "TLS" in gap.why
    assert "verify_tls" in gap.mend


@pytest.mark.parametrize("fault", [hanging(3), dripping(3)], ids=["hang", "drip"])
def test_a_slow_answer_is_given_up(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.3)
    began = time.monotonic()
    with stub(server(lambda expr: fault)) as running:
        (gap,) = gaps(collected(make_request(), url=running.url))
        assert time.monotonic() - began < 2.5
    assert gap.cause == "timeout"
    assert "queries after it" in gap.wanted, "after two time-outs in a row the rest is not asked"


def test_the_sources_time_is_kept(make_request: Callable[..., Request]) -> None:
    def query(expr: str) -> Any:
        time.sleep(0.4)
        return [{"metric": {}, "values": [[START.timestamp(), "1"]]}]

    began = time.monotonic()
    with stub(server(query)) as running:
        found = gaps(collected(make_request(source_seconds=0.4), url=running.url))
    assert time.monotonic() - began < 1.0
    assert {g.cause for g in found} == {"timeout"}
    assert {g.mend for g in found} == {"allow more time with --deadline"}


def test_an_endless_answer_is_cut(make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LARGEST", 100_000)
    with stub(saying(200, success(["x" * 200_000]))) as running:
        (gap,) = collected(make_request(), url=running.url)
    assert gap.cause == "truncated"
    assert "sources.prometheus.selector" in gap.mend


@pytest.mark.parametrize(("minutes", "way"), [(5, "ahead of"), (-5, "behind")])
def test_a_clock_that_goes_wrong_is_told(make_request: Callable[..., Request], minutes: int, way: str) -> None:
    there = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    answer = saying(200, success({"result": []}), headers={"Date": there})
    with stub(answer) as running:
        (gap,) = Prometheus(settings(url=running.url)).check(make_request())
    assert (gap.cause, "300 s" in gap.why or "299 s" in gap.why or "301 s" in gap.why) == ("invalid", True)
    assert way in gap.why


def test_a_header_that_can_not_be_sent_is_not_shown(make_request: Callable[..., Request]) -> None:
    with stub(server()) as running:
        (gap,) = collected(make_request(), url=running.url, headers={"X-Key": "s3cret\nline"})
    assert gap.cause == "not_configured"
    assert "s3cret" not in str(gap)
