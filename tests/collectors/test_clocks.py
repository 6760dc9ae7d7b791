"""Servers whose clocks are ten minutes off: what is meant is asked for, and told in the time of this machine."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from conftest import NOW
from forgework import KINDS, source, steps
from servers.faults import judged
from servers.forge import Deploy, Repo, forge
from servers.prometheus import openmetrics, prometheus, saying, stub
from servers.proxy import ahead, forwarding

from collectors.alertmanager import Alertmanager
from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Request, Skew, Window
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.session import Session

MINUTE = timedelta(minutes=1)
NEAR = timedelta(seconds=2)
"""How exact a Date header can make a time."""
OFF = pytest.mark.parametrize("off", [10 * MINUTE, -10 * MINUTE], ids=["ahead", "behind"])
MakeRequest = Callable[..., Request]


def date(off: timedelta) -> dict[str, str]:
    return {"Date": format_datetime(datetime.now(UTC) + off, usegmt=True)}


def near(times: Any, expected: list[datetime]) -> bool:
    return len(times) == len(expected) and all(
        abs(t.to_pydatetime() - e) <= NEAR for t, e in zip(sorted(times), sorted(expected), strict=True)
    )


def test_the_skew_errs_to_both_sides() -> None:
    """A Date is cut off to the second; over many, the mean is the truth."""
    found = []
    for _ in range(3):
        session = Session(5)
        with stub(saying(200, "{}", headers=date(10 * MINUTE))) as running:
            session.get(running.url)
        assert session.skew is not None
        found.append(session.skew)
    assert all(abs(s - 600) < 1 for s in found)


def test_a_small_difference_changes_no_window(make_request: MakeRequest) -> None:
    request = make_request()
    assert asked_on(request, None) is request
    assert asked_on(request, 1.9) is request
    assert asked_on(request, -2.0).incident == request.incident.shifted(timedelta(seconds=-2))


# --- Prometheus


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """50 s before the incident's end a service begins to fail, an alert fires, and another service appears."""
    begin, end = int((NOW - timedelta(hours=2, minutes=20)).timestamp()), int(NOW.timestamp())
    late = end - 50
    good = [(t, 9.0 * (t - begin)) for t in range(begin, end + 1200, 5)]
    bad = [(t, 1.0 * max(0, t - late)) for t in range(begin, end + 1200, 5)]
    fire = [(t, 1.0) for t in range(late, end, 5)]
    its = {"alertname": "Errors", "alertstate": "firing", "service": "checkout"}
    text = openmetrics(
        {
            "http_requests": (
                "counter",
                [
                    ("http_requests_total", {"service": "checkout", "code": "200"}, good),
                    ("http_requests_total", {"service": "checkout", "code": "500"}, bad),
                    ("http_requests_total", {"service": "newborn", "code": "200"}, [s for s in good if late < s[0]]),
                ],
            ),
            "ALERTS": ("gauge", [("ALERTS", its, fire)]),
        }
    )
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(text)
    with prometheus(file) as url:
        yield url


@pytest.mark.slow
@OFF
def test_no_sample_at_the_windows_end_is_lost(
    off: timedelta, real: str, make_request: MakeRequest, tmp_path: Path
) -> None:
    season = make_request().incident.shifted(-timedelta(hours=1))
    request = make_request(seasonal=(season.shifted(-timedelta(minutes=90)),))
    settings = {"step_seconds": 5, "rate_window_seconds": 20}

    def read(answer: Any) -> Any:
        with stub(answer) as running:
            return judged(request, Prometheus(Prometheus.Settings(url=running.url, **settings)), tmp_path)

    right, wrong = read(forwarding(real)), read(ahead(real, off))
    covered = next(c for c in wrong.coverage if c.source == "prometheus")
    assert covered.skew == pytest.approx(off.total_seconds(), abs=2)
    assert [g.wanted for g in wrong.gaps] == [g.wanted for g in right.gaps] == ["latency of checkout"]
    assert covered.status == next(c for c in right.coverage if c.source == "prometheus").status
    metrics = {name: found.tables["metrics"] for name, found in (("right", right), ("wrong", wrong))}
    for metric in ("error_rate", "request_rate"):
        its, theirs = (m[m["metric"] == metric].sort_values("time") for m in metrics.values())
        assert abs(len(its) - len(theirs)) <= 1, "a sample at the very end may be the next window's"
        assert abs(its["time"].max() - theirs["time"].max()) <= timedelta(seconds=5) + NEAR
        assert abs(its["time"].min() - theirs["time"].min()) <= timedelta(seconds=5) + NEAR
    firsts = [m[(m["metric"] == "error_rate") & (m["value"] > 0)]["time"].min() for m in metrics.values()]
    assert abs(firsts[0] - firsts[1]) <= NEAR, "what begins 50 s before the end is there, at its time"
    alerts = [f.tables["events"].query("reason == 'FIRING'")["time"].to_list() for f in (right, wrong)]
    assert near(alerts[1], [t.to_pydatetime() for t in alerts[0]])


