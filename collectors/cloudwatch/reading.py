"""One collection in one region: every AWS service for itself, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from collectors.cloudwatch import (
    alarms,
    codedeploy,
    databases,
    ecs,
    functions,
    lines,
    metrics,
    resources,
    stacks,
    trail,
)
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.causes import Join
from collectors.cloudwatch.resources import Resource
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.side_by_side import END, LOOK, Job, ticking
from gather_diagnostics import Gap, Request, Rows

THREADS = 6
Item = Rows | Gap


def jobs(api: Api, settings: CloudWatchSettings, request: Request) -> list[Job[Item]]:
    """What is read, the most telling first: there are more jobs than threads."""
    chosen = resources.chosen(settings, request).values()
    return [
        lambda: _measured(api, settings, request),
        lambda: lines.read(api, settings, request),
        lambda: codedeploy.read(api, request),
        lambda: ecs.read(api, request),
        lambda: functions.read(api, request),
        lambda: trail.read(api, request),
        lambda: stacks.read(api, request),
        lambda: databases.read(api, request, chosen),
    ]


def read(todo: list[Job[Item]], seconds: float) -> Iterator[Item]:
    """Everything, as it comes; changes wait for each other, but not longer than `seconds`."""
    join = Join()
    end = time.monotonic() + seconds
    with closing(ticking(todo, THREADS, LOOK)) as items:
        for item in items:
            if isinstance(item, Rows) and item.table == "changes":
                yield from _changes(join.add(item.rows))
            elif isinstance(item, Rows | Gap):
                yield item
            if item is END or time.monotonic() > end:
                yield from _changes(join.close())


def _changes(rows: list[dict[str, Any]]) -> Iterator[Rows]:
    if rows:
        yield Rows("changes", rows)


def _measured(api: Api, settings: CloudWatchSettings, request: Request) -> Iterator[Item]:
    """Find the resources, then read their metrics and alarms."""
    found: list[Resource] = []
    failed = False
    for item in resources.find(api, settings, request):
        if isinstance(item, Resource):
            found.append(item)
        else:
            failed = True
            yield item
    if not found and not failed and not settings.metrics:
        yield _unknown(api, request)
    yield from metrics.read(api, settings, request, found)
    yield from alarms.read(api, request, found, resources.chosen(settings, request).values())


def _unknown(api: Api, request: Request) -> Gap:
    why = f"no load balancer, API, function, ECS service, database, queue or table in {api.region} is named like it"
    mend = "set sources.cloudwatch.dimensions, e.g. {LoadBalancer: app/shop/50dc6c495c0c9188}, or .metrics"
    return Gap(NAME, f"metrics of {request.service}", "not_found", why, mend)
