"""Everything that may go wrong between here and AWS: each ends in time, the others finish, gaps say cause and mend."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from servers.aws import AwsServer, aws
from servers.faults import deaf, judged
from servers.prometheus import free_port
from servers.tls import certificates

from collectors.cloudwatch import CloudWatch, insights, trail, transport
from gather_diagnostics import Coverage, Evidence, Gap, Request, Window
from gather_diagnostics.pipeline import exit_code
from gather_diagnostics.runner import Collected

pytestmark = pytest.mark.slow

SECONDS = 6.0
"""What the source may take here."""
PATIENT = 12.0
"""The same where AWS throttles: botocore waits some seconds before it asks again."""
MINUTE = timedelta(minutes=1)
GROUP = "/ecs/checkout"
LINES = 30


@pytest.fixture(scope="module")
def running() -> Iterator[AwsServer]:
    """It has answered everything once: moto imports each service when it is first asked, which takes seconds."""
    with aws() as server, pytest.MonkeyPatch.context() as patch:
        lead(server, patch)
        window = Window(NOW - 60 * MINUTE, NOW)
        request = Request("checkout", NOW, window, window.shifted(-60 * MINUTE), window, source_seconds=120)
        list(CloudWatch(CloudWatch.Settings()).collect(request))
        yield server


@pytest.fixture
def server(running: AwsServer, monkeypatch: pytest.MonkeyPatch) -> AwsServer:
    running.reset()
    lead(running, monkeypatch)
    monkeypatch.setattr(trail, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(insights, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(transport, "LARGEST", 2_000_000)
    return running


@pytest.fixture
def asked(request: pytest.FixtureRequest, make_request: Callable[..., Request]) -> Request:
    slowed = getattr(request.node, "callspec", None) and request.node.callspec.params.get("cause") == "throttled"
    return make_request(source_seconds=PATIENT if slowed else SECONDS)


def lead(server: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)


def fill(server: AwsServer, ahead: timedelta = timedelta(0)) -> None:
    """A function with samples, log lines and a deployment, all stamped by AWS's clock, which is `ahead`."""
    minutes = [NOW - n * MINUTE + ahead for n in range(120, 0, -1)]
    server.put_metric("AWS/Lambda", "Invocations", [(t, 60.0) for t in minutes], {"FunctionName": "checkout"})
    server.put_logs(GROUP, "task/1", [(t, f"INFO order {n} placed") for n, t in enumerate(minutes[-LINES:])])
    server.put_trail_event(
        NOW - 30 * MINUTE + ahead, "UpdateService", "ecs.amazonaws.com", resources={"checkout": "AWS::ECS::Service"}
    )


def run(asked: Request, folder: Path, **settings: Any) -> tuple[Collected, Coverage, tuple[Gap, ...]]:
    """The whole run beside a healthy source, what became of AWS in it, and its gaps."""
    found = judged(asked, CloudWatch(CloudWatch.Settings(**settings)), folder)
    covered = next(c for c in found.coverage if c.source == "cloudwatch")
    assert covered.seconds < asked.source_seconds, "it ends by itself: the runner needs not cut it off"
    return found, covered, found.gaps


def is_partial(asked: Request, found: Collected) -> bool:
    return exit_code(Evidence(asked, found.tables, found.coverage, found.gaps)) == 2


def checked(asked: Request) -> list[Gap]:
    """What `doctor` says."""
    return [i for i in CloudWatch(CloudWatch.Settings()).check(asked) if isinstance(i, Gap)]


def test_without_a_fault_all_is_complete(server: AwsServer, asked: Request, tmp_path: Path) -> None:
    fill(server)
    found, covered, gaps = run(asked, tmp_path)
    assert (covered.status, gaps, is_partial(asked, found)) == ("complete", (), False)
    assert covered.rows["logs"] == LINES
    assert covered.rows["metrics"] > 120
    assert covered.rows["changes"] == 1
    assert not checked(asked)


# --- no way there


@contextmanager
def refusing() -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def silent() -> Iterator[str]:
    with deaf() as place:
        yield f"http://{place}"


@contextmanager
def silent_tls() -> Iterator[str]:
    with deaf() as place:
        yield f"https://{place}"


@contextmanager
def of_an_unknown_authority(folder: Path) -> Iterator[str]:
    """Shakes hands with a certificate that nobody here vouches for."""
    context = certificates(folder).server()

    def shake(listener: socket.socket) -> None:
        with suppress(OSError):  # the listener is closed: the test is over
            while True:
                connection, _ = listener.accept()
                connection.settimeout(2)
                with suppress(ssl.SSLError, OSError), context.wrap_socket(connection, server_side=True) as secure:
                    secure.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=shake, args=(listener,), daemon=True).start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"


