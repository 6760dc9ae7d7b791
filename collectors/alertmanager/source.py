"""The collector's entrances. What talks to a server is imported in them: other sources need not wait for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, ClassVar

from collectors.alertmanager.settings import NAME, AlertmanagerSettings
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target
from gather_diagnostics.http.address import Address, find

if TYPE_CHECKING:
    from collectors.alertmanager.client import Client


class Alertmanager:
    """Alerts of a service that are firing or suppressed, and the silences that concern it."""

    name: ClassVar[str] = NAME
    tables: ClassVar[frozenset[str]] = frozenset({"events"})
    Settings: ClassVar[type[AlertmanagerSettings]] = AlertmanagerSettings

    def __init__(self, settings: AlertmanagerSettings) -> None:
        self.settings = settings

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        """The one server, or a gap where no address is known. Sends nothing."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            because = "sources.alertmanager.url is set" if self.settings.url else "ALERTMANAGER_URL is set"
            yield Target(f"alerts and silences of {request.service}", where.url, because)

    def check(self, request: Request) -> Iterable[Gap | Skew]:
        """Ask for the server's status: tells address, TLS, credentials and clock."""
        import requests

        from collectors.alertmanager.troubles import gap

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        try:
            client.status()
        except requests.RequestException as error:
            yield gap(error, "the server's status", where.url)
        if client.skew is not None:
            yield Skew(client.skew)

    def collect(self, request: Request) -> Iterator[Rows | Raw | Gap | Skew]:
        """The alerts, then the silences. A past incident's alerts are gone: Alertmanager knows the present alone."""
        from collectors.alertmanager.reading import Reading

        where = self._address(request)
        if isinstance(where, Gap):
            yield where
        else:
            yield from Reading(self.settings, request, self._client(request, where)).items()

    def _address(self, request: Request) -> Address | Gap:
        wanted = f"alerts and silences of {request.service}"
        return find(NAME, self.settings.url, request.service, wanted, "http://alertmanager:9093")

    def _client(self, request: Request, where: Address) -> Client:
        from collectors.alertmanager.client import Client
        from gather_diagnostics.http.session import Session, introduce

        session = Session(request.source_seconds)
        introduce(session, self.settings, where, NAME, request.service)
        return Client(where.url, session)
