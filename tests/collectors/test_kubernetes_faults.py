"""Whatever an API server may do to us: the run ends in time, the other source is whole, the gap says cause and mend."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from servers.faults import deaf, dying, judged
from servers.kubeshapes import SECRET, at, simple_pod, workload
from servers.kubestub import DEPLOYMENTS, POD_LIST, Answer, Server, kubeconfig, refusal, saying, serving
from servers.prometheus import broken_off, dripping, endless, free_port, hanging, stalling

from collectors.kubernetes import Kubernetes, client
from gather_diagnostics import Request
from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_PARTIAL
from gather_diagnostics.model import Evidence
from gather_diagnostics.pipeline import exit_code
from gather_diagnostics.runner import Collected

pytestmark = pytest.mark.slow
SECONDS = 3.0
"""What a source may take here."""
LOG = f"{POD_LIST}/checkout-1/log"
EVENTS = "/api/v1/namespaces/shop/events"
BEGIN = b'{"items": [{"metadata": {"name": "checkout-1", "nam'


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits that are reached in a test's time."""
    monkeypatch.setattr(client, "LARGEST", 2_000_000)
    monkeypatch.setattr(client, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(client, "CONNECT_SECONDS", 0.5)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[SimpleNamespace]:
    with serving() as (server, url):
        healthy(server)
        yield SimpleNamespace(server=server, url=url, config=kubeconfig(tmp_path / "config", url, namespace="shop"))


@pytest.fixture
def asked(make_request: Callable[..., Request]) -> Request:
    return make_request(source_seconds=SECONDS)


def healthy(server: Server, ahead: timedelta = timedelta(0)) -> None:
    """A service with one pod, an event and a log; its clock is `ahead`."""
    later = ahead.total_seconds() / 60
    pod = simple_pod("checkout-1") | {"spec": {"containers": [{"name": "app"}]}}
    about = {"kind": "Pod", "namespace": "shop", "name": "checkout-1"}
    event = {"metadata": {"uid": "e"}, "involvedObject": about, "reason": "Unhealthy", "lastTimestamp": at(5 - later)}
    server.routes[DEPLOYMENTS] = [saying(200, {"items": [workload("checkout", app="checkout")]})]
    server.routes[POD_LIST] = [saying(200, {"items": [pod]})]
    server.routes[EVENTS] = [saying(200, {"items": [event]})]
    server.routes[LOG] = [saying(200, f"{at(3 - later)} ERROR no connection\n".encode())]


def run(config: Path, request: Request, folder: Path, **settings: Any) -> tuple[Collected, dict[str, int], int]:
    """Beside a healthy source, judged: what came, the rows of Kubernetes by table, the exit code."""
    found = judged(request, Kubernetes(Kubernetes.Settings(kubeconfig=str(config), **settings)), folder)
    assert SECRET not in repr(found.gaps)
    assert all("\n" not in gap.why and "(prod)" in gap.wanted + gap.why for gap in found.gaps), found.gaps
    code = exit_code(Evidence(request, found.tables, found.coverage, found.gaps))
    covered = next(c for c in found.coverage if c.source == "kubernetes")
    assert covered.status in (("partial", "failed") if found.gaps else ("complete",))
    return found, dict(covered.rows), code


def test_without_a_fault_all_is_complete(api: Any, asked: Request, tmp_path: Path) -> None:
    found, rows, code = run(api.config, asked, tmp_path)
    assert (found.gaps, rows, code) == ((), {"workloads": 1, "events": 1, "logs": 1}, EXIT_COMPLETE)


FAULTS: dict[str, tuple[Answer, str, str, str]] = {
    # what the server does: (how, cause, in `why`, in `mend`)
    "401": (refusal(401, "Unauthorized"), "denied", "does not know these credentials", "kubectl --context prod get"),
    "403": (refusal(403, 'User "me" cannot'), "denied", 'User "me" cannot', "policy kubernetes | kubectl apply"),
    "404": (saying(404, b"404 page not found"), "not_found", "404 page not found", "api-resources"),
    "429": (refusal(429, "slow down"), "throttled", "slow down", "try again later"),
    "429 for long": (refusal(429, "later", **{"Retry-After": "3600"}), "throttled", "later", "try again later"),
    "500": (refusal(500, "etcd has no leader"), "invalid", "etcd has no leader", "/readyz?verbose"),
    "503": (refusal(503, "shutting down"), "invalid", "shutting down", "/readyz?verbose"),
    "504": (refusal(504, "too slow"), "timeout", "too slow", "run again"),
    "a login page": (saying(302, {}, {"Location": f"https://sso/?s={SECRET}"}), "denied", "redirects to", "log in"),
    "hang": (hanging(4), "timeout", "did not answer in time", "--deadline"),
    "hang midway": (stalling(4, BEGIN), "timeout", "did not answer in time", "--deadline"),
    "slow drip": (dripping(4), "timeout", "too slowly", "--deadline"),
    "truncated JSON": (saying(200, BEGIN), "invalid", "no whole JSON", "is it an API server?"),
    "broken off": (broken_off(BEGIN), "invalid", "broke its answer off", "kubectl --context prod version"),
    "wrong content type": (saying(200, b"<html>", {"Content-Type": "text/html"}), "invalid", "text/html", "API server"),
    "another shape": (saying(200, [1]), "invalid", "another shape", "is it an API server?"),
    "deep JSON": (saying(200, b"[" * 200_000), "invalid", "no whole JSON", "is it an API server?"),
    "absurdly large": (endless(), "truncated", "larger than 2,000,000 bytes", "sources.kubernetes.namespace"),
    "killed": (dying(), "unreachable", "closed", "kubectl --context prod version"),
}
MATRIX = pytest.mark.parametrize(("how", "cause", "why", "mend"), FAULTS.values(), ids=FAULTS)


@MATRIX
def test_from_the_first_answer_on(
    api: Any, asked: Request, tmp_path: Path, how: Answer, cause: str, why: str, mend: str
) -> None:
    api.server.everything = how
    found, rows, code = run(api.config, asked, tmp_path)
    assert ({g.cause for g in found.gaps}, rows, code) == ({cause}, {}, EXIT_PARTIAL), found.gaps
    assert why in found.gaps[0].why
    assert mend in found.gaps[0].mend
    checked = list(Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config))).check(asked))
    assert cause in {getattr(item, "cause", "") for item in checked}


