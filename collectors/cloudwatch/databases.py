"""What RDS tells of databases: failovers and restarts as events, modifications as changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.cloudwatch import links, names
from collectors.cloudwatch.api import Api
from collectors.cloudwatch.changerows import change, event, when
from collectors.cloudwatch.troubles import CallError, gap, truncated
from gather_diagnostics import Gap, Request, Rows, Window

KEPT = timedelta(days=14)
"""RDS forgets events after that, and refuses to be asked for older ones."""
MOST_PAGES = 20
CHANGES = frozenset({"configuration change", "creation", "deletion", "maintenance", "security patching"})
"""Event categories that are somebody's doing."""
WARNINGS = frozenset({"failover", "failure", "low storage", "availability", "recovery", "notification"})


def read(api: Api, request: Request, wanted: Iterable[str]) -> Iterator[Rows | Gap]:
    """Events of databases named like the service, or among `wanted` (identifiers), in the change window."""
    window = request.changes
    start = max(window.start, request.asked - KEPT + timedelta(minutes=5))
    if start >= window.end:
        return
    known = frozenset(wanted)
    try:
        pages = api.pages("rds", "describe_events", StartTime=start, EndTime=window.end)
        for number, page in enumerate(pages, 1):
            mine = [e for e in page.get("Events") or () if belongs(e, request.service, known)]
            if rows := list(events(mine, api.region, window)):
                yield Rows("events", rows)
            if rows := list(changes(mine, request.service, api.region, window)):
                yield Rows("changes", rows)
            if number == MOST_PAGES:
                why = f"there are more than {MOST_PAGES * 100:,} in {api.region}; the rest was not looked through"
                yield truncated("all RDS events", why, "ask for a shorter change window")
                return
    except CallError as error:
        yield gap(error, f"RDS events of {request.service}")


def belongs(one: Mapping[str, Any], service: str, known: frozenset[str]) -> bool:
    source = str(one.get("SourceIdentifier", ""))
    return source in known or names.rank(service, source) is not None


def events(told: Sequence[Mapping[str, Any]], region: str, window: Window) -> Iterator[dict[str, Any]]:
    """Rows of the events table. Pure."""
    for one, time, categories in _each(told, window):
        source = str(one.get("SourceIdentifier", ""))
        yield event(
            kind="rds",
            reason=categories[0] if categories else str(one.get("SourceType", "event")),
            object_=source,
            message=str(one.get("Message", "")),
            time=time,
            ref=links.database(region, source),
            severity="warning" if WARNINGS & set(categories) else "info",
        )


def changes(told: Sequence[Mapping[str, Any]], service: str, region: str, window: Window) -> Iterator[dict[str, Any]]:
    """Rows of the changes table, for what somebody did. Pure."""
    for one, time, categories in _each(told, window):
        if not CHANGES & set(categories):
            continue
        source, message = str(one.get("SourceIdentifier", "")), str(one.get("Message", ""))
        yield change(
            region=region,
            what="rds",
            id_=f"{source}:{time.astimezone(UTC):%Y%m%dT%H%M%S.%f}",
            time=time,
            finished=time,
            kind="config" if "configuration change" in categories else "infra",
            summary=f"RDS {source}: {message}",
            service=service,
            ref=links.database(region, source),
            details={"database": source, "categories": list(categories)},
        )


def _each(told: Sequence[Mapping[str, Any]], window: Window) -> Iterator[tuple[Mapping[str, Any], datetime, list[str]]]:
    for one in told:
        time = when(one.get("Date"))
        if time is not None and time in window:
            yield one, time, [str(c) for c in one.get("EventCategories") or ()]
