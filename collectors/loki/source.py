"""The collector's entrances. What talks to a server is imported in them: other sources need not wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from collectors.loki.settings import NAME, LokiSettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target, Window
from gather_diagnostics.http.address import Address, find

if TYPE_CHECKING:
    from collectors.loki.client import Client

RECENT = timedelta(hours=1)


class Loki:
    """Log lines of a service and their counts, from Loki's HTTP API; what is too much to read is counted there."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"logs", "metrics"})
    Settings: ClassVar[type[LokiSettings]] = LokiSettings

    def __init__(self, settings: LokiSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """The one server, or a gap where no address is known. Sends nothing."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        because = "sources.loki.url is set" if self.settings.url else "LOKI_URL is set"
        bounds = f"at most {self.settings.max_lines:,} lines and {self.settings.max_bytes:,} bytes"
        what = f"log lines of {request.service} ({bounds}; Loki counts the others)"
        yield Target(what, where.url, because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask for the names of labels: tells address, TLS, credentials, tenant and clock."""
        import requests

        from collectors.loki.spans import span
        from collectors.loki.troubles import gap

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        try:
            client.labels(span(Window(request.asked - RECENT, request.asked)))
        except requests.RequestException as error:
            yield gap(error, "the names of labels", where.url)
        if client.skew is not None:
            yield Skew(client.skew)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """Find the service's streams, count their lines, read what may be read, have the rest counted in place."""
        from collectors.loki.reading import Reading

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            yield from Reading(self.settings, request, self._client(request, where)).read()

    def _address(self, request: Request) -> Address | Gap:
        wanted = f"log lines of {request.service}"
        return find(NAME, self.settings.url, request.service, wanted, "http://loki:3100")

    def _client(self, request: Request, where: Address) -> Client:
        from collectors.loki.client import Client
        from gather_diagnostics.http.session import Session, introduce

        session = Session(request.source_seconds)
        introduce(session, self.settings, where, NAME, request.service)
        return Client(where.url, session)
