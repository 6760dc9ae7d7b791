"""Whom an error text names, and in which way the call failed."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.dependencies.lines import _kinds
from analyzers.dependencies.peers import Peers
from analyzers.dependencies.texts import KINDS, target

PEERS = Peers(["payments", "orders-db", "cart"])


def kind(message: str) -> str | None:
    (number,) = _kinds(pa.array([message], pa.large_string()))
    return KINDS[number][0] if number >= 0 else None


@pytest.mark.parametrize(
    ("message", "what", "who", "port"),
    [
        ("dial tcp 10.2.0.7:5432: connect: connection refused", "refused", "10.2.0.7:5432", 5432),
        ("dial tcp: lookup db.prod.internal on 10.0.0.10:53: no such host", "dns", "db.prod.internal", None),
        ("read tcp 10.1.1.1:52344->10.2.2.2:5432: i/o timeout", "timeout", "10.2.2.2:5432", 5432),
        ("read tcp [fd00::1]:52344->[fd00::2]:6379: i/o timeout", "timeout", "fd00::2:6379", 6379),
        ('Get "https://payments.shop.svc:8443/pay": x509: certificate has expired', "tls", "payments", 8443),
        (
            "HTTPConnectionPool(host='api.stripe.com', port=443): Read timed out. (read timeout=3)",
            "timeout",
            "api.stripe.com",
            443,
        ),
        ("503 Server Error: Service Unavailable for url: http://payments:8080/charge", "upstream", "payments", 8080),
        (
            'connection to server at "orders-db" (10.0.0.4), port 5432 failed: Connection refused',
            "refused",
            "orders-db",
            5432,
        ),
        (
            'could not translate host name "orders-db.prod" to address: Temporary failure in name resolution',
            "dns",
            "orders-db",
            None,
        ),
        ("Error: getaddrinfo ENOTFOUND cache.internal", "dns", "cache.internal", None),
        ("java.net.UnknownHostException: kafka-0.kafka: Name or service not known", "dns", "kafka-0.kafka", None),
        ("connect ECONNREFUSED 127.0.0.1:6379", "refused", "127.0.0.1:6379", 6379),
        (
            "redis.exceptions.ConnectionError: Error 111 connecting to redis-master:6379. Connection refused.",
            "refused",
            "redis-master",
            6379,
        ),
        (
            "connect() failed (111: Connection refused) while connecting to upstream, client: 10.9.9.9, server: shop,"
            ' request: "GET / HTTP/1.1", upstream: "http://10.3.3.3:9000/", host: "shop.example"',
            "refused",
            "10.3.3.3:9000",
            9000,
        ),
        ("call to payments timed out after 3 s", "timeout", "payments", None),
        ("payments returned 502", "upstream", "payments", None),
        (
            "An error occurred (ThrottlingException) when calling the PutItem operation: Rate exceeded",
            "throttled",
            "AWS PutItem",
            None,
        ),
        ("amqp://user:hunter2@mq.internal:5672/shop: connection reset by peer", "reset", "mq.internal", 5672),
        ("FATAL: sorry, too many clients already", "exhausted", None, None),
        ('File "pool.py:123", in acquire: request timed out', "timeout", None, None),
    ],
)
def test_real_messages(message: str, what: str, who: str | None, port: int | None) -> None:
    assert kind(message) == what
    found = target(message, PEERS)
    assert (found.name if found else None) == who
    if found:
        assert found.port == port


@pytest.mark.parametrize(
    "message",
    [
        "order 503 placed",
        "GET /pay 500 in 12 ms",
        "http: TLS handshake error from 10.0.0.5:51234: EOF",
        "client 10.0.0.5 timed out: client disconnected",
        "card declined by issuer",
    ],
)
def test_lines_about_ourselves_or_our_callers_are_left_alone(message: str) -> None:
    assert kind(message) is None


@pytest.mark.parametrize(
    "message",
    [
        "HikariPool-1 - Connection is not available, request timed out after 30000ms (total=20, active=20, idle=0)",
        "order 7: HikariPool-1 - Connection is not available, request timed out after 30000ms.",
        "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after"
        " 5000ms\n\tat com.zaxxer.hikari.pool.HikariPool.createTimeoutException(HikariPool.java:696)",
        "Traceback (most recent call last):\n    raise exc.TimeoutError(\nsqlalchemy.exc.TimeoutError: QueuePool limit"
        " of size 5 overflow 10 reached, connection timed out, timeout 30.00",
        "ActiveRecord::ConnectionTimeoutError: could not obtain a connection from the pool within 5.000 seconds",
        "org.apache.http.conn.ConnectionPoolTimeoutException: Timeout waiting for connection from pool",
        "MongoWaitQueueTimeoutError: Timed out while checking out a connection from connection pool",
        "KnexTimeoutError: Knex: Timeout acquiring a connection. The pool is probably full.",
        "System.TimeoutException: The timeout period elapsed prior to obtaining a connection from the pool.",
    ],
)
def test_waiting_for_our_own_pool_is_no_call_that_failed(message: str) -> None:
    assert kind(message) is None


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("HikariPool-1 - Connection is not available, request timed out after 30000ms (total=0, active=0)", "timeout"),
        (
            "HikariPool-1 - Connection is not available, request timed out after 30000ms.\n"
            "Caused by: java.net.ConnectException: Connection refused",
            "refused",
        ),
        ("HTTPConnectionPool(host='api.stripe.com', port=443): Read timed out. (read timeout=3)", "timeout"),
        ("timed out waiting for connection to payments in pool-3-thread-1", "timeout"),
    ],
)
def test_a_pool_that_says_why_it_is_empty_is_heard(message: str, what: str) -> None:
    assert kind(message) == what


labels = st.from_regex(r"[a-z][a-z0-9-]{0,8}[a-z0-9]", fullmatch=True)
hosts = (
    st.lists(labels, min_size=2, max_size=4)
    .map(".".join)
    .filter(
        lambda h: (
            h.rpartition(".")[2]
            not in (
                "py",
                "go",
                "java",
                "js",
                "ts",
                "c",
                "h",
                "rs",
                "rb",
                "cs",
                "kt",
                "ex",
                "cc",
                "log",
                "yml",
                "php",
                "mjs",
                "cjs",
                "jsx",
                "tsx",
                "cpp",
                "erl",
                "json",
                "yaml",
                "scala",
                "swift",
            )
        )
    )
)


@given(
    hosts,
    st.integers(1, 65535),
    st.sampled_from(["dial tcp {}:{}: i/o timeout", "http://{}:{}/x timed out", "a:1->{}:{}: reset"]),
)
def test_a_host_is_found_wherever_it_stands(host: str, port: int, text: str) -> None:
    found = target(text.format(host, port), Peers([]))
    assert found is not None
    assert (found.name, found.port) == (host, port)


@given(st.text(max_size=300), st.lists(st.text(min_size=1, max_size=10), max_size=4))
def test_no_text_breaks_it(text: str, names: list[str]) -> None:
    found = target(text, Peers(names))
    assert found is None or found.name
    _kinds(pa.array([text.encode("utf-8", "replace").decode()], pa.large_string()))


@pytest.mark.parametrize(
    "text", ["a." * 1000, "a-" * 1000 + ":", "://" * 600, "@" * 2000, "'host=" * 300, "1." * 900 + ":53"]
)
def test_hostile_texts_take_no_time(text: str) -> None:
    import time

    started = time.perf_counter()
    for _ in range(20):
        target(text, PEERS)
    assert time.perf_counter() - started < 1
