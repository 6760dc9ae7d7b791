"""Targets that could not be scraped, as events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from collectors.prometheus.discovery import concerns
from collectors.prometheus.runs import Run
from gather_diagnostics import Window
from gather_diagnostics.http.answer import moment
from gather_diagnostics.http.errors import MalformedError

Key = tuple[str, str]
"""Job and instance."""


def down(answer: Iterable[Any], service: str) -> dict[Key, Mapping[str, Any]]:
    """The service's targets that are down now, out of what /api/v1/targets answered. Raises MalformedError.

    Source: prometheus.io/docs/prometheus/latest/querying/api/#targets
    """
    found: dict[Key, Mapping[str, Any]] = {}
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("labels"), Mapping):
            raise MalformedError("a target in the answer has no labels")
        if one.get("health") == "down" and concerns(one["labels"], service):
            found[_key(one["labels"])] = one
    return found


def rows(
    current: Mapping[Key, Mapping[str, Any]], past: Sequence[Run], window: Window, step: int, ref: str
) -> Iterator[dict[str, Any]]:
    """Rows of the events table: DOWN when a target's scrapes began to fail, UP when they worked again.

    `past` are runs of `up == 0`. A target that is down and has no run is told by its last scrape.
    """
    for run in past:
        said = str(current.get(_key(run.labels), {}).get("lastError", "")) if run.lasting else ""
        yield _row(_key(run.labels), "DOWN", run.first, said or "its scrapes fail", ref)
        if not run.lasting:
            yield _row(_key(run.labels), "UP", run.last + timedelta(seconds=step), "its scrapes work again", ref)
    known = {_key(run.labels) for run in past}
    for key, one in sorted(current.items()):
        if key not in known and (time := moment(one.get("lastScrape"))) in window:
            yield _row(key, "DOWN", time, str(one.get("lastError", "")) or "its scrapes fail", ref)


def _key(labels: Mapping[str, Any]) -> Key:
    return str(labels.get("job", "")), str(labels.get("instance", ""))


def _row(key: Key, reason: str, time: Any, message: str, ref: str) -> dict[str, Any]:
    return {
        "time": time,
        "ref": ref,
        "kind": "target",
        "reason": reason,
        "object": "/".join(filter(None, key)),
        "message": message[:1000],
    }
