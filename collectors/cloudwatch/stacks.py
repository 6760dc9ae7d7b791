"""CloudFormation stacks of the service: creations, updates, deletions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change, when
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

MOST_PAGES = 20
MOST_STACKS = 10
MOST_EVENTS = 2_000
"""Of one stack, the latest first."""
MOST_RESOURCES = 50
"""Named in the details of one update."""
STACK = "AWS::CloudFormation::Stack"
BEGINS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS", "IMPORT_IN_PROGRESS")

Items = Iterator[Rows | Gap]


def read(api: Api, request: Request) -> Items:
    """What was done in the change window to stacks named or tagged with the service."""
    wanted = f"CloudFormation stacks of {request.service}"
    found: list[Mapping[str, Any]] = []
    try:
        for number, page in enumerate(api.pages("cloudformation", "describe_stacks"), 1):
            found += [s for s in page.get("Stacks") or () if belongs(s, request.service)]
            if number == MOST_PAGES:
                why = f"{api.region} has more than {MOST_PAGES * 100:,} stacks; the rest was not looked through"
                yield truncated(wanted, why, "narrow it down with sources.cloudwatch.regions")
                break
        recent = [s for s in found if touched(s, request.changes)]
        recent.sort(
            key=lambda s: (names.rank(request.service, str(s.get("StackName"))) is None, str(s.get("StackName")))
        )
        for stack in recent[:MOST_STACKS]:
            if rows := list(shaped(_events(api, stack, request.changes), request.service, api.region, request.changes)):
                yield Rows("changes", rows)
    except CallError as error:
        yield gap(error, wanted)
        return
    if len(recent) > MOST_STACKS:
        yield truncated(wanted, f"{len(recent)} stacks changed; {MOST_STACKS} were read", "ask for a longer name")


def belongs(stack: Mapping[str, Any], service: str) -> bool:
    """Named like the service, or tagged with it."""
    tagged = [str(t.get("Value")) for t in stack.get("Tags") or ()]
    return service in tagged or names.rank(service, str(stack.get("StackName", ""))) is not None


def touched(stack: Mapping[str, Any], window: Window) -> bool:
    """Whether it can have events in the window."""
    times = [when(stack.get(k)) for k in ("LastUpdatedTime", "DeletionTime", "CreationTime")]
    return any(t is not None and t >= window.start for t in times) or "IN_PROGRESS" in str(stack.get("StackStatus"))


def _events(api: Api, stack: Mapping[str, Any], window: Window) -> list[Mapping[str, Any]]:
    """The stack's events back to the window's start. Raises CallError."""
    kept: list[Mapping[str, Any]] = []
    for page in api.pages("cloudformation", "describe_stack_events", StackName=str(stack["StackId"])):
        events = page.get("StackEvents") or ()
        kept += [e for e in events if (t := when(e.get("Timestamp"))) and t >= window.start]
        if len(kept) > MOST_EVENTS or any((t := when(e.get("Timestamp"))) and t < window.start for e in events):
            break
    return kept[:MOST_EVENTS]


def shaped(events: Sequence[Mapping[str, Any]], service: str, region: str, window: Window) -> Iterator[dict[str, Any]]:
    """One row for each operation on the stack that began in the window; its resources in the details. Pure."""
    # They come newest first, and those of one moment must keep their order.
    ordered = sorted((e for e in reversed(events) if when(e.get("Timestamp"))), key=lambda e: e["Timestamp"])
    starts = [n for n, e in enumerate(ordered) if _own(e) and e.get("ResourceStatus") in BEGINS]
    for start, end in zip(starts, [*starts[1:], len(ordered)], strict=True):
        if ordered[start]["Timestamp"] in window:
            yield _row(ordered[start:end], service, region)


def _row(operation: Sequence[Mapping[str, Any]], service: str, region: str) -> dict[str, Any]:
    first = operation[0]
    last = next((e for e in reversed(operation) if _own(e)), first)
    status = str(last.get("ResourceStatus", ""))
    done = not status.endswith("IN_PROGRESS")
    parts = {str(e.get("LogicalResourceId")): str(e.get("ResourceType")) for e in operation if not _own(e)}
    failed = [f"{e.get('LogicalResourceId')}: {e.get('ResourceStatusReason')}" for e in operation if _failed(e)]
    name = str(first.get("StackName", ""))
    finished: datetime | None = last["Timestamp"] if done else None
    verb = str(first.get("ResourceStatus", "")).partition("_")[0].lower()
    return change(
        region=region,
        what="cloudformation",
        id_=f"{name}:{first.get('EventId', '')}",
        time=first["Timestamp"],
        finished=finished,
        kind="infra",
        summary=f"CloudFormation {verb} of stack {name}: {status}, {len(parts)} resources",
        service=service,
        ref=links.stack(region, str(first.get("StackId", ""))),
        details={
            "stack": name,
            "status": status,
            "reason": first.get("ResourceStatusReason"),
            "resources": [{"id": k, "type": v} for k, v in list(parts.items())[:MOST_RESOURCES]],
            "failed": failed[:10],
            "token": first.get("ClientRequestToken"),
        },
    )


def _own(event: Mapping[str, Any]) -> bool:
    """About the stack itself, not one of its resources or a nested stack."""
    return event.get("ResourceType") == STACK and event.get("PhysicalResourceId") == event.get("StackId")


def _failed(event: Mapping[str, Any]) -> bool:
    return str(event.get("ResourceStatus", "")).endswith("FAILED") and not _own(event)
