"""Reads the log lines of the service's groups, several groups at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from collectors.cloudwatch import counting, groups, insights, logrows, steps
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.groups import Group
from collectors.cloudwatch.insights import Count, Meter, TooCostlyError
from collectors.cloudwatch.logrows import Event, Shaper
from collectors.cloudwatch.remaining import Taken, ended, remaining
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.side_by_side import side_by_side
from collectors.cloudwatch.spans import from_milliseconds, milliseconds
from collectors.cloudwatch.steps import Step
from collectors.cloudwatch.troubles import CallError, OutOfTimeError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

if TYPE_CHECKING:
    import pyarrow as pa

THREADS = 4
PAGE = 10_000
"""Events of one answer of FilterLogEvents: AWS's limit, besides 1 MB."""
Items = Iterator[Rows | Gap]


def read(api: Api, settings: CloudWatchSettings, request: Request, meter: Meter, others: Iterable[str]) -> Items:
    """What error lines there are (Logs Insights), then the lines of every group; `others` as `groups.find` has it."""
    found: list[Group] = []
    for item in groups.find(api, settings, request, others):
        if isinstance(item, Gap):
            yield item
        else:
            found.append(item)
    if not found:
        return
    counts = (yield from _overview(api, request, found, meter)) if settings.insights else None
    counted = [_of(group, counts) for group in found]
    sizes = [None if c is None else sum(one.lines for one in c) for c in counted]
    shares = steps.shares(sizes, settings.max_log_events)
    given = zip(found, counted, shares, strict=True)
    # `pattern` is not for groups of infrequent access.
    reading = [_Reading(api, request, *g, meter, in_place=settings.insights and g[0].filterable) for g in given]
    yield from side_by_side([r.items for r in reading], THREADS)


def _overlap(one: Window, other: Window) -> bool:
    return one.start < other.end and other.start < one.end


def _of(group: Group, counts: Sequence[Count] | None) -> list[Count] | None:
    return None if counts is None else [c for c in counts if c.group == group.name]


def _overview(api: Api, request: Request, found: Sequence[Group], meter: Meter) -> Any:
    """Yields rows of the metrics table, or a gap; returns the counts, None where there are none."""
    window = Window(request.baseline.start, request.incident.end)
    wanted = f"error lines of {request.service} by the minute"
    try:
        seconds, counts = insights.counts(api, [g.name for g in found], window, meter)
    except TooCostlyError as error:
        yield truncated(wanted, f"Logs Insights was stopped: {error}", "raise sources.cloudwatch.max_scan_bytes")
        return None
    except CallError as error:
        yield gap(error, wanted)
        return None
    if rows := list(logrows.overview(counts, request.service, api.region, seconds)):
        yield Rows("metrics", rows)
    # No count at all is what Insights says of lines it has not indexed yet: that is not a count of none.
    return counts or None


