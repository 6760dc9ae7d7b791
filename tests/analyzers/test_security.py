"""Observations for a security engineer: bursts against the baseline are told, what was always so is not."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from incidents import lines, tables

from analyzers.security import security
from analyzers.security.bursts import RARE, chance, compared, dispersion
from analyzers.security.calls import principal
from analyzers.security.lines import addresses
from gather_diagnostics import Finding

MINUTE = timedelta(minutes=1)


@pytest.fixture
def request_(make_request: Any) -> Any:
    return make_request()


@pytest.fixture
def onset(request_: Any) -> Any:
    return request_.incident.end - 23 * MINUTE


def chatter(request: Any) -> list[dict[str, Any]]:
    return lines(request.baseline.start, request.incident.end, 10, "order {n} placed by 10.0.0.7")


def found(request: Any, logs: Any = (), changes: Any = ()) -> dict[str, Finding]:
    answer = security(request, tables(logs=list(logs), changes=list(changes)))
    return {f.id.removeprefix("security").lstrip(":"): f for f in answer}


def access(
    time: datetime, client: str, path: str = "/cart", status: int = 200, agent: str = "Mozilla/5.0"
) -> dict[str, Any]:
    """A line of an access log as logparse makes it."""
    return {
        "time": time,
        "ref": f"access.log:{time.timestamp()}",
        "level": "WARNING" if status >= 400 else "INFO",
        "message": f'{client} - - "GET {path} HTTP/1.1" {status} 12 "-" "{agent}"',
        "endpoint": path,
        "labels": {"client": client, "method": "GET", "status": status},
    }


def requests(start: datetime, end: datetime, every: float, clients: list[str], **more: Any) -> list[dict[str, Any]]:
    steps = int((end - start).total_seconds() / every)
    return [access(start + timedelta(seconds=n * every), clients[n % len(clients)], **more) for n in range(steps)]


SSHD = "Failed password for invalid user admin from {} port 4{n} ssh2"


def test_failed_log_ins_are_counted_by_address_against_the_baseline(request_: Any, onset: Any) -> None:
    logs = chatter(request_) + lines(request_.baseline.start, onset, 1500, SSHD.replace("{}", "10.0.0.9"), seed=2)
    before = sum(r["time"] < request_.incident.start and "Failed" in r["message"] for r in logs)
    for number, address in enumerate(("203.0.113.4", "203.0.113.5", "2001:db8::7")):
        logs += lines(onset, request_.incident.end, 15, SSHD.replace("{}", address), seed=number, service="sshd")
    one = found(request_, logs)["failed_logins"]
    count = one.details["lines"]
    assert count > 200
    assert one.details["baseline"] == before
    assert {t["address"] for t in one.details["top"][:3]} == {"203.0.113.4", "203.0.113.5", "2001:db8::7"}
    assert all(t["new"] for t in one.details["top"][:3])
    assert one.time is not None
    assert abs(one.time - onset) < 2 * MINUTE
    assert one.headline.startswith(f"{count} failed log-ins from ")
    assert f"baseline {before}" in one.headline
    assert "attack" not in one.headline
    assert one.severity == "medium"
    messages = tables(logs=logs)["logs"]["message"].iloc[list(one.supports[0].rows)]
    assert messages.str.contains("Failed password").all()


@pytest.mark.parametrize(
    ("message", "sign"),
    [
        ("Failed password for root from 10.1.1.1 port 22 ssh2", "failed_logins"),
        ("login failed for user alice", "failed_logins"),
        ("Authentication failure: wrong credentials", "failed_logins"),
        ('FATAL: password authentication failed for user "app"', "failed_logins"),
        ("Invalid credentials supplied", "failed_logins"),
        ("BadCredentialsException: Bad credentials", "failed_logins"),
        ("WRONGPASS invalid username-password pair", "failed_logins"),
        ("open /data/x: permission denied", "permission_denied"),
        ("User: arn:aws:iam::1:user/x is not authorized to perform: s3:GetObject", "permission_denied"),
        ("AccessDenied: Access Denied", "permission_denied"),
        ('pods is forbidden: User "x" cannot list resource', "permission_denied"),
        ("login succeeded for alice", None),
        ("password changed", None),
        ("loginQueue depth 4, failover ready", None),
        ("request allowed", None),
    ],
)
def test_words_that_say_so(request_: Any, onset: Any, message: str, sign: str | None) -> None:
    logs = chatter(request_) + lines(onset, request_.incident.end, 20, message, seed=3)
    assert set(found(request_, logs)) == {"", *([sign] if sign else [])}


def test_status_codes_say_so_too(request_: Any, onset: Any) -> None:
    end = request_.incident.end
    usual = requests(request_.baseline.start, end, 20, ["10.0.0.1", "10.0.0.2"])
    answer = found(request_, usual + requests(onset, end, 10, ["10.0.0.1"], path="/login", status=401))
    assert set(answer) == {"", "failed_logins"}
    assert answer["failed_logins"].details["endpoints"] == ["/login"]
    answer = found(request_, usual + requests(onset, end, 10, ["10.0.0.1"], path="/admin/export", status=403))
    assert set(answer) == {"", "permission_denied"}
    assert "not in the baseline" not in answer["permission_denied"].headline, "it came before"


def test_scanners_are_told_by_path_and_by_name(request_: Any, onset: Any) -> None:
    end = request_.incident.end
    usual = requests(request_.baseline.start, end, 20, ["10.0.0.1", "10.0.0.2"])
    probes = [
        access(onset + n * MINUTE, "198.51.100.3", p, 404)
        for n, p in enumerate(("/.env", "/wp-login.php", "/.git/config"))
    ]
    probes += [access(onset + n * MINUTE, "198.51.100.3", "/cart?id=1", 200, "sqlmap/1.7") for n in range(12)]
    one = found(request_, usual + probes)["scanners"]
    assert (one.details["lines"], one.details["answered"], one.severity) == (15, 12, "medium")
    assert one.details["top"] == [{"address": "198.51.100.3", "lines": 15, "new": True}]
    refused = [access(r["time"], "198.51.100.3", "/.env", 404) for r in probes]
    assert found(request_, usual + refused)["scanners"].severity == "low", "nothing was answered"


def test_addresses_that_were_redacted_still_group(request_: Any, onset: Any) -> None:
    token = "[redacted:address:0123abcd]"
    logs = chatter(request_) + lines(onset, request_.incident.end, 20, SSHD.replace("{}", token))
    one = found(request_, logs)["failed_logins"]
    assert one.details["top"][0]["address"] == token
    assert one.details["addresses"] == 1


def test_rows_that_stand_for_many_lines_count_for_as_many(request_: Any, onset: Any) -> None:
    row = {"time": onset, "until": onset + 10 * MINUTE, "count": 500, "ref": "x", "message": "login failed for bob"}
    one = found(request_, [*chatter(request_), row])["failed_logins"]
    assert one.details["lines"] == 500


def test_new_addresses_are_told_where_the_public_is_usually_the_same(request_: Any, onset: Any) -> None:
    end = request_.incident.end
    usual = requests(request_.baseline.start, end, 5, [f"10.0.0.{n}" for n in range(10)])
    one = found(request_, usual + requests(onset, end, 4, ["203.0.113.9", "203.0.113.10"]))["new_sources"]
    assert one.details["addresses"] == 2
    assert one.details["share"] == pytest.approx(0.32, abs=0.04)
    assert one.time is not None
    assert abs(one.time - onset) < MINUTE


def call(time: datetime, event: str, who: str, number: int = 0) -> dict[str, Any]:
    return {
        "time": time,
        "ref": "trail",
        "id": f"aws:eu-west-1:cloudtrail:{event}-{time.timestamp()}-{number}",
        "kind": "infra",
        "service": "checkout",
        "summary": f"{event} on checkout by {who}",
        "author": who.rpartition("/")[2],
        "details": {"event": event, "identity": who},
    }


ROLE = "arn:aws:sts::123456789012:assumed-role"


def test_api_calls_that_the_day_did_not_have(request_: Any, onset: Any) -> None:
    day = [call(onset - n * MINUTE * 30, "UpdateService", f"{ROLE}/Deployer/gha-{7000 + n}") for n in range(1, 40)]
    usual = call(onset, "UpdateService", f"{ROLE}/Deployer/gha-9999")
    new = [call(onset + n * MINUTE, e, f"{ROLE}/Admin/mallory") for n, e in enumerate(("DeleteTable", "UpdateService"))]
    one = found(request_, changes=[*day, usual, *new])["api_calls"]
    assert (one.severity, one.time) == ("low", onset)
    assert one.details["lines"] == 2
    told = one.details["calls"][0]
    assert (told["who"], told["new"], told["sensitive"]) == ("Admin/mallory", True, ["DeleteTable"])
    assert one.supports[0].table == "changes"
    assert set(found(request_, changes=[*day, usual])) == {""}, "the same role in another run is nobody new"
    few = found(request_, changes=new)["api_calls"]
    assert few.confidence < one.confidence, "with nothing to compare with"


# Red herrings.


def test_what_the_baseline_has_as_well_is_not_told(request_: Any) -> None:
    start, end = request_.baseline.start, request_.incident.end
    logs = chatter(request_) + lines(start, end, 12, SSHD.replace("{}", "203.0.113.4"), seed=5)
    logs += lines(start, end, 25, "open /data/x: permission denied", seed=6)
    logs += requests(start, end, 60, ["198.51.100.3"], path="/.env", status=404)
    answer = found(request_, logs)
    assert set(answer) == {""}
    assert "nothing is more frequent than in the baseline" in answer[""].headline
    assert answer[""].details["seen"]["failed_logins"] > 100


def test_bunches_that_come_all_day_are_not_news(request_: Any) -> None:
    """A job that fails to log in 20 times every quarter of an hour, then 50 times: four bunches say little."""
    logs = chatter(request_)
    for number in range(8):
        start = request_.baseline.start + number * 15 * MINUTE
        logs += lines(start, start + MINUTE, 60 / (20 if number < 4 else 50), "login failed for cron", seed=number)
    assert set(found(request_, logs)) == {""}


def test_few_more_than_few_are_no_burst(request_: Any) -> None:
    logs = chatter(request_)
    for number in range(15):
        time = (
            request_.baseline.start + number * 14 * MINUTE
            if number < 4
            else request_.incident.start + number * 3 * MINUTE
        )
        logs.append({"time": time, "ref": f"auth:{number}", "message": f"login failed for user{number}"})
    assert set(found(request_, logs)) == {""}, "11 after 4 are more than twice as many, and may be chance"


def test_a_public_of_ever_new_visitors_is_usual(request_: Any) -> None:
    end = request_.incident.end
    clients = [f"192.0.{n // 250}.{n % 250}" for n in range(360)]
    logs = [access(request_.baseline.start + n * timedelta(seconds=2), clients[n // 10]) for n in range(3600)]
    assert all(r["time"] < end for r in logs)
    assert "new_sources" not in found(request_, logs)


def test_without_a_baseline_it_says_so(request_: Any, onset: Any) -> None:
    few = lines(onset, onset + 5 * MINUTE, 20, "login failed for bob")
    assert set(found(request_, few)) == {""}
    many = found(request_, lines(onset, onset + 5 * MINUTE, 1, "login failed for bob"))["failed_logins"]
    assert "no log of the baseline" in many.headline
    assert (many.confidence, many.severity) == (0.5, "low")


def test_a_healthy_service(request_: Any) -> None:
    answer = found(request_, chatter(request_))
    assert set(answer) == {""}
    assert answer[""].severity == "info"
    assert f"{len(chatter(request_)):,} log lines" in answer[""].headline
    assert "nothing can be said" in found(request_)[""].headline


# The parts.


def test_the_chance_is_what_scipy_and_reason_say() -> None:
    assert chance(0, 0, 1) == 1
    assert chance(3, 0, 1) > RARE > chance(30, 0, 1)
    assert chance(120, 100, 1) > 0.01
    assert chance(200, 100, 1) < RARE
    assert chance(200, 100, 1, uneven=20) > RARE
    assert chance(20, 20, 0.1) < RARE < chance(3, 20, 0.1)


def test_false_alarms_are_as_rare_as_promised() -> None:
    """10,000 pairs of equal Poisson counts: about one in 10,000 or fewer are told at RARE."""
    draw = np.random.default_rng(4)
    pairs = draw.poisson(np.repeat([2.0, 20.0], 5000)[:, None], (10_000, 2))
    assert sum(chance(int(a), int(b), 1.0) < RARE for a, b in pairs) <= 3


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.1, 10), st.floats(1, 50))
def test_more_events_are_never_likelier(count: int, before: int, ratio: float, uneven: float) -> None:
    one = chance(count, before, ratio, uneven)
    assert 0 <= one <= 1
    assert chance(count + 1, before, ratio, uneven) <= one
    assert chance(count, before + 1, ratio, uneven) >= one


def test_bunches_are_told_from_an_even_flow(request_: Any) -> None:
    assert dispersion(np.arange(0, 3600, 10.0), 0, 3600) == 1
    assert dispersion(np.repeat([300.0, 2000.0], 100), 0, 3600) > 50
    assert compared(np.array([]), request_.incident, request_.baseline).told is False


@given(st.ip_addresses(), st.sampled_from(["from {} port 22", "client={}", "[{}] GET /", "peer ({})"]))
def test_every_address_is_found_as_it_is_written(address: Any, words: str) -> None:
    text = str(address)
    found_ = addresses(pa.array([words.format(text)]), pa.array([None], pa.string()))[0].as_py()
    if address.version == 4 or len(text.partition("::")[0]) > 2:
        assert found_ == text


@given(st.text(), st.text())
def test_any_text_is_survived(message: str, label: str) -> None:
    text = [t.encode("utf-8", "replace").decode() for t in (message, label)]
    assert len(addresses(pa.array([text[0]]), pa.array([text[1]]))) == 1
    principal(message)


@pytest.mark.slow
def test_two_million_lines_take_seconds(request_: Any) -> None:
    import time

    count = 2_000_000
    times = pd.date_range(request_.baseline.start, request_.incident.end, periods=count, inclusive="left", tz="UTC")
    number = np.arange(count - 1)
    client = pd.Series(number % 251).astype("str")
    logs = pd.DataFrame(
        {"time": times.as_unit("us"), "message": "order " + pd.Series(number).astype("str") + " placed in 14 ms"}
    )
    logs["labels"] = '{"bytes": 12, "client": "10.0.0.' + client + '", "method": "GET", "status": 200}'
    logs["endpoint"], logs["level"] = "/cart", "INFO"
    logs["count"] = pd.Series(pd.NA, index=logs.index, dtype="Int64")
    logs["until"] = pd.Series(pd.NaT, index=logs.index, dtype=logs["time"].dtype)
    began = time.perf_counter()
    assert [f.id for f in security(request_, {"logs": logs})] == ["security"]
    assert time.perf_counter() - began < 12
