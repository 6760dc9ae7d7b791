"""Puts questions to the server, several at a time, and turns what fails into gaps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collectors.prometheus import shape, spans
from collectors.prometheus.abreast import Abreast
from collectors.prometheus.client import Client
from collectors.prometheus.queries import Query
from collectors.prometheus.settings import NAME, PrometheusSettings
from collectors.prometheus.spans import Span
from collectors.prometheus.troubles import FINAL, gap
from gather_diagnostics import Gap, Raw, Request, Rows, Window
from gather_diagnostics.http.errors import OutOfTimeError, Trouble
from gather_diagnostics.http.troubles import cut

MOST_TIMEOUTS = 2
"""In a row: a server that did not answer twice won't the third time."""

UNFINISHED = "the time ended before the answer did"

Items = Generator[Rows | Raw | Gap, None, None]


@dataclass(frozen=True, slots=True)
class _Job:
    query: Query
    span: Span
    name: str
    """Of the raw record."""
    main: bool
    """Of the main window: an empty answer is kept, too."""


class Asking:
    """Asks one client for one request."""

    def __init__(self, settings: PrometheusSettings, request: Request, client: Client, step: int) -> None:
        self.lost = False
        """Asking on is useless, or makes it worse; a gap has said why."""
        self._settings = settings
        self._request = request
        self._client = client
        self._step = step
        self._refused: set[str] = set()
        self._cuts: set[str] = set()

    def together(self, questions: Mapping[str, Callable[[], Any]]) -> Generator[Gap, None, dict[str, Any]]:
        """Put different questions at once; the answers by question. One that fails is a gap and stops no other."""
        wanted = list(questions)
        answers: dict[str, Any] = {}
        failed: dict[int, Gap] = {}
        asking = Abreast(lambda name: questions[name](), wanted, self._client.deadline)
        ending = -1
        for number, answer in asking:
            if not isinstance(answer, Trouble):
                answers[wanted[number]] = answer
                continue
            failed[number] = gap(answer, wanted[number], self._client.url)
            # To be denied one thing is no reason not to ask for another.
            if isinstance(answer, OutOfTimeError) or failed[number].cause in FINAL - {"denied"}:
                ending = number
                asking.stop()
        left = [n for n, name in enumerate(wanted) if name not in answers and n not in failed]
        if left and ending < 0:
            ending = left[0]
            failed[ending] = gap(OutOfTimeError(UNFINISHED), wanted[left.pop(0)], self._client.url)
        if ending >= 0:
            self.lost = True
            unasked = [failed[ending].wanted, *(wanted[n] for n in left)]
            failed[ending] = replace(failed[ending], wanted=", ".join(unasked))
        yield from _merged(failed)
        return answers

    def ask(self, asked: Sequence[Query], windows: Sequence[Window], seasons: Sequence[Window]) -> Items:
        """Rows and raw records of queries: those for `windows` first, then what is about the whole for `seasons`."""
        jobs = list(self._jobs(asked, windows, seasons))
        failed: dict[int, Gap] = {}
        ended: set[int] = set()
        timeouts = 0
        asking = Abreast(self._answered, jobs, self._client.deadline)
        for number, answer in asking:
            ended.add(number)
            if not isinstance(answer, Trouble):
                timeouts = 0
                yield from self._new(answer)
                continue
            failed[number] = self._failure(jobs[number].query, answer)
            self._refused.add(jobs[number].query.name)
            timeouts = timeouts + 1 if failed[number].cause == "timeout" else 0
            if failed[number].cause in FINAL or isinstance(answer, OutOfTimeError) or timeouts >= MOST_TIMEOUTS:
                self.lost = True
                asking.stop()
        yield from _told(failed, [n for n in range(len(jobs)) if n not in ended], jobs, self._client.url)

    def _jobs(
        self, asked: Sequence[Query], windows: Sequence[Window], seasons: Sequence[Window]
    ) -> Generator[_Job, None, None]:
        """The main window of all queries first: seasons sharpen a judgement that it already allows."""
        for query in asked:
            for number, window in enumerate(windows):
                yield from self._parts(query, window, f"-{number}" if number else "", main=not number)
        for number, window in enumerate(seasons, 1):
            for query in asked:
                if query.whole or query.own:
                    yield from self._parts(query, window, f"-season-{number}", main=False)

    def _parts(self, query: Query, window: Window, suffix: str, *, main: bool) -> Generator[_Job, None, None]:
        for part, span in enumerate(spans.spans(window, self._step)):
            yield _Job(query, span, f"{query.name}{suffix}{f'-{part}' if part else ''}.json", main)

    def _answered(self, job: _Job) -> Sequence[Rows | Raw | Gap]:
        """Runs in a thread of its own. Raises requests.RequestException or MalformedError."""
        query, span = job.query, job.span
        if query.name in self._refused:
            return ()
        answer = self._client.range(query.expr, span)
        items: list[Rows | Raw | Gap] = []
        kept = sorted(answer, key=shape.order)[: self._settings.max_series]
        if len(kept) < len(answer):
            items.append(self._cut(query, len(answer)))
        ref = shape.graph_url(self._client.url, query.expr, span)
        if rows := list(shape.rows(query, kept, self._request.service, ref, span)):
            items.append(Rows("metrics", rows))
        if answer or job.main:
            items.append(shape.raw(job.name, query, span, kept))
        return items

    def _new(self, items: Sequence[Rows | Raw | Gap]) -> Items:
        """Without what was already said: what is cut in one span is cut in others."""
        for item in items:
            if isinstance(item, Gap):
                if item.wanted in self._cuts:
                    continue
                self._cuts.add(item.wanted)
            yield item

    def _failure(self, query: Query, error: Trouble) -> Gap:
        failed = gap(error, f"query {query.name}", self._client.url)
        if failed.cause == "invalid" and query.own:
            return replace(failed, mend=f"correct sources.prometheus.queries.{query.name}: {cut(query.expr)}")
        return failed

    def _cut(self, query: Query, number: int) -> Gap:
        limit = self._settings.max_series
        why = f"the answer of {query.name} has {number:,} series; {limit:,} are kept"
        mend = "aggregate in sources.prometheus.queries, or raise sources.prometheus.max_series"
        return Gap(NAME, f"query {query.name}", "truncated", why, mend)


