"""Alerts and targets of one service: asks for them, and tells them as events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from collectors.prometheus import alerts, discovery, shape, spans, targets
from collectors.prometheus.alerts import Alert
from collectors.prometheus.client import Client
from collectors.prometheus.queries import Query
from collectors.prometheus.runs import runs
from collectors.prometheus.settings import NAME
from collectors.prometheus.spans import MOST_POINTS, Span
from collectors.prometheus.troubles import gap
from gather_diagnostics import Gap, Raw, Request, Rows, Window
from gather_diagnostics.http.errors import MalformedError

ACTIVE, RULES, HISTORY = "active alerts", "alerting and recording rules", "alerts of the window"
TARGETS, DOWN = "health of the targets", "targets that were down"
MOST_EVENTS = 1_000
"""Rows kept of alerts, and of targets."""

Questions = Mapping[str, Callable[[], Any]]
Answers = Mapping[str, Any]
Items = Iterator[Rows | Raw | Gap]


class Happenings:
    """What befell the service, by its server's own word."""

    def __init__(self, request: Request, client: Client, whole: Window, step: int, configured: str) -> None:
        self._request = request
        self._client = client
        self._whole = whole
        # Coarser on a long window, so that one answer holds it.
        self._step = max(step, -(-int(whole.length.total_seconds()) // (MOST_POINTS - 1)))
        self._alerts = discovery.any_of("ALERTS", request.service, configured)
        self._up = f"({discovery.any_of('up', request.service, configured)}) == 0"

    def questions(self) -> Questions:
        """Nothing has to be known of the service for these."""
        return {
            ACTIVE: self._client.alerts,
            RULES: self._client.rule_groups,
            HISTORY: lambda: self._client.range(self._alerts, self._span()),
            TARGETS: self._client.targets,
            DOWN: lambda: self._client.range(self._up, self._span()),
        }

    def alerts(self, answers: Answers) -> Items:
        """Events of the service's alerts, and the raw answer to the history's query."""
        yield from self._told(ACTIVE, lambda: self._alert_rows(answers))
        yield from self._raw("alerts", self._alerts, answers.get(HISTORY, ()))

    def targets(self, answers: Answers) -> Items:
        """Events of targets that were or are down."""
        yield from self._told(TARGETS, lambda: self._target_rows(answers))
        yield from self._raw("targets_down", self._up, answers.get(DOWN, ()))

    def _told(self, wanted: str, make: Callable[[], list[dict[str, Any]]]) -> Items:
        try:
            rows = make()
        except MalformedError as error:
            yield gap(error, wanted, self._client.url)
            return
        if rows:
            yield Rows("events", rows[:MOST_EVENTS])
        if len(rows) > MOST_EVENTS:
            why = f"there are {len(rows):,} events of {wanted}; {MOST_EVENTS:,} are kept"
            yield Gap(NAME, wanted, "truncated", why, "ask for a shorter window, or set sources.prometheus.selector")

    def _raw(self, name: str, expr: str, answer: Sequence[Any]) -> Items:
        if answer:
            query = Query(name, name, "max", "count", expr)
            yield shape.raw(f"{name}.json", query, self._span(), sorted(answer, key=shape.order))

    def _alert_rows(self, answers: Answers) -> list[dict[str, Any]]:
        span = self._span()
        past = list(runs(answers.get(HISTORY, []), span))
        current = [a for a in alerts.active(answers.get(ACTIVE, [])) if self._its(a)]
        ref = shape.graph_url(self._client.url, self._alerts, span)
        return list(alerts.rows(current, past, alerts.rules(answers.get(RULES, ())), span.step, ref))

    def _its(self, alert: Alert) -> bool:
        """Of this service, and no later than the incident, which may have been yesterday."""
        return alert.since < self._whole.end and discovery.concerns(alert.labels, self._request.service)

    def _target_rows(self, answers: Answers) -> list[dict[str, Any]]:
        span = self._span()
        current = targets.down(answers.get(TARGETS, ()), self._request.service)
        past = list(runs(answers.get(DOWN, []), span))
        ref = shape.graph_url(self._client.url, self._up, span)
        return list(targets.rows(current, past, self._whole, span.step, ref))

    def _span(self) -> Span:
        """Of the whole time, in one piece."""
        found = list(spans.spans(self._whole, self._step))
        return replace(found[0], end=found[-1].end) if found else Span(0, 0, self._step)
