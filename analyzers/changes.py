"""Which of the recent changes most likely did it?

Every change gets a probability: the parts of a score (log-odds, in `Part.weight`) are added up, and a softmax over all
candidates and "none of these" turns sums into probabilities. Each part says in words why it speaks for or against.
A deploy marker and the commits it carried are one candidate - the deploy is what can be rolled back - with the
commits as members, ranked by the same parts.

Findings: 'changes' (the verdict: stands_out, first, probability, none_probability, candidates) and one
'changes:<id>' per candidate (change, probability, kind, service, summary, author, revision, previous, time, finished,
effective, url, for, against, members).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from gather_diagnostics import Finding, Findings, Request, Support, Tables, analyzer, decoded
from gather_diagnostics.selection import ERROR_LEVELS, of_service, since_onset, within

if TYPE_CHECKING:
    import pandas as pd

MOST_SHOWN = 20
STANDS_OUT = 0.5
"""Probability from which the first candidate is called the likely cause."""
NONE = 1.0
"""Log-odds of 'none of these': what a change needs to beat."""
FEW = 5
"""Candidates of like score up to which their number is not held against them."""
NO_SYMPTOM = 6.0
"""Log-odds of 'none' where no onset was found: there is nothing for a change to have caused."""
ONCE_UNDER_WAY = timedelta(seconds=90)
"""A rollout may show its first errors before its marker is written, and clocks differ by this much."""


@dataclass(frozen=True, slots=True)
class Part:
    part: str
    words: str
    weight: float

    def as_details(self) -> dict[str, Any]:
        return {"part": self.part, "words": self.words, "weight": round(self.weight, 2)}


@dataclass(frozen=True, slots=True)
class Change:
    row: int
    id: str
    kind: str
    service: str | None
    summary: str
    author: str | None
    revision: str | None
    previous: str | None
    time: datetime
    finished: datetime | None
    details: Mapping[str, Any]

    @property
    def files(self) -> list[str]:
        return [str(f.get("path", "")) for f in self.details.get("files", ())]

    @property
    def telling(self) -> tuple[int, int]:
        return len(self.details.get("commits", ())), len(self.files)

    def words(self) -> set[str]:
        return _tokens(" ".join([self.summary, *self.files, str(self.details.get("body", ""))]))


@dataclass
class Candidate:
    change: Change
    members: list[tuple[Change, list[Part]]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    @property
    def score(self) -> float:
        return sum(p.weight for p in self.parts)


@dataclass(frozen=True)
class Symptom:
    """What is known about the incident, as far as a change can be held against it."""

    onset: datetime | None
    earliest: datetime | None
    words: Mapping[str, float]
    """Words of the error lines and endpoints that broke, with a weight by rarity."""
    frames: Mapping[str, str]
    """File name in an error text -> the path as written there."""
    supports: tuple[Support, ...]


@analyzer(needs=("changes",), uses=("logs",), after=("onset", "error_rate", "latency"))
def changes(request: Request, tables: Tables, findings: Findings) -> Iterator[Finding]:
    """The verdict, then the candidates, most probable first."""
    rows = [_change(row, details) for row, details in _rows(tables["changes"])]
    symptom = _symptom(request, tables, findings)
    candidates = _candidates(_told_once([r for r in rows if r.time in request.changes]), rows)
    marked = any(c.change.kind == "deploy" for c in candidates)
    rarity = _rarity([m for c in candidates for m in (c.change, *(m for m, _ in c.members))])
    for candidate in candidates:
        _judge(candidate, request, symptom, rarity, marked)
    scores = [c.score for c in candidates]
    scores.append(_crowd(scores) + (NONE if symptom.onset else NO_SYMPTOM))
    chances = _softmax(scores)
    ranked = sorted(
        zip(candidates, chances, strict=False), key=lambda p: (-p[1], -p[0].change.time.timestamp(), p[0].change.id)
    )
    yield _verdict(symptom, ranked, chances[-1])
    for candidate, chance in ranked[:MOST_SHOWN]:
        yield _finding(candidate, chance, symptom)


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    return zip(frame.itertuples(), decoded(frame, "details"), strict=True)


def _change(row: Any, details: Mapping[str, Any]) -> Change:
    text = {
        n: v if isinstance(v := getattr(row, n), str) else None for n in ("service", "author", "revision", "previous")
    }
    finished = None if row.finished != row.finished else row.finished.to_pydatetime()
    return Change(
        row.Index,
        row.id,
        row.kind,
        summary=row.summary,
        time=row.time.to_pydatetime(),
        finished=finished,
        details=details,
        **text,
    )


def _told_once(rows: Sequence[Change]) -> list[Change]:
    """Without what two sources tell of one change: the same kind at the same commit, as a tag and as a release.

    The account that says most is kept: one with commits before one with files before one with neither.
    """
    best: dict[tuple[str, str, str], Change] = {}
    for row in rows:
        revision = row.revision or ""
        key = (row.kind, row.service or "", revision if _SHA.fullmatch(revision) else row.id)
        if key not in best or row.telling > best[key].telling:
            best[key] = row
    kept = {row.id for row in best.values()}
    return [row for row in rows if row.id in kept]


def _candidates(recent: Sequence[Change], known: Sequence[Change]) -> list[Candidate]:
    """Deploys with the commits they carried, then every change that no deploy carried."""
    by_revision = {c.revision: c for c in known if c.revision and c.kind != "deploy"}
    carried: set[str] = set()
    found = []
    for deploy in (c for c in recent if c.kind == "deploy"):
        members = [by_revision[r] for r in deploy.details.get("commits", ()) if r in by_revision]
        carried |= {m.id for m in members}
        found.append(Candidate(deploy, [(m, []) for m in members]))
    return found + [Candidate(c) for c in recent if c.kind != "deploy" and c.id not in carried]


def _symptom(request: Request, tables: Tables, findings: Findings) -> Symptom:
    onset = next((f for f in findings["onset"] if f.time), None)
    endpoints = [
        f.id.rpartition("endpoint:")[2] for q in ("error_rate", "latency") for f in findings[q] if ":endpoint:" in f.id
    ]
    texts: list[str] = []
    usual: Counter[str] = Counter()
    if "logs" in tables:
        errors = of_service(tables["logs"], request.service)
        errors = errors[errors["level"].isin(ERROR_LEVELS)]
        texts = within(errors, since_onset(request, findings)).drop_duplicates("template")["message"].head(200).tolist()
        for text in within(errors, request.baseline).drop_duplicates("template")["message"].head(500):
            usual.update(_tokens(text))
    counted = Counter(t for text in texts for t in _tokens(text))
    words = {w: 1.0 / (1 + usual[w]) for w in counted}
    words |= {w: 1.0 for e in endpoints for w in _tokens(e)}
    return Symptom(
        onset=onset.time if onset else None,
        earliest=onset.span.start if onset and onset.span else None,
        words={w: v for w, v in words.items() if w not in _tokens(request.service)},
        frames={PurePosixPath(p).name: p for t in texts for p in _FILE.findall(t[:20_000])},
        supports=onset.supports if onset else (),
    )


def _judge(candidate: Candidate, request: Request, symptom: Symptom, rarity: Mapping[str, float], marked: bool) -> None:
    change = candidate.change
    candidate.parts += _timing(change, symptom)
    candidate.parts += _kind(change, marked)
    candidate.parts += _place(change, request)
    for member, parts in candidate.members:
        parts += [*_content(member), *_relevance(member, symptom, rarity)]
    candidate.members.sort(key=lambda m: (-sum(p.weight for p in m[1]), -m[0].time.timestamp(), m[0].id))
    if candidate.members:
        best, parts = candidate.members[0]
        candidate.parts += [Part(p.part, f"its commit {_short(best)}: {p.words}", p.weight) for p in parts]
    else:
        candidate.parts += [*_content(change), *_relevance(change, symptom, rarity)]


def _timing(change: Change, symptom: Symptom) -> list[Part]:
    """Log-odds fall with the logarithm of the time between change and onset; a change can't cause its past."""
    if symptom.onset is None:
        return []
    gap = symptom.onset - _effective(change)
    if gap < -ONCE_UNDER_WAY:
        return [Part("timing", f"took effect {_ago(-gap)} after the onset", -5.0)]
    minutes = max(gap.total_seconds() / 60, 0.0)
    weight = 2.6 - 0.9 * math.log1p(minutes / 4)
    words = f"took effect {_ago(gap)} before the onset" if gap >= timedelta(0) else "took effect as the errors began"
    return [Part("timing", words, weight)]


