"""Everything that may go wrong between here and Prometheus or Alertmanager: each ends in time, with cause and mend."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from servers.prometheus import broken_off, dripping, endless, free_port, hanging, saying, stalling, stub

from collectors.alertmanager import Alertmanager
from collectors.prometheus import Prometheus
from collectors.prometheus.abreast import THREADS, Abreast
from gather_diagnostics import Gap, Request, Rows, Skew
from gather_diagnostics.http import session
from gather_diagnostics.http.errors import MalformedError

SECONDS = 3.0
"""What a source may take here."""
Fault = Callable[[BaseHTTPRequestHandler], None]
KINDS = pytest.mark.parametrize("kind", [Prometheus, Alertmanager])


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached in a test's time."""
    monkeypatch.setattr(session, "LARGEST", 2_000_000)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(session, "PAUSE_SECONDS", 0.05)


def right(handler: BaseHTTPRequestHandler) -> None:
    """What a healthy server says, of either kind: a service with requests, an alert."""
    asked = urlsplit(handler.path)
    parameters = parse_qs(asked.query)
    if asked.path.startswith("/api/v2/"):
        alert = {"labels": {"alertname": "A", "service": "checkout"}, "startsAt": "2026-03-14T02:30:00Z"}
        found: Any = {"versionInfo": {}} if "status" in asked.path else [alert] if "alerts" in asked.path else []
        saying(200, json.dumps(found))(handler)
        return
    match asked.path.rpartition("/")[2]:
        case "series":
            data: Any = [{"__name__": "http_requests_total", "service": "checkout", "code": "200"}]
            data = [] if "pod=~" in parameters["match[]"][0] or "kubelet" in parameters["match[]"][0] else data
        case "query_range":
            values = [[float(parameters["start"][0]), "1"]]
            measured = "http_requests_total" in parameters["query"][0]
            data = {"resultType": "matrix", "result": [{"metric": {}, "values": values}] if measured else []}
        case "query":
            data = {"resultType": "vector", "result": []}
        case _:
            saying(404, "404 page not found", "text/plain")(handler)
            return
    saying(200, json.dumps({"status": "success", "data": data}))(handler)


def collected(kind: Any, request: Request, url: str, **fields: Any) -> tuple[list[Gap], int, float]:
    """Gaps (but what the healthy server lacks), rows, seconds."""
    began = time.monotonic()
    items = list(kind(kind.Settings(url=url, **fields)).collect(request))
    gaps = [i for i in items if isinstance(i, Gap) and not i.wanted.startswith("latency of ")]
    return gaps, sum(len(i.rows) for i in items if isinstance(i, Rows)), time.monotonic() - began


def endure(kind: Any, request: Request, url: str, cause: str, *words: str) -> Gap:
    """Collect and check: both in time, both with this cause, a mend and the words."""
    gaps, rows, seconds = collected(kind, request, url)
    assert not rows
    assert seconds < SECONDS
    assert {g.cause for g in gaps} == {cause}, gaps
    checked = [i for i in kind(kind.Settings(url=url)).check(request) if not isinstance(i, Skew)]
    assert {g.cause for g in checked} == {cause}, checked
    for one in (*gaps, *checked):
        assert one.mend
        assert len(one.why) < 500
        assert "\n" not in one.why
    assert all(word in gaps[0].why for word in words), gaps[0].why
    return gaps[0]


@pytest.fixture
def asked(make_request: Callable[..., Request]) -> Request:
    return make_request(source_seconds=SECONDS)