@dataclass
class _Reading:
    """One group of one request. Used once."""

    api: Api
    request: Request
    group: Group
    counts: Sequence[Count] | None
    share: int
    """Lines that are kept."""
    meter: Meter
    in_place: bool = False
    """Lines beyond the share are counted where they are."""
    taken: list[Taken] = field(default_factory=list)
    """Spans that were read to their ends."""
    seen: set[str] = field(default_factory=set)
    """Ids of events that are kept and that another step may meet again."""
    cut: list[str] = field(default_factory=list)
    """What was kept where not everything was."""
    losses: insights.Losses = field(default_factory=insights.Losses)
    _kept: int = 0
    _apart: set[Step] = field(default_factory=set)
    """Steps whose window no other step of the plan touches: what follows on one begins where its last page ended."""
    _latest: set[str] = field(default_factory=set)
    """Ids of the events of the last page: a million ids would take 150 MB."""

    def items(self) -> Items:
        plan = steps.plan(self.request, self.counts, self.share)
        apart = {s for s in plan if not any(_overlap(s.window, o.window) for o in plan if o is not s)}
        # Logs Insights tells of its lines in no order that could be relied on.
        self._apart = apart if self.group.filterable else set()
        failed = False
        try:
            for step in plan:
                yield from self._step(step)
        except TooCostlyError as error:
            why = f"Logs Insights was stopped: {error}"
            yield truncated(self._wanted, why, "raise sources.cloudwatch.max_scan_bytes")
            failed = True
        except CallError as error:
            yield gap(error, self._wanted, self._arn(error))
            failed = True
        if self.counts is not None and sum(c.lines for c in self.counts) > self.share:
            self.cut.insert(0, "all lines around the first error, of the rest the lines with errors")
        if self.cut:
            told = (yield from self._counted()) if self.in_place and not failed else ""
            yield self._truncated(told)
        yield from lost(self.losses, self.group.name)

    def _counted(self) -> Any:
        """Yields rows for the lines that were left, by pattern and minute; returns what is to be said of them."""
        windows = (self.request.baseline, self.request.incident)
        rests = remaining(windows, self.taken)
        lines = 0
        wanted = f"counts of the other lines of {self.group.name}"
        try:
            for rows in counting.read(self.api, self.group, rests, windows, self.meter, self.request.service):
                lines += sum(row["count"] for row in rows)
                yield Rows("logs", rows)
        except TooCostlyError as error:
            yield truncated(wanted, f"Logs Insights was stopped: {error}", "raise sources.cloudwatch.max_scan_bytes")
        except CallError as error:
            yield gap(error, wanted, self._arn(error))
        return f"; {lines:,} others were counted in place, by pattern and minute" if lines else ""

    def _step(self, step: Step) -> Items:
        """The lines of one step; where there are more than it may keep: the errors of the rest."""
        last = yield from self._lines(step)
        if last is None:
            return
        self.cut.append(f"lines until {last:%H:%M:%S} UTC" if not step.pattern else "some of the errors")
        if step.pattern or step.window.start not in self.request.incident or last <= step.window.start:
            return
        rest, most = Window(last, step.window.end), max(1, step.most // 4)
        first = yield from self._errors(rest, most)
        for near in steps.beside(first, rest, most):
            yield from self._lines(near)

    def _errors(self, window: Window, most: int) -> Any:
        """Yields the rows of error lines; returns the time of the first."""
        times: list[int] = []
        yield from self._shaped(Step(window, steps.ERRORS, most), times)
        return from_milliseconds(min(times)) if times else None

    def _lines(self, step: Step) -> Any:
        """Yields rows; returns None when the step was read to its end, else the time (UTC) up to which it was."""
        times = [milliseconds(step.window.start)]
        full = yield from self._shaped(step, times)
        return from_milliseconds(max(times)) if full else None

    def _shaped(self, step: Step, times: list[int]) -> Any:
        """Yields rows and puts the first and last time of each page into `times`; returns whether it was cut."""
        shaper = Shaper(self.group, self.request.service)
        cut: int | None = None
        try:
            for events, full in self._pages(step):
                for rows in shaper.parts(events):
                    yield from self._rows(rows)
                cut = full
                if stamps := [e["timestamp"] for e in events]:
                    times += [min(stamps), max(stamps)]
        except (CallError, TooCostlyError):
            yield from self._rows(shaper.rest())
            raise
        yield from self._rows(shaper.rest())
        until = step.window.end if cut is None else from_milliseconds(cut)
        if step.window.start < until:
            self.taken.append(Taken(Window(step.window.start, until), bool(step.pattern)))
        return cut is not None

    def _rows(self, rows: pa.RecordBatch | Sequence[dict[str, Any]]) -> Items:
        if len(rows):
            yield Rows("logs", rows)

    def _pages(self, step: Step) -> Iterator[tuple[list[Event], int | None]]:
        """(new events of a page, where no more may be kept: the time up to which all are, in milliseconds).

        Raises CallError and TooCostlyError.
        """
        kept = 0
        for page in self._source(step):
            events = [e for e in page if self._new(e)]
            given = min(len(events), step.most - kept, self.share - self._kept)
            full = None
            if given < len(events):
                given, full = ended([e["timestamp"] for e in events], given)
            self._kept += given
            kept += given
            self._remember(step, events[:given])
            yield events[:given], full
            if full is not None:
                return

    def _remember(self, step: Step, events: Sequence[Event]) -> None:
        ids = {str(e.get("eventId", "")) for e in events} - {""}
        if step in self._apart:
            self._latest = ids or self._latest
        else:
            self.seen |= ids

    def _new(self, event: Event) -> bool:
        known = str(event.get("eventId", ""))
        return isinstance(event.get("timestamp"), int) and known not in self.seen and known not in self._latest

    def _source(self, step: Step) -> Iterator[Sequence[Event]]:
        if not self.group.filterable:
            given = (self.api, self.group.name, step.window, self.meter, self.losses)
            yield from insights.lines(*given, errors=bool(step.pattern))
            return
        asked: dict[str, Any] = {"logGroupName": self.group.name, "limit": PAGE}
        asked |= {"filterPattern": step.pattern} if step.pattern else {}
        # The end is inclusive in AWS's eyes, exclusive in ours.
        asked |= {"startTime": milliseconds(step.window.start), "endTime": milliseconds(step.window.end) - 1}
        for page in self.api.pages("logs", "filter_log_events", **asked):
            yield page.get("events") or ()

    @property
    def _wanted(self) -> str:
        return f"log lines of {self.group.name}"

    def _arn(self, error: CallError) -> str:
        if isinstance(error.error, OutOfTimeError):
            return ""
        return f"arn:aws:logs:{self.api.region}:*:log-group:{self.group.name}:*"

    def _truncated(self, told: str) -> Gap:
        kept = ", ".join(dict.fromkeys(self.cut))
        why = f"more lines are in the windows than the {self.share:,} that may be kept; kept were {kept}{told}"
        mend = "raise sources.cloudwatch.max_log_events, or ask for a shorter window"
        return Gap(NAME, f"all {self._wanted}", "truncated", why, mend)


def lost(losses: insights.Losses, group: str) -> Iterator[Gap]:
    """What Logs Insights did not give of a group's lines."""
    if losses.failed is not None:
        yield gap(losses.failed, f"the rest of {losses.cut:,} long lines of {group}")
    elif losses.cut:
        why = f"Logs Insights cuts long lines; {losses.fetched:,} were fetched whole, {losses.cut:,} were not"
        yield truncated(f"the rest of long lines of {group}", why, "ask for a shorter window")
    if losses.crowded:
        why = f"Logs Insights gives {insights.MOST_ROWS:,} lines at most; {losses.crowded:,} seconds have more"
        mend = "send the logs to a group of the class STANDARD, which is read by FilterLogEvents"
        yield truncated(f"all log lines of {group}", why, mend)
