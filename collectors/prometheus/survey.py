"""What the server has of the service: which matchers select it, which metrics there are, how often they are scraped."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from collectors.prometheus import discovery, families, omitted, others, queries, shape, spans
from collectors.prometheus.client import Client
from collectors.prometheus.discovery import Found, Inventory
from collectors.prometheus.others import Choice, Moments
from collectors.prometheus.promql import series
from collectors.prometheus.queries import Query
from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.troubles import lacking
from gather_diagnostics import Gap, Raw, Request, Window

EVERY = '__name__!~".+_bucket"'
"""Matcher of all metrics; of histograms the sums and counts will do."""
COUNT_SECONDS = 600
"""How long scrapes are counted to learn their interval."""
PODS, VOLUMES, TYPES = "series of its pods", "series of its volumes", "types of its metrics"
WINDOW, POD_WINDOW = "its scrape interval", "its pods' scrape interval"
BEFORE, NOW = "its metrics before", "its metrics now"
MOMENTS = "how much its other metrics changed"

Questions = Mapping[str, Callable[[], Any]]
Answers = Mapping[str, Any]


@dataclass
class Survey:
    """Everything that the questions about the service are made from."""

    selector: str
    found: Inventory
    """Request and process metrics."""
    pods: Inventory
    """Container metrics."""
    volumes: bool
    types: Mapping[str, str]
    durations: Sequence[Found]
    traffic: Sequence[Found]
    window: int
    """Seconds that rates are taken over."""
    pod_window: int
    """The kubelet is scraped at an interval of its own."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """Every metric with the service's label, and how many series it has."""
    recorded: Sequence[Query] = ()
    """What recording rules keep of it."""
    busiest: Mapping[str, Sequence[str]] = field(default_factory=dict)
    others: Choice = field(default_factory=lambda: Choice((), (), ()))