@MATRIX
def test_of_one_list_in_the_middle(
    api: Any, asked: Request, tmp_path: Path, how: Answer, cause: str, why: str, mend: str
) -> None:
    """What came before is kept; the gap names the one list."""
    api.server.routes[EVENTS] = [how]
    found, rows, code = run(api.config, asked, tmp_path)
    assert [g.cause for g in found.gaps] == [cause], found.gaps
    assert "events" in found.gaps[0].wanted
    assert why in found.gaps[0].why
    assert mend in found.gaps[0].mend
    assert rows["workloads"] == 1
    assert code == EXIT_PARTIAL


def trickling(handler: BaseHTTPRequestHandler) -> None:
    """A line every now and then, each well within the client's patience, without end."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for n in range(1000):
        handler.wfile.write(f"{at(3 - n / 1000)} ERROR first\n".encode())
        handler.wfile.flush()
        time.sleep(0.1)


LOGS_AFTER = {
    "trickle": (trickling, "timeout", 5),
    "hang midway": (stalling(4, f"{at(3)} ERROR first\n".encode()), "timeout", 1),
    "slow drip": (dripping(4), "timeout", 0),
    "broken off": (broken_off(f"{at(3)} ERROR first\n".encode()), "invalid", 1),
    "killed": (dying(), "unreachable", 0),
    "500": (refusal(500, "disk is on fire"), "invalid", 0),
    "429": (refusal(429, "slow down"), "throttled", 0),
    "endless line": (endless(b"x" * 65_536), "truncated", 0),
}


@pytest.mark.parametrize(("how", "cause", "lines"), LOGS_AFTER.values(), ids=LOGS_AFTER)
def test_of_a_log(api: Any, asked: Request, tmp_path: Path, how: Answer, cause: str, lines: int) -> None:
    api.server.routes[LOG] = [how]
    found, rows, code = run(api.config, asked, tmp_path, max_log_bytes=2**20)
    assert cause in {g.cause for g in found.gaps}, found.gaps
    assert all("logs of" in g.wanted for g in found.gaps), found.gaps
    assert rows.get("logs", 0) >= lines
    assert (rows["workloads"], rows["events"], code) == (1, 1, EXIT_PARTIAL)


# --- before there is an answer


def test_a_refused_connection(asked: Request, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", f"https://127.0.0.1:{free_port()}")
    found, _, code = run(config, asked, tmp_path)
    assert [(g.cause, "Connection refused" in g.why) for g in found.gaps] == [("unreachable", True)]
    assert "kubectl --context prod version" in found.gaps[0].mend
    assert code == EXIT_PARTIAL


def test_an_unknown_name(asked: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    found, _, code = run(kubeconfig(tmp_path / "config", "https://api.invalid:6443"), asked, tmp_path)
    (gap,) = found.gaps
    assert (gap.cause, "https://api.invalid:6443" in gap.why, code) == ("unreachable", True, EXIT_PARTIAL)
    assert "Name or service not known" in gap.why


def test_a_server_without_tls(api: Any, asked: Request, tmp_path: Path) -> None:
    config = kubeconfig(tmp_path / "config", api.url.replace("http:", "https:"))
    found, _, code = run(config, asked, tmp_path)
    assert [(g.cause, "no TLS connection" in g.why, code) for g in found.gaps] == [("unreachable", True, EXIT_PARTIAL)]
    assert "certificates" in found.gaps[0].mend


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_takes_connections_and_is_mute(scheme: str, asked: Request, tmp_path: Path) -> None:
    """With https it is the handshake that hangs."""
    with deaf() as where:
        found, _, code = run(kubeconfig(tmp_path / "config", f"{scheme}://{where}"), asked, tmp_path)
    assert [g.cause for g in found.gaps] == ["timeout"], found.gaps
    assert code == EXIT_PARTIAL


# --- answers that are fine, or become so


def test_an_empty_answer_is_an_answer(api: Any, asked: Request, tmp_path: Path) -> None:
    for path in (EVENTS, LOG):
        api.server.routes[path] = [saying(200, {"items": []} if path == EVENTS else b"")]
    found, rows, code = run(api.config, asked, tmp_path)
    assert (found.gaps, rows, code) == ((), {"workloads": 1}, EXIT_COMPLETE)


def test_a_cluster_without_the_service_says_so(api: Any, asked: Request, tmp_path: Path) -> None:
    api.server.everything = None
    api.server.routes.clear()
    found, _, code = run(api.config, asked, tmp_path)
    assert [g.cause for g in found.gaps] == ["not_found"]
    assert code == EXIT_PARTIAL


@pytest.mark.parametrize("status", [429, 503])
def test_throttled_then_fine_is_fine(api: Any, asked: Request, tmp_path: Path, status: int) -> None:
    """Every path is refused once."""
    refused: set[str] = set()
    lock = threading.Lock()
    answer, no = api.server.answer, refusal(status, "slow down", **{"Retry-After": "0"})

    def once(handler: BaseHTTPRequestHandler) -> None:
        with lock:
            first = handler.path not in refused
            refused.add(handler.path)
        if first:
            handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
            no(handler)
        else:
            answer(handler)

    api.server.answer = once
    found, rows, code = run(api.config, asked, tmp_path)
    assert (found.gaps, rows["logs"], code) == ((), 1, EXIT_COMPLETE)


def test_a_token_that_expires_half_way(api: Any, asked: Request, tmp_path: Path) -> None:
    api.server.routes[EVENTS] = [refusal(401, "Unauthorized")]
    found, rows, code = run(api.config, asked, tmp_path)
    assert [(g.cause, "log in again" in g.mend) for g in found.gaps] == [("denied", True)]
    assert (rows, code) == ({"workloads": 1}, EXIT_PARTIAL)
    assert api.server.asked[-1][1] == EVENTS, "nothing more is asked with credentials of no use"


def test_a_server_killed_half_way(api: Any, asked: Request, tmp_path: Path) -> None:
    """After the events it is gone: no connection is taken any more."""
    events = api.server.routes[EVENTS][0]

    def last(handler: BaseHTTPRequestHandler) -> None:
        events(handler)
        handler.close_connection = True
        handler.server.shutdown_request = lambda request: request.close()  # type: ignore[attr-defined]
        handler.server.socket.close()

    api.server.routes[EVENTS] = [last]
    found, rows, code = run(api.config, asked, tmp_path)
    assert [g.cause for g in found.gaps] == ["unreachable"], found.gaps
    assert (rows["workloads"], rows["events"], code) == (1, 1, EXIT_PARTIAL)


# --- clocks


def on_clock(handler: BaseHTTPRequestHandler, ahead: timedelta) -> None:
    there = format_datetime(datetime.now(UTC) + ahead, usegmt=True)
    handler.date_time_string = lambda timestamp=None: there  # type: ignore[method-assign]


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_ten_minutes_off(api: Any, asked: Request, tmp_path: Path, minutes: int) -> None:
    """It is asked on its own clock, and what it dates stands in the tables as our clock would have it."""
    ahead, answer = timedelta(minutes=minutes), api.server.answer

    def skewed(handler: BaseHTTPRequestHandler) -> None:
        on_clock(handler, ahead)
        answer(handler)

    inside, outside = 119 - minutes, 121 - minutes  # minutes before the end of the window, as their clock has it
    api.server.routes[LOG] = [saying(200, f"{at(outside)} ERROR too early\n{at(inside)} ERROR first\n".encode())]
    pod = simple_pod("checkout-1") | {"spec": {"containers": [{"name": "app"}]}}
    api.server.routes[POD_LIST] = [saying(200, {"items": [pod]})]
    api.server.answer = skewed
    found, _, code = run(api.config, asked, tmp_path)
    (gap,) = found.gaps
    assert (gap.cause, gap.mend, code) == ("invalid", "set both clocks by NTP", EXIT_PARTIAL)
    assert ("ahead of" if minutes > 0 else "behind") in gap.why

    since = next(q["sinceTime"][0] for _, p, q in api.server.asked if p == LOG)
    told = datetime.fromisoformat(since) - (asked.baseline.start + ahead)
    assert abs(told) < timedelta(seconds=3), "the window is asked for on the server's clock"
    mine = found.tables["logs"][found.tables["logs"]["source"] == "kubernetes"]
    assert list(mine["message"]) == ["first"]
    assert abs(mine["time"].iloc[0] - (asked.incident.end - timedelta(minutes=119))) < timedelta(seconds=3)
    replica = found.tables["workloads"].iloc[0]
    assert abs(replica["time"] - asked.asked) < timedelta(seconds=1), "when it was asked is a time of ours"


@pytest.mark.parametrize("order", [["prod", "late"], ["late", "prod"]])
def test_clusters_whose_clocks_differ(api: Any, asked: Request, tmp_path: Path, order: list[str]) -> None:
    """Each is corrected by its own clock, though a source has one skew alone."""
    ahead = timedelta(minutes=10)
    with serving() as (other, url):
        healthy(other, ahead)
        answer = other.answer

        def skewed(handler: BaseHTTPRequestHandler) -> None:
            on_clock(handler, ahead)
            answer(handler)

        other.answer = skewed  # type: ignore[method-assign]
        document = yaml.safe_load(api.config.read_text())
        document["clusters"].append({"name": "late", "cluster": {"server": url}})
        context = {"cluster": "late", "user": "me", "namespace": "shop"}
        document["contexts"].append({"name": "late", "context": context})
        api.config.write_text(yaml.safe_dump(document))
        source = Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config), contexts=order))
        found = judged(asked, source, tmp_path)
    assert [g.cause for g in found.gaps] == ["invalid"]
    for table, minutes in (("logs", 3), ("events", 5), ("workloads", 0)):
        frame = found.tables[table]
        times = frame[frame["source"] == "kubernetes"]["time"]
        assert len(times) == 2
        assert abs(times - (asked.asked - timedelta(minutes=minutes))).max() < timedelta(seconds=3), table


def test_a_clock_a_second_off_is_no_matter(api: Any, asked: Request, tmp_path: Path) -> None:
    found, _, _ = run(api.config, asked, tmp_path)
    assert not found.gaps
    since = next(q["sinceTime"][0] for _, p, q in api.server.asked if p == LOG)
    assert since == at(120)


def test_a_bug_of_ours_is_called_one(api: Any, asked: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.runner import collect

    monkeypatch.setattr("collectors.kubernetes.pods.row", lambda *_: json.loads("no JSON"))
    source = Kubernetes(Kubernetes.Settings(kubeconfig=str(api.config)))
    began = time.monotonic()
    found = collect(asked, {"kubernetes": source}, Redactor())
    assert time.monotonic() - began < SECONDS
    assert [g.cause for g in found.gaps] == ["failed"]
    assert "this is a bug, not your system" in found.gaps[0].mend
