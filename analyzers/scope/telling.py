"""The finding, in words and figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from analyzers.scope.counting import Count
from analyzers.scope.course import Course
from analyzers.scope.reach import Reach
from gather_diagnostics import Finding, Window

NOWHERE = Reach(None, None, {}, None, ())
HEALTHY = Course("steady", None, None)
PLURALS = {"endpoint": "endpoints", "version": "versions", "zone": "zones", "tenant": "tenants"}
TRENDS = {
    "worse": "getting worse over the last 15 minutes",
    "steady": "steady over the last 15 minutes",
    "recovering": "recovering over the last 15 minutes",
    "unknown": "no trend can be told",
}


def healthy(counted: Count) -> Finding:
    share = f": {counted.share:.2%} of requests fail, as usual" if counted.share is not None else ""
    details = _details(None, counted, NOWHERE, HEALTHY) | {"users": None, "requests_with_errors": None}
    return Finding(
        "scope", "scope", f"Nothing that requests feel is outside its baseline{share}.", 0.7, details=details
    )


def scoped(window: Window, counted: Count, reached: Reach, run: Course) -> Finding:
    parts = "; ".join([_where(reached), *_hit(window, counted, reached), _trend(run)])
    return Finding(
        "scope",
        "scope",
        f"{parts}.",
        (0.8 if counted.share is not None else 0.65) if reached.spread else 0.5,
        "info",
        span=window,
        supports=reached.supports + counted.supports,
        details=_details(window, counted, reached, run),
    )


def _where(reached: Reach) -> str:
    carried = reached.carried_by
    if carried and reached.spread == "isolated":
        return f"Isolated to {carried['dimension']} {carried['values'][0]}"
    if carried:
        return f"Confined to {len(carried['values'])} {carried['dimension']}s ({', '.join(carried['values'][:4])})"
    if reached.spread == "several":
        return "In several places, none of which carries it alone"
    if reached.spread == "widespread":
        return "Widespread: no part of the service is spared"
    return "How far it reaches can't be told: nothing tells the parts of the service apart"


def _hit(window: Window, counted: Count, reached: Reach) -> Iterator[str]:
    if counted.share is not None:
        number = f" (about {counted.failed:,} since {window.start:%H:%M} UTC)" if counted.failed else ""
        yield f"{counted.share:.2%} of requests failed{number}"
    elif counted.lines:
        yield f"{counted.lines:,} error lines since {window.start:%H:%M} UTC"
    if reached.instances:
        yield f"{reached.instances['affected']} of {reached.instances['of']} instances got worse"
    if counted.users:
        yield f"at least {_number(counted.users, 'tenant')} met errors"
    elif counted.requests:
        yield f"at least {_number(counted.requests, 'request')} met errors"


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _trend(run: Course) -> str:
    return f"recovered since {run.recovered:%H:%M} UTC" if run.recovered else TRENDS[run.direction]


def _details(window: Window | None, counted: Count, reached: Reach, run: Course) -> dict[str, Any]:
    places: dict[str, Sequence[str]] = {PLURALS[d]: reached.affected.get(d, []) for d in PLURALS}
    return {
        "spread": reached.spread,
        "carried_by": reached.carried_by,
        "share_of_requests_failing": counted.share,
        "requests_failed": counted.failed,
        "requests_with_errors": counted.requests,
        "users": counted.users,
        "error_lines": counted.lines,
        **places,
        "instances": reached.instances,
        "trend": run.direction,
        "recovered_since": run.recovered.isoformat() if run.recovered else None,
        "signal": run.signal,
        "since": window.start.isoformat() if window else None,
    }