def _effective(change: Change) -> datetime:
    """When it could first be felt: a rollout's start, a commit's landing on the branch."""
    return change.time


def _kind(change: Change, marked: bool) -> list[Part]:
    if change.kind == "deploy":
        return [Part("kind", "a deploy: what it carries reached production then", 0.8)]
    if change.kind in ("config", "flag"):
        return [Part("kind", f"a {change.kind} change: such changes often take effect without a deploy", 0.4)]
    if change.kind == "commit" and marked:
        return [Part("kind", "a commit that no deploy marker shows in production", -2.5)]
    if change.kind == "commit":
        return [Part("kind", "a commit; nothing shows when it reached production", -0.3)]
    return []


def _place(change: Change, request: Request) -> list[Part]:
    if change.service is None or change.service == request.service:
        return []
    if change.service in request.dependencies:
        return [Part("place", f"it changes {change.service}, which {request.service} calls", -0.3)]
    return [Part("place", f"it changes {change.service}, not {request.service}", -1.0)]


def _content(change: Change) -> list[Part]:
    parts = []
    scope = change.details.get("scope")
    if scope in ("docs", "tests"):
        parts.append(Part("content", f"touches {'documentation' if scope == 'docs' else 'tests'} only", -3.5))
    if change.details.get("reverted_by"):
        parts.append(Part("content", "was reverted since: somebody suspected it already", 0.7))
    return parts