@pytest.mark.slow
@OFF
def test_a_service_that_appeared_at_the_end_is_found(
    off: timedelta, real: str, make_request: MakeRequest, tmp_path: Path
) -> None:
    """The first question finds the service, and is put before anybody knows the clock."""
    settings = {"step_seconds": 5, "rate_window_seconds": 20}
    with stub(ahead(real, off)) as running:
        source = Prometheus(Prometheus.Settings(url=running.url, **settings))
        found = judged(make_request("newborn"), source, tmp_path).tables["metrics"]
    times = found[found["metric"] == "request_rate"]["time"]
    assert NOW - MINUTE < times.min() < times.max() < NOW + NEAR


@pytest.mark.parametrize("kind", [Prometheus, Alertmanager])
@OFF
def test_a_check_tells_the_clock_whatever_the_answer(kind: Any, off: timedelta, make_request: MakeRequest) -> None:
    for status in (200, 403):
        with stub(saying(status, '{"status": "success"}', headers=date(off))) as running:
            *_, clock = kind(kind.Settings(url=running.url)).check(make_request())
        assert isinstance(clock, Skew)
        assert clock.seconds == pytest.approx(off.total_seconds(), abs=2)


# --- Alertmanager


@OFF
def test_alerts_and_silences_are_those_of_the_window(off: timedelta, make_request: MakeRequest, tmp_path: Path) -> None:
    """The server's times are its own: a minute before the incident's end is its, a minute after is not."""
    there = NOW + off
    inside, outside = there - MINUTE, there + MINUTE

    def alert(name: str, began: datetime) -> dict[str, Any]:
        return {"labels": {"alertname": name, "service": "checkout"}, "startsAt": began.isoformat()}

    def silence(began: datetime) -> dict[str, Any]:
        matchers = [{"name": "service", "value": "checkout", "isRegex": False}]
        ends = (began + timedelta(hours=1)).isoformat()
        return {"id": str(began), "matchers": matchers, "startsAt": began.isoformat(), "endsAt": ends}

    alerts = json.dumps([alert("In", inside), alert("Out", outside)])
    silences = json.dumps([silence(inside), silence(outside)])

    def answer(handler: Any) -> None:
        saying(200, silences if "silences" in handler.path else alerts, headers=date(off))(handler)

    with stub(answer) as running:
        found = judged(make_request(), Alertmanager(Alertmanager.Settings(url=running.url)), tmp_path)
    assert not found.gaps
    covered = next(c for c in found.coverage if c.source == "alertmanager")
    assert (covered.status, covered.rows) == ("complete", {"events": 2})
    assert near(found.tables["events"]["time"], [NOW - MINUTE] * 2)


# --- the forge


@OFF
@pytest.mark.parametrize("kind", KINDS)
def test_deployments_are_those_of_the_window(
    kind: str, off: timedelta, make_request: MakeRequest, tmp_path: Path
) -> None:
    there = NOW + off
    moments = {1: there - timedelta(hours=30), 2: there - MINUTE, 3: there + MINUTE}
    repo = Repo([Deploy(n, n, at, steps(kind, at, at + 10 * NEAR)) for n, at in moments.items()])
    repo.merges = [(7, 2, there - 2 * MINUTE), (8, 3, there + MINUTE)]
    repo.releases = [("v1", 9, there - 3 * MINUTE), ("v2", 8, there + MINUTE)]
    repo.headers = date(off)
    with forge(kind, repo) as server:
        found = judged(make_request(), source(server.url, kind), tmp_path)
        *_, clock = source(server.url, kind).check(make_request())
    assert not found.gaps
    assert next(c for c in found.coverage if c.source == "forge").status == "complete"
    rows = found.tables["changes"]
    assert near(rows["time"], [NOW - MINUTE, NOW - 2 * MINUTE, NOW - 3 * MINUTE])
    assert near(rows["finished"].dropna(), [NOW - MINUTE + 10 * NEAR])
    assert isinstance(clock, Skew)
    assert clock.seconds == pytest.approx(off.total_seconds(), abs=2)
    assert not isinstance(clock, Gap)


def test_every_window_moves(make_request: MakeRequest) -> None:
    request = make_request(seasonal=(Window(NOW - timedelta(days=1), NOW - timedelta(hours=23)),))
    moved = asked_on(request, 600)
    for before, after in zip((*request.windows(), request.changes), (*moved.windows(), moved.changes), strict=True):
        assert after == before.shifted(10 * MINUTE)
