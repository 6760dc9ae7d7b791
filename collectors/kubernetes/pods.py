"""Pods as rows of `workloads`, and what their state tells as rows of `events`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from collectors.kubernetes import rollouts
from collectors.kubernetes.objects import (
    EMPTY,
    Object,
    Origin,
    condition,
    integer,
    items,
    mapping,
    moment,
    name,
    text,
)
from collectors.kubernetes.quantities import quantity, summed

_STATUSES = ("initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses")
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def statuses(pod: Object) -> list[Object]:
    return [s for which in _STATUSES for s in items(pod, "status", which)]


def row(pod: Object, origin: Origin) -> dict[str, Any]:
    """One replica as it was when asked."""
    spec = mapping(pod, "spec")
    told = statuses(pod)
    last = max((_last_exit(s) for s in told), key=_ended, default=EMPTY)
    return {
        "time": origin.asked,
        "ref": origin.ref(pod),
        "kind": "Pod",
        "name": name(pod) or "(nameless)",
        "version": rollouts.version(pod),
        "phase": phase(pod),
        "ready": condition(pod, "Ready").get("status") == "True",
        "restarts": sum(integer(s, "restartCount") or 0 for s in told),
        "last_exit_reason": text(last, "reason") or None,
        "last_exit_code": integer(last, "exitCode"),
        "requests": summed(items(spec, "containers"), "requests"),
        "limits": summed(items(spec, "containers"), "limits"),
        "node": text(spec, "nodeName") or None,
    }


def phase(pod: Object) -> str:
    """As kubectl shows it: the reason why a container waits or failed, before the pod's phase."""
    if pod.get("metadata") and mapping(pod, "metadata").get("deletionTimestamp"):
        return "Terminating"
    if told := text(pod, "status", "reason"):
        return told
    for status in statuses(pod):
        if (waiting := text(status, "state", "waiting", "reason")) and waiting not in ("PodInitializing",):
            return waiting
        if (integer(status, "state", "terminated", "exitCode") or 0) != 0:
            return text(status, "state", "terminated", "reason") or "Error"
    if text(condition(pod, "PodScheduled"), "status") == "False":
        return text(condition(pod, "PodScheduled"), "reason") or "Pending"
    return text(pod, "status", "phase") or "Unknown"


def _last_exit(status: Object) -> Object:
    return mapping(status, "state", "terminated") or mapping(status, "lastState", "terminated")


def _ended(exit_: Object) -> tuple[bool, float]:
    time = moment(exit_, "finishedAt")
    return bool(exit_), time.timestamp() if time else 0.0


def restarted(status: Object) -> bool:
    """Whether there is a run before the current one, with a log of its own."""
    return bool(integer(status, "restartCount")) or bool(mapping(status, "lastState", "terminated"))


def events(pod: Object, origin: Origin, since: datetime) -> Iterator[dict[str, Any]]:
    """What the pod's state tells that the platform's own events may have forgotten: they are kept for an hour.

    Of what is over, only what ended after `since`.
    """
    for status in statuses(pod):
        for which in ("state", "lastState"):
            ended = mapping(status, which, "terminated")
            if (moment(ended, "finishedAt") or origin.asked) >= since:
                yield from _exit(pod, status, ended, origin)
        waiting = mapping(status, "state", "waiting")
        if (reason := text(waiting, "reason")) and reason not in ("PodInitializing", "ContainerCreating"):
            said = text(waiting, "message") or "it waits"
            yield origin.event(pod, None, reason, f"container {text(status, 'name')}: {said}")
    if text(pod, "status", "reason") == "Evicted":
        yield origin.event(pod, _changed(pod), "Evicted", text(pod, "status", "message"))
    scheduled, ready = condition(pod, "PodScheduled"), condition(pod, "Ready")
    if scheduled.get("status") == "False":
        time = moment(scheduled, "lastTransitionTime")
        yield origin.event(pod, time, text(scheduled, "reason") or "Unschedulable", text(scheduled, "message"))
    elif ready.get("status") == "False" and text(pod, "status", "phase") in ("Running", "Pending"):
        said = text(ready, "message") or text(ready, "reason")
        yield origin.event(pod, moment(ready, "lastTransitionTime"), "NotReady", said or "it is not ready")
    # Preempted, drained, evicted through the API: kubernetes.io/docs/concepts/workloads/pods/disruptions
    disrupted = condition(pod, "DisruptionTarget")
    if disrupted.get("status") == "True":
        time, reason = moment(disrupted, "lastTransitionTime"), text(disrupted, "reason") or "DisruptionTarget"
        yield origin.event(pod, time, reason, text(disrupted, "message") or "it is to be terminated")


def _exit(pod: Object, status: Object, ended: Object, origin: Origin) -> Iterator[dict[str, Any]]:
    code, container = integer(ended, "exitCode"), text(status, "name")
    if not ended or (code in (0, None) and text(ended, "reason") != "OOMKilled"):
        return
    reason = text(ended, "reason") or "Error"
    words = f"container {container} ended with exit code {code}"
    if reason == "OOMKilled":
        words = f"container {container} was killed for its use of memory (exit code {code}){_limit(pod, container)}"
    if said := text(ended, "message"):
        words += f": {said}"
    words += f"; {integer(status, 'restartCount') or 0} restarts in all"
    yield origin.event(pod, moment(ended, "finishedAt"), reason, words)


def _limit(pod: Object, container: str) -> str:
    spec = next((c for c in items(pod, "spec", "containers") if c.get("name") == container), EMPTY)
    limit = mapping(spec, "resources", "limits").get("memory")
    return f", its limit is {limit}" if quantity(limit) is not None else ""


def _changed(pod: Object) -> datetime | None:
    times = [t for c in items(pod, "status", "conditions") if (t := moment(c, "lastTransitionTime"))]
    return max(times, default=moment(pod, "status", "startTime"))


def node_events(node: Object, origin: Origin) -> Iterator[dict[str, Any]]:
    """A node's conditions that are not as they should be."""
    for told in items(node, "status", "conditions"):
        type_, status = text(told, "type"), text(told, "status")
        bad = (type_ in _PRESSURES and status == "True") or (type_ == "Ready" and status != "True")
        if bad:
            reason = "NotReady" if type_ == "Ready" else type_
            said = text(told, "message") or text(told, "reason") or f"{type_} is {status}"
            yield origin.event(node, moment(told, "lastTransitionTime"), reason, said)
    if mapping(node, "spec").get("unschedulable") is True:
        yield origin.event(node, None, "Cordoned", "it takes no new pods", severity="Normal")


def usage(measured: Object, pod: Object, origin: Origin) -> Iterator[dict[str, Any]]:
    """Rows of `metrics` from a PodMetrics: cores and bytes.

    Source: kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline
    """
    time = moment(measured, "timestamp")
    if time is None:
        return
    for metric, unit in (("cpu", "cores"), ("memory", "bytes")):
        amounts = [quantity(mapping(c, "usage").get(metric)) for c in items(measured, "containers")]
        if known := [a for a in amounts if a is not None]:
            yield {
                "time": time,
                "ref": origin.ref(pod),
                "metric": metric,
                "stat": "avg",
                "value": sum(known),
                "unit": unit,
                "service": origin.service,
                "instance": name(measured),
                "version": rollouts.version(pod),
                "labels": {"window": text(measured, "window")},
            }
