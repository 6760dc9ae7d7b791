"""CloudTrail's LookupEvents, from events that a test put.

https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html: newest first, one lookup attribute
at most, pages of 50 at most; StartTime and EndTime are inclusive.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.awsextra.state import ACCOUNT, CLOCK, State, answers, helper
from servers.awsextra.wire import AwsError, Call

PAGE = 50
_KEPT = timedelta(days=90)
_PLAIN = {"EventId", "EventName", "ReadOnly", "Username", "EventSource", "AccessKeyId"}


@helper
def put_trail_event(
    state: State,
    region: str,
    time: datetime,
    name: str,
    source: str,
    user: str,
    resources: Mapping[str, str],
    read_only: bool,
    record: Mapping[str, Any],
) -> str:
    """Returns the event's id. `record` goes into CloudTrailEvent over what is made up here."""
    known = str(uuid.uuid4())
    when = time.astimezone(UTC)
    identity = {"type": "IAMUser", "arn": f"arn:aws:iam::{ACCOUNT}:user/{user}", "userName": user}
    raw = {
        "eventVersion": "1.11",
        "userIdentity": {**identity, "accountId": ACCOUNT},
        "eventTime": f"{when:%Y-%m-%dT%H:%M:%SZ}",
        "eventSource": source,
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": "192.0.2.10",
        "eventID": known,
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "recipientAccountId": ACCOUNT,
        **record,
    }
    event = {
        "EventId": known,
        "EventName": name,
        "ReadOnly": str(read_only).lower(),
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "EventTime": when.replace(microsecond=0),
        "EventSource": source,
        "Username": user,
        "Resources": [{"ResourceName": key, "ResourceType": kind} for key, kind in resources.items()],
        "CloudTrailEvent": json.dumps(raw, default=str),
    }
    state.trail.append({"region": region, "event": event})
    return known


@answers("cloudtrail", "LookupEvents")
def lookup_events(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    attributes = p.get("LookupAttributes") or []
    size = p.get("MaxResults", PAGE)
    if len(attributes) > 1:
        raise AwsError("InvalidLookupAttributesException", "You can use only one lookup attribute per request.")
    if not 1 <= size <= PAGE:
        raise AwsError("InvalidMaxResultsException", f"A maximum of {PAGE} results can be returned.")
    end = p.get("EndTime") or CLOCK.now()
    start = p.get("StartTime") or end - _KEPT
    if start > end:
        raise AwsError("InvalidTimeRangeException", "The start time occurs after the end time.")
    found = [e["event"] for e in state.trail if e["region"] == call.region and start <= e["event"]["EventTime"] <= end]
    found = [event for event in found if all(_has(event, attribute) for attribute in attributes)]
    found.sort(key=lambda event: event["EventTime"], reverse=True)
    return _paged(found, _offset(p.get("NextToken"), state), size, state)


def _has(event: Mapping[str, Any], attribute: Mapping[str, str]) -> bool:
    key, value = attribute["AttributeKey"], attribute["AttributeValue"]
    if key in _PLAIN:
        return bool(event[key] == value)
    return any(resource.get(key) == value for resource in event["Resources"])


def _offset(token: str | None, state: State) -> int:
    if token is None:
        return 0
    if token not in state.pages:
        raise AwsError("InvalidNextTokenException", "The token is invalid or does not match the request.")
    return int(state.pages[token])


def _paged(found: list[dict[str, Any]], offset: int, size: int, state: State) -> dict[str, Any]:
    answer: dict[str, Any] = {"Events": found[offset : offset + size]}
    if offset + size < len(found):
        answer["NextToken"] = str(uuid.uuid4())
        state.pages[answer["NextToken"]] = offset + size
    return answer
