"""Alarms of the service and when they went off."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.catalogue import SHARED
from collectors.cloudwatch.resources import Resource
from collectors.cloudwatch.troubles import CallError, cut, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

MOST_PAGES = 50
"""Of DescribeAlarms, 100 alarms each."""
MOST_ALARMS = 40
"""Whose history is asked for; those that are in ALARM first."""
SAME = timedelta(seconds=2)
"""A state's time in the alarm and in its history may differ by so much."""

KINDS = ["MetricAlarm", "CompositeAlarm"]
Alarm = Mapping[str, Any]


def read(api: Api, request: Request, resources: Sequence[Resource], wanted: Iterable[str]) -> Iterator[Rows | Gap]:
    """State changes of related alarms since the change window began, and alarms that were on before."""
    what = f"alarms of {request.service}"
    values = {v for r in resources for v in dict(r.dimensions).values()} | set(wanted)
    found: list[Alarm] = []
    try:
        for number, page in enumerate(api.pages("cloudwatch", "describe_alarms", AlarmTypes=KINDS, MaxRecords=100), 1):
            listed = [*(page.get("MetricAlarms") or ()), *(page.get("CompositeAlarms") or ())]
            found += [a for a in listed if related(a, request.service, values)]
            if number == MOST_PAGES:
                why = (
                    f"there are more than {MOST_PAGES * 100:,} alarms in {api.region}; the rest was not looked through"
                )
                yield truncated(what, why, "read another region or account apart")
                break
    except CallError as error:
        yield gap(error, what)
        return
    found.sort(key=lambda a: (a.get("StateValue") != "ALARM", str(a.get("AlarmName"))))
    yield from _histories(api, request, found)


def _histories(api: Api, request: Request, alarms: Sequence[Alarm]) -> Iterator[Rows | Gap]:
    told = True
    for alarm in alarms[:MOST_ALARMS]:
        history: list[dict[str, Any]] = []
        try:
            if told:
                history = _history(api, str(alarm["AlarmName"]), request.changes)
        except CallError as error:
            # The alarms themselves still tell their present state.
            yield gap(error, f"history of the alarms of {request.service}")
            told = False
        if rows := [*history, *now(alarm, history, request.changes, api.region)]:
            yield Rows("events", rows)
    if len(alarms) > MOST_ALARMS:
        why = f"{len(alarms):,} alarms are related; the history of {MOST_ALARMS} was read"
        yield truncated(f"all alarms of {request.service}", why, "name fewer dimensions in sources.cloudwatch")


def _history(api: Api, name: str, window: Window) -> list[dict[str, Any]]:
    asked = {"AlarmName": name, "HistoryItemType": "StateUpdate", "AlarmTypes": KINDS}
    pages = api.pages("cloudwatch", "describe_alarm_history", StartDate=window.start, EndDate=window.end, **asked)
    return [row for page in pages for row in shaped(page.get("AlarmHistoryItems") or (), window, api.region)]


def related(alarm: Alarm, service: str, values: set[str]) -> bool:
    """Named like the service, or watching one of its resources. A shared cluster or stage is nobody's own."""
    name = str(alarm.get("AlarmName", ""))
    if names.rank(service, name) is not None:
        return True
    watched = [alarm, *(q.get("MetricStat", {}).get("Metric", {}) for q in alarm.get("Metrics") or ())]
    given = [d for metric in watched for d in metric.get("Dimensions") or ()]
    own = {str(d.get("Value")) for d in given if d.get("Name") not in SHARED}
    return bool(own & values) or names.best(service, own) is not None


def shaped(items: Iterable[Mapping[str, Any]], window: Window, region: str) -> Iterator[dict[str, Any]]:
    """State changes in the window as rows of the events table. Pure."""
    for item in items:
        time = item.get("Timestamp")
        if item.get("HistoryItemType") != "StateUpdate" or not isinstance(time, datetime) or time not in window:
            continue
        state, reason = _states(str(item.get("HistoryData", "")))
        summary = str(item.get("HistorySummary", ""))
        state = state or summary.rpartition(" ")[2]
        if state:
            yield _row(region, str(item.get("AlarmName", "")), time, state, reason or summary)


def _states(data: str) -> tuple[str, str]:
    """(new state, reason) out of HistoryData; empty where it is not the JSON that AWS documents."""
    try:
        new = json.loads(data)["newState"]
        return str(new["stateValue"]), str(new.get("stateReason", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return "", ""


def now(alarm: Alarm, history: Sequence[Mapping[str, Any]], window: Window, region: str) -> Iterator[dict[str, Any]]:
    """The present state, unless the history has it or it is quiet and old. Pure."""
    time = alarm.get("StateTransitionedTimestamp") or alarm.get("StateUpdatedTimestamp")
    state = str(alarm.get("StateValue", ""))
    if not isinstance(time, datetime) or not state or time >= window.end:
        return
    known = any(h["reason"] == state and abs(h["time"] - time) <= SAME for h in history)
    if not known and (time in window or state == "ALARM"):
        yield _row(region, str(alarm.get("AlarmName", "")), time, state, str(alarm.get("StateReason", "")))


def _row(region: str, name: str, time: datetime, state: str, message: str) -> dict[str, Any]:
    return {
        "time": time.astimezone(UTC),
        "ref": links.alarm(region, name),
        "kind": "alert",
        "reason": state,
        "object": name,
        "message": cut(message),
        "count": 1,
        "severity": "warning" if state == "ALARM" else "info",
    }