class Surveying:
    """Asks for it, step by step."""

    def __init__(
        self,
        settings: PrometheusSettings,
        request: Request,
        client: Client,
        whole: Window,
        step: int,
        configured: str,
    ) -> None:
        self.selectors = list(discovery.selectors(request.service, configured))
        self._settings = settings
        self._request = request
        self._client = client
        self._whole = whole
        self._step = step
        self._inventories: dict[str, Inventory] = {}

    def begin(self) -> None:
        """Ask for what the most telling selector selects. Raises requests.RequestException."""
        first = self.selectors[0]
        self._inventories[first] = self._series(discovery.request_matches(first))

    def questions(self) -> Questions:
        """Pods, volumes and types; the other selectors, too, where the first found no requests."""
        service = self._request.service
        asked: dict[str, Callable[[], Any]] = {
            PODS: lambda: self._series(discovery.container_matches(discovery.container_selector(service))),
            VOLUMES: lambda: self._client.series(discovery.volume_matches(service), self._whole),
            TYPES: self._client.types,
        }
        if not _counts_requests(self._inventories[self.selectors[0]]):
            for selector in self.selectors[1:]:
                asked[_by(selector)] = partial(self._series, discovery.request_matches(selector))
        return asked

    def settle(self, answers: Answers) -> Survey:
        """Choose the first selector under which requests are counted; failing that, the first with anything."""
        inventories = {s: self._inventories.get(s) or answers.get(_by(s), {}) for s in self.selectors}
        telling = [s for s, found in inventories.items() if _counts_requests(found)]
        something = [s for s, found in inventories.items() if found]
        selector = next(iter([*telling, *something, self.selectors[0]]))
        found = inventories[selector]
        durations = discovery.durations(found, selector)
        traffic = discovery.traffic(found, selector, durations)
        window = self.default_window
        pods, types = answers.get(PODS, {}), answers.get(TYPES, {})
        return Survey(selector, found, pods, bool(answers.get(VOLUMES)), types, durations, traffic, window, window)

    @property
    def default_window(self) -> int:
        """Seconds for rates where no scrape interval is known."""
        return self._settings.rate_window_seconds or spans.rate_window(spans.GRID, self._step)

    # --- with the selector

    def later(self, survey: Survey) -> Questions:
        """Scrape intervals, the names of all metrics, and the busiest endpoints where there are too many."""
        asked: dict[str, Callable[[], Any]] = {}
        source = next((series(f.counted, f.selector) for f in (*survey.traffic, *survey.durations)), None)
        if source and not self._settings.rate_window_seconds:
            asked[WINDOW] = lambda: self._rate_window(source)
        if families.CONTAINER_CPU in survey.pods and not self._settings.rate_window_seconds:
            pods = series(families.CONTAINER_CPU, discovery.container_selector(self._request.service))
            asked[POD_WINDOW] = lambda: self._rate_window(pods)
        asked[BEFORE] = partial(self._sizes, survey.selector, self._request.incident.start)
        asked[NOW] = partial(self._sizes, survey.selector, self._whole.end)
        if not survey.found:
            # It may have none but metrics of its own.
            for selector in self.selectors[1:]:
                asked[_names_by(selector)] = partial(self._sizes, selector, self._whole.end)
        for found, label in self._many(survey):
            asked[f"busiest {label} of {found.counted}"] = partial(self._busiest, found, label)
        return asked

    def measure(self, survey: Survey, answers: Answers) -> Survey:
        """Put in what the later questions told."""
        survey.window = answers.get(WINDOW, survey.window)
        survey.pod_window = answers.get(POD_WINDOW, survey.pod_window)
        before, now = answers.get(BEFORE, {}), answers.get(NOW, {})
        if not before and not now:
            told = [s for s in self.selectors if answers.get(_names_by(s))]
            survey.selector = next(iter([*told, survey.selector]))
            now = answers.get(_names_by(survey.selector), {})
        survey.sizes = {n: max(before.get(n, 0), now.get(n, 0)) for n in sorted({*before, *now})}
        survey.busiest = {
            found.counted: answers[name]
            for found, label in self._many(survey)
            if (name := f"busiest {label} of {found.counted}") in answers
        }
        self._choose(survey, ())
        return survey

    def doubts(self, survey: Survey) -> Questions:
        """Where there are too many other metrics: what they were and are, so that the right ones are read."""
        wanted = survey.others.left_out and self._settings.max_unknown
        return {MOMENTS: lambda: self._moments(survey.selector)} if wanted else {}

    def decide(self, survey: Survey, answers: Answers) -> Survey:
        """Put in which metrics changed."""
        if MOMENTS in answers:
            self._choose(survey, answers[MOMENTS])
        return survey

    def _choose(self, survey: Survey, moments: Moments) -> None:
        most = self._settings.max_unknown
        survey.others = others.choose(survey.sizes, survey.types, survey.selector, survey.window, most, moments)

    def omitted(self, survey: Survey) -> Raw | None:
        """A record of what is left out for being too much."""
        return omitted.raw(self._many(survey), survey.busiest, survey.others)

    def gaps(self, survey: Survey, has: Sequence[str]) -> Iterator[Gap]:
        """What a service should have and neither this one nor `has` has."""
        if survey.found:
            yield from lacking(survey.durations, survey.traffic, has, self._request.service)

    # --- asking; each raises requests.RequestException

    def _series(self, matches: Sequence[str]) -> Inventory:
        return discovery.inventory(self._client.series(matches, self._whole))

    def _rate_window(self, source: str) -> int:
        """Seconds that rates are taken over, by how often a series (PromQL) was scraped just before the incident."""
        at = int(self._request.incident.start.timestamp()) // self._step * self._step
        answer = self._client.instant(f"max(count_over_time({source}[{COUNT_SECONDS}s]))", at)
        return spans.rate_window(spans.scrape_interval(shape.single(answer), COUNT_SECONDS), self._step)

    def _sizes(self, selector: str, time: datetime) -> Mapping[str, int]:
        expr = f"count by (__name__) ({series('', EVERY, selector)})"
        numbers = shape.numbers(self._client.instant(expr, int(time.timestamp())), "__name__")
        return {name: int(number) for name, number in numbers.items()}

    def _moments(self, selector: str) -> Moments:
        expr = f"sum by (__name__) ({series('', EVERY, selector)})"
        times = (self._request.baseline.start, self._request.incident.start, self._whole.end)
        seconds = [int(time.timestamp()) for time in times]
        return [(at, shape.numbers(self._client.instant(expr, at), "__name__")) for at in seconds]

    def _busiest(self, found: Found, label: str) -> Sequence[str]:
        at, seconds = int(self._whole.end.timestamp()), int(self._whole.length.total_seconds())
        answers = [self._client.instant(expr, at) for expr in queries.busiest(found, label, seconds)]
        return queries.fitting([list(shape.label_values(a, label)) for a in answers])

    def _many(self, survey: Survey) -> Iterator[tuple[Found, str]]:
        """Metrics with too many endpoints to ask for all, once each."""
        seen: set[str] = set()
        for found in [*survey.traffic, *survey.durations]:
            label = found.label(families.ENDPOINT_LABELS, least=queries.MOST_ENDPOINTS + 1)
            if label and found.counted not in seen:
                seen.add(found.counted)
                yield found, label


def _by(selector: str) -> str:
    return f"series by {selector}"


def _names_by(selector: str) -> str:
    return f"metrics by {selector}"


def _counts_requests(found: Inventory) -> bool:
    return bool(found.keys() - {families.PROCESS_CPU, families.PROCESS_MEMORY})
