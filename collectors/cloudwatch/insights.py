"""Logs Insights: counts of lines by minute and level, and lines of groups that nothing else reads.

Sources: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_QuerySyntax.html, and StartQuery, GetQueryResults and
GetLogRecord in docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference: an answer has 10,000 rows at most, and
GetLogRecord gives the whole record of a row by its @ptr. AWS does not say at which length GetQueryResults cuts a
message (people report some 1,000 characters) nor how it marks that, so the query itself tells how long each message
is: strlen is in code points, as Python's len.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from collectors.cloudwatch.api import Answer, Api
from collectors.cloudwatch.troubles import BadAnswerError, CallError
from gather_diagnostics import Window

MOST_ROWS = 10_000
MOST_WHOLE = 200
"""Long messages of one group that are fetched whole, a call each."""
QUERY_SECONDS = 20.0
"""Longest wait for one query."""
POLL_SECONDS = 0.4
LEVELS = {
    "TRACE": "DEBUG",
    "DEBUG": "DEBUG",
    "INFO": "INFO",
    "WARN": "WARNING",
    "WARNING": "WARNING",
    "ERROR": "ERROR",
    "FATAL": "CRITICAL",
    "CRITICAL": "CRITICAL",
    "PANIC": "CRITICAL",
}
COUNTS = (
    r"parse @message /(?i)\b(?<told_level>trace|debug|info|warn|warning|error|fatal|critical|panic)\b/"
    " | stats count(*) as lines by bin({seconds}s), told_level, @log"
)
ERRORS = "filter @message like /(?i)(error|critical|fatal|exception|traceback|panic)/ | "
LINES = (
    "fields @timestamp, @message, @logStream, @ptr, strlen(trim(@message)) as message_length"
    " | sort @timestamp asc | limit 10000"
)
_ENDED = ("Complete", "Failed", "Cancelled", "Timeout", "Unknown")
_ACCOUNT = re.compile(r"^\d{12}:")

Row = dict[str, str]


class TooCostlyError(Exception):
    """The run has scanned as many bytes as it may."""


@dataclass(frozen=True, slots=True)
class Count:
    time: datetime
    """Start of the bin, UTC."""
    group: str
    level: str
    """DEBUG, INFO, WARNING, ERROR, CRITICAL or '' where a line names none."""
    lines: int


@dataclass
class Meter:
    """What a run's queries have scanned, in bytes, and may."""

    limit: int
    scanned: int = 0
    running: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, query: str, scanned: int) -> None:
        """What a query has scanned so far, which grows while it runs."""
        with self.lock:
            self.scanned += scanned - self.running.get(query, 0)
            self.running[query] = scanned

    def check(self) -> None:
        """Raises TooCostlyError at the limit."""
        if self.scanned >= self.limit:
            raise TooCostlyError(f"{self.scanned:,} bytes were scanned, {self.limit:,} may be")


@dataclass
class Losses:
    """What a reading of lines had to do without."""

    fetched: int = 0
    """Long messages that were fetched whole."""
    cut: int = 0
    """Long messages that stay cut."""
    failed: CallError | None = None
    """Why they could not be fetched; None where there were too many."""
    crowded: int = 0
    """Seconds that have more lines than an answer has rows."""


