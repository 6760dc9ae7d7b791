"""One collection: what is there, what to ask, the answers."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace

import requests

from collectors.prometheus import discovery, families, queries, shape, spans
from collectors.prometheus.client import Client, OutOfTimeError
from collectors.prometheus.discovery import Found, Inventory
from collectors.prometheus.promql import escape, series
from collectors.prometheus.queries import Query
from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.shape import MalformedError
from collectors.prometheus.troubles import FINAL, NAME, clock, cut, gap
from gather_diagnostics import Gap, Raw, Request, Rows, Window

COUNT_SECONDS = 600
"""How long scrapes are counted to learn their interval."""
MOST_TIMEOUTS = 2
"""In a row: a server that did not answer twice won't the third time."""

Items = Generator[Rows | Raw | Gap, None, None]


@dataclass(frozen=True, slots=True)
class _Job:
    query: Query
    window: Window
    suffix: str = ""
    """Of the raw record's name; empty for the main window."""


class Reading:
    """Asks one client for one request. Used once."""

    def __init__(self, settings: PrometheusSettings, request: Request, client: Client) -> None:
        self._settings = settings
        self._request = request
        self._client = client
        self._main = spans.merge((request.baseline, request.incident))
        self._whole = Window(self._main[0].start, self._main[-1].end)
        self._step = settings.step_seconds or spans.choose_step(self._whole)
        self._selectors = list(discovery.selectors(request.service, self._configured()))
        self._warned: set[str] = set()

    def read(self) -> Items:
        """Everything, until an answer says that asking on is useless or no time is left."""
        try:
            asked = yield from self._planned()
        except requests.RequestException as error:
            failed = gap(error, f"the list of {self._request.service}'s series", self._client.url)
            yield failed
            # The user's own queries need no discovery, only a server that answers.
            give_up = failed.cause in FINAL or isinstance(error, OutOfTimeError)
            asked = [] if give_up else self._users(self._selectors[0], self._rate_window(None))
        yield from clock(self._client)
        yield from self._ask_all(asked)

    def _configured(self) -> str:
        text = self._settings.selector.strip().removeprefix("{").removesuffix("}").strip().rstrip(",")
        return text.replace("{service}", escape(self._request.service))

    # --- what is there, and what to ask

    def _planned(self) -> Generator[Gap, None, list[Query]]:
        """Raises requests.RequestException when discovery fails."""
        selector, found = self._find()
        container = discovery.container_selector(self._request.service)
        pods = self._inventory(discovery.container_matches(container))
        if not found:
            yield self._unknown("request or process" if pods else "request, process or container")
        durations = discovery.durations(found, selector)
        traffic = discovery.traffic(found, selector, durations)
        if found:
            yield from self._lacking(durations, traffic)
        source = next((series(f.counted, f.selector) for f in (*traffic, *durations)), None)
        window = self._rate_window(source)
        busiest = yield from self._busiest([*traffic, *durations])
        asked = list(queries.requests(durations, traffic, window, busiest))
        asked += self._resources(pods, container) if pods else queries.resources(found, selector, window)
        own = self._settings.queries
        return [q for q in asked if q.name not in own] + self._users(selector, window)

    def _find(self) -> tuple[str, Inventory]:
        """The first selector under which requests are counted; failing that, the first with anything."""
        best: tuple[str, Inventory] = self._selectors[0], {}
        for selector in self._selectors:
            found = self._inventory(discovery.request_matches(selector))
            if found.keys() - {families.PROCESS_CPU, families.PROCESS_MEMORY}:
                return selector, found
            if found and not best[1]:
                best = selector, found
        return best

    def _inventory(self, matches: Sequence[str]) -> Inventory:
        return discovery.inventory(self._client.series(matches, self._whole))

    def _resources(self, pods: Inventory, container: str) -> Iterator[Query]:
        # The kubelet is scraped at an interval of its own.
        source = series(families.CONTAINER_CPU, container) if families.CONTAINER_CPU in pods else None
        return queries.resources(pods, container, self._rate_window(source))

    def _users(self, selector: str, window: int) -> list[Query]:
        return list(queries.users(self._settings.queries, self._request.service, selector, window))

    def _rate_window(self, source: str | None) -> int:
        """Seconds that rates are taken over, by how often a series (PromQL) was scraped just before the incident."""
        if self._settings.rate_window_seconds:
            return self._settings.rate_window_seconds
        if source is None:
            return spans.rate_window(spans.GRID, self._step)
        at = int(self._request.incident.start.timestamp()) // self._step * self._step
        answer = self._client.instant(f"max(count_over_time({source}[{COUNT_SECONDS}s]))", at)
        return spans.rate_window(spans.scrape_interval(shape.single(answer), COUNT_SECONDS), self._step)

    def _busiest(self, metrics: Sequence[Found]) -> Generator[Gap, None, dict[str, list[str]]]:
        """Where there are too many endpoints to ask for all: those with most requests, and those with most errors."""
        chosen: dict[str, list[str]] = {}
        at = int(self._whole.end.timestamp())
        for found in metrics:
            label = found.label(families.ENDPOINT_LABELS, least=queries.MOST_ENDPOINTS + 1)
            if not label or found.counted in chosen:
                continue
            answers = [self._client.instant(expr, at) for expr in queries.busiest(found, label, self._seconds())]
            values = {v for a in answers for v in shape.label_values(a, label)}
            chosen[found.counted] = sorted(values)
            why = f"{found.counted} has {len(found.labels[label]):,} values of {label}"
            mend = "ask for the one you need under sources.prometheus.queries"
            wanted = f"endpoints beyond the {len(values)} with most requests or errors"
            yield Gap(NAME, wanted, "truncated", why, mend)
        return chosen

    def _seconds(self) -> int:
        return int(self._whole.length.total_seconds())

    def _unknown(self, kinds: str) -> Gap:
        where = f"nothing matches {{{self._selectors[0]}}}"
        if not self._settings.selector:
            where = f"none of the labels {', '.join(families.SERVICE_LABELS)} or pod holds its name"
        why = f"{self._client.url} has no {kinds} metrics of it: {where}"
        mend = "set sources.prometheus.selector to the matchers that select it, or name queries under .queries"
        return Gap(NAME, f"series of {self._request.service}", "not_found", why, mend)

    def _lacking(self, durations: Sequence[Found], traffic: Sequence[Found]) -> Iterator[Gap]:
        own = {q.metric or name for name, q in self._settings.queries.items()}
        if not durations and "latency" not in own:
            why = f"it has none of the histograms or summaries {', '.join(f.name for f in families.FAMILIES)}"
            yield self._lack("latency", why)
        if not any(t.status for t in traffic[:1]) and "error_rate" not in own:
            labels = ", ".join((traffic[0].protocol if traffic else families.HTTP).status_labels)
            names = traffic[0].counted if traffic else "any request counter"
            yield self._lack("error_rate", f"there is no {names} with one of the labels {labels}")

    def _lack(self, metric: str, why: str) -> Gap:
        mend = f"name a query under sources.prometheus.queries with metric: {metric}"
        return Gap(NAME, f"{metric} of {self._request.service}", "not_found", why, mend)

    # --- asking

    def _jobs(self, asked: Sequence[Query]) -> list[_Job]:
        """The main window of all queries first: seasons sharpen a judgement that it already allows."""
        main = [_Job(q, w, f"-{n}" if n else "") for q in asked for n, w in enumerate(self._main)]
        seasons = [w for w in spans.merge(self._request.seasonal) if w not in self._main]
        return main + [_Job(q, w, f"-season-{n}") for n, w in enumerate(seasons, 1) for q in asked if q.whole or q.own]

    def _ask_all(self, asked: Sequence[Query]) -> Items:
        jobs = self._jobs(asked)
        refused: set[str] = set()
        timeouts = 0
        for number, job in enumerate(jobs, 1):
            if job.query.name in refused:
                continue
            try:
                yield from self._ask(job)
                timeouts = 0
                continue
            except (requests.RequestException, MalformedError) as error:
                failed = self._failure(job, error)
                out_of_time = isinstance(error, OutOfTimeError)
            refused.add(job.query.name)
            timeouts = timeouts + 1 if failed.cause == "timeout" else 0
            if failed.cause in FINAL or out_of_time or timeouts >= MOST_TIMEOUTS:
                rest = len(jobs) - number
                yield replace(failed, wanted=f"{failed.wanted} and the {rest} queries after it") if rest else failed
                return
            yield failed

    def _failure(self, job: _Job, error: requests.RequestException | MalformedError) -> Gap:
        failed = gap(error, f"query {job.query.name}", self._client.url)
        if failed.cause == "invalid" and job.query.own:
            return replace(failed, mend=f"correct sources.prometheus.queries.{job.query.name}: {cut(job.query.expr)}")
        return failed

    def _ask(self, job: _Job) -> Items:
        for part, span in enumerate(spans.spans(job.window, self._step)):
            answer = self._client.range(job.query.expr, span)
            yield from self._warnings(job.query)
            kept = sorted(answer, key=shape.order)[: self._settings.max_series]
            if len(kept) < len(answer):
                yield self._cut(job.query, len(answer))
            ref = shape.graph_url(self._client.url, job.query.expr, span)
            if rows := list(shape.rows(job.query, kept, self._request.service, ref, span)):
                yield Rows("metrics", rows)
            if answer or not job.suffix:
                name = f"{job.query.name}{job.suffix}{f'-{part}' if part else ''}.json"
                yield shape.raw(name, job.query, span, kept)

    def _warnings(self, query: Query) -> Iterator[Gap]:
        """Thanos and Mimir answer 200 with a warning when a part of the data could not be read."""
        for warning in self._client.warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                why = f"{self._client.url} warns that its answer may not be whole: {cut(warning)}"
                yield Gap(NAME, f"query {query.name}", "truncated", why, "look at the store it names")

    def _cut(self, query: Query, number: int) -> Gap:
        limit = self._settings.max_series
        why = f"the answer has {number:,} series; {limit:,} are kept"
        mend = "aggregate in sources.prometheus.queries, or raise sources.prometheus.max_series"
        return Gap(NAME, f"query {query.name}", "truncated", why, mend)