ANSWERS: list[tuple[str, Fault, str, str]] = [
    ("401", saying(401, "who are you", "text/plain"), "denied", "who are you"),
    ("403", saying(403, '"not for you"'), "denied", "not for you"),
    ("302", saying(302, "", headers={"Location": "https://login.example/?state=x"}), "denied", "login.example"),
    ("404", saying(404, "404 page not found", "text/plain"), "not_found", "404"),
    ("429", saying(429, "slow down", "text/plain"), "throttled", "slow down"),
    ("429 for long", saying(429, "later", headers={"Retry-After": "3600"}), "throttled", "later"),
    ("500", saying(500, "panic!\n" * 10_000, "text/plain"), "invalid", "panic!"),
    ("503", saying(503, "no backend", "text/plain"), "invalid", "no backend"),
    ("504", saying(504, "no answer from behind", "text/plain"), "timeout", "no answer from behind"),
    ("html", saying(200, "<html><title>Sign in</title>", "text/html"), "invalid", "text/html instead of JSON"),
    ("empty body", saying(200, ""), "invalid", "instead of JSON"),
    ("truncated JSON", saying(200, '{"status": "success", "data": [{"__na'), "invalid", "instead of JSON"),
    ("another JSON", saying(200, "7"), "invalid", "7"),
    ("deep JSON", saying(200, "[" * 200_000), "invalid", "instead of JSON"),
    ("broken off", broken_off(b'{"status": "success", "data": ['), "invalid", "broke its answer off"),
    ("hang", hanging(2), "timeout", "in time"),
    ("hang midway", stalling(2), "timeout", "in time"),
    ("drip", dripping(2), "timeout", "in time"),
    ("endless", endless(), "truncated", "larger than 2,000,000 bytes"),
]


@KINDS
@pytest.mark.parametrize(("fault", "cause", "words"), [f[1:] for f in ANSWERS], ids=[f[0] for f in ANSWERS])
def test_a_faulty_answer_is_told(kind: Any, asked: Request, fault: Fault, cause: str, words: str) -> None:
    with stub(fault) as running:
        endure(kind, asked, running.url, cause, words)
    assert "state=x" not in words


@KINDS
def test_a_refused_connection_is_told(kind: Any, asked: Request) -> None:
    endure(kind, asked, f"http://127.0.0.1:{free_port()}", "unreachable", "refused")


