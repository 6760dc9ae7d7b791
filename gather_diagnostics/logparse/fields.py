"""Which key of a structured line means what.

Names as used by logrus, zap, zerolog, slog, pino, bunyan, winston, log4j2, logback, python-json-logger, structlog,
Serilog, journald, Elastic Common Schema, OpenTelemetry, Google Cloud, Datadog and fluent-bit.
"""

from __future__ import annotations

import functools
import re
from urllib.parse import urlsplit

KEYS: dict[str, tuple[str, ...]] = {
    "time": (
        "@timestamp", "timestamp", "time", "ts", "datetime", "eventtime", "event_time", "asctime", "date", "t", "@t",
        "timestampseconds", "timestamp.seconds", "instant.epochsecond", "timemillis", "timeunixnano",
        "_source_realtime_timestamp", "__realtime_timestamp", "record.timestamp", "record.time.timestamp",
    ),
    "level": (
        "level", "severity", "log.level", "levelname", "lvl", "loglevel", "log_level", "severitytext",
        "severity_text", "@l", "l", "priority", "severitynumber", "severity_number", "levelno", "record.level.name",
    ),
    "message": (
        "message", "msg", "@m", "textpayload", "jsonpayload.message", "body", "short_message", "event", "log",
        "text", "@mt", "record.message", "error.message", "error", "err", "exception", "reason",
    ),
    "service": (
        "service", "service.name", "service_name", "servicename", "dd.service", "resource.service.name",
        "resource.attributes.service.name", "application", "app", "app_name", "appname",
        "servicecontext.service", "kubernetes.labels.app.kubernetes.io/name", "kubernetes.labels.app",
        "syslog_identifier",
    ),
    "instance": (
        "pod", "pod_name", "podname", "k8s.pod.name", "kubernetes.pod_name", "kubernetes.pod.name", "instance",
        "hostname", "host.name", "host", "_hostname", "node",
    ),
    "trace_id": (
        "trace_id", "traceid", "trace.id", "dd.trace_id", "oteltraceid", "x_b3_traceid", "logging.googleapis.com/trace",
        "trace", "@tr", "context.trace_id",
    ),
    "request_id": (
        "request_id", "requestid", "req_id", "reqid", "x_request_id", "http.request_id", "http.request.id",
        "request.id", "req.id", "correlation_id", "correlationid", "x_correlation_id", "awsrequestid", "rid",
    ),
    "tenant": (
        "tenant", "tenant_id", "tenantid", "tenant.id", "customer", "customer_id", "customerid", "account",
        "account_id", "accountid", "org", "org_id", "orgid", "organization_id", "organization.id",
    ),
    "endpoint": (
        "http.route", "route", "endpoint", "rpc.method", "grpc.method", "url.path", "path", "request_path",
        "request.path", "http.target", "req.url", "request_uri", "requesturi", "uri", "url", "http.url",
        "request.url", "httprequest.requesturl",
    ),
}  # fmt: skip
"""Field of the record to keys that hold it, the most telling first; compared in lower case with '_' for '-'."""

STATUS = ("status", "status_code", "statuscode", "http.status_code", "http.response.status_code", "res.statuscode",
          "response.status", "httprequest.status")  # fmt: skip
METHOD = ("method", "http.method", "http.request.method", "req.method", "request.method", "request_method", "verb")

_RANKS = {key: (field, rank) for field, keys in KEYS.items() for rank, key in enumerate(keys)}


@functools.lru_cache(maxsize=512)
def plan(names: tuple[str, ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(field of the record, the keys that may hold it, best first) for one shape of line: its keys in order."""
    found: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        if ranked := _RANKS.get(normal(name)):
            found.setdefault(ranked[0], []).append((ranked[1], name))
    return tuple((field, tuple(name for _, name in sorted(ranked))) for field, ranked in found.items())


def normal(name: str) -> str:
    return name.lower().replace("-", "_")


def path_of(url: str) -> str | None:
    """The path of a URL or request target, without query; an RPC method or route pattern as it is."""
    if url.startswith(("http://", "https://")):
        try:
            return urlsplit(url).path or "/"
        except ValueError:
            return None
    return url.split("?", 1)[0].split("#", 1)[0] or None


_ID_FIELDS = {
    "trace_id": "trace_id", "traceid": "trace_id", "request_id": "request_id", "requestid": "request_id",
    "req_id": "request_id", "x_request_id": "request_id", "correlation_id": "request_id",
    "correlationid": "request_id", "tenant": "tenant", "tenant_id": "tenant", "tenantid": "tenant",
}  # fmt: skip
_ID = re.compile(
    r"\b(trace_?id|(?:x[-_])?request[-_]?id|req_id|correlation[-_]?id|tenant(?:_?id)?)[=:] ?[\"']?([\w.\-]{1,128})",
    re.IGNORECASE | re.ASCII,
)


def ids_in(text: str) -> dict[str, str]:
    """Trace, request and tenant ids that a plain line spells out as key=value or key: value."""
    # Most lines spell out none, and a substring is found much faster than a pattern.
    if not ("d=" in text or "D=" in text or "d:" in text or "D:" in text or "nant=" in text or "nant:" in text):
        return {}
    found: dict[str, str] = {}
    for match in _ID.finditer(text, 0, 4096):
        found.setdefault(_ID_FIELDS.get(normal(match[1]), "request_id"), match[2])
    return found
