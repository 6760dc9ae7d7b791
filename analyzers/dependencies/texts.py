"""What an error text says of a call that failed: in which way, and whom it was meant for.

The words are those of Go's net package, libc's strerror and gai_strerror, Java, Node, Python's requests, urllib3 and
botocore, libpq, nginx, Envoy and gRPC. Untrusted text: expressions are linear, and what is read is cut.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from analyzers.dependencies.peers import Peers

LONGEST = 2000
"""Characters of a message that are read."""

KINDS: tuple[tuple[str, str, str], ...] = (
    (
        "dns",
        "name not resolved",
        "no such host|Temporary failure in name resolution|Name or service not known|Name does not resolve"
        "|nodename nor servname|getaddrinfo|ENOTFOUND|EAI_AGAIN|UnknownHostException|NXDOMAIN|server misbehaving"
        "|could not translate host name|[Cc]ould not resolve host|[Ff]ailed to resolve",
    ),
    (
        "tls",
        "TLS failed",
        "x509:|certificate verify failed|CERTIFICATE_VERIFY_FAILED|certificate has expired|certificate is not yet valid"
        "|SSLHandshakeException|PKIX path|remote error: tls|tls: |self[- ]signed certificate|unable to get local issuer"
        "|ERR_TLS_|CERT_HAS_EXPIRED|SSL_ERROR|SSLError|handshake failure",
    ),
    ("refused", "connection refused", "[Cc]onnection refused|ECONNREFUSED|actively refused"),
    ("unreachable", "no route", "[Nn]o route to host|EHOSTUNREACH|[Nn]etwork is unreachable|ENETUNREACH"),
    (
        "throttled",
        "throttled",
        r"Throttling\w*|TooManyRequestsException|RequestLimitExceeded|ProvisionedThroughputExceeded|SlowDown\b"
        r"|429 (?:Client Error|Too Many Requests)",
    ),
    (
        "exhausted",
        "no connection left there",
        "too many clients already|remaining connection slots|[Tt]oo many connections|max number of clients reached",
    ),
    (
        "reset",
        "connection broken off",
        "[Cc]onnection reset|ECONNRESET|[Bb]roken pipe|server closed the connection unexpectedly"
        "|[Rr]emote end closed connection|upstream prematurely closed|socket hang up",
    ),
    (
        "upstream",
        "5xx or no answer from upstream",
        r"(?:[Uu]pstream|[Bb]ackend|[Dd]ownstream)\b[^\n]{0,80}\b5\d\d\b"
        r"|\b5\d\d (?:Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)\b[^\n]{0,80}(?:for url|https?://)"
        r"|(?:returned|responded with|answered|response from)\b[^\n]{0,80}\b5\d\d\b"
        r"|upstream connect error|no healthy upstream|no live upstreams|code = Unavailable|StatusCode\.UNAVAILABLE"
        r"|ServiceUnavailableException|\((?:ServiceUnavailable|InternalFailure|InternalServerError)\) when calling",
    ),
    (
        "timeout",
        "timed out",
        r"i/o timeout|context deadline exceeded|DeadlineExceeded|DEADLINE_EXCEEDED|ETIMEDOUT|ESOCKETTIMEDOUT"
        r"|[Tt]imed[ -]?out|TimeoutException|[Tt]imeoutError|(?:[Cc]onnect(?:ion)?|[Rr]ead|[Rr]equest)[ -][Tt]imeout",
    ),
)
"""(kind, words, RE2); the first that matches is the one: a time-out of a name look-up is DNS."""

INBOUND = r"TLS handshake error from|client disconnected|client prematurely closed|context canceled|reading from client"
"""Lines about those who call us."""

OWN_POOL = (
    r"[^\n]*(?:Connection is not available, request timed out after \d+ ?ms(?: \(total=[1-9]| ?[^ (]|$)"
    r"|QueuePool limit of size \d+ overflow \d+ reached|ResourceRequest timed out|ConnectionAcquireTimeoutError"
    r"|connection from the pool within|obtaining a connection from the pool"
    r"|[Tt]ime(?:out|d out) (?:while )?(?:acquiring|fetching|checking out|waiting for) [^\n]{0,20}connection"
    r"(?:\.| from)[^\n]{0,20}\bpool|HikariPool\.createTimeoutException|raise exc\.TimeoutError"
    r"|client to checkout a Connection has timed out)[^\n]*"
)
"""Lines of a message that tell of waiting for a connection of our own pool, which says nothing of the other side:
HikariCP, SQLAlchemy, generic-pool, Sequelize, ActiveRecord, Npgsql, Prisma, pymongo, Knex, Apache HttpClient, c3p0.
HikariCP's total=0 is left: no connection could be made at all."""

