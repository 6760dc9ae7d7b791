"""Which streams are the service's, by their labels."""

from __future__ import annotations

from collections.abc import Iterable

from collectors.loki.client import Client
from collectors.loki.spans import Span
from gather_diagnostics.http.querytext import equals, escape, literally, matches

SERVICE_LABELS = (
    "service_name",
    "app",
    "app_kubernetes_io_name",
    "service",
    "job",
    "container",
    "container_name",
    "compose_service",
    "swarm_service",
    "syslog_identifier",
    "unit",
)
"""Where the service's name is looked for, the most telling first: Loki 3 sets service_name by itself, OpenTelemetry and
Alloy do; app, job and container come from Promtail's and Alloy's usual relabelling."""
PREFIXED = frozenset({"job"})
"""Promtail writes <namespace>/<app> there."""


def find(client: Client, service: str, span: Span) -> str:
    """The selector of the first label that has the service's name; '' where none has. Raises what the client raises."""
    known = set(client.labels(span))
    for label in SERVICE_LABELS:
        if label in known and (matcher := of_label(label, client.values(label, span), service)):
            return f"{{{matcher}}}"
    return ""


def of_label(label: str, values: Iterable[str], service: str) -> str:
    """A matcher for the values that name the service; '' where none does. Pure."""
    given = set(values)
    if service in given:
        own = equals(label, service)
    elif label == "unit" and f"{service}.service" in given:
        own = equals(label, f"{service}.service")
    else:
        own = ""
    if label in PREFIXED and any(v.endswith(f"/{service}") for v in given):
        return matches(label, f"(.+/)?{literally(service)}")
    return own


def selector(configured: str, service: str) -> str:
    """The user's own matchers as a selector, with or without their braces."""
    matchers = configured.replace("{service}", escape(service)).strip()
    return matchers if matchers.startswith("{") else f"{{{matchers}}}"
