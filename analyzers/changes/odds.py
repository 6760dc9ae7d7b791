"""From evidence to probability: what each kind of evidence weighs, and the softmax with 'none of these'."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

WEIGHTS = {
    "timing": 2.6,
    "after": 5.0,
    "served": 3.0,
    "kind": 1.0,
    "place": 1.3,
    "content": 1.0,
    "frames": 2.5,
    "words": 2.2,
    "new replicas fail": 3.5,
    "new replicas are slow": 1.5,
    "new replicas' cpu": 1.2,
    "new replicas are silent": 4.0,
    "workload": 3.0,
    "callers see errors": 1.5,
    "its own symptoms": 2.6,
    "explained by a callee": 1.3,
    "fails first": 1.5,
    "spread": 1.5,
}
"""Log-odds of each part at full strength. Fitted as a conditional logit with a ridge penalty and kept round
(`benchmarks/diagnosis.py` measures them); those of words, content and kinds of change, of which the benchmark has
nothing, are judgement."""

NONE = 1.0
"""Log-odds of 'none of these': what a change needs to beat."""
ELSEWHERE = {"before": 2.0, "with": 1.0}
"""Log-odds added to 'none' where a dependency that no candidate changes fails before us, or with us."""
NO_SYMPTOM = 6.0
"""Log-odds of 'none' where no onset was found: there is nothing for a change to have caused."""
FEW = 5
"""Candidates of like score up to which their number is not held against them."""


@dataclass(frozen=True, slots=True)
class Part:
    """One reason for (positive) or against (negative) a candidate."""

    part: str
    words: str
    weight: float

    def as_details(self) -> dict[str, Any]:
        return {"part": self.part, "words": self.words, "weight": round(self.weight, 2)}


def part(name: str, words: str, strength: float) -> Part:
    """A part of `WEIGHTS[name]` at `strength`: 1 is the whole weight for, -1 the whole weight against."""
    return Part(name, words, WEIGHTS[name] * strength)


def crowd(scores: Sequence[float]) -> float:
    """Log-odds for 'none' from a crowd of equals: many mediocre candidates must not add up to a cause.

    The effective number of candidates is the inverse Simpson index of their shares; one that stands out makes it 1.
    """
    if not scores:
        return 0.0
    effective = 1 / sum(share**2 for share in softmax(scores))
    return max(0.0, math.log(effective / FEW))


def softmax(scores: Sequence[float]) -> list[float]:
    top = max(scores)
    powers = [math.exp(s - top) for s in scores]
    return [p / sum(powers) for p in powers]
