"""The collector's three entrances."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

import requests

from collectors.alertmanager import shape
from collectors.alertmanager.client import Client, OutOfTimeError
from collectors.alertmanager.settings import AlertmanagerSettings
from collectors.alertmanager.shape import MalformedError
from collectors.alertmanager.troubles import FINAL, NAME, clock, cut, gap
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target, Window
from gather_diagnostics.http.address import Address, address

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""
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
        yield from _told_clock(client)

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
        except (requests.RequestException, MalformedError) as error:
            failed = gap(error, f"alerts and silences of {request.service}", client.url)
            final = failed.cause in FINAL or isinstance(error, OutOfTimeError)
            yield failed if final else replace(failed, wanted=f"alerts of {request.service}")
        yield from _told_clock(client)
        if final:
            return
        try:
            yield from self._silences(client, request, used)
        except (requests.RequestException, MalformedError) as error:
            yield gap(error, f"silences of {request.service}", client.url)

    def _alerts(self, client: Client, request: Request, used: set[str]) -> Items:
        """Puts the ids of the silences that suppress one into `used`."""
        matchers = [m.replace("{service}", request.service) for m in self.settings.matchers]
        every = shape.alerts(client.alerts(matchers))
        its = [a for a in every if matchers or shape.concerns(a["labels"], request.service)]
        used.update(i for a in its if isinstance(a.get("status"), Mapping) for i in shape.silencers(a["status"]))
        rows = [row for a in its if (row := shape.alert_row(a, client.url))["time"] < request.incident.end]
        yield from self._kept("alerts", rows)
        if its:
            yield Raw("alerts.json", _json(its))

    def _silences(self, client: Client, request: Request, used: set[str]) -> Items:
        window = Window(request.baseline.start, request.incident.end)
        its = list(shape.silences(client.silences(), used, request.service, window))
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
        url = self.settings.url.replace("{service}", quote(request.service, safe="")).strip()
        name = "sources.alertmanager.url" if url else "ALERTMANAGER_URL"
        url = url or os.environ.get("ALERTMANAGER_URL", "").strip()
        wanted = f"alerts and silences of {request.service}"
        if not url:
            mend = "set ALERTMANAGER_URL or sources.alertmanager.url"
            return Gap(NAME, wanted, "not_configured", "no address of an Alertmanager is known", mend)
        try:
            return address(url)
        except ValueError as error:
            why = f"{name} is no address of a server: {cut(str(error))}"
            return Gap(NAME, wanted, "not_configured", why, f"set {name} to e.g. http://alertmanager:9093")

    def _client(self, request: Request, where: Address) -> Client:
        headers = {
            name: value.get_secret_value().replace("{service}", request.service)
            for name, value in self.settings.headers.items()
        }
        if tenant := self.settings.tenant:
            headers["X-Scope-OrgID"] = tenant.replace("{service}", request.service)
        return Client(self.settings, where, headers, request.source_seconds * SHARE)


def _told_clock(client: Client) -> Iterator[Gap | Skew]:
    if client.skew is not None:
        yield Skew(client.skew)
        if far := clock(client.skew, client.url):
            yield far


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