@KINDS
def test_an_unknown_name_is_told(kind: Any, asked: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    endure(kind, asked, "http://metrics.invalid", "unreachable", "metrics.invalid")


@KINDS
def test_a_server_without_tls_is_told(kind: Any, asked: Request) -> None:
    with stub(right) as running:
        gap = endure(kind, asked, running.url.replace("http:", "https:"), "unreachable", "TLS")
    assert "REQUESTS_CA_BUNDLE" in gap.mend


@pytest.fixture
def mute() -> Iterator[str]:
    """Takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


@KINDS
def test_a_tls_handshake_that_hangs_is_told(kind: Any, asked: Request, mute: str) -> None:
    gaps, _, seconds = collected(kind, asked, mute)
    assert seconds < SECONDS
    assert {g.cause for g in gaps} <= {"timeout", "unreachable"}
    assert gaps[0].mend


@KINDS
def test_an_empty_answer_is_no_fault(kind: Any, asked: Request) -> None:
    def empty(handler: BaseHTTPRequestHandler) -> None:
        data: Any = [] if "/series" in handler.path else {"result": []}
        v2 = "/api/v2/" in handler.path
        saying(200, json.dumps([] if v2 else {"status": "success", "data": data}))(handler)

    with stub(empty) as running:
        gaps, rows, _ = collected(kind, asked, running.url)
    assert not rows
    # Of a service that Prometheus has nothing of, that is said; to have no alert is good news.
    assert {g.cause for g in gaps} <= {"not_found", "invalid"}
    assert kind is Prometheus or not gaps


@KINDS
@pytest.mark.parametrize(("status", "headers"), [(429, {}), (429, {"Retry-After": "0"}), (503, {"Retry-After": "0"})])
def test_what_was_throttled_once_is_asked_again(
    kind: Any, asked: Request, status: int, headers: dict[str, str]
) -> None:
    refused: set[str] = set()
    lock = threading.Lock()

    def twice(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            first = handler.path not in refused
            refused.add(handler.path)
        saying(status, "slow down", headers=headers)(handler) if first else right(handler)

    with stub(twice) as running:
        gaps, rows, _ = collected(kind, asked, running.url)
    assert rows
    assert not gaps


@KINDS
def test_what_came_before_a_server_died_is_kept(kind: Any, asked: Request) -> None:
    """From some answer on, connections are closed without a word."""
    with stub(right) as running:
        collected(kind, asked, running.url)
        enough = len(running.paths) - 1
    count = 0

    def dying(handler: BaseHTTPRequestHandler) -> None:
        nonlocal count
        count += 1
        if count <= enough:
            right(handler)
        else:
            handler.close_connection = True

    with stub(dying) as running:
        gaps, rows, seconds = collected(kind, asked, running.url)
    assert rows
    assert seconds < SECONDS
    assert [g.cause for g in gaps] == ["unreachable"]
    assert gaps[0].mend


@KINDS
def test_a_server_that_hangs_on_everything_but_the_first_ends_in_time(kind: Any, asked: Request) -> None:
    begun = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        if begun.is_set():
            hanging(2)(handler)
        else:
            begun.set()
            right(handler)

    with stub(hang) as running:
        gaps, _, seconds = collected(kind, asked, running.url)
    assert seconds < SECONDS
    assert {g.cause for g in gaps} <= {"timeout", "not_found"}
    assert all(g.mend for g in gaps)


def test_a_side_question_that_is_denied_stops_no_other(asked: Request) -> None:
    """Amazon's policies allow queries apart from alerts and rules."""

    def partly(handler: BaseHTTPRequestHandler) -> None:
        side = any(f"/api/v1/{name}" in handler.path for name in ("alerts", "rules", "targets", "metadata"))
        saying(403, "not allowed", "text/plain")(handler) if side else right(handler)

    with stub(partly) as running:
        (gap,), rows, _ = collected(Prometheus, asked, running.url)
    assert rows
    assert gap.cause == "denied"
    for wanted in ("active alerts", "alerting and recording rules", "health of the targets", "types of its metrics"):
        assert wanted in gap.wanted, "of one reason, one gap"


def test_a_malformed_alert_is_told_and_the_metrics_are_read(asked: Request) -> None:
    def odd(handler: BaseHTTPRequestHandler) -> None:
        alerts = json.dumps({"status": "success", "data": {"alerts": [{"labels": {"service": "checkout"}}]}})
        saying(200, alerts)(handler) if "/alerts" in handler.path else right(handler)

    with stub(odd) as running:
        (gap,), rows, _ = collected(Prometheus, asked, running.url)
    assert rows
    assert (gap.cause, gap.wanted) == ("invalid", "active alerts")


# --- side by side


def test_jobs_run_side_by_side_and_not_all_at_once() -> None:
    running, most, lock = 0, 0, threading.Lock()

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        return number * number

    answers = dict(Abreast(work, range(20), time.monotonic() + 10))
    assert answers == {n: n * n for n in range(20)}
    assert most == THREADS


def test_a_trouble_is_a_result_and_a_bug_is_raised() -> None:
    def work(error: Exception) -> None:
        raise error

    troubles = [requests.ConnectionError("gone"), MalformedError("odd")]
    assert dict(Abreast(work, troubles, time.monotonic() + 10)) == dict(enumerate(troubles))
    with pytest.raises(ZeroDivisionError, match="ours"):
        list(Abreast(work, [ZeroDivisionError("ours")], time.monotonic() + 10))


def test_it_ends_in_time_whatever_the_jobs_do() -> None:
    hold = threading.Event()
    began = time.monotonic()
    jobs = [0.0, *[5.0] * 20]
    done = [number for number, _ in Abreast(hold.wait, jobs, began + 0.3)]
    assert done == [0]
    assert time.monotonic() - began < 1
    hold.set()


def test_after_a_stop_no_job_is_begun_and_what_is_under_way_is_kept() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.05)
        return number

    asking = Abreast(work, range(100), time.monotonic() + 10)
    kept = []
    for number, _ in asking:
        kept.append(number)
        asking.stop()
    assert sorted(kept) == sorted(begun)
    assert len(begun) <= 2 * THREADS
    time.sleep(0.1)
    assert len(begun) == len(kept)


def test_threads_end_when_nobody_reads_on() -> None:
    before = threading.active_count()
    for number, _ in Abreast(lambda n: n, range(1000), time.monotonic() + 10):
        if number:
            break
    end = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() <= before