Place = Callable[[AwsServer, Path], AbstractContextManager[str]]
PLACES: list[tuple[str, Place, str, str, str]] = [
    ("connection refused", lambda s, f: refusing(), "unreachable", "Connection refused", "get-caller-identity"),
    ("no such name", lambda s, f: nullcontext("http://aws.invalid"), "unreachable", "aws.invalid", "endpoint"),
    ("no TLS spoken", lambda s, f: nullcontext(s.url.replace("http:", "https:")), "unreachable", "TLS", "CA_BUNDLE"),
    ("unknown authority", lambda s, f: of_an_unknown_authority(f), "unreachable", "certificate", "AWS_CA_BUNDLE"),
    ("hang before an answer", lambda s, f: silent(), "timeout", "did not answer in time", "--deadline"),
    ("hang in the handshake", lambda s, f: silent_tls(), "timeout", "did not answer in time", "--deadline"),
]


@pytest.mark.parametrize(("place", "cause", "words", "mend"), [p[1:] for p in PLACES], ids=[p[0] for p in PLACES])
def test_no_way_there_is_one_gap(
    server: AwsServer,
    asked: Request,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: Place,
    cause: str,
    words: str,
    mend: str,
) -> None:
    with place(server, tmp_path) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        found, covered, (gap,) = run(asked, tmp_path)
    assert (covered.status, covered.rows, gap.cause) == ("failed", {}, cause), gap
    assert words in gap.why
    assert mend in gap.mend
    assert is_partial(asked, found)


# --- a faulty answer


def html(status: int) -> Callable[..., None]:
    def answer(server: AwsServer, *where: str) -> None:
        body = f"<html><title>{status} of a proxy</title></html>"
        server.fail(*where, times=None, status=status, body=body)

    return answer


