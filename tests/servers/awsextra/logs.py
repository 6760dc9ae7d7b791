"""CloudWatch Logs: events of any age, FilterLogEvents, and the class of a group.

Pages are of `limit` events and 1 MB at most; they are ordered by time over all streams.
https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from moto.logs.models import LogEvent, LogGroup, LogStream, logs_backends
from servers.awsextra.logfilter import predicate
from servers.awsextra.state import ACCOUNT, CLOCK, State, after, answers, helper, reshapes
from servers.awsextra.wire import AwsError, Call

STANDARD = "STANDARD"
PAGE = 10_000
PAGE_BYTES = 1_048_576
EVENT_BYTES = 26
"""Counted by AWS for an event besides its message."""


@helper
def put_logs(state: State, region: str, group: str, stream: str, events: Sequence[tuple[datetime, str]]) -> None:
    """Like PutLogEvents, without its limits on age, order and size."""
    store = logs_backends[ACCOUNT][region]
    if group not in store.groups:
        store.create_log_group(group, {})
    found: LogGroup = store.groups[group]
    if stream not in found.streams:
        found.create_log_stream(stream)
    target = found.streams[stream]
    taken = round(CLOCK.now().timestamp() * 1000)
    made = [LogEvent(taken, {"timestamp": round(when.timestamp() * 1000), "message": text}) for when, text in events]
    target.events += made
    target.last_ingestion_time = CLOCK.naive()
    target.stored_bytes += sum(len(event.message.encode()) for event in made)


@helper
def empty_pages(state: State, times: int) -> None:
    state.empty_pages = times


def group_of(region: str, given: str) -> LogGroup:
    """By name or ARN. Raises AwsError('ResourceNotFoundException')."""
    name = given.split(":log-group:")[-1].removesuffix(":*")
    groups: dict[str, LogGroup] = logs_backends[ACCOUNT][region].groups
    if name not in groups:
        raise AwsError("ResourceNotFoundException", "The specified log group does not exist.")
    return groups[name]


@after("logs", "CreateLogGroup")
def classified(call: Call, state: State) -> None:
    state.group_classes[call.params["logGroupName"]] = call.params.get("logGroupClass", STANDARD)


@reshapes("logs", "DescribeLogGroups")
def describe_log_groups(call: Call, state: State, whole: dict[str, Any]) -> dict[str, Any]:
    """moto knows no classes."""
    groups = [
        {**group, "logGroupClass": state.group_classes.get(group["logGroupName"], STANDARD)}
        for group in whole.get("logGroups", [])
    ]
    return {**whole, "logGroups": groups}


@answers("logs", "FilterLogEvents")
def filter_log_events(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    group = group_of(call.region, p.get("logGroupName") or p.get("logGroupIdentifier") or "")
    if state.group_classes.get(group.name, STANDARD) != STANDARD:
        raise AwsError("InvalidParameterException", "This operation is not supported for this log group class.")
    limit = p.get("limit") or PAGE
    if not 1 <= limit <= PAGE:
        raise AwsError("InvalidParameterException", f"limit: Member must have value less than or equal to {PAGE}")
    offset = _offset(p.get("nextToken"), group.name, state)
    found = _matching(p, group)
    page = [] if state.empty_pages > 0 else list(_page(found[offset : offset + limit]))
    state.empty_pages = max(0, state.empty_pages - 1)
    answer: dict[str, Any] = {"events": page, "searchedLogStreams": []}
    if offset + len(page) < len(found):
        answer["nextToken"] = f"Bxkq{uuid.uuid4().hex}"
        state.pages[answer["nextToken"]] = (group.name, offset + len(page))
    return answer


def _offset(token: str | None, group: str, state: State) -> int:
    if token is None:
        return 0
    if token not in state.pages or state.pages[token][0] != group:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(state.pages[token][1])


def _matching(p: dict[str, Any], group: LogGroup) -> list[tuple[LogStream, LogEvent]]:
    matches = predicate(p.get("filterPattern"))
    start, end = p.get("startTime", 0), p.get("endTime", 2**62)
    found = [
        (stream, event)
        for stream in _streams(p, group)
        for event in stream.events
        if start <= event.timestamp <= end and matches(event.message)
    ]
    return sorted(found, key=lambda pair: (pair[1].timestamp, pair[1].event_id))


def _streams(p: dict[str, Any], group: LogGroup) -> list[LogStream]:
    names, prefix = p.get("logStreamNames"), p.get("logStreamNamePrefix", "")
    if names and prefix:
        raise AwsError("InvalidParameterException", "logStreamNamePrefix and logStreamNames can't both be specified.")
    if not set(names or ()) <= set(group.streams):
        raise AwsError("ResourceNotFoundException", "The specified log stream does not exist.")
    return [s for name, s in group.streams.items() if name.startswith(prefix) and (not names or name in names)]


def _page(found: Sequence[tuple[LogStream, LogEvent]]) -> Iterator[dict[str, Any]]:
    room = PAGE_BYTES
    for number, (stream, event) in enumerate(found):
        room -= len(event.message.encode()) + EVENT_BYTES
        if room < 0 and number:
            return
        yield {
            "logStreamName": stream.log_stream_name,
            "timestamp": event.timestamp,
            "message": event.message,
            "ingestionTime": event.ingestion_time,
            "eventId": f"{event.event_id:056d}",
        }