def counts(api: Api, groups: Sequence[str], window: Window, meter: Meter) -> tuple[int, list[Count]]:
    """Seconds of a bin; lines by bin, level and group. Raises CallError and TooCostlyError."""
    # Levels and groups multiply the bins; all of them have to fit into one answer.
    most_bins = max(10, MOST_ROWS // (len(groups) * 6))
    seconds = next((s for s in (60, 300, 900, 3600) if window.length.total_seconds() / s <= most_bins), 3600)
    answer = run(api, list(groups), COUNTS.replace("{seconds}", str(seconds)), window, meter)
    return seconds, list(counted(answer))


def lines(
    api: Api, group: str, window: Window, meter: Meter, losses: Losses, *, errors: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """Log events as FilterLogEvents gives them, in order of time. Raises CallError and TooCostlyError.

    With `errors`, only lines that hold a word for one. A window with more rows than an answer takes is split, down to
    a second. Messages that are cut are fetched whole. What can't be had is noted in `losses`.
    """
    pending = [window]
    while pending:
        span = pending.pop()
        answer = run(api, [group], ERRORS + LINES if errors else LINES, span, meter)
        full = len(answer) >= MOST_ROWS
        if full and span.length.total_seconds() >= 2:
            middle = (span.start + span.length / 2).replace(microsecond=0)
            pending += [Window(middle, span.end), Window(span.start, middle)]
        else:
            losses.crowded += full
            yield [e for e in events(answer, _whole(api, losses)) if span.start.timestamp() * 1000 <= e["timestamp"]]


def run(api: Api, groups: list[str], query: str, window: Window, meter: Meter) -> list[Row]:
    """The rows of a query's answer. Raises CallError and TooCostlyError."""
    meter.check()
    # Both ends are whole seconds and inclusive; our windows are half-open.
    start, end = int(window.start.timestamp()), max(int(window.start.timestamp()), int(window.end.timestamp()) - 1)
    asked = {"logGroupNames": groups, "startTime": start, "endTime": end, "queryString": query, "limit": MOST_ROWS}
    id_ = str(api.call("logs", "start_query", **asked)["queryId"])
    finished = False
    try:
        answer = _awaited(api, id_, meter)
        finished = True
    finally:
        if not finished:
            _stop(api, id_)
    return [{str(f.get("field")): str(f.get("value", "")) for f in row} for row in answer.get("results") or ()]


def _awaited(api: Api, id_: str, meter: Meter) -> Answer:
    end = time.monotonic() + QUERY_SECONDS
    while True:
        answer = api.call("logs", "get_query_results", queryId=id_)
        status = answer.get("status")
        meter.note(id_, int(answer.get("statistics", {}).get("bytesScanned") or 0))
        if status == "Complete":
            return answer
        meter.check()
        if status in _ENDED:
            raise CallError("logs:GetQueryResults", api.region, BadAnswerError(f"the query ended as {status}"))
        if time.monotonic() > end:
            why = f"the query was not done after {QUERY_SECONDS:.0f} s"
            raise CallError("logs:GetQueryResults", api.region, BadAnswerError(why))
        api.pause(POLL_SECONDS)


def _stop(api: Api, id_: str) -> None:
    """A query left alone would scan on and be billed."""
    try:
        api.call("logs", "stop_query", queryId=id_)
    except CallError:
        return  # it has ended by itself, or can't be reached; why the query failed is being told already


def counted(rows: Iterable[Row]) -> Iterator[Count]:
    """Counts out of the answer to COUNTS. Pure; rows that are no such counts are left out."""
    for row in rows:
        stamp = next((v for k, v in row.items() if k.startswith("bin(")), "")
        time = moment(stamp)
        text = row.get("lines", "")
        if time is not None and text.replace(".", "", 1).isdigit():
            level = LEVELS.get(row.get("told_level", "").upper(), "")
            yield Count(time, _ACCOUNT.sub("", row.get("@log", "")), level, int(float(text)))


def events(rows: Iterable[Row], whole: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """Events out of the answer to LINES; `whole(pointer)` gives a message that was cut. Pure otherwise."""
    for row in rows:
        time = moment(row.get("@timestamp", ""))
        if time is None:
            continue
        pointer = row.get("@ptr", "")
        message = row.get("@message", "")
        if pointer and is_cut(row):
            message = whole(pointer) or message
        stream = row.get("@logStream", "")
        milliseconds = round(time.timestamp() * 1000)
        yield {"timestamp": milliseconds, "message": message, "logStreamName": stream, "eventId": pointer}


def is_cut(row: Row) -> bool:
    """Whether the message is shorter than the query says; blanks at its ends and a mark don't count."""
    told = row.get("message_length", "")
    if not told.replace(".", "", 1).isdigit():
        return False
    length, message = float(told), row.get("@message", "")
    return length > len(message) or (message.endswith(("...", "…")) and length != len(message.strip()))


def _whole(api: Api, losses: Losses) -> Callable[[str], str]:
    """Fetches a message by its pointer; '' where one failed before, or too many were fetched."""

    def whole(pointer: str) -> str:
        if losses.failed is None and losses.fetched < MOST_WHOLE:
            try:
                answer = api.call("logs", "get_log_record", logRecordPointer=pointer)
                losses.fetched += 1
                return str((answer.get("logRecord") or {}).get("@message", ""))
            except CallError as error:
                losses.failed = error
        losses.cut += 1
        return ""

    return whole


def moment(text: str) -> datetime | None:
    """'2026-03-14 03:00:00.000', which is UTC."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None
