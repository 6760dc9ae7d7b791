"""Alerts as events: those that are active, and those that came and went. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from collectors.prometheus.runs import Run
from gather_diagnostics.http.answer import moment
from gather_diagnostics.http.errors import MalformedError

SUMMARIES = ("summary", "message", "description")
"""Annotations that say what an alert means, the shortest first."""
_LABEL = re.compile(r"\{\{-?\s*\$labels\.([a-zA-Z_][a-zA-Z0-9_]*)\s*-?\}\}")
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
MOST_TEXT = 1_000
"""Characters kept of an annotation."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert that is active now."""

    labels: Labels
    state: str
    """FIRING or PENDING."""
    since: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Rules:
    """What the rules say of alerts that are over: name of an alert to its annotations, templates unfilled."""

    annotations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def message(self, labels: Labels) -> str:
        """The rule's words with the labels put in; what else a template would say is left out as '…'."""
        said = told(self.annotations.get(labels.get("alertname", ""), {}))
        return _TEMPLATE.sub("…", _LABEL.sub(lambda m: labels.get(m[1], ""), said))


def rules(groups: Iterable[Any]) -> Rules:
    """Out of what /api/v1/rules answered (its `groups`). Whatever is no rule is passed over."""
    found: dict[str, Mapping[str, str]] = {}
    for group in groups:
        its = group.get("rules") if isinstance(group, Mapping) else None
        for rule in its if isinstance(its, list) else ():
            if isinstance(rule, Mapping) and rule.get("type") == "alerting":
                found.setdefault(str(rule.get("name")), _texts(rule.get("annotations")))
    return Rules(found)


def active(answer: Sequence[Any]) -> Iterator[Alert]:
    """Out of what /api/v1/alerts answered (its `alerts`). Raises MalformedError.

    Source: prometheus.io/docs/prometheus/latest/querying/api/#alerts
    """
    for one in answer:
        if not isinstance(one, Mapping) or not isinstance(one.get("labels"), Mapping):
            raise MalformedError("an alert in the answer has no labels")
        state = str(one.get("state", "")).upper()
        yield Alert(_texts(one["labels"]), state, moment(one.get("activeAt")), told(_texts(one.get("annotations"))))


def told(annotations: Mapping[str, str]) -> str:
    """What an alert's annotations say first; '' where they say nothing usual."""
    return next((annotations[a][:MOST_TEXT] for a in SUMMARIES if annotations.get(a)), "")


def _texts(value: Any) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def rows(current: Sequence[Alert], past: Sequence[Run], known: Rules, step: int, ref: str) -> Iterator[dict[str, Any]]:
    """Rows of the events table: FIRING or PENDING when an alert began, RESOLVED when one had ended.

    `past` are runs of the series ALERTS; those of an alert that is still active are told once, by its own time.
    """
    since = {_identity(a.labels): a.since for a in current}
    for alert in current:
        yield _row(alert.labels, alert.state, alert.since, alert.message or known.message(alert.labels), ref)
    for run in past:
        began = since.get(_identity(run.labels))
        if began is None or run.last < began:
            yield from _history(run, known.message(run.labels), step, ref)


def _history(run: Run, message: str, step: int, ref: str) -> Iterator[dict[str, Any]]:
    state = run.labels.get("alertstate", "").upper() or "FIRING"
    before = "already so when the window began; " if run.opened else ""
    yield _row(run.labels, state, run.first, before + message if message else before.rstrip("; "), ref)
    if state == "FIRING" and not run.lasting:
        # It was seen at `last` for the last time, and was gone one step later.
        yield _row(run.labels, "RESOLVED", run.last + timedelta(seconds=step), message, ref)


def _identity(labels: Labels) -> frozenset[tuple[str, str]]:
    return frozenset((k, v) for k, v in labels.items() if k not in ("__name__", "alertstate"))


def _row(labels: Labels, reason: str, time: datetime, message: str, ref: str) -> dict[str, Any]:
    rest = ", ".join(
        f"{k}={v}" for k, v in sorted(labels.items()) if k not in ("__name__", "alertname", "alertstate", "severity")
    )
    said = f"{message} ({rest})" if message and rest else message or rest
    return {
        "time": time,
        "ref": ref,
        "kind": "alert",
        "reason": reason or "FIRING",
        "object": labels.get("alertname", ""),
        "message": said,
        "severity": labels.get("severity"),
    }
