"""The analyzer: candidates, their parts, their probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from analyzers.changes.change import Candidate, Change, candidates, read
from analyzers.changes.content import content, rarity_of, relevance
from analyzers.changes.odds import ELSEWHERE, NO_SYMPTOM, NONE, Part, crowd, part, softmax
from analyzers.changes.replicas import Rollout, evidence, rollout
from analyzers.changes.surroundings import Surroundings
from analyzers.changes.symptom import Symptom, symptom
from analyzers.changes.timing import kind, timing
from analyzers.changes.verdict import MOST_SHOWN, finding, verdict
from analyzers.changes.workloads import state
from gather_diagnostics import Finding, Findings, Request, Tables, analyzer


@analyzer(
    needs=("changes",),
    uses=("logs", "metrics", "topology", "workloads"),
    after=("onset", "error_rate", "latency", "stack_frames", "dependencies"),
)
def changes(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """The verdict, then the candidates, most probable first."""
    known = read(tables["changes"])
    about = symptom(request, tables, findings)
    found = candidates([c for c in known if c.time in request.changes], known)
    _judge(found, about)
    if about.onset:
        _judge_service(found, request, tables, about.onset)
    scores = [c.score for c in found]
    scores.append(_none(found, about))
    chances = softmax(scores)
    ranked = sorted(
        zip(found, chances, strict=False), key=lambda p: (-p[1], -p[0].change.time.timestamp(), p[0].change.id)
    )
    yield verdict(about, ranked, chances[-1])
    for candidate, chance in ranked[:MOST_SHOWN]:
        yield finding(candidate, chance, about)


def _none(found: Sequence[Candidate], about: Symptom) -> float:
    """The score of 'none of these': more where nothing stands out, or where something unchanged fails first."""
    if about.onset is None:
        return NO_SYMPTOM
    changed = {c.change.service for c in found}
    elsewhere = [ELSEWHERE[order] for name, order in about.failing_first.items() if name not in changed]
    return NONE + crowd([c.score for c in found]) + max(elsewhere, default=0.0)


def _judge(found: Sequence[Candidate], about: Symptom) -> None:
    """What the change itself says: when, what kind, which files and words."""
    rarity = rarity_of([m for c in found for m in (c.change, *(m for m, _ in c.members))])
    marked = any(c.change.kind == "deploy" for c in found)
    for candidate in found:
        candidate.parts += [*timing(candidate.change, about.onset), *kind(candidate.change, marked)]
        if order := about.failing_first.get(candidate.change.service or ""):
            words = f"{candidate.change.service} left its baseline {order} the service in trouble"
            candidate.parts.append(part("fails first", words, 1.0 if order == "before" else 0.5))
        _judge_content(candidate, about, rarity)


def _judge_content(candidate: Candidate, about: Symptom, rarity: Mapping[str, float]) -> None:
    """A deploy's content is that of the commit it carried that the errors speak of most."""
    for member, parts in candidate.members:
        parts += _touched(member, about, rarity)
    candidate.members.sort(key=lambda m: (-sum(p.weight for p in m[1]), -m[0].time.timestamp(), m[0].id))
    if candidate.members:
        best, parts = candidate.members[0]
        candidate.parts += [Part(p.part, f"its commit {best.short}: {p.words}", p.weight) for p in parts]
    else:
        candidate.parts += _touched(candidate.change, about, rarity)


def _touched(change: Change, about: Symptom, rarity: Mapping[str, float]) -> list[Part]:
    """What it touches; words matter only where no stack trace leads to it."""
    if traced := about.traced.get(change.id):
        return [*content(change), part("frames", traced.words, traced.strength)]
    return [*content(change), *relevance(change, about.words, rarity)]


def _judge_service(found: Sequence[Candidate], request: Request, tables: Tables, onset: datetime) -> None:
    """What the service it changes says: its new replicas, its callers, its callees."""
    rollouts = _rollouts(found, tables)
    revised: dict[str, set[str]] = {}
    for rolled in rollouts.values():
        revised.setdefault(str(rolled.change.service), set()).update(rolled.new["version"].unique())
    around = Surroundings(request, tables, onset, revised)
    for candidate in found:
        change = candidate.change
        candidate.parts += around.evidence(change)
        if "workloads" in tables:
            candidate.parts += state(change, tables["workloads"])
        if change.id in rollouts:
            others = list(rollouts.values())
            candidate.parts += evidence(rollouts[change.id], others, onset, request.incident.end)


def _rollouts(found: Sequence[Candidate], tables: Tables) -> dict[str, Rollout]:
    if "metrics" not in tables:
        return {}
    told = ((c.change.id, rollout(c.change, tables["metrics"])) for c in found)
    return {id_: rolled for id_, rolled in told if rolled}
