"""One collection: the alerts, then the silences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.alertmanager import shape
from collectors.alertmanager.client import Client
from collectors.alertmanager.settings import NAME, AlertmanagerSettings
from collectors.alertmanager.troubles import gap, is_final
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Window
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES
from gather_diagnostics.http.records import MOST_RAW, lines

Items = Iterator[Rows | Raw | Gap | Skew]


class Reading:
    """From one server. Used once."""

    def __init__(self, settings: AlertmanagerSettings, request: Request, client: Client) -> None:
        self._settings, self._request, self._client = settings, request, client

    def items(self) -> Items:
        client, request = self._client, self._request
        used: set[str] = set()
        final = False
        try:
            yield from self._alerts(used)
        except TROUBLES as error:
            failed = gap(error, f"alerts and silences of {request.service}", client.url)
            final = is_final(error, failed)
            yield failed if final else replace(failed, wanted=f"alerts of {request.service}")
        yield from self._clock()
        if final:
            return
        try:
            yield from self._silences(used)
        except TROUBLES as error:
            yield gap(error, f"silences of {request.service}", client.url)

    def _alerts(self, used: set[str]) -> Items:
        """Puts the ids of the silences that suppress one into `used`."""
        client, request = self._client, self._request
        matchers = [m.replace("{service}", request.service) for m in self._settings.matchers]
        every = shape.alerts(client.alerts(matchers))
        until = asked_on(request, client.skew).incident.end
        its = [a for a in every if matchers or shape.concerns(a["labels"], request.service)]
        used.update(i for a in its if isinstance(a.get("status"), Mapping) for i in shape.silencers(a["status"]))
        rows = [row for a in its if (row := shape.alert_row(a, client.url))["time"] < until]
        yield from self._kept("alerts", rows)
        if its:
            yield Raw("alerts.json", _json(its))

    def _silences(self, used: set[str]) -> Items:
        client, request = self._client, self._request
        answer = client.silences()
        there = asked_on(request, client.skew)
        window = Window(there.baseline.start, there.incident.end)
        its = list(shape.silences(answer, used, request.service, window))
        yield from self._kept("silences", [shape.silence_row(s, client.url) for s in its])
        if its:
            yield Raw("silences.json", _json(its))

    def _kept(self, what: str, rows: list[dict[str, Any]]) -> Iterator[Rows | Gap]:
        most = self._settings.max_alerts
        # The latest: what began last week is less likely to tell of this incident.
        if kept := sorted(rows, key=lambda r: (r["time"], r["object"], r["message"]))[-most:]:
            yield Rows("events", kept)
        if len(rows) > most:
            why = f"there are {len(rows):,} {what}; the latest {most:,} are kept"
            yield Gap(NAME, f"earlier {what}", "truncated", why, "raise sources.alertmanager.max_alerts")

    def _clock(self) -> Iterator[Skew]:
        if self._client.skew is not None:
            yield Skew(self._client.skew)


def _json(records: Sequence[Any]) -> str:
    """One record a line, up to MOST_RAW characters."""
    return "[\n" + ",\n".join(lines(records, MOST_RAW)) + "\n]\n"
