"""One collection in one region: every AWS service for itself, side by side."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
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
    tags,
    trail,
)
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.causes import Join
from collectors.cloudwatch.insights import Meter
from collectors.cloudwatch.resources import Found, Resource
from collectors.cloudwatch.settings import NAME, CloudWatchSettings
from collectors.cloudwatch.side_by_side import END, LOOK, Job, ticking
from collectors.cloudwatch.tags import Search, Tagged
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows

THREADS = 6
Item = Rows | Gap


def jobs(api: Api, settings: CloudWatchSettings, request: Request, meter: Meter) -> list[Job[Item]]:
    """What is read, the most telling first: there are more jobs than threads. `meter` is the whole run's."""
    chosen = resources.chosen(settings, request).values()
    tagged = Search(api, settings.tag_keys, request.service).found
    return [
        lambda: _measured(api, settings, request, tagged),
        lambda: lines.read(api, settings, request, meter, tagged().log_groups()),
        lambda: codedeploy.read(api, request),
        lambda: ecs.read(api, request, tagged().arns),
        lambda: functions.read(api, request, tagged().names("FunctionName")),
        lambda: trail.read(api, request, tagged().names()),
        lambda: stacks.read(api, request),
        lambda: databases.read(api, request, {*chosen, *tagged().names()}),
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


def _measured(api: Api, settings: CloudWatchSettings, request: Request, search: Found) -> Iterator[Item]:
    """Find the resources, then read their metrics and alarms."""
    found: list[Resource] = []
    failed = False
    for item in resources.find(api, settings, request, search):
        if isinstance(item, Resource):
            found.append(item)
        else:
            failed = True
            yield item
    yield from _missed(api, request, search(), named=bool(found or settings.metrics), failed=failed)
    yield from metrics.read(api, settings, request, found)
    yield from alarms.read(api, request, found, resources.chosen(settings, request).values())


def _missed(api: Api, request: Request, tagged: Tagged, *, named: bool, failed: bool) -> Iterator[Gap]:
    """What may not have been found; `named`: something was, `failed`: why names were not enough is told already."""
    # Without the right to tags a run is whole where names were enough; any other failure may have hidden something.
    if tagged.failed is not None and not (tagged.failed.refused and named):
        yield _unseen(tagged.failed, request.service, named or failed)
    elif not named and not failed:
        yield _unknown(api, request, tagged)
    if tagged.cut:
        yield _crowded(request.service, tagged.cut)


def _unknown(api: Api, request: Request, tagged: Tagged) -> Gap:
    why = f"no load balancer, API, function, ECS service, database, queue or table in {api.region} is named like it"
    why += f"; {len(tagged.arns)} are tagged with it and have no metrics" if tagged.arns else " or tagged with it"
    mend = "set sources.cloudwatch.dimensions, e.g. {LoadBalancer: app/shop/50dc6c495c0c9188}, .tag_keys or .metrics"
    return Gap(NAME, f"metrics of {request.service}", "not_found", why, mend)


def _unseen(error: CallError, service: str, named: bool) -> Gap:
    told = gap(error, f"resources of {service} by their tags")
    why = told.why if named else f"{told.why}; nothing in {error.region} is named like it"
    return replace(told, why=why, mend=f"{told.mend}; sources.cloudwatch.tag_keys: [] looks for none")


def _crowded(service: str, keys: Sequence[str]) -> Gap:
    key = " or ".join(keys)
    why = f"more resources have a tag {key} of that value than {tags.MOST_PAGES} pages hold; the rest was not looked at"
    return truncated(f"all resources of {service} by their tags", why, "name other keys in sources.cloudwatch.tag_keys")
