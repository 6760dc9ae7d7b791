"""One collection: what is there, what to ask, the answers."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from urllib.parse import quote

import requests

from collectors.prometheus import discovery, exemplars, families, others, queries, recorded, saturation, spans
from collectors.prometheus.asking import Asking
from collectors.prometheus.client import Client
from collectors.prometheus.discovery import Found
from collectors.prometheus.happenings import RULES, Answers, Happenings
from collectors.prometheus.queries import Query
from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.survey import PODS, Survey, Surveying
from collectors.prometheus.troubles import FINAL, gap, partial, unknown
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Window
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES, OutOfTimeError
from gather_diagnostics.http.querytext import escape

Items = Generator[Rows | Raw | Gap | Skew, None, None]


class Reading:
    """Asks one client for one request. Used once."""

    def __init__(self, settings: PrometheusSettings, request: Request, client: Client) -> None:
        self._settings = settings
        self._client = client
        self._place(request)

    def _place(self, request: Request) -> None:
        self._request = request
        self._main = spans.merge((request.baseline, request.incident))
        self._whole = Window(self._main[0].start, self._main[-1].end)
        self._step = self._settings.step_seconds or spans.choose_step(self._whole)
        self._asking = Asking(self._settings, request, self._client, self._step)

    def read(self) -> Items:
        """Everything, until an answer says that asking on is useless or no time is left."""
        yield from self._read()
        yield from partial(self._client.warned, self._client.url)

    def _read(self) -> Items:
        surveying = self._surveying()
        try:
            # Alone: it tells whether address and credentials are right, and in most places it finds the service.
            surveying.begin()
            there = asked_on(self._request, self._client.skew)
            if there != self._request:
                # What is meant lies elsewhere on its clock.
                self._place(there)
                surveying = self._surveying()
                surveying.begin()
        except requests.RequestException as error:
            yield from self._without_discovery(error, surveying)
            return
        yield from self._clock()
        happenings = Happenings(self._request, self._client, self._whole, self._step, self._configured())
        survey = yield from self._surveyed(surveying, happenings)
        if not self._asking.lost:
            yield from self._asking.ask(self._asked(survey), self._main, self._seasons())
        if not self._asking.lost:
            yield from self._traces(survey)

    def _surveying(self) -> Surveying:
        configured = self._configured()
        return Surveying(self._settings, self._request, self._client, self._whole, self._step, configured)

    def _configured(self) -> str:
        text = self._settings.selector.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")
        return text.replace("{service}", escape(self._request.service))

    def _seasons(self) -> list[Window]:
        return [w for w in spans.merge(self._request.seasonal) if w not in self._main]

    def _clock(self) -> Iterator[Skew]:
        if self._client.skew is not None:
            yield Skew(self._client.skew)

    def _without_discovery(self, error: requests.RequestException, surveying: Surveying) -> Items:
        failed = gap(error, f"the list of {self._request.service}'s series", self._client.url)
        yield failed
        yield from self._clock()
        # The user's own queries need no discovery, only a server that answers.
        if failed.cause not in FINAL and not isinstance(error, OutOfTimeError):
            own = self._users(surveying.selectors[0], surveying.default_window)
            yield from self._asking.ask(own, self._main, self._seasons())

    # --- what is there

    def _surveyed(self, surveying: Surveying, happenings: Happenings) -> Generator[Rows | Raw | Gap, None, Survey]:
        answers: Answers = yield from self._asking.together({**happenings.questions(), **surveying.questions()})
        yield from happenings.alerts(answers)
        yield from happenings.targets(answers)
        found = surveying.settle(answers)
        if self._asking.lost:
            return found
        later = yield from self._asking.together(surveying.later(found))
        survey = surveying.measure(found, later)
        if doubts := surveying.doubts(survey):
            survey = surveying.decide(survey, (yield from self._asking.together(doubts)))
        if left_out := surveying.omitted(survey):
            yield left_out
        survey.recorded = self._recorded(survey, list(recorded.names_of(answers.get(RULES, ()))))
        own = [q.metric or name for name, q in self._settings.queries.items()]
        yield from surveying.gaps(survey, [*own, *(q.metric for q in survey.recorded)])
        if not survey.found and PODS in answers:
            kinds = "request or process" if survey.pods else "request, process or container"
            yield unknown(self._client.url, self._request.service, kinds, surveying.selectors[0], self._settings)
        return survey

    # --- what to ask

    def _asked(self, survey: Survey) -> list[Query]:
        asked = [*self._requests(survey), *survey.recorded, *self._resources(survey)]
        own = self._settings.queries
        asked = [q for q in asked if q.name not in own] + self._users(survey.selector, survey.window)
        return asked + list(others.queries(survey.others.chosen, survey.selector))

    def _requests(self, survey: Survey) -> list[Query]:
        return list(queries.requests(survey.durations, survey.traffic, survey.window, survey.busiest))

    def _recorded(self, survey: Survey, rules: Sequence[str]) -> Sequence[Query]:
        have = {(q.metric, q.stat) for q in self._requests(survey) if q.whole}
        return recorded.queries(rules, survey.sizes, self._request.service, survey.selector, have)

    def _resources(self, survey: Survey) -> Iterator[Query]:
        container = discovery.container_selector(self._request.service)
        if {families.CONTAINER_CPU, families.CONTAINER_MEMORY} & survey.pods.keys():
            yield from queries.resources(survey.pods, container, survey.pod_window)
            yield from saturation.of_containers(survey.pods, container, survey.pod_window)
            yield saturation.of_nodes(self._request.service)
        elif survey.found:
            yield from queries.resources(survey.found, survey.selector, survey.window)
            yield saturation.of_hosts(survey.selector)
        yield from saturation.of_process(survey.sizes, survey.selector)
        if survey.volumes:
            yield saturation.of_volumes(self._request.service)

    def _users(self, selector: str, window: int) -> list[Query]:
        return list(queries.users(self._settings.queries, self._request.service, selector, window))

    # --- traces

    def _traces(self, survey: Survey) -> Iterator[Rows | Gap]:
        """Of the slowest requests in the incident window."""
        found: Sequence[Found] = [d for d in survey.durations if d.kind != "summary"][:1]
        for it in found:
            expr = exemplars.query(it)
            try:
                answer = self._client.exemplars(expr, self._request.incident)
                ref = f"{self._client.url}/api/v1/query_exemplars?query={quote(expr)}"
                rows = exemplars.rows(answer, it.per_second, self._request.service, ref)
            except TROUBLES as error:
                yield gap(error, "traces of the slowest requests", self._client.url)
                continue
            if rows:
                yield Rows("metrics", rows)
