"""Scale: more replicas where work piles up, more memory where that runs out, and where neither would help. Pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gather_diagnostics.response.facts import fit
from gather_diagnostics.response.facts.details import mapping, number, whole
from gather_diagnostics.response.mitigation.proposals import Proposal, aws, command, given, kubectl, proposal
from gather_diagnostics.response.mitigation.situation import Situation
from gather_diagnostics.response.mitigation.traffic import surge
from gather_diagnostics.tables import decoded

View = Mapping[str, Any]

SHARED = ("cpu", "cpu_throttling", "threads", "queue")
"""Resources of which every further replica brings its own share."""
TARGET = 0.7
"""Share of its limit that a replica should be used to; the autoscaler's rule is ceil(replicas * used / target).

Source: kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details
"""
MOST_LEVEL = 2.0
"""How far above its limit a use is believed."""
ROOMIER = 1.5
"""By how much a limit is raised."""
_ALL = re.compile(r"all of the ([0-9]{1,6}) replicas")
_COUNT = re.compile(r"[0-9]{1,6}")
_MIB = 2**20


def proposals(s: Situation) -> Iterator[Proposal]:
    yield from _back(s)
    full = s.saturated(*SHARED)
    limit = _at_maximum(s)
    if full or limit[0]:
        yield _out(s, full, limit)
    memory = s.saturated("memory") + s.troubled("OOMKilled")
    if memory and s.platform == "kubernetes":
        yield _memory(s, memory)
    if not full and not limit[0]:
        yield from _hopeless(s)


def _back(s: Situation) -> Iterator[Proposal]:
    """The suspect took replicas away."""
    change = s.question
    if change is None or change.kind != "scale" or not s.suspect:
        return
    before, now = (int(n) if n and _COUNT.fullmatch(n) else 0 for n in (change.previous, change.revision))
    if before > now:
        words = [f"It was scaled from {before} to {now} replicas: {change.summary}."]
        yield _replicas(s, now, before, words, [], [s.suspect])


def _at_maximum(s: Situation) -> tuple[str, int]:
    """(autoscaler, replicas) of one that would add more if it might; ('', 0) for none."""
    events = s.evidence.tables.get("events")
    if events is None:
        return "", 0
    for row in events[events["reason"] == "AtMaximum"].to_dict("records"):
        kind, _, name = str(row["object"]).partition("/")
        if kind == "HorizontalPodAutoscaler" and fit(name) and (found := _ALL.search(str(row["message"]))):
            return name, int(found[1])
    return "", 0


def _out(s: Situation, full: Sequence[View], limit: tuple[str, int]) -> Proposal:
    name, most = limit
    now = most or _replicas_now(s, full)
    level = max((number(f["details"], "ratio") or 1.0 for f in full), default=1.0)
    wanted = max(now + 1, math.ceil(now * max(min(level, MOST_LEVEL) / TARGET, surge(s.evidence)))) if now else 0
    why = [f["headline"] for f in full]
    if name:
        why.append(f"The autoscaler {name} has all of the {most} replicas that it may have.")
        return _autoscaler(s, name, "maxReplicas", most, wanted, why, full)
    return _replicas(s, now, wanted, why, _in_vain(s), full)


def _replicas_now(s: Situation, full: Sequence[View]) -> int:
    """By the platform, else as many instances as the finding counts; 0 where nothing tells."""
    told = s.facts.get("replicas", "")
    if _COUNT.fullmatch(told):
        return int(told)
    if s.platform == "ecs":
        desired = [whole(c.details, "desired") for c in s.changes if c.platform == "ecs"]
        return next((n for n in reversed(desired) if n), 0)
    # A queue's or a database's instances are not ours.
    own = [f for f in full if f["details"].get("resource") in ("cpu", "cpu_throttling", "threads")]
    return max((whole(f["details"], "of") or 0 for f in own), default=0)


def _in_vain(s: Situation) -> list[str]:
    """Why more replicas would not help."""
    found = [f"No node has room for more: {f['headline']}" for f in s.troubled("FailedScheduling")]
    found += [f"Each further replica opens more connections: {f['headline']}" for f in s.saturated("connections")]
    if s.dependency:
        found.append(f"More replicas would only call a dependency more that fails: {s.dependency['headline']}")
    return found


def _hopeless(s: Situation) -> Iterator[Proposal]:
    """Nothing of ours is full, but somebody will want to scale."""
    shared, dependency = s.saturated("connections"), s.dependency
    if shared or (dependency and dependency["details"].get("itself") == "failing"):
        now = _replicas_now(s, shared)
        rests = [*shared, *([dependency] if dependency else [])]
        yield _replicas(s, now, now + 1 if now else 0, [], _in_vain(s), rests)


def _replicas(
    s: Situation, now: int, wanted: int, why: Sequence[str], against: Sequence[str], rests: Sequence[View]
) -> Proposal:
    """Set the number of replicas; where an autoscaler would undo that, its minimum."""
    autoscaler = s.facts.get("autoscaler", "")
    if s.platform == "kubernetes" and autoscaler:
        least = _bound(s, "min")
        held = [*why, f"The autoscaler {autoscaler} sets the number of replicas, so its minimum is raised."]
        return _autoscaler(s, autoscaler, "minReplicas", least, wanted, held, rests, against)
    said = f"from {now} to {wanted} replicas" if now else "to more replicas"
    unknown = [] if now else ["How many replicas run now is not in the evidence."]
    return proposal(
        "scale", f"Scale {given(s.facts, 'service')} {said}.", _scale(s, wanted), why=[*why, *unknown],
        risk="More replicas open more connections to databases and cost more; they help only once they are ready.",
        undo=_scale(s, now), against=against, findings=rests,
    )  # fmt: skip


def _scale(s: Situation, count: int) -> str:
    number = str(count) if count else "<count>"
    if s.platform == "kubernetes":
        return command(*kubectl(s.facts, "scale", given(s.facts, "workload"), f"--replicas={number}"))
    if s.platform == "ecs":
        cluster, service = (given(s.facts, n) for n in ("ecs_cluster", "ecs_service"))
        words = ("ecs", "update-service", f"--cluster={cluster}", f"--service={service}", f"--desired-count={number}")
        return command(*aws(s.facts, *words))
    return command("<your scale command>", given(s.facts, "service"), number)


def _autoscaler(
    s: Situation,
    name: str,
    field: str,
    now: int | None,
    wanted: int,
    why: Sequence[str],
    rests: Sequence[View],
    against: Sequence[str] = (),
) -> Proposal:
    """Source: kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v2/"""

    def patch(number: int | None) -> str:
        spec: dict[str, Any] = {field: number or "<count>"}
        most = _bound(s, "max")
        if field == "minReplicas" and number and most and number > most:
            spec["maxReplicas"] = number
        words = ("patch", f"horizontalpodautoscaler/{name}", "--type=merge", f"--patch={json.dumps({'spec': spec})}")
        return command(*kubectl(s.facts, *words))

    word = "maximum" if field == "maxReplicas" else "minimum"
    return proposal(
        "scale", f"Raise the {word} of the autoscaler {name} to {wanted or 'more'} replicas.", patch(wanted), why=why,
        risk="More replicas open more connections to databases and cost more; the cluster needs room for them.",
        undo=patch(now), against=[*against, *(_in_vain(s) if not against else [])], findings=rests,
    )  # fmt: skip


def _bound(s: Situation, which: str) -> int | None:
    its = [c for c in s.changes if c.details.get("kind") == "HorizontalPodAutoscaler"]
    return next((n for c in reversed(its) if (n := whole(c.details, which)) is not None), None)


def _memory(s: Situation, rests: Sequence[View]) -> Proposal:
    """A higher limit: further replicas would fill up alike."""
    now = _memory_limit(s)
    container = given(s.facts, "container")

    def limited(bytes_: int) -> str:
        amount = f"{math.ceil(bytes_ / _MIB)}Mi" if bytes_ else "<memory_limit>"
        of, to = f"--containers={container}", f"--limits=memory={amount}"
        return command(*kubectl(s.facts, "set", "resources", given(s.facts, "workload"), of, to))

    return proposal(
        "scale", f"Raise the memory limit of {given(s.facts, 'workload')} by half.", limited(int(now * ROOMIER)),
        why=[*(f["headline"] for f in rests), "More replicas would fill up alike."],
        risk="Every pod is replaced, and nodes need room for it. If memory leaks, this buys time and no more.",
        undo=limited(now), findings=rests,
    )  # fmt: skip


def _memory_limit(s: Situation) -> int:
    """Bytes, where all pods have the same and one container each (a pod's limit is the sum of theirs); else 0."""
    pods = s.evidence.tables.get("workloads")
    containers = [mapping(c.details, "images") for c in s.changes if c.platform == "kubernetes"]
    if pods is None or not containers or any(len(c) != 1 for c in containers):
        return 0
    found = {whole(limits, "memory") for limits in decoded(pods[pods["kind"] == "Pod"], "limits") if limits}
    only = found.pop() if len(found) == 1 else None
    return only or 0
