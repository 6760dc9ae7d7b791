"""Who changed the service's resources: write events of CloudTrail's event history.

LookupEvents takes one attribute and two requests a second for each account and region; events arrive some minutes late.
Source: docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_LookupEvents.html.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change, person, when
from collectors.cloudwatch.troubles import CallError, gap, moment, truncated
from gather_diagnostics import Gap, Request, Rows, Window

PAUSE_SECONDS = 0.55
"""Between two calls: AWS allows two a second."""
MOST_PAGES = 20
"""Of all write events, 50 each, the latest first."""
NAMED_PAGES = 4
"""Of the events of the resource that bears the service's name."""

KINDS = (
    ("deploy", r"UpdateFunctionCode|PublishVersion|UpdateAlias|CreateDeployment|StopDeployment|UpdateService\b|"
               r"RegisterTaskDefinition|StartPipelineExecution|PutImage|UpdateStage|CreateDeploymentGroup"),
    ("scale", r"SetDesiredCapacity|ScalingPolicy|RegisterScalableTarget|ScheduledAction|UpdateAutoScalingGroup|"
              r"Concurrency|TerminateInstance|ScheduledScaling"),
    ("flag", r"StartConfigurationSession|StartDeploymentAppConfig|FeatureFlag"),
    ("config", r"Parameter|Secret|Configuration|Modify|Attribute|Policy|Rule|UpdateTable|Settings|Environment"),
)  # fmt: skip
"""The first pattern found in an event's name tells its kind; else it is infra."""

QUIET = re.compile(
    r"AssumeRole|ConsoleLogin|GenerateDataKey|Decrypt|CreateLogStream|CreateLogGroup|PutLogEvents|StartQuery|StopQuery"
    r"|CreateNetworkInterface|DeleteNetworkInterface|UpdateInstanceInformation|SendHeartbeat|RunTask\b"
)
"""Writes that machines do all day and that change nothing for anybody."""

TELLING = frozenset(
    "functionName serviceName service cluster clusterName taskDefinition desiredCount stackName name alias"
    " functionVersion applicationName deploymentGroupName dBInstanceIdentifier dBInstanceClass tableName"
    " autoScalingGroupName desiredCapacity minSize maxSize targetGroupArn loadBalancerArn roleName policyName"
    " memorySize timeout applyImmediately queueUrl ruleArn".split()
)
"""Request parameters that are kept; others may hold anything, secrets included."""

Event = Mapping[str, Any]


def read(api: Api, request: Request, known: Collection[str] = ()) -> Iterator[Rows | Gap]:
    """First the events that AWS itself files under the service's name, then all writes as far as time allows; `known`:
    names of resources that are the service's, whatever they are called."""
    seen: set[str] = set()
    named = [{"AttributeKey": "ResourceName", "AttributeValue": request.service}]
    written = [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
    wanted = f"CloudTrail's write events on {request.service}"
    for attributes, most in ((named, NAMED_PAGES), (written, MOST_PAGES)):
        try:
            yield from _pages(api, request, attributes, most, seen, known)
        except CallError as error:
            yield gap(error, wanted)
            return


def _pages(
    api: Api,
    request: Request,
    attributes: Sequence[Mapping[str, str]],
    most: int,
    seen: set[str],
    known: Collection[str],
) -> Iterator[Rows | Gap]:
    """Rows page by page; a gap where there would be more pages. Raises CallError."""
    window = request.changes
    pages = api.pages(
        "cloudtrail",
        "lookup_events",
        LookupAttributes=list(attributes),
        StartTime=window.start,
        EndTime=window.end,
        PaginationConfig={"PageSize": 50},
    )
    for number, page in enumerate(pages, 1):
        events = [e for e in page.get("Events") or () if str(e.get("EventId")) not in seen]
        seen.update(str(e.get("EventId")) for e in events)
        if rows := list(shaped(events, request.service, api.region, window, known)):
            yield Rows("changes", rows)
        if number == most and page.get("NextToken"):
            oldest = min((t for e in events if (t := when(e.get("EventTime")))), default=window.start)
            why = f"there are more than {most * 50:,}; those before {moment(oldest)} were not looked through"
            mend = "ask for a shorter change window, or search CloudTrail Lake"
            yield truncated(f"all write events on {request.service}", why, mend)
            return
        api.pause(PAUSE_SECONDS)


def shaped(
    events: Sequence[Event], service: str, region: str, window: Window, known: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Rows of the events that changed something of the service's. Pure."""
    for event in events:
        name, time = str(event.get("EventName", "")), when(event.get("EventTime"))
        if time is None or time not in window or QUIET.search(name):
            continue
        record = _record(event)
        touched = resources(event, record)
        if record.get("readOnly") is not True and not record.get("errorCode") and concerns(service, touched, known):
            yield _row(event, record, touched, time, service, region)


def _row(
    event: Event, record: Mapping[str, Any], touched: Sequence[str], time: datetime, service: str, region: str
) -> dict[str, Any]:
    id_, name = str(event.get("EventId", "")), str(event.get("EventName", ""))
    identity = record.get("userIdentity")
    arn = identity.get("arn") if isinstance(identity, Mapping) else ""
    author = person(arn or event.get("Username"))
    short = ", ".join(dict.fromkeys(t.rpartition(":")[2] if t.startswith("arn:") else t for t in touched[:3]))
    return change(
        region=region,
        what="cloudtrail",
        id_=id_,
        time=time,
        finished=time,
        kind=kind(name),
        summary=f"{name} on {short}" + (f" by {author}" if author else ""),
        service=service,
        ref=links.trail(region, id_),
        author=author,
        details={
            "event": name,
            "api": event.get("EventSource"),
            "resources": list(touched[:20]),
            "parameters": parameters(record),
            "identity": str(arn or ""),
            "user_agent": str(record.get("userAgent", ""))[:120],
        },
    )


def kind(name: str) -> str:
    """The column `kind` of an event's name."""
    return next((k for k, pattern in KINDS if re.search(pattern, name)), "infra")


def concerns(service: str, touched: Sequence[str], known: Collection[str] = ()) -> bool:
    """Whether one of the names is the service's; of an ARN and a path every part counts for itself."""
    parts = [part for name in touched for part in re.split(r"[:/]", name)]
    return any(names.belonging(service, part, known) is not None for part in parts)


def resources(event: Event, record: Mapping[str, Any]) -> list[str]:
    """Names of what an event touched: those CloudTrail lists, and those among the request's parameters."""
    listed = [str(r.get("ResourceName", "")) for r in event.get("Resources") or ()]
    asked = [v for v in parameters(record).values() if isinstance(v, str)]
    return list(dict.fromkeys(n for n in (*listed, *asked) if n))


def parameters(record: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """The telling parameters of the request, scalars only."""
    given = record.get("requestParameters")
    if not isinstance(given, Mapping):
        return {}
    kept = {k: v for k, v in given.items() if k in TELLING and isinstance(v, str | int | float | bool)}
    return {k: v[:300] if isinstance(v, str) else v for k, v in kept.items()}


def _record(event: Event) -> Mapping[str, Any]:
    """The whole record, which CloudTrail hands over as JSON text; {} where it is none."""
    try:
        record = json.loads(str(event.get("CloudTrailEvent", "")))
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, Mapping) else {}
