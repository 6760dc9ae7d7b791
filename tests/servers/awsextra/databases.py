"""RDS' DescribeEvents, from events that a test put; moto has none.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeEvents.html: oldest first, pages of 20 to 100 by
Marker, kept for 14 days.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from servers.awsextra.state import ACCOUNT, CLOCK, State, answers, helper
from servers.awsextra.wire import AwsError, Call

PAGE = 100
_KEPT = timedelta(days=14)


@helper
def put_database_event(
    state: State, region: str, time: datetime, database: str, message: str, categories: Sequence[str], kind: str
) -> None:
    state.database_events.append(
        {
            "SourceIdentifier": database,
            "SourceType": kind,
            "Message": message,
            "EventCategories": list(categories),
            "Date": time.astimezone(UTC),
            "SourceArn": f"arn:aws:rds:{region}:{ACCOUNT}:db:{database}",
        }
    )


@answers("rds", "DescribeEvents")
def describe_events(call: Call, state: State) -> dict[str, Any]:
    p = call.params
    start, end = p.get("StartTime"), p.get("EndTime")
    # Tests whose clock goes on ask about a past of their own.
    if start and CLOCK.stopped and start < CLOCK.stopped - _KEPT:
        raise AwsError("InvalidParameterValue", "The start time must be within the last 14 days.")
    if p.get("Marker"):
        if p["Marker"] not in state.pages:
            raise AwsError("InvalidParameterValue", "The marker is not valid.")
        found = state.pages[p["Marker"]]
    else:
        found = [
            e for e in state.database_events if (not start or start <= e["Date"]) and (not end or e["Date"] <= end)
        ]
        found.sort(key=lambda e: e["Date"])
    size = p.get("MaxRecords") or PAGE
    answer: dict[str, Any] = {"Events": found[:size]}
    if found[size:]:
        answer["Marker"] = str(uuid.uuid4())
        state.pages[answer["Marker"]] = found[size:]
    return answer