def _merged(failed: Mapping[int, Gap]) -> Generator[Gap, None, None]:
    """Gaps in the order of the questions; those of one reason as one."""
    by_reason: dict[tuple[str, str], Gap] = {}
    for _, one in sorted(failed.items()):
        known = by_reason.get((one.cause, one.why))
        by_reason[one.cause, one.why] = replace(known, wanted=f"{known.wanted}, {one.wanted}") if known else one
    yield from by_reason.values()


def _told(failed: Mapping[int, Gap], left: Sequence[int], jobs: Sequence[_Job], url: str) -> Generator[Gap, None, None]:
    """The gaps of queries in order; with the number of queries after it on the one that ended the asking."""
    if left and not failed:
        error = OutOfTimeError(UNFINISHED)
        failed, left = {left[0]: gap(error, f"query {jobs[left[0]].query.name}", url)}, left[1:]
    once: dict[tuple[str, str], Gap] = {}
    after = len(left)
    for _, one in sorted(failed.items()):
        if one.cause in FINAL or one.cause == "timeout":
            after += (one.cause, one.why) in once
            once.setdefault((one.cause, one.why), one)
        else:
            # One query may fail alike for several spans; that is still one query.
            once[one.why, one.wanted] = one
    told = list(once.values())
    if told and after:
        ending = next((n for n, g in reversed(list(enumerate(told))) if g.cause in FINAL or g.cause == "timeout"), -1)
        rest = f"the {after} queries" if after > 1 else "the query"
        told[ending] = replace(told[ending], wanted=f"{told[ending].wanted} and {rest} after it")
    yield from told
