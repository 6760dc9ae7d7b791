"""Rollout history of Deployments, StatefulSets and DaemonSets as rows of the table `changes`. Pure.

A Deployment keeps a ReplicaSet of each revision, the others a ControllerRevision. Going back to an old template reuses
its object under a new number: an object that is older than a lower revision is a rollback.
Source: kubernetes.io/docs/concepts/workloads/controllers/deployment/#checking-rollout-history-of-a-deployment
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from collectors.kubernetes import podtemplates
from collectors.kubernetes.objects import (
    EMPTY,
    Object,
    Origin,
    condition,
    created,
    dig,
    integer,
    items,
    kind,
    labels,
    mapping,
    moment,
    name,
    namespace,
    notes,
    owners,
    text,
    uid,
)
from collectors.kubernetes.objects import template as template_of
from gather_diagnostics import Window

REVISION = "deployment.kubernetes.io/revision"
_HISTORY = "deployment.kubernetes.io/revision-history"
CAUSE = "kubernetes.io/change-cause"
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Step:
    """One revision that was rolled out."""

    revision: int
    carrier: Object
    """The ReplicaSet or ControllerRevision."""
    time: datetime | None
    time_from: str = "its creation"
    back: bool = False
    """It brought an earlier template back."""
    was: int | None = None
    """The number that the template had before."""

    @property
    def template(self) -> Object:
        return template_of(self.carrier)


def rows(
    workload: Object, carriers: Iterable[Object], events: Sequence[Object], origin: Origin, window: Window
) -> Iterator[dict[str, Any]]:
    """A row for each revision rolled out inside the window. `carriers` may hold those of other workloads."""
    own = [c for c in carriers if uid(workload) in owners(c)]
    found = steps(workload, own, events)
    for before, step in zip([None, *found], found, strict=False):
        if step.time is not None and step.time in window:
            yield _row(workload, step, before, step.revision == _current(workload, found), origin)


def steps(workload: Object, own: Iterable[Object], events: Sequence[Object]) -> list[Step]:
    """Revisions in their order; a reused object appears under each of its numbers."""
    made: dict[int, Step] = {}
    for carrier in own:
        numbers = _numbers(carrier)
        for number in numbers:
            first = number == numbers[0]
            was = numbers[numbers.index(number) - 1] if not first else None
            made[number] = Step(number, carrier, created(carrier) if first else None, back=not first, was=was)
    found = [made[n] for n in sorted(made)]
    for at, step in enumerate(found):
        if step.back or any(_later(earlier, step) for earlier in found[:at]):
            found[at] = _dated(replace(step, back=True), workload, events, newest=at == len(found) - 1)
    return found


def _numbers(carrier: Object) -> list[int]:
    if (number := integer(carrier, "revision")) is not None:
        return [number]
    history = str(notes(carrier).get(_HISTORY, "")).split(",")
    return sorted({int(n) for n in [*history, str(notes(carrier).get(REVISION, ""))] if re.fullmatch(r"[0-9]{1,9}", n)})


def _later(earlier: Step, step: Step) -> bool:
    return bool(earlier.time and step.time and not earlier.back and earlier.time > step.time)


def _dated(step: Step, workload: Object, events: Sequence[Object], *, newest: bool) -> Step:
    """When a template came back stands nowhere: it shows in events, and in who last touched the workload's template."""
    since = created(step.carrier)
    scaled = [
        time
        for event in events
        if text(event, "reason") in ("ScalingReplicaSet", "SuccessfulCreate")
        and re.search(rf"[Ss]caled up replica set {re.escape(name(step.carrier))} ", text(event, "message"))
        and (time := moment(event, "firstTimestamp") or moment(event, "eventTime"))
        and (since is None or (time - since).total_seconds() > 60)
    ]
    if newest and scaled:
        return replace(step, time=max(scaled), time_from="the event ScalingReplicaSet")
    edited = max(template_edits(workload), default=None)
    if newest and edited and (since is None or edited > since):
        return replace(step, time=edited, time_from="the last change of the workload's template")
    return replace(step, time=None)


