"""Everything that may go wrong between here and Loki: each ends in time, with cause and mend, and keeps what came."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from servers.faults import dated, deaf, dying, judged
from servers.loki import World, loki
from servers.prometheus import broken_off, dripping, endless, free_port, hanging, saying, stalling, stub
from servers.tls import certificates

from collectors.loki import Loki
from gather_diagnostics import Gap, Request, Skew
from gather_diagnostics.http import session
from gather_diagnostics.runner import Collected

SECONDS = 3.0
Fault = Callable[[BaseHTTPRequestHandler], None]
ONSET = NOW - timedelta(minutes=20)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached in a test's time."""
    monkeypatch.setattr(session, "LARGEST", 2_000_000)
    monkeypatch.setattr(session, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(session, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def asked(make_request: Callable[..., Request]) -> Request:
    return make_request(source_seconds=SECONDS)


@pytest.fixture
def world() -> World:
    made = World()
    made.put({"app": "checkout"}, [(ONSET + timedelta(seconds=n), f"INFO order {n} placed") for n in range(300)])
    return made


def read(asked: Request, url: str, folder: Path, **fields: Any) -> Collected:
    return judged(asked, Loki(Loki.Settings(url=url, **fields)), folder)


def endure(asked: Request, url: str, folder: Path, cause: str, *words: str) -> Gap:
    """Collect and check: both with this cause, a mend and the words."""
    gaps = read(asked, url, folder).gaps
    checked = [i for i in Loki(Loki.Settings(url=url)).check(asked) if not isinstance(i, Skew)]
    assert {g.cause for g in (*gaps, *checked)} == {cause}, (gaps, checked)
    assert len(gaps) == len(checked) == 1
    assert all(word in gaps[0].why for word in words), gaps[0].why
    assert checked[0].mend
    return gaps[0]


ANSWERS: list[tuple[str, Fault, str, str]] = [
    ("401", saying(401, "no org id", "text/plain"), "denied", "no org id"),
    ("403", saying(403, '{"message": "not for you"}'), "denied", "not for you"),
    ("302", saying(302, "", headers={"Location": "https://login.example/?state=x"}), "denied", "login.example"),
    ("404", saying(404, "404 page not found", "text/plain"), "not_found", "404"),
    ("429", saying(429, "too many outstanding requests", "text/plain"), "throttled", "outstanding"),
    ("429 for long", saying(429, "later", headers={"Retry-After": "3600"}), "throttled", "later"),
    ("400", saying(400, "the query would read too many bytes", "text/plain"), "invalid", "too many bytes"),
    ("500", saying(500, "empty ring\n" * 10_000, "text/plain"), "invalid", "empty ring"),
    ("503", saying(503, "no backend", "text/plain"), "invalid", "no backend"),
    ("504", saying(504, "context deadline exceeded", "text/plain"), "timeout", "context deadline exceeded"),
    ("html", saying(200, "<html><title>Sign in</title>", "text/html"), "invalid", "text/html instead of JSON"),
    ("empty body", saying(200, ""), "invalid", "instead of JSON"),
    ("truncated JSON", saying(200, '{"status": "success", "data": ["ap'), "invalid", "instead of JSON"),
    ("another JSON", saying(200, "7"), "invalid", "7"),
    ("no success", saying(200, '{"status": "error"}'), "invalid", "another kind"),
    ("no list", saying(200, '{"status": "success", "data": {"a": 1}}'), "invalid", "than a list"),
    ("deep JSON", saying(200, "[" * 200_000), "invalid", "instead of JSON"),
    ("broken off", broken_off(b'{"status": "success", "data": ['), "invalid", "broke its answer off"),
    ("hang", hanging(2), "timeout", "in time"),
    ("hang midway", stalling(2), "timeout", "in time"),
    ("drip", dripping(2), "timeout", "in time"),
    ("endless", endless(), "truncated", "larger than 2,000,000 bytes"),
    ("dying", dying(), "unreachable", "not reached"),
]


@pytest.mark.parametrize(("fault", "cause", "words"), [f[1:] for f in ANSWERS], ids=[f[0] for f in ANSWERS])
def test_a_faulty_answer_is_told(asked: Request, tmp_path: Path, fault: Fault, cause: str, words: str) -> None:
    with stub(fault) as running:
        gap = endure(asked, running.url, tmp_path, cause, words)
    assert "state=x" not in gap.why


def test_a_tenant_that_is_missing_is_asked_for(asked: Request, tmp_path: Path) -> None:
    with loki(World(tenant="shop")) as running:
        assert "sources.loki.tenant" in endure(asked, running.url, tmp_path, "denied", "no org id").mend


def test_a_refused_connection_is_told(asked: Request, tmp_path: Path) -> None:
    endure(asked, f"http://127.0.0.1:{free_port()}", tmp_path, "unreachable", "refused")


def test_a_server_that_says_nothing_is_told(asked: Request, tmp_path: Path) -> None:
    with deaf() as place:
        endure(asked, f"http://{place}", tmp_path, "timeout")


def test_an_unknown_name_is_told(asked: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    endure(asked, "http://logs.invalid", tmp_path, "unreachable", "logs.invalid")


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_of_nobody_is_told(
    asked: Request, tmp_path: Path, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Where it is set, requests heeds it more than `verify`.
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            world.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = certificates(tmp_path).server().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    url = f"https://127.0.0.1:{server.server_port}"
    try:
        assert "REQUESTS_CA_BUNDLE" in endure(asked, url, tmp_path, "unreachable", "TLS").mend
        assert not read(asked, url, tmp_path, verify_tls=False).gaps
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_a_clock_that_is_off_is_corrected(asked: Request) -> None:
    with stub(dated('{"status": "success"}', timedelta(hours=2))) as running:
        (skew,) = Loki(Loki.Settings(url=running.url)).check(asked)
    assert isinstance(skew, Skew)
    assert skew.seconds == pytest.approx(7200, abs=2)


def spoiling(world: World, fault: Fault, *paths: str) -> Fault:
    """The world's answers, and a fault for some paths."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        (fault if any(p in handler.path for p in paths) else world.answer)(handler)

    return answer


@pytest.mark.parametrize("fault", [saying(500, "broken"), saying(403, "no"), hanging(2), saying(200, "7")])
@pytest.mark.parametrize(
    ("paths", "wanted"),
    [
        (["/patterns"], ["patterns of"]),
        (["/index/stats"], ["size of"]),
        (["count_over_time"], ["counts of log", "counts of the other"]),
    ],
)
def test_a_side_question_that_fails_stops_no_other(
    asked: Request, tmp_path: Path, world: World, fault: Fault, paths: list[str], wanted: list[str]
) -> None:
    with stub(spoiling(world, fault, *paths)) as running:
        collected = read(asked, running.url, tmp_path, max_lines=100)
    gaps = [g for g in collected.gaps if g.cause != "truncated"]
    assert [any(w in g.wanted for g in gaps) for w in wanted] == [True] * len(wanted)
    assert len(gaps) == len(wanted)
    assert [g for g in collected.gaps if g.cause == "truncated"], "that lines were left out is told all the same"
    assert len(collected.tables["logs"]) > 10


def test_what_was_throttled_once_is_asked_again(asked: Request, tmp_path: Path, world: World) -> None:
    refused: set[str] = set()
    lock = threading.Lock()

    def twice(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            first = handler.path not in refused
            refused.add(handler.path)
        saying(429, "slow down", "text/plain")(handler) if first else world.answer(handler)

    with stub(twice) as running:
        collected = read(asked, running.url, tmp_path)
    assert not collected.gaps


def test_what_came_before_a_server_died_is_kept(asked: Request, tmp_path: Path, world: World) -> None:
    world.max_entries = 100
    count = 0

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal count
        count += "direction=forward" in handler.path
        (world.answer if count <= 2 else dying())(handler)

    with stub(answer) as running:
        collected = read(asked, running.url, tmp_path)
    assert [g.cause for g in collected.gaps] == ["unreachable"]
    assert len(collected.tables["logs"]) >= 99