PORTS = {
    53: "DNS",
    1433: "SQL Server",
    1521: "Oracle",
    2181: "ZooKeeper",
    2379: "etcd",
    3306: "MySQL",
    4222: "NATS",
    5432: "PostgreSQL",
    5671: "RabbitMQ",
    5672: "RabbitMQ",
    6379: "Redis",
    6432: "PgBouncer",
    8200: "Vault",
    8500: "Consul",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    11211: "Memcached",
    27017: "MongoDB",
}
"""What usually listens there: iana.org/assignments/service-names-port-numbers, and the projects' defaults."""

_HOST = r"(?P<host>\[[0-9A-Fa-f:.%]{2,60}\]|[A-Za-z0-9._-]{1,253})"
_PORT = r"(?::(?P<port>\d{1,5})\b)?"
_SURE = tuple(
    re.compile(text)
    for text in (
        rf"->{_HOST}{_PORT}",
        rf"\blookup {_HOST}",
        rf"\bdial (?:tcp|udp)[46]? {_HOST}{_PORT}",
        rf"(?:ENOTFOUND|EAI_AGAIN|UnknownHostException:?|[Rr]esolve host:?|host name|to resolve) [\"']?{_HOST}",
        r"host=['\"](?P<host>[^'\"\s]{1,253})['\"],? port=(?P<port>\d{1,5})",
        r"server at [\"'](?P<host>[^\"'\s]{1,253})[\"'](?: \([^)]{0,60}\))?, port (?P<port>\d{1,5})",
        rf"\b[a-z][a-z0-9+.-]{{0,15}}://(?:[^\s/@\"']{{0,200}}@)?{_HOST}{_PORT}",
    )
)
"""Where nothing but a host can stand."""
_PAIR = re.compile(rf"(?<![A-Za-z0-9._:-]){_HOST}:(?P<port>\d{{2,5}})\b(?![:.]\d)")
_NAMED = re.compile(
    r"\b(?:connect(?:ing|ion)?(?: failed)? (?:to|with)|call(?:ing)?(?: to)?|requests? to|reach(?:ing)?"
    r"|contact(?:ing)?|from|to|upstream|for) (?:the )?(?:service |server |host |database |upstream |broker )?[\"'`]?"
    r"(?P<host>[A-Za-z][A-Za-z0-9._-]{1,252})"
)
_CLOUD = re.compile(r"\(\w{1,60}\) when calling the (?P<operation>\w{1,60}) operation")
_CODE = frozenset(
    "py go java kt scala js mjs cjs ts jsx tsx rb php cs c cc cpp h rs ex erl swift log yaml yml json".split()
)
"""Last labels of source files: 'pool.py:123' is no host."""


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a call was meant for."""

    name: str
    """A peer's name, a host, 'address:port', or 'AWS <operation>'."""
    port: int | None = None


def target(message: str, peers: Peers) -> Target | None:
    """Whom an error text names as the other side; None where it names nobody that could be one."""
    text = message[:LONGEST]
    for host, port in _hosts(text, peers):
        return _named(host, port, peers)
    if cloud := _CLOUD.search(text):
        return Target(f"AWS {cloud['operation']}")
    peer = peers.named_in(text)
    return Target(peer) if peer else None


def _hosts(text: str, peers: Peers) -> Iterator[tuple[str, int | None]]:
    """(host, port), the surest first."""
    for expression in _SURE:
        for match in expression.finditer(text):
            if host := _clean(match["host"]):
                yield host, _port(match.groupdict().get("port"))
    for match in _PAIR.finditer(text):
        host = _clean(match["host"])
        if host and (peers.of_host(host) or "." in host or host == "localhost" or int(match["port"]) in PORTS):
            yield host, _port(match["port"])
    for match in _NAMED.finditer(text):
        host = _clean(match["host"])
        if host and peers.of_host(host):
            yield host, None


def _named(host: str, port: int | None, peers: Peers) -> Target:
    if peer := peers.of_host(host):
        return Target(peer, port)
    local = host == "localhost" or _is_address(host)
    return Target(f"{host}:{port}" if local and port else host, port)


def _clean(host: str) -> str:
    """In lower case, without brackets and final dots; empty where it can be no host."""
    host = host.strip("[]").rstrip(".-").lower()
    if _is_address(host):
        return host
    labels = host.split(".")
    fine = all(label and not label.startswith("-") for label in labels) and any(c.isalpha() for c in host)
    return host if fine and not (len(labels) > 1 and labels[-1] in _CODE) else ""


def _is_address(host: str) -> bool:
    if ":" not in host and not host.replace(".", "").isdigit():
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _port(text: str | None) -> int | None:
    return int(text) if text and 0 < int(text) < 65536 else None
