"""Scaling as rows of `changes` and `events`: by autoscalers and by hand. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from collectors.kubernetes import happenings
from collectors.kubernetes.objects import Object, Origin, integer, items, kind, mapping, moment, name, notes, text
from gather_diagnostics import Window

ROLLOUT = timedelta(minutes=15)
"""A rollout scales ReplicaSets too: what follows one this soon is no scaling of its own."""
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_SCALED = re.compile(r"[Ss]caled (up|down) replica set (\S+)(?: in \S+)? (?:from (\d+) )?to (\d+)(?: from (\d+))?")
_RESIZED = re.compile(r"New size: (\d+)(?:; reason: (.*))?")


def targets(autoscaler: Object, workloads: Sequence[Object]) -> bool:
    about = mapping(autoscaler, "spec", "scaleTargetRef")
    return any((text(about, "kind"), text(about, "name")) == (kind(w), name(w)) for w in workloads)


def autoscaler_rows(
    autoscaler: Object, events: Sequence[Object], origin: Origin, window: Window
) -> Iterator[dict[str, Any]]:
    """The last time it scaled; its earlier ones are told by events."""
    time = moment(autoscaler, "status", "lastScaleTime")
    if time is None or time not in window:
        return
    if any(_rescaled(autoscaler, e) and _close(happenings.last(e), time) for e in events):
        return
    about = mapping(autoscaler, "spec", "scaleTargetRef")
    desired, current = (integer(autoscaler, "status", f"{w}Replicas") for w in ("desired", "current"))
    if current is not None and desired is not None and current != desired:
        words = f"is scaling from {current} to {desired} replicas"
    else:
        words = f"scaled to {desired} replicas (how many there were before is not recorded)"
    yield _row(
        origin,
        time,
        origin.ref(autoscaler),
        origin.id(autoscaler, time.isoformat()),
        f"the autoscaler of {text(about, 'kind')}/{text(about, 'name')} {words}",
        str(desired) if desired is not None else None,
        {"kind": "HorizontalPodAutoscaler", "replicas": desired, **_bounds(autoscaler)},
    )


def at_limit(autoscaler: Object, origin: Origin) -> Iterator[dict[str, Any]]:
    """An event where it would scale up if it might: the saturation that no pod shows."""
    most, current = _bounds(autoscaler)["max"], integer(autoscaler, "status", "currentReplicas")
    if most is None or current is None or current < most or most == _bounds(autoscaler)["min"]:
        return
    used = integer(autoscaler, "status", "currentCPUUtilizationPercentage")
    wanted = integer(autoscaler, "spec", "targetCPUUtilizationPercentage")
    cpu = f"; CPU is at {used} % of the requests, the target is {wanted} %" if used and wanted else ""
    time = moment(autoscaler, "status", "lastScaleTime")
    message = f"it has all of the {most} replicas that it may have{cpu}"
    yield origin.event(autoscaler, time, "AtMaximum", message)


def unable(autoscaler: Object, origin: Origin) -> Iterator[dict[str, Any]]:
    """Events where it can't do its work: no metrics, no target. autoscaling/v1 keeps conditions in an annotation."""
    try:
        told = json.loads(text(notes(autoscaler), _CONDITIONS) or "[]")
    except (ValueError, RecursionError):
        # Cut or not JSON: it says nothing, and its other fields are read all the same.
        return
    for condition in items({"conditions": told}, "conditions"):
        if text(condition, "type") in ("AbleToScale", "ScalingActive") and condition.get("status") == "False":
            time, reason = moment(condition, "lastTransitionTime"), text(condition, "reason") or "Unable"
            yield origin.event(autoscaler, time, reason, text(condition, "message") or "it can't scale")


def event_rows(
    events: Sequence[Object], rollouts: Sequence[datetime], origin: Origin, window: Window
) -> Iterator[dict[str, Any]]:
    """Scalings that events tell of, those that belong to a rollout left out."""
    for event in events:
        time = happenings.last(event)
        if time is None or time not in window:
            continue
        about, message = happenings.regarding(event), text(event, "message") or text(event, "note")
        what = f"{text(about, 'kind')}/{text(about, 'name')}"
        if text(event, "reason") == "SuccessfulRescale" and (resized := _RESIZED.match(message)):
            reason = f" ({resized[2]})" if resized[2] else ""
            before, after, summary = None, resized[1], f"the autoscaler {what} set {resized[1]} replicas{reason}"
        elif (scaled := _SCALED.match(message)) and not any(timedelta(0) <= time - r <= ROLLOUT for r in rollouts):
            before, after = scaled[3] or scaled[5], scaled[4]
            summary = f"{what} scaled {scaled[1]} to {after} replicas{f' from {before}' if before else ''}"
        else:
            continue
        details = {"kind": text(about, "kind"), "reason": text(event, "reason"), "by": happenings.author(event)}
        ref, id_ = origin.ref(event, "Event"), origin.id(event, happenings.count(event), "Event")
        yield _row(origin, time, ref, id_, summary, after, details, before)


def _rescaled(autoscaler: Object, event: Object) -> bool:
    return text(event, "reason") == "SuccessfulRescale" and text(happenings.regarding(event), "name") == name(
        autoscaler
    )


def _close(one: datetime | None, other: datetime) -> bool:
    return one is not None and abs(one - other) < timedelta(seconds=30)


def _bounds(autoscaler: Object) -> dict[str, int | None]:
    spec = mapping(autoscaler, "spec")
    return {"min": integer(spec, "minReplicas") or 1, "max": integer(spec, "maxReplicas")}


def _row(
    origin: Origin,
    time: datetime,
    ref: str,
    id_: str,
    summary: str,
    revision: str | None,
    details: dict[str, Any],
    previous: str | None = None,
) -> dict[str, Any]:
    return {
        "time": time,
        "ref": ref,
        "id": id_,
        "kind": "scale",
        "service": origin.service,
        "revision": revision,
        "previous": previous,
        "summary": summary[:1000],
        "finished": time,
        "details": details | {"context": origin.context},
    }
