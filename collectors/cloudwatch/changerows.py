"""Rows of the changes table, alike for every AWS service that tells of changes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from collectors.cloudwatch.troubles import cut


def change(
    *,
    region: str,
    what: str,
    id_: str,
    time: datetime,
    kind: str,
    summary: str,
    service: str,
    ref: str,
    finished: datetime | None = None,
    revision: str = "",
    previous: str = "",
    author: str = "",
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One row; its id is 'aws:<region>:<what>:<id_>'. Times may be in any zone, what is empty becomes null."""
    return {
        "time": time.astimezone(UTC),
        "finished": finished.astimezone(UTC) if finished else None,
        "id": f"aws:{region}:{what}:{id_}",
        "ref": ref,
        "kind": kind,
        "service": service,
        "revision": revision or None,
        "previous": previous or None,
        "author": author or None,
        "summary": cut(summary),
        "details": {k: v for k, v in (details or {}).items() if v not in (None, "", [], {})},
    }


def event(
    *, kind: str, reason: str, object_: str, message: str, time: datetime, ref: str, severity: str = "info"
) -> dict[str, Any]:
    """One row of the events table."""
    return {
        "time": time.astimezone(UTC),
        "ref": ref,
        "kind": kind,
        "reason": reason,
        "object": object_,
        "message": cut(message),
        "count": 1,
        "severity": severity,
    }


def when(value: object) -> datetime | None:
    """The value where it is a time with a zone."""
    return value if isinstance(value, datetime) and value.tzinfo else None


def person(identity: object) -> str:
    """Who, out of an ARN: 'alice' of 'arn:aws:sts::123:assumed-role/Admin/alice'; else the text itself."""
    text = str(identity or "")
    return text.rpartition("/")[2] if text.startswith("arn:") and "/" in text else text
