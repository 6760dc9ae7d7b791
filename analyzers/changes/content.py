"""What a change touches, against what the errors say."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from analyzers.changes.change import Change
from analyzers.changes.odds import WEIGHTS, Part, part

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_COMMON = frozenset(
    "the and for with from that this not are was has have but its into out off can new use used add added set get fix"
    " error errors failed fail failure exception info warn warning level time msg message log line file src main app"
    " lib service services test tests code call called return value true false null none request response http https"
    " api com org net www yaml yml json java python update change changed remove removed make more when after before"
    " all any one two via per now still also does did".split()
)


def tokens(text: str) -> set[str]:
    """Words of three letters or more, split at case changes, digits and punctuation, without the commonplace."""
    return {w for w in (m.lower() for m in _WORD.findall(text[:20_000])) if len(w) > 2 and w not in _COMMON}


def words_of(change: Change) -> set[str]:
    return tokens(" ".join([change.summary, *change.files, str(change.details.get("body", ""))]))


def content(change: Change) -> list[Part]:
    parts = []
    scope = change.details.get("scope")
    if scope in ("docs", "tests"):
        parts.append(part("content", f"touches {'documentation' if scope == 'docs' else 'tests'} only", -3.5))
    if change.details.get("reverted_by"):
        parts.append(part("content", "was reverted since: somebody suspected it already", 0.7))
    return parts


def relevance(change: Change, told: Mapping[str, float], rarity: Mapping[str, float]) -> list[Part]:
    """Words that the errors and the change share, the rare ones counting more."""
    if not told:
        return []
    shared = {w: told[w] * rarity.get(w, 1.0) for w in words_of(change) & set(told)}
    if not shared:
        return [part("words", "shares no word with the errors", -0.2)] if change.files else []
    best = sorted(shared, key=lambda w: (-shared[w], w))[:4]
    strength = min(1.0, 0.4 * sum(sorted(shared.values(), reverse=True)[:4]))
    shown = part("words", f"shares {_list(best)} with the errors", strength)
    return [shown] if strength * WEIGHTS["words"] >= 0.15 else []


def rarity_of(known: Iterable[Change]) -> Mapping[str, float]:
    """Weight of a word by how few of the changes use it: 1 for a word of one change, 0 for a word of all."""
    sets = [words_of(c) for c in known]
    counts = Counter(w for words in sets for w in words)
    total = max(len(sets), 2)
    return {w: math.log(total / n) / math.log(total) if n < total else 0.0 for w, n in counts.items()}


def _list(words: Sequence[str]) -> str:
    return ", ".join(f"“{w}”" for w in words)
