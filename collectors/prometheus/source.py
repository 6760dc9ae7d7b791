"""The collector's three entrances."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import ClassVar
from urllib.parse import quote

import requests

from collectors.prometheus.client import Client
from collectors.prometheus.reading import Reading
from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.troubles import clock, cut, gap
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target
from gather_diagnostics.http.address import Address, address

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""


class Prometheus:
    """Latency, errors, traffic, saturation, alerts and other metrics of a service, from Prometheus' HTTP API."""

    name: ClassVar[str] = "prometheus"
    tables: ClassVar[frozenset[str]] = frozenset({"metrics", "events"})
    Settings: ClassVar[type[PrometheusSettings]] = PrometheusSettings

    def __init__(self, settings: PrometheusSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """The one server, or a gap where no address is known. Sends nothing."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            because = "sources.prometheus.url is set" if self.settings.url else "PROMETHEUS_URL is set"
            yield Target(f"metrics of {request.service}", where.url, because)

    def check(self, request: Request) -> Iterable[Gap]:
        """Ask for `vector(1)`: tells address, TLS, credentials and clock."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        try:
            client.instant("vector(1)")
        except requests.RequestException as error:
            yield gap(error, "an answer to the query vector(1)", where.url)
        yield from clock(client)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Discover the service's metrics, then ask query by query, the most telling first."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            yield from Reading(self.settings, request, self._client(request, where)).read()

    def _address(self, request: Request) -> Address | Gap:
        url = self.settings.url.replace("{service}", quote(request.service, safe="")).strip()
        name = "sources.prometheus.url" if url else "PROMETHEUS_URL"
        url = url or os.environ.get("PROMETHEUS_URL", "").strip()
        wanted = f"metrics of {request.service}"
        if not url:
            mend = "set PROMETHEUS_URL or sources.prometheus.url"
            return Gap(self.name, wanted, "not_configured", "no address of a Prometheus is known", mend)
        try:
            return address(url)
        except ValueError as error:
            why = f"{name} is no address of a server: {cut(str(error))}"
            return Gap(self.name, wanted, "not_configured", why, f"set {name} to e.g. http://prometheus:9090")

    def _client(self, request: Request, where: Address) -> Client:
        headers = {
            name: value.get_secret_value().replace("{service}", request.service)
            for name, value in self.settings.headers.items()
        }
        if tenant := self.settings.tenant:
            headers["X-Scope-OrgID"] = tenant.replace("{service}", request.service)
        return Client(self.settings, where, headers, request.source_seconds * SHARE)