Fault = Callable[..., None]
ANSWERS: list[tuple[str, Fault, str, str, str]] = [
    ("hang", lambda s, *w: s.hang(*w, seconds=20, times=None), "timeout", "did not answer in time", "--deadline"),
    ("hang in the middle", lambda s, *w: s.stall(*w, seconds=20), "timeout", "did not answer in time", "--deadline"),
    ("slow drip", lambda s, *w: s.drip(*w, seconds=20), "timeout", "did not answer in time", "--deadline"),
    ("absurdly large", lambda s, *w: s.flood(*w), "truncated", "larger than 2,000,000 bytes", "shorter window"),
    ("401", html(401), "denied", "401 of a proxy", "HTTPS_PROXY"),
    ("403", html(403), "denied", "403 of a proxy", "HTTPS_PROXY"),
    ("404", html(404), "not_found", "404 of a proxy", "AWS_ENDPOINT_URL"),
    ("429", html(429), "throttled", "429", "later"),
    ("500", html(500), "invalid", "500", "health.aws"),
    ("503", html(503), "invalid", "503", "health.aws"),
    ("wrong content type", html(200), "invalid", "200 of a proxy", "endpoint_url"),
    ("truncated JSON", lambda s, *w: s.truncate(*w, times=None), "invalid", "not like AWS", "endpoint_url"),
    ("broken off", lambda s, *w: s.truncate(*w, times=None, closes=True), "invalid", "not like AWS", "endpoint_url"),
    ("no permission", lambda s, *w: s.deny(*w), "denied", "not authorized", '"Effect": "Allow"'),
    ("expired credentials", lambda s, *w: s.expire(*w), "denied", "expired", "aws sso login"),
    ("throttled for long", lambda s, *w: s.throttle(*w, times=None), "throttled", "Rate exceeded", "later"),
]
FAULTS = pytest.mark.parametrize(
    ("fault", "cause", "words", "mend"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)


@FAULTS
def test_a_fault_everywhere_is_one_gap(
    server: AwsServer, asked: Request, tmp_path: Path, fault: Fault, cause: str, words: str, mend: str
) -> None:
    fill(server)
    fault(server, "*", "*")
    found, covered, (gap,) = run(asked, tmp_path)
    assert (covered.rows, gap.cause) == ({}, cause), gap
    assert covered.status in ("failed", "partial")
    assert words in gap.why or "sts" in gap.why, gap
    assert mend in gap.mend
    assert is_partial(asked, found)
    if cause != "timeout":  # which takes as long again
        assert {g.cause for g in checked(asked)} == {cause}


@FAULTS
def test_a_fault_of_one_call_leaves_the_others(
    server: AwsServer, asked: Request, tmp_path: Path, fault: Fault, cause: str, words: str, mend: str
) -> None:
    fill(server)
    fault(server, "logs", "FilterLogEvents")
    found, covered, (gap,) = run(asked, tmp_path)
    assert (covered.status, gap.cause, GROUP in gap.wanted) == ("partial", cause, True), gap
    assert words in gap.why
    assert mend in gap.mend
    assert covered.rows["metrics"] > 120
    assert covered.rows["changes"] == 1
    assert is_partial(asked, found)


def test_a_server_killed_half_way_leaves_what_came(
    asked: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with aws() as server:
        lead(server, monkeypatch)
        fill(server)
        server.die("logs", "FilterLogEvents")
        found, covered, gaps = run(asked, tmp_path)
    assert covered.status == "partial"
    assert {g.cause for g in gaps} == {"unreachable"}
    assert f"log lines of {GROUP}" in {g.wanted for g in gaps}
    assert all("get-caller-identity" in g.mend for g in gaps)
    assert is_partial(asked, found)


# --- no fault at all


def test_an_empty_account_is_an_answer(server: AwsServer, asked: Request, tmp_path: Path) -> None:
    """That nothing is named like the service is said once; a quiet window of what is there is no gap at all."""
    _, covered, (gap,) = run(asked, tmp_path)
    assert (covered.rows, gap.cause) == ({}, "not_found")
    server.put_metric("AWS/Lambda", "Invocations", [(NOW - 170 * MINUTE, 1.0)], {"FunctionName": "checkout"})
    server.put_logs(GROUP, "task/1", [(NOW - 170 * MINUTE, "INFO long ago")])
    found, covered, gaps = run(asked, tmp_path)
    assert (covered.rows, covered.status, gaps, is_partial(asked, found)) == ({}, "complete", (), False)


@pytest.mark.parametrize(
    "slowed",
    [
        lambda s: s.throttle("*", "*", times=1),
        lambda s: s.throttle("logs", "FilterLogEvents", times=2),
        lambda s: s.throttle("cloudwatch", "GetMetricData", times=2),
        lambda s: s.throttle("cloudtrail", "LookupEvents", times=1),
        lambda s: s.fail("logs", "FilterLogEvents", times=2, status=503),
        lambda s: s.fail("sts", times=1, status=500),
    ],
)
def test_throttled_then_fine_is_no_gap(
    server: AwsServer, make_request: Any, tmp_path: Path, slowed: Callable[[AwsServer], None]
) -> None:
    fill(server)
    slowed(server)
    request = make_request(source_seconds=20.0)  # botocore waits up to some seconds after it was throttled
    found = judged(request, CloudWatch(CloudWatch.Settings()), tmp_path)
    covered = next(c for c in found.coverage if c.source == "cloudwatch")
    assert (covered.status, found.gaps) == ("complete", ())
    assert covered.rows["logs"] == LINES


# --- clocks


@pytest.mark.parametrize("minutes", [10, -10])
def test_a_clock_ten_minutes_off_is_refused_and_told(
    server: AwsServer, asked: Request, tmp_path: Path, minutes: int
) -> None:
    """AWS takes no signature that old, so nothing can be read; but why, and by how much, is known."""
    fill(server)
    server.skew(minutes * 60)
    found, covered, gaps = run(asked, tmp_path)
    assert covered.status == "failed"
    assert covered.skew == pytest.approx(minutes * 60, abs=2)
    assert {(g.cause, "NTP" in g.mend) for g in gaps} == {("invalid", True)}
    assert any("Signature" in g.why for g in gaps)
    assert any(("ahead of" if minutes > 0 else "behind") in g.why for g in gaps)
    assert is_partial(asked, found)
    assert {("NTP" in g.mend) for g in checked(asked)} == {True}


@pytest.mark.parametrize("seconds", [150, -150])
def test_windows_are_asked_on_awss_clock_and_times_are_put_back(
    server: AwsServer, asked: Request, tmp_path: Path, seconds: int
) -> None:
    fill(server, timedelta(seconds=seconds))
    server.skew(seconds)
    found, covered, (gap,) = run(asked, tmp_path)
    assert (gap.cause, gap.mend.startswith("set this machine's clock by NTP")) == ("invalid", True)
    logs = found.tables["logs"]
    mine = logs[logs["source"] == "cloudwatch"].sort_values("time")
    assert len(mine) == LINES, "neither the first nor the last line is beside the window"
    meant: list[datetime] = [NOW - n * MINUTE for n in range(LINES, 0, -1)]
    assert all(abs(t.to_pydatetime() - m) < timedelta(seconds=3) for t, m in zip(mine["time"], meant, strict=True))
    (change,) = found.tables["changes"]["time"]
    assert abs(change.to_pydatetime() - (NOW - 30 * MINUTE)) < timedelta(seconds=3)
    rates = found.tables["metrics"].query("metric == 'error_rate' and source == 'cloudwatch'")
    assert len(rates) >= 119, "no period counts as unfinished because AWS's clock is ahead"
    assert covered.skew == pytest.approx(seconds, abs=2)
    assert is_partial(asked, found)
