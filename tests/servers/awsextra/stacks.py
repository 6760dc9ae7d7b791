"""CloudFormation's DescribeStacks with the time of the last update, which moto leaves out.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
"""

from __future__ import annotations

from datetime import UTC
from typing import Any

from moto.cloudformation.models import cloudformation_backends
from servers.awsextra.state import ACCOUNT, State, reshapes
from servers.awsextra.wire import Call


@reshapes("cloudformation", "DescribeStacks")
def describe_stacks(call: Call, state: State, whole: dict[str, Any]) -> dict[str, Any]:
    return {**whole, "Stacks": [{**s, **_updated(call.region, s["StackId"])} for s in whole.get("Stacks", [])]}


def _updated(region: str, stack: str) -> dict[str, Any]:
    events = cloudformation_backends[ACCOUNT][region].get_stack(stack).events
    times = [e.timestamp for e in events if e.resource_status == "UPDATE_IN_PROGRESS"]
    return {"LastUpdatedTime": max(times).replace(tzinfo=UTC)} if times else {}
