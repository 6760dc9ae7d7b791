"""The Prometheus collector against a server that answers, and one that does not: plan, windows, limits, faults."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from servers.prometheus import broken_off, dripping, free_port, hanging, saying, stub

from collectors.prometheus import Prometheus
from collectors.prometheus.settings import PrometheusSettings, QuerySettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target
from gather_diagnostics.http import session

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
    (target,) = Prometheus(settings(max_unknown=7)).plan(make_request())
    assert isinstance(target, Target)
    assert (target.where, target.because) == ("http://prom:9090/base", "PROMETHEUS_URL is set")
    assert target.what.startswith("metrics of checkout (the 20 endpoints with most requests and the 20 with most err")
    assert "of unknown metrics the 7 that changed most" in target.what, "what is left out is said beforehand"
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


@pytest.mark.parametrize(
    ("more", "words", "mend"),
    [
        ({"warnings": ["store eu-1 is away"]}, "store eu-1 is away", "look at the store"),
        ({"isPartial": True}, "isPartial", "look at the store"),
        ({"warnings": ["PromQL warning: a mix"]}, "a mix", "try the query"),
    ],
    ids=["thanos", "victoriametrics", "annotation"],
)
def test_partial_answers_are_told_once(
    make_request: Callable[..., Request], more: dict[str, Any], words: str, mend: str
) -> None:
    warned = success({"resultType": "matrix", "result": []}, **more)
    with stub(server(lambda expr: saying(200, warned))) as running:
        (gap,) = gaps(collected(make_request(), url=running.url))
    assert words in gap.why
    assert gap.mend.startswith(mend)


def test_a_list_of_series_that_is_partial_is_told(make_request: Callable[..., Request]) -> None:
    """A store that is away may be the one that has the service."""
    with stub(saying(200, success([], warnings=["store eu-1 is away"]))) as running:
        found = gaps(collected(make_request(), url=running.url))
    assert [g.why for g in found if "store eu-1" in g.why]


def test_infos_are_no_gap(make_request: Callable[..., Request]) -> None:
    said = success({"resultType": "matrix", "result": []}, infos=["metric might not be a counter"])
    with stub(server(lambda expr: saying(200, said))) as running:
        assert not gaps(collected(make_request(), url=running.url))


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
        (checked,) = gaps(list(Prometheus(settings(url=running.url)).check(make_request())))
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


def test_a_header_that_can_not_be_sent_is_not_shown(make_request: Callable[..., Request]) -> None:
    with stub(server()) as running:
        (gap,) = collected(make_request(), url=running.url, headers={"X-Key": "s3cret\nline"})
    assert gap.cause == "not_configured"
    assert "s3cret" not in str(gap)
