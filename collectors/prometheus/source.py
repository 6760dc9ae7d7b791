"""The collector's entrances. What talks to a server is imported in them: other sources need not wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from collectors.prometheus.settings import NAME, PrometheusSettings
from gather_diagnostics import Answer, Gap, Raw, Request, Rows, Skew, Target
from gather_diagnostics.http.address import Address, find

if TYPE_CHECKING:
    from collectors.prometheus.client import Client


class Prometheus:
    """Latency, errors, traffic, saturation, alerts and other metrics of a service, from Prometheus' HTTP API."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"metrics", "events"})
    Settings: ClassVar[type[PrometheusSettings]] = PrometheusSettings

    def __init__(self, settings: PrometheusSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """The one server, or a gap where no address is known. Sends nothing."""
        from collectors.prometheus.omitted import LIMITS

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            because = "sources.prometheus.url is set" if self.settings.url else "PROMETHEUS_URL is set"
            what = f"metrics of {request.service} ({LIMITS.format(unknown=self.settings.max_unknown)})"
            yield Target(what, where.url, because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask for `vector(1)`: tells address, TLS, credentials and clock."""
        import requests

        from collectors.prometheus.troubles import gap

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        try:
            client.instant("vector(1)")
        except requests.RequestException as error:
            yield gap(error, "an answer to the query vector(1)", where.url)
        if client.skew is not None:
            yield Skew(client.skew)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Discover the service's metrics, then ask query by query, the most telling first."""
        from collectors.prometheus.reading import Reading

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            yield from Reading(self.settings, request, self._client(request, where)).read()

    def ask(self, request: Request, query: str) -> Iterator[Answer | Gap]:
        """An expression of PromQL, e.g. `sum(rate(http_requests_total{code=~"5.."}[5m])) by (pod)`, as of the moment of
        asking. A column a label, and the last one, `value`, the sample's number; NaN and infinities are text.
        """
        from collectors.prometheus import question

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            yield from question.answers(self._client(request, where), request, query)

    def _address(self, request: Request) -> Address | Gap:
        wanted = f"metrics of {request.service}"
        return find(NAME, self.settings.url, request.service, wanted, "http://prometheus:9090")

    def _client(self, request: Request, where: Address) -> Client:
        from collectors.prometheus.client import Client
        from collectors.prometheus.session import Session
        from gather_diagnostics.http.session import introduce

        session = Session(request.source_seconds)
        introduce(session, self.settings, where, NAME, request.service)
        return Client(where.url, session)