def template_edits(workload: Object) -> list[datetime]:
    """When somebody other than the control plane wrote the workload's pod template."""
    return [
        time
        for entry in items(workload, "metadata", "managedFields")
        if dig(entry, "fieldsV1", "f:spec", "f:template") is not None
        and entry.get("subresource") != "status"
        and (time := moment(entry, "time"))
    ]


def _row(workload: Object, step: Step, before: Step | None, current: bool, origin: Origin) -> dict[str, Any]:
    diff = podtemplates.differences(before.template, step.template) if before else []
    state, finished = _state(workload) if current else ("superseded", None)
    images = podtemplates.images(step.template)
    details = {
        "kind": kind(workload),
        "name": name(workload),
        "namespace": namespace(workload),
        "context": origin.context,
        "images": images,
        "previous_images": podtemplates.images(before.template) if before else None,
        "diff": diff,
        "state": state,
        "time_from": step.time_from,
        "rollback_to": step.was if step.back else None,
        "rollback": step.back or None,
        "change_cause": (text(notes(step.carrier), CAUSE) or text(notes(workload), CAUSE) if current else "") or None,
        "commits": _commits(step, images),
        "version": version(step.template),
    }
    return {
        "time": step.time,
        "ref": origin.ref(step.carrier),
        "id": origin.id(workload, step.revision),
        "kind": "deploy",
        "service": origin.service,
        "revision": str(step.revision),
        "previous": str(before.revision) if before else None,
        "summary": _summary(workload, step, before, diff, state),
        "finished": finished if finished and step.time and finished >= step.time else None,
        "details": {k: v for k, v in details.items() if v not in (None, "", [])},
    }


def _summary(
    workload: Object, step: Step, before: Step | None, diff: Sequence[podtemplates.Difference], state: str
) -> str:
    head = f"{name(workload)} revision {step.revision}"
    if step.back:
        head += f", a rollback to revision {step.was}" if step.was else ", a rollback to an earlier template"
    if diff:
        told = "; ".join(podtemplates.words(d) for d in diff[:6])
        told += f"; and {len(diff) - 6} more" if len(diff) > 6 else ""
    elif before:
        told = "the same pod template"
    else:
        shown = ", ".join(podtemplates.images(step.template).values())
        told = f"{'first rollout' if step.revision == 1 else 'what was before is no longer kept'}; image {shown}"
    ending = f" ({state})" if state.startswith("stuck") else ""
    return f"{head}: {told}{ending}"[:1000]


def _current(workload: Object, found: Sequence[Step]) -> int | None:
    told = integer(notes(workload), REVISION) if kind(workload) == "Deployment" else None
    return told if told is not None else found[-1].revision


def _state(workload: Object) -> tuple[str, datetime | None]:
    """How the newest rollout stands, and when it was done, where that is recorded."""
    if kind(workload) != "Deployment":
        status = mapping(workload, "status")
        done = status.get("currentRevision") == status.get("updateRevision")
        return ("complete" if done else "under way"), None
    progress = condition(workload, "Progressing")
    seen, generation = integer(workload, "status", "observedGeneration"), integer(workload, "metadata", "generation")
    if seen is not None and generation is not None and seen < generation:
        return "under way", None
    match text(progress, "reason"):
        case "NewReplicaSetAvailable":
            return "complete", moment(progress, "lastUpdateTime")
        case "ProgressDeadlineExceeded":
            return "stuck: its progress deadline is exceeded", None
        case "DeploymentPaused":
            return "paused", None
        case _:
            return "under way", None


def version(template: Object) -> str | None:
    """The usual label; else tag or digest of the first container's image."""
    if told := text(labels(template), "app.kubernetes.io/version"):
        return told
    first = next(iter(items(template, "spec", "containers")), EMPTY)
    return podtemplates.tag(text(first, "image")) if first else None


def _commits(step: Step, images: Mapping[str, str]) -> list[str]:
    """Commits that annotations, labels or image tags name in full."""
    marks = [*notes(step.template).values(), *labels(step.template).values(), *notes(step.carrier).values()]
    marks += [podtemplates.tag(i) for i in images.values()]
    return sorted({m for m in marks if isinstance(m, str) and _SHA.fullmatch(m)})