def _relevance(change: Change, symptom: Symptom, rarity: Mapping[str, float]) -> list[Part]:
    """Stack frames in its files, then words that the errors and the change share, the rare ones counting more."""
    if not symptom.words and not symptom.frames:
        return []
    names = {PurePosixPath(f).name: f for f in change.files}
    if hits := sorted(set(names) & set(symptom.frames)):
        shown = names[hits[0]]
        return [Part("frames", f"the errors point into {shown}, which it changes", 2.5)]
    shared = {w: symptom.words[w] * rarity.get(w, 1.0) for w in change.words() & set(symptom.words)}
    if not shared:
        return [Part("words", "shares no word with the errors", -0.4)] if change.files else []
    best = sorted(shared, key=lambda w: (-shared[w], w))[:4]
    weight = min(2.2, 0.9 * sum(sorted(shared.values(), reverse=True)[:4]))
    return [Part("words", f"shares {_list(best)} with the errors", weight)] if weight >= 0.15 else []


def _rarity(known: Iterable[Change]) -> Mapping[str, float]:
    """Weight of a word by how few of the changes use it: 1 for a word of one change, 0 for a word of all."""
    sets = [c.words() for c in known]
    counts = Counter(w for words in sets for w in words)
    total = max(len(sets), 2)
    return {w: math.log(total / n) / math.log(total) if n < total else 0.0 for w, n in counts.items()}


def _crowd(scores: Sequence[float]) -> float:
    """Log-odds for 'none' from a crowd of equals: many mediocre candidates must not add up to a cause.

    The effective number of candidates is the inverse Simpson index of their shares; one that stands out makes it 1.
    """
    if not scores:
        return 0.0
    effective = 1 / sum(share**2 for share in _softmax(scores))
    return max(0.0, math.log(effective / FEW))


def _softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [p / sum(powers) for p in powers]


