"""The collector's three entrances."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import requests

from collectors.alertmanager import shape
from collectors.alertmanager.client import Client
from collectors.alertmanager.settings import AlertmanagerSettings
from collectors.alertmanager.troubles import NAME, gap, is_final
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target, Window
from gather_diagnostics.http.address import Address, find
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES
from gather_diagnostics.http.session import Session, introduce

MOST_RAW = 1_000_000
"""Characters kept of the alerts as a raw record."""

Items = Iterator[Rows | Raw | Gap | Skew]


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
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        try:
            client.status()
        except requests.RequestException as error:
            yield gap(error, "the server's status", where.url)
        yield from _clock(client)

    def collect(self, request: Request) -> Items:
        """The alerts, then the silences. A past incident's alerts are gone: Alertmanager knows the present alone."""
        where = self._address(request)
        if isinstance(where, Gap):
            yield where
            return
        client = self._client(request, where)
        used: set[str] = set()
        final = False
        try:
            yield from self._alerts(client, request, used)
        except TROUBLES as error:
            failed = gap(error, f"alerts and silences of {request.service}", client.url)
            final = is_final(error, failed)
            yield failed if final else replace(failed, wanted=f"alerts of {request.service}")
        yield from _clock(client)
        if final:
            return
        try:
            yield from self._silences(client, request, used)
        except TROUBLES as error:
            yield gap(error, f"silences of {request.service}", client.url)

    def _alerts(self, client: Client, request: Request, used: set[str]) -> Items:
        """Puts the ids of the silences that suppress one into `used`."""
        matchers = [m.replace("{service}", request.service) for m in self.settings.matchers]
        every = shape.alerts(client.alerts(matchers))
        until = asked_on(request, client.skew).incident.end
        its = [a for a in every if matchers or shape.concerns(a["labels"], request.service)]
        used.update(i for a in its if isinstance(a.get("status"), Mapping) for i in shape.silencers(a["status"]))
        rows = [row for a in its if (row := shape.alert_row(a, client.url))["time"] < until]
        yield from self._kept("alerts", rows)
        if its:
            yield Raw("alerts.json", _json(its))

    def _silences(self, client: Client, request: Request, used: set[str]) -> Items:
        answer = client.silences()
        there = asked_on(request, client.skew)
        window = Window(there.baseline.start, there.incident.end)
        its = list(shape.silences(answer, used, request.service, window))
        yield from self._kept("silences", [shape.silence_row(s, client.url) for s in its])
        if its:
            yield Raw("silences.json", _json(its))

    def _kept(self, what: str, rows: list[dict[str, Any]]) -> Iterator[Rows | Gap]:
        most = self.settings.max_alerts
        # The latest: what began last week is less likely to tell of this incident.
        if kept := sorted(rows, key=lambda r: (r["time"], r["object"], r["message"]))[-most:]:
            yield Rows("events", kept)
        if len(rows) > most:
            why = f"there are {len(rows):,} {what}; the latest {most:,} are kept"
            yield Gap(NAME, f"earlier {what}", "truncated", why, "raise sources.alertmanager.max_alerts")

    def _address(self, request: Request) -> Address | Gap:
        wanted = f"alerts and silences of {request.service}"
        return find(NAME, self.settings.url, request.service, wanted, "http://alertmanager:9093")

    def _client(self, request: Request, where: Address) -> Client:
        session = Session(request.source_seconds)
        introduce(session, self.settings, where, NAME, request.service)
        return Client(where.url, session)


def _clock(client: Client) -> Iterator[Skew]:
    if client.skew is not None:
        yield Skew(client.skew)


def _json(records: Sequence[Any]) -> str:
    """One record a line, up to MOST_RAW characters."""
    lines: list[str] = []
    size = 0
    for record in records:
        line = json.dumps(record, sort_keys=True, ensure_ascii=False)
        size += len(line)
        if size > MOST_RAW:
            break
        lines.append(line)
    return "[\n" + ",\n".join(lines) + "\n]\n"
