"""The findings: the verdict, and one per candidate."""

from __future__ import annotations

from collections.abc import Sequence

from analyzers.changes.change import Candidate
from analyzers.changes.symptom import Symptom
from gather_diagnostics import Finding, Support

MOST_SHOWN = 20
STANDS_OUT = 0.5
"""Probability from which the first candidate is called the likely cause."""


def verdict(about: Symptom, ranked: Sequence[tuple[Candidate, float]], none: float) -> Finding:
    first, chance = ranked[0] if ranked else (None, 0.0)
    stands_out = bool(about.onset and first and chance >= STANDS_OUT)
    if not ranked:
        headline = "No change is known in the change window."
    elif stands_out and first:
        headline = f"Most likely {first.change.name}, with probability {chance:.2f}; {first.reason}."
    elif about.onset is None:
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


def finding(candidate: Candidate, chance: float, about: Symptom) -> Finding:
    change = candidate.change
    parts = sorted(candidate.parts, key=lambda p: -abs(p.weight))
    return Finding(
        f"changes:{change.id}",
        "changes",
        f"{change.name}: probability {chance:.2f}; {candidate.reason}.",
        round(chance, 4),
        time=change.time,
        supports=(
            Support("changes", (change.row, *(m.row for m, _ in candidate.members[:5])), 1 + len(candidate.members)),
            *about.supports[:1],
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
            "effective": change.time.isoformat(),
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