def _verdict(symptom: Symptom, ranked: Sequence[tuple[Candidate, float]], none: float) -> Finding:
    first, chance = ranked[0] if ranked else (None, 0.0)
    stands_out = bool(symptom.onset and first and chance >= STANDS_OUT)
    if not ranked:
        headline = "No change is known in the change window."
    elif stands_out and first:
        headline = f"Most likely {_name(first.change)}, with probability {chance:.2f}; {_reason(first)}."
    elif symptom.onset is None:
        headline = f"No onset, so no change is suspected; {len(ranked)} changes were looked at."
    else:
        headline = (
            f"No change stands out among {len(ranked)}: 'none of these' has probability {none:.2f},"
            f" the best candidate {chance:.2f}."
        )
    details = {
        "stands_out": stands_out,
        "first": first.change.id if first else None,
        "probability": round(chance, 4),
        "none_probability": round(none, 4),
        "candidates": len(ranked),
    }
    rows = (Support("changes", (first.change.row,)),) if first else ()
    return Finding(
        "changes", "changes", headline, round(chance if stands_out else none, 4), supports=rows, details=details
    )


def _finding(candidate: Candidate, chance: float, symptom: Symptom) -> Finding:
    change = candidate.change
    parts = sorted(candidate.parts, key=lambda p: -abs(p.weight))
    return Finding(
        f"changes:{change.id}",
        "changes",
        f"{_name(change)}: probability {chance:.2f}; {_reason(candidate)}.",
        round(chance, 4),
        time=change.time,
        supports=(
            Support("changes", (change.row, *(m.row for m, _ in candidate.members[:5])), 1 + len(candidate.members)),
            *symptom.supports[:1],
        ),
        details={
            "change": change.id,
            "probability": round(chance, 4),
            "kind": change.kind,
            "service": change.service,
            "summary": change.summary,
            "author": change.author,
            "revision": change.revision,
            "previous": change.previous,
            "time": change.time.isoformat(),
            "finished": change.finished.isoformat() if change.finished else None,
            "effective": _effective(change).isoformat(),
            "url": change.details.get("url"),
            "for": [p.as_details() for p in parts if p.weight > 0],
            "against": [p.as_details() for p in parts if p.weight < 0],
            "members": [
                {
                    "id": m.id,
                    "summary": m.summary,
                    "author": m.author,
                    "revision": m.revision,
                    "time": m.time.isoformat(),
                    "for": [p.as_details() for p in its if p.weight > 0],
                }
                for m, its in candidate.members[:10]
            ],
        },
    )


def _reason(candidate: Candidate) -> str:
    return (
        "; ".join(p.words for p in sorted(candidate.parts, key=lambda p: -abs(p.weight))[:2]) or "nothing speaks for it"
    )


def _name(change: Change) -> str:
    return f"{change.kind} “{change.summary[:100]}”" + (f" by {change.author}" if change.author else "")


def _short(change: Change) -> str:
    return f"{(change.revision or change.id)[:10]} “{change.summary[:60]}”"


def _ago(span: timedelta) -> str:
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _list(words: Sequence[str]) -> str:
    return ", ".join(f"“{w}”" for w in words)


_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FILE = re.compile(r"[\w./\-]{1,200}\.(?:py|go|java|kt|scala|js|mjs|jsx|ts|tsx|rb|cs|php|rs|c|cc|cpp|ex|erl)\b")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMMON = frozenset(
    "the and for with from that this not are was has have but its into out off can new use used add added set get fix"
    " error errors failed fail failure exception info warn warning level time msg message log line file src main app"
    " lib service services test tests code call called return value true false null none request response http https"
    " api com org net www yaml yml json java python update change changed remove removed make more when after before"
    " all any one two via per now still also does did".split()
)


def _tokens(text: str) -> set[str]:
    """Words of three letters or more, split at case changes, digits and punctuation, without the commonplace."""
    return {w for w in (m.lower() for m in _WORD.findall(text[:20_000])) if len(w) > 2 and w not in _COMMON}
