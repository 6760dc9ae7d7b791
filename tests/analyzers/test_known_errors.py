"""The catalogue of known errors, and what is said of those that stand in the logs."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from incidents import lines, tables

from analyzers.known_errors import catalogue, known_errors
from analyzers.known_errors.matching import matches
from gather_diagnostics import Finding, Request, config
from gather_diagnostics.errors import ConfigError
from gather_diagnostics.model import KnownError, Severity

ENTRIES = catalogue()
BY_ID = {entry.id: entry for entry in ENTRIES}
SAMPLES = Path(__file__).parent.parent / "data" / "logfiles"
RUNBOOKS = frozenset(
    "bad-deploy api-latency error-spike db-outage db-connections-exhausted oom-crashloop cpu-saturation disk-full"
    " dependency-outage dns-tls queue-backlog traffic-surge config-change certificate-expiry node-failure"
    " security-suspicion data-corruption".split()
)
REFUSED = "dial tcp 10.0.3.9:5432: connect: connection refused (attempt {n})"


@pytest.fixture
def request_(make_request: Any) -> Request:
    made: Request = make_request()
    return made


@pytest.fixture
def onset(request_: Request) -> datetime:
    return request_.incident.end - timedelta(minutes=20)


def everyday(request: Request) -> list[dict[str, Any]]:
    return lines(request.baseline.start, request.incident.end, 20, "order {n} placed")


def found(request: Request, *logs: list[dict[str, Any]]) -> list[Finding]:
    rows = [row for its in logs for row in its]
    return list(known_errors(request, tables(logs=everyday(request) + rows)))


def ids_of(message: str, entries: tuple[KnownError, ...] = ENTRIES) -> set[str]:
    """What the message counts for."""
    return {entry.id for entry, _ in matches(pd.Series([message], dtype="str"), entries)}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.id)
def test_an_entry_is_whole_and_its_example_counts_for_it_alone(entry: KnownError) -> None:
    assert entry.severity in get_args(Severity)
    assert entry.runbook in RUNBOOKS
    assert entry.system
    assert entry.meaning.endswith(".")
    assert not entry.cause.endswith(".")
    assert set(entry.instead_of) <= set(BY_ID) - {entry.id}
    assert ids_of(entry.example) == {entry.id}


def test_the_catalogue_covers_what_it_promises() -> None:
    assert len(ENTRIES) >= 60
    assert {e.system for e in ENTRIES} >= set(
        "PostgreSQL MySQL MongoDB Redis Oracle DynamoDB Kafka RabbitMQ SQS HTTP DNS TLS AWS JVM Python Node.js Go .NET"
        " Kubernetes disk kernel".split()
    )


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ('pq: remaining connection slots are reserved for roles', "postgresql-too-many-connections"),
        ('could not extend file "base/16384/24576": No space left on device', "disk-full"),
        ('ServerSelectionTimeoutError: mongo:27017: [Errno 111] Connection refused', "mongodb-no-primary"),
        ('connect() failed (111: Connection refused) while connecting to upstream', "proxy-upstream-down"),
        ('dial tcp: lookup db on 10.0.0.2:53: server misbehaving: i/o timeout', "dns-failure"),
        ('Error: connect ECONNREFUSED 10.0.0.5:6379', "connection-refused"),
        ('QueuePool limit of size 5 overflow 10 reached, connection timed out', "connection-pool-exhausted"),
        ("PoolTimeout: couldn't get a connection after 30.00 sec", "connection-pool-exhausted"),
        ('fork: retry: Resource temporarily unavailable', "threads-exhausted"),
        ('order failed\nCaused by: java.net.UnknownHostException: payments', "dns-failure"),
        ('[SSL: CERTIFICATE_VERIFY_FAILED] certificate has expired (_ssl.c:997)', "tls-certificate-expired"),
        ('connect ETIMEDOUT 10.0.0.5:443', "timeout"),
    ],
)  # fmt: skip
def test_other_wordings_and_the_more_special_one_wins(message: str, wanted: str) -> None:
    assert wanted in ids_of(message)
    assert not ids_of(message) & set(BY_ID[wanted].instead_of)


@pytest.mark.parametrize(
    "message",
    [
        "order 503 placed in 429 ms",
        "GET /connection/refused 200 in 12 ms",
        "the certificate expires in 60 days",
        "pool opened with 40 connections, timeout 30 s",
        "memory 512 MB of 1024 MB in use",
        "retry policy: 3 attempts on timeout",
        "Started OomKillerTest",
        "session expired for user 4711",
        "healthy: disk 40 % full, no error found",
        "SELECT * FROM relation_does_not_exist",
        "no such hostel in Rome",
    ],
)
def test_everyday_lines_are_no_errors(message: str) -> None:
    assert ids_of(message) == set()


def test_few_of_the_sample_lines_are_known_errors() -> None:
    sample = [line for path in sorted(SAMPLES.glob("*.log")) for line in path.read_text().splitlines()]
    assert len(sample) > 20
    hits = {line: ids for line in sample if (ids := ids_of(line))}
    assert len(hits) <= 3, hits


def test_a_new_error_says_what_it_means_and_where_to_go(request_: Request, onset: datetime) -> None:
    logs = lines(onset, request_.incident.end, 15, REFUSED, level="ERROR", service="checkout")
    (finding,) = found(request_, logs)
    assert finding.id == "known_errors:connection-refused"
    assert finding.severity == "high"
    assert finding.time == logs[0]["time"]
    assert finding.headline.startswith("network: Nothing listens at the address that was called: ")
    assert f"{len(logs)} times (none in the baseline, so it is new)" in finding.headline
    assert finding.details["runbook"] == "dependency-outage"
    assert (finding.details["count"], finding.details["baseline_count"]) == (len(logs), 0)
    assert (finding.details["state"], finding.details["services"]) == ("new", ["checkout"])
    assert finding.supports[0].total == len(logs)


def test_an_error_as_frequent_as_ever_is_usual_and_low(request_: Request) -> None:
    logs = lines(request_.baseline.start, request_.incident.end, 60, REFUSED, level="ERROR")
    summary, usual = found(request_, logs)
    assert summary.id == "known_errors"
    assert summary.details["usual"] == ["connection-refused"]
    assert (usual.severity, usual.details["state"]) == ("low", "usual")
    assert "so it is usual" in usual.headline
    assert "points to" not in usual.headline


def test_an_error_that_became_frequent_has_risen(request_: Request, onset: datetime) -> None:
    logs = lines(request_.baseline.start, onset, 600, REFUSED, level="ERROR")
    (finding,) = found(request_, logs, lines(onset, request_.incident.end, 5, REFUSED, level="ERROR"))
    assert finding.details["state"] == "risen"
    assert finding.severity == "high"


def test_a_healthy_service_says_what_was_looked_for(request_: Request) -> None:
    (finding,) = found(request_)
    assert (finding.id, finding.severity, finding.supports) == ("known_errors", "info", ())
    assert f"None of {len(ENTRIES)} known errors" in finding.headline


def test_what_a_program_says_at_debug_or_long_ago_is_a_red_herring(request_: Request, onset: datetime) -> None:
    debug = lines(onset, request_.incident.end, 15, REFUSED, level="DEBUG")
    old = request_.baseline.start - timedelta(hours=2)
    (finding,) = found(request_, debug, lines(old, old + timedelta(minutes=30), 15, REFUSED, level="ERROR"))
    assert finding.id == "known_errors"
    assert finding.details["usual"] == []


def test_a_single_line_is_told_with_less_weight(request_: Request, onset: datetime) -> None:
    row = {"time": onset, "ref": "a:1", "level": "ERROR", "message": REFUSED}
    (finding,) = found(request_, [row])
    assert finding.severity == "medium"
    assert finding.confidence < 0.9
    assert "once (" in finding.headline


def test_without_a_baseline_nothing_is_called_new(request_: Request, onset: datetime) -> None:
    logs = lines(onset, request_.incident.end, 15, REFUSED, level="ERROR")
    (finding,) = known_errors(request_, tables(logs=logs))
    assert finding.details["state"] == "unknown"
    assert "no baseline to compare with" in finding.headline


def test_lines_of_the_kernel_and_of_the_database_count_too(request_: Request, onset: datetime) -> None:
    kernel = {"time": onset, "ref": "a:1", "service": "kernel", "message": BY_ID["oom-killed"].example}
    (finding,) = found(request_, [kernel])
    assert finding.details["services"] == ["kernel"]
    assert finding.severity == "critical"


def test_folded_rows_count_as_the_lines_they_stand_for(request_: Request, onset: datetime) -> None:
    row = {"time": onset, "ref": "a:1", "level": "ERROR", "message": REFUSED, "count": 400}
    (finding,) = found(request_, [row])
    assert finding.details["count"] == 400


OWN = KnownError(
    "billing-limit", ("BILL-4[0-9]{2}: limit",), "Billing refuses.", "the nightly import", instead_of=("timeout",)
)


def test_the_users_own_entries_join_or_replace_the_built_in(make_request: Any, onset: datetime) -> None:
    mine = KnownError("timeout", ("never so",), "x.", "y")
    request = make_request(known_errors=(OWN, mine))
    logs = lines(onset, request.incident.end, 15, "BILL-402: limit of account {n}: Read timed out", level="ERROR")
    (finding,) = found(request, logs)
    assert finding.id == "known_errors:billing-limit"
    assert len(catalogue(request.known_errors)) == len(ENTRIES) + 1


def test_the_users_entries_are_read_from_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "diagnostics.yaml"
    file.write_text(
        "known_errors:\n  - {id: billing-limit, patterns: ['BILL-4[0-9]{2}: limit'], meaning: Billing refuses.,"
        " cause: the nightly import, instead_of: [timeout]}\n"
    )
    assert config.read(file).settings.known_errors == [OWN]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{id: a, patterns: ['x('], meaning: m, cause: c}", ["line 2", "known_errors.0", "'x('", "RE2"]),
        ("{id: a, patterns: ['(?=x)'], meaning: m, cause: c}", ["line 2", "RE2"]),
        ("{id: a, patterns: [], meaning: m, cause: c}", ["at least one pattern"]),
        ("{id: a, patterns: [x], meaning: m, cause: c, run: b}", ["run", "runbook"]),
        ("{id: a, patterns: [x], meaning: m, cause: c, severity: bad}", ["severity"]),
        ("{id: a, patterns: [x], cause: c}", ["meaning", "required"]),
        ("3", ["known_errors.0"]),
    ],
)
def test_a_wrong_entry_is_an_error_that_names_its_place(tmp_path: Path, entry: str, words: list[str]) -> None:
    file = tmp_path / "diagnostics.yaml"
    file.write_text(f"known_errors:\n  - {entry}\n")
    with pytest.raises(ConfigError) as error:
        config.read(file)
    for word in words:
        assert word in str(error.value)


def test_two_million_lines_take_seconds(request_: Request, onset: datetime) -> None:
    """A hundredth of them here."""
    frame = tables(logs=lines(onset, request_.incident.end, 60, "x"))["logs"]
    many = frame.iloc[[0] * 20_000].reset_index(drop=True)
    many["message"] = [
        f"GET /orders/{n} 200 in {n % 97} ms trace={n * 7919:016x} user u{n % 991}" for n in range(20_000)
    ]
    start = time.perf_counter()
    (finding,) = known_errors(request_, {"logs": many})
    assert finding.id == "known_errors"
    assert time.perf_counter() - start < 1.0
