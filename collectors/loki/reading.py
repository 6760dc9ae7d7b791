"""One collection: find the streams, count, read what may be read, and have the rest counted where it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from collectors.loki import logql, patterns, steps, streams
from collectors.loki.client import Client, Size
from collectors.loki.counts import Count, counts, metric_rows
from collectors.loki.lines import Entry, Paging, Shaper
from collectors.loki.settings import NAME, LokiSettings
from collectors.loki.spans import SECOND, Span, moment, span, without
from collectors.loki.steps import Step
from collectors.loki.troubles import gap, is_final
from gather_diagnostics import Gap, Request, Rows, Skew
from gather_diagnostics.http.clock import asked_on
from gather_diagnostics.http.errors import TROUBLES

USUAL_BYTES = 250
"""Of a line, where the index tells nothing."""
Items = Iterator[Rows | Gap | Skew]


@dataclass
class Reading:
    """Used once."""

    settings: LokiSettings
    request: Request
    client: Client
    selector: str = ""
    taken: dict[bool, list[Span]] = field(default_factory=lambda: {True: [], False: []})
    """Spans that were read to their ends: of the lines with a word for an error, and of the others."""
    cut: list[str] = field(default_factory=list)
    """What was kept where not everything was."""
    lines: int = 0
    size: int = 0
    """Bytes of the lines that were kept."""
    whole: Size | None = None
    """Of all lines in the windows, as the index tells it."""
    detected: list[patterns.Pattern] | None = None
    """That the server detected; None where it detects none, or does not say."""
    absent: bool = False
    """It detects none."""
    counted: int = 0
    """Lines that were counted where they are."""
    crowded: int = 0
    over: bool = False
    """Asking on is useless."""

    def read(self) -> Items:
        """Whatever fails is told, and the rest is read."""
        yield from self._guarded(self._found, f"log lines of {self.request.service}", side=False)
        if self.client.skew is not None:
            yield Skew(self.client.skew)
        if self.selector and not self.over:
            self.request = asked_on(self.request, self.client.skew)
            yield from self._selected()

    def _selected(self) -> Items:
        counted: list[Count] = []
        told = yield from self._guarded(lambda: self._counts(counted), f"counts of log lines of {self.selector}")
        if not self.over:
            yield from self._guarded(self._measured, f"size of the log lines of {self.selector}")
        if self.over:
            return
        todo = steps.plan(self.request, counted if told else None, self._most)
        read = yield from self._guarded(lambda: self._steps(todo), f"log lines of {self.selector}", side=False)
        # One that failed was told; what it left out is no limit of ours.
        if read and (self.cut or self._rest()):
            yield from self._counted()
        if self.crowded:
            why = f"{self.crowded:,} nanoseconds have more than the {self.client.limit:,} lines of one answer"
            mend = "raise limits_config.max_entries_limit_per_query of Loki"
            yield Gap(NAME, f"all log lines of {self.selector}", "truncated", why, mend)

    @property
    def _windows(self) -> tuple[Span, Span]:
        return span(self.request.baseline), span(self.request.incident)

    @property
    def _whole(self) -> Span:
        baseline, incident = self._windows
        return Span(min(baseline.start, incident.start), max(baseline.end, incident.end))

    def _guarded(
        self, part: Callable[[], Items], wanted: str, *, side: bool = True
    ) -> Generator[Rows | Gap | Skew, None, bool]:
        """The items of a part, and the gap that ends it; returns whether it came to its end.

        Gateways allow some questions and not others: a refusal of one `side` question is none of the lines.
        """
        try:
            yield from part()
        except TROUBLES as error:
            failed = gap(error, wanted, self.client.url)
            refused = side and failed.cause in ("denied", "not_found")
            self.over = self.over or (is_final(error, failed) and not refused)
            yield failed
            return False
        return True

    def _found(self) -> Items:
        configured, service = self.settings.selector, self.request.service
        found = streams.selector(configured, service) if configured else ""
        found = found or streams.find(self.client, service, self._whole)
        if found and self.client.series(found, self._whole):
            self.selector = found
            return
        where = f"nothing matches {found}" if found else f"no label {', '.join(streams.SERVICE_LABELS)} has its name"
        why = f"{self.client.url} has no log lines of it between baseline and incident: {where}"
        yield Gap(NAME, f"log lines of {service}", "not_found", why, "set sources.loki.selector to what selects it")

    def _counts(self, counted: list[Count]) -> Items:
        """Puts the counts of both windows into `counted`."""
        for window in self._windows:
            counted += counts(self.client, self.selector, window)
        if counted and not any(c.level for c in counted):
            # Senders and Loki before 3.0 tell no levels: then words tell where the first error is.
            query = logql.narrowed(self.selector, errors=True)
            counted[:] = _told(counted, [c for window in self._windows for c in counts(self.client, query, window)])
        if made := list(metric_rows(counted, self.selector, self.request.service)):
            yield Rows("metrics", made)

    def _steps(self, todo: Sequence[Step]) -> Items:
        for step in todo:
            if not self._may:
                return
            last = yield from self._step(step)
            if last is None:
                continue
            rest = steps.errors_after(step, last)
            if rest is None or not self._may:
                continue
            first: list[int] = []
            yield from self._step(rest, first)
            for near in steps.beside(first[0] if first else None, rest.span, step.most // 2):
                yield from self._step(near)

    def _measured(self) -> Items:
        self.whole = self.client.size(self.selector, self._whole)
        yield from ()

    @property
    def _most(self) -> int:
        """Lines that may be read, by their number and their bytes."""
        whole = self.whole
        each = whole.size / whole.lines if whole and whole.lines and whole.size else USUAL_BYTES
        return max(1, min(self.settings.max_lines, int(self.settings.max_bytes / each)))

    @property
    def _may(self) -> bool:
        return self.lines < self.settings.max_lines and self.size < self.settings.max_bytes

    def _step(self, step: Step, first: list[int] | None = None) -> Generator[Rows | Gap | Skew, None, int | None]:
        """Yields rows; returns None when the step was read to its end, else the time up to which it was.

        The time of the first line is put into `first`.
        """
        paging = Paging(self.client, logql.narrowed(self.selector, step.errors), step.span)
        shaper = Shaper(self.request.service, self.request.asked, paging.streams)
        left, cut, last = step.most, None, -1
        try:
            for page in paging.pages():
                kept, cut = self._kept(page, left, last)
                left -= len(kept)
                last = kept[-1].time if kept else last
                if first is not None and not first and kept:
                    first.append(kept[0].time)
                yield from (Rows("logs", batch) for batch in shaper.rows(kept))
                if cut is not None:
                    break
        finally:
            self.crowded += paging.crowded
        yield from (Rows("logs", batch) for batch in shaper.rest())
        until = step.span.end if cut is None else cut
        for errors in (True, False) if step.errors is None else (step.errors,):
            self.taken[errors].append(Span(step.span.start, max(step.span.start, until)))
        if cut is not None:
            self.cut.append("some of the errors" if step.errors else f"lines until {moment(cut):%H:%M:%S} UTC")
        return cut

    def _kept(self, page: Sequence[Entry], left: int, last: int) -> tuple[Sequence[Entry], int | None]:
        """The lines of a page that may be kept, and where not all may, the time from which on none is.

        `last` is the time of the last that was kept.
        """
        most = min(left, self.settings.max_lines - self.lines)
        number, size = 0, self.size
        while number < min(most, len(page)) and size < self.settings.max_bytes:
            size += len(page[number].line.encode("utf-8", "replace"))
            number += 1
        cut = None
        if number < len(page):
            cut = page[number].time
            # Of one time all are kept or none, so that what is counted in their place is the rest exactly.
            while number and page[number - 1].time == cut:
                number -= 1
            cut += cut == last
        kept = page[:number]
        self.lines += len(kept)
        self.size += sum(len(e.line.encode("utf-8", "replace")) for e in kept)
        return kept, cut

    def _rest(self) -> list[tuple[bool, Span]]:
        return [(e, s) for e in (True, False) for window in self._windows for s in without(window, self.taken[e])]

    def _counted(self) -> Items:
        """The lines that were not read, by pattern and minute, and the gap that says so."""
        yield from self._guarded(self._detected, f"patterns of log lines of {self.selector}")
        if not self.over:
            yield from self._guarded(self._shared, f"counts of the other lines of {self.selector}")
        yield self._truncated()

    def _detected(self) -> Items:
        answer = self.client.patterns(self.selector, self._whole, self._windows[1].bin // SECOND)
        self.absent = answer is None
        self.detected = None if answer is None else patterns.patterns(answer)
        yield from ()

    def _shared(self) -> Items:
        for errors, rest in self._rest():
            made = counts(self.client, logql.narrowed(self.selector, errors), rest)
            alike = [p for p in self.detected or () if p.errors == errors]
            if rows := list(patterns.rows(patterns.shared(made, alike), self.selector, self.request.service)):
                self.counted += sum(row["count"] for row in rows)
                yield Rows("logs", rows)

    def _truncated(self) -> Gap:
        kept = ", ".join(dict.fromkeys(["the lines around the first error", *self.cut]))
        why = f"more lines are in the windows than may be read; {self.lines:,} were: {kept}"
        how = "by level and minute" if self.detected is None else "by pattern and minute"
        how += " (it detects no patterns: pattern_ingester.enabled of Loki 3 or newer)" if self.absent else ""
        why += f"; {self.counted:,} others were counted in place, {how}" if self.counted else ""
        whole = self.whole
        why += f"; its index tells of {whole.size:,} bytes in {whole.lines:,} lines" if whole and whole.lines else ""
        mend = "raise sources.loki.max_lines or .max_bytes, or ask for a shorter window"
        return Gap(NAME, f"all log lines of {self.selector}", "truncated", why, mend)


def _told(counted: Sequence[Count], errors: Sequence[Count]) -> list[Count]:
    """Counts without levels, and those of them that hold a word for an error as errors."""
    known = {c.span: c.lines for c in errors}
    plain = [Count(c.span, None, c.lines - known.get(c.span, 0)) for c in counted]
    return [*plain, *(Count(s, "ERROR", n) for s, n in known.items())]
