"""DescribeAlarms in pages, and DescribeAlarmHistory, kept while moto carries out what changes alarms.

A new alarm starts as INSUFFICIENT_DATA, as in AWS (moto: OK).
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from moto.cloudwatch.models import Alarm, cloudwatch_backends
from servers.awsextra.state import ACCOUNT, CLOCK, State, after, answers, reshapes
from servers.awsextra.wire import AwsError, Call

PAGE = 100
ALARM_PAGE = 50


@after("cloudwatch", "PutMetricAlarm", "PutCompositeAlarm")
def defined(call: Call, state: State) -> None:
    name = call.params["AlarmName"]
    kind = "CompositeAlarm" if call.operation == "PutCompositeAlarm" else "MetricAlarm"
    known = any(item["AlarmName"] == name for item in state.alarm_history)
    if not known:
        _alarm(call, name).state_value = "INSUFFICIENT_DATA"
    verb = "updated" if known else "created"
    _note(state, name, kind, "ConfigurationUpdate", f'Alarm "{name}" {verb}', {"type": "Update" if known else "Create"})


@after("cloudwatch", "DeleteAlarms")
def deleted(call: Call, state: State) -> None:
    for name in call.params["AlarmNames"]:
        _note(state, name, "MetricAlarm", "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"})


@after("cloudwatch", "SetAlarmState")
def changed(call: Call, state: State) -> None:
    name = call.params["AlarmName"]
    alarm = _alarm(call, name)
    earlier = [i for i in state.alarm_history if i["AlarmName"] == name and i["HistoryItemType"] == "StateUpdate"]
    before = json.loads(earlier[-1]["HistoryData"])["newState"] if earlier else {"stateValue": "INSUFFICIENT_DATA"}
    now = {"stateValue": alarm.state_value, "stateReason": alarm.state_reason}
    if now["stateValue"] == before["stateValue"]:
        return
    summary = f"Alarm updated from {before['stateValue']} to {now['stateValue']}"
    kind = "CompositeAlarm" if alarm.rule else "MetricAlarm"
    _note(state, name, kind, "StateUpdate", summary, {"oldState": before, "newState": now})


def _alarm(call: Call, name: str) -> Alarm:
    found: Alarm = cloudwatch_backends[ACCOUNT][call.region].alarms[name]
    return found


def _note(state: State, name: str, kind: str, item: str, summary: str, data: dict[str, Any]) -> None:
    record = {
        "AlarmName": name,
        "AlarmType": kind,
        "Timestamp": CLOCK.now(),
        "HistoryItemType": item,
        "HistorySummary": summary,
        "HistoryData": json.dumps({"version": "1.0", **data}),
    }
    state.alarm_history.append(record)


@reshapes("cloudwatch", "DescribeAlarms")
def describe_alarms(call: Call, state: State, whole: dict[str, Any]) -> dict[str, Any]:
    """moto gives all at once; here MaxRecords counts metric alarms, then composite ones."""
    token, size = call.params.get("NextToken"), call.params.get("MaxRecords") or ALARM_PAGE
    if token and token not in state.pages:
        raise AwsError("InvalidNextToken", "The next token specified is invalid.")
    offset = state.pages[token] if token else 0
    kinds = ("MetricAlarms", "CompositeAlarms")
    alarms = [(kind, alarm) for kind in kinds for alarm in whole.get(kind, [])]
    page = alarms[offset : offset + size]
    answer: dict[str, Any] = {kind: [alarm for k, alarm in page if k == kind] for kind in kinds}
    if offset + size < len(alarms):
        answer["NextToken"] = str(uuid.uuid4())
        state.pages[answer["NextToken"]] = offset + size
    return answer


@answers("cloudwatch", "DescribeAlarmHistory")
def describe_alarm_history(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    if p.get("NextToken"):
        if p["NextToken"] not in state.pages:
            raise AwsError("InvalidNextToken", "The next token specified is invalid.")
        found = state.pages[p["NextToken"]]
    else:
        found = [item for item in state.alarm_history if _asked(item, p)]
        found.sort(key=lambda i: i["Timestamp"], reverse=p.get("ScanBy") != "TimestampAscending")
    size = p.get("MaxRecords") or PAGE
    answer: dict[str, Any] = {"AlarmHistoryItems": found[:size]}
    if found[size:]:
        answer["NextToken"] = str(uuid.uuid4())
        state.pages[answer["NextToken"]] = found[size:]
    return answer


def _asked(item: dict[str, Any], p: dict[str, Any]) -> bool:
    return (
        p.get("AlarmName") in (None, item["AlarmName"])
        and item["AlarmType"] in (p.get("AlarmTypes") or ["MetricAlarm"])
        and p.get("HistoryItemType") in (None, item["HistoryItemType"])
        and (p.get("StartDate") is None or p["StartDate"] <= item["Timestamp"])
        and (p.get("EndDate") is None or item["Timestamp"] <= p["EndDate"])
    )
