"""Alerts and silences turned into rows of the events table. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from gather_diagnostics import Window
from gather_diagnostics.http.answer import moment
from gather_diagnostics.http.errors import MalformedError

SERVICE_LABELS = (
    "service",
    "job",
    "app",
    "app_kubernetes_io_name",
    "service_name",
    "exported_service",
    "exported_job",
    "destination_service_name",
    "destination_workload",
    "deployment",
    "statefulset",
)
"""Where the service's name is looked for."""
SUMMARIES = ("summary", "message", "description")
"""Annotations that say what an alert means, the shortest first."""
MOST_TEXT = 1_000
"""Characters kept of an annotation or a comment."""
EVERYTHING = frozenset({".*", ".+", "^.*$", "^.+$"})
_POD = "(-[0-9b-df-hj-np-tv-xz]{4,10})?-([0-9b-df-hj-np-tv-xz]{5}|[0-9]{1,4})"
"""What Kubernetes appends to a workload's name."""


def concerns(labels: Mapping[str, Any], service: str) -> bool:
    """Whether labels name the service or one of its pods."""
    for label in SERVICE_LABELS:
        value = str(labels.get(label, ""))
        if value == service or (label.endswith("job") and value.endswith(f"/{service}")):
            return True
    return bool(re.fullmatch(re.escape(service) + _POD, str(labels.get("pod", ""))))


def alerts(answer: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
    """The alerts of an answer. Raises MalformedError."""
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("labels"), Mapping):
            raise MalformedError("an alert in the answer has no labels")
    return answer


def alert_row(alert: Mapping[str, Any], url: str) -> dict[str, Any]:
    """FIRING, or SUPPRESSED where a silence or another alert keeps it from being sent. Raises MalformedError."""
    labels = {str(k): str(v) for k, v in alert["labels"].items()}
    status = _mapping(alert.get("status"))
    suppressed = status.get("state") == "suppressed"
    rest = ", ".join(f"{k}={v}" for k, v in sorted(labels.items()) if k not in ("alertname", "severity"))
    annotations = _mapping(alert.get("annotations"))
    said = next((str(annotations[a])[:MOST_TEXT] for a in SUMMARIES if annotations.get(a)), "")
    name = labels.get("alertname", "")
    shown = quote(f'{{alertname="{name}"}}', safe="")
    return {
        "time": moment(alert.get("startsAt")),
        "ref": f"{url}/#/alerts?silenced=true&inhibited=true&filter={shown}",
        "kind": "alert",
        "reason": "SUPPRESSED" if suppressed else "FIRING",
        "object": name,
        "message": "; ".join(filter(None, [said, _why(status) if suppressed else "", rest])),
        "severity": labels.get("severity"),
    }


def _why(status: Mapping[str, Any]) -> str:
    silenced, inhibited = silencers(status), status.get("inhibitedBy")
    by = f"silenced by {', '.join(silenced)}" if silenced else ""
    return by or (f"inhibited by {len(inhibited)} other alerts" if isinstance(inhibited, list) and inhibited else "")


def silencers(status: Mapping[str, Any]) -> list[str]:
    """Ids of the silences that suppress an alert."""
    ids = status.get("silencedBy")
    return [str(i) for i in ids] if isinstance(ids, list) else []


def silences(answer: Sequence[Any], used: Iterable[str], service: str, window: Window) -> Iterator[Mapping[str, Any]]:
    """Silences in force during the window that suppress one of the service's alerts (`used` ids), or would.

    Raises MalformedError.
    """
    its = set(used)
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("matchers"), list):
            raise MalformedError("a silence in the answer has no matchers")
        during = moment(one.get("startsAt")) < window.end and moment(one.get("endsAt")) > window.start
        if during and (str(one.get("id")) in its or _would(one["matchers"], service)):
            yield one


def _would(matchers: Sequence[Any], service: str) -> bool:
    """It names the service by a usual label, or selects everything."""
    told = [m for m in matchers if isinstance(m, Mapping)]
    if any(_selects(m, service) for m in told):
        return True
    return bool(told) and all(m.get("isRegex") and m.get("value") in EVERYTHING for m in told)


def _selects(matcher: Mapping[str, Any], service: str) -> bool:
    value = str(matcher.get("value", ""))
    if matcher.get("name") not in SERVICE_LABELS or not matcher.get("isEqual", True):
        return False
    if not matcher.get("isRegex"):
        return value == service
    # Taken apart, not run: Python's engine can take for ever over an expression that the server's (RE2) can't.
    return service in re.split(r"[|()^$]", value)


def silence_row(silence: Mapping[str, Any], url: str) -> dict[str, Any]:
    """One silence; its time is when it began. Raises MalformedError."""
    end = moment(silence.get("endsAt"))
    comment = str(silence.get("comment", ""))[:MOST_TEXT]
    state = str(_mapping(silence.get("status")).get("state", ""))
    return {
        "time": moment(silence.get("startsAt")),
        "ref": f"{url}/#/silences/{quote(str(silence.get('id', '')), safe='')}",
        "kind": "silence",
        "reason": state.upper() or "ACTIVE",
        "object": ", ".join(_matcher(m) for m in silence["matchers"] if isinstance(m, Mapping)),
        "message": f"until {end:%Y-%m-%d %H:%M} UTC, by {silence.get('createdBy', 'nobody')}: {comment}",
    }


def _matcher(matcher: Mapping[str, Any]) -> str:
    sign = {(True, False): "=", (True, True): "=~", (False, False): "!=", (False, True): "!~"}
    kind = bool(matcher.get("isEqual", True)), bool(matcher.get("isRegex"))
    return f'{matcher.get("name")}{sign[kind]}"{matcher.get("value")}"'


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
