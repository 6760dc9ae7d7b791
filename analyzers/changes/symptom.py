"""What is known about the incident, as far as a change can be held against it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from analyzers.changes.content import tokens
from gather_diagnostics import Finding, Findings, Request, Support, Tables
from gather_diagnostics.selection import ERROR_LEVELS, of_service, since_onset, within


@dataclass(frozen=True, slots=True)
class Traced:
    """A stack trace that ends in what a change touched."""

    strength: float
    words: str


@dataclass(frozen=True)
class Symptom:
    onset: datetime | None
    words: Mapping[str, float]
    """Words of the error lines and endpoints that broke, with a weight by rarity."""
    traced: Mapping[str, Traced]
    """Change id -> how new stack traces lead to it."""
    failing_first: Mapping[str, str]
    """Dependency that left its baseline before us, or with us -> 'before' or 'with'."""
    supports: tuple[Support, ...]


def symptom(request: Request, tables: Tables, findings: Findings) -> Symptom:
    onset = next((f for f in findings["onset"] if f.time), None)
    endpoints = [
        f.id.rpartition("endpoint:")[2] for q in ("error_rate", "latency") for f in findings[q] if ":endpoint:" in f.id
    ]
    texts, usual = _error_texts(request, tables, findings)
    told = {w: 1.0 / (1 + usual[w]) for text in texts for w in tokens(text)}
    told |= {w: 1.0 for e in endpoints for w in tokens(e)}
    return Symptom(
        onset=onset.time if onset else None,
        words={w: v for w, v in told.items() if w not in tokens(request.service)},
        traced=_traced(findings["stack_frames"]),
        failing_first={
            str(f.details["dependency"]): f.details["order"]
            for f in findings["dependencies"]
            if f.details.get("order") in ("before", "with")
        },
        supports=onset.supports if onset else (),
    )


def _error_texts(request: Request, tables: Tables, findings: Findings) -> tuple[list[str], Counter[str]]:
    """A line of each error pattern since the onset, and how many patterns of the baseline use a word."""
    usual: Counter[str] = Counter()
    if "logs" not in tables:
        return [], usual
    errors = of_service(tables["logs"], request.service)
    errors = errors[errors["level"].isin(ERROR_LEVELS)]
    for text in within(errors, request.baseline).drop_duplicates("template")["message"].head(500):
        usual.update(tokens(text))
    now = within(errors, since_onset(request, findings)).drop_duplicates("template")
    return now["message"].head(200).tolist(), usual


def _traced(found: Sequence[Finding]) -> Mapping[str, Traced]:
    """The closest that a new or risen trace comes to each change: its very line, its function, its file."""
    traced: dict[str, Traced] = {}
    for finding in found:
        details = finding.details
        if details.get("state") == "usual":
            continue
        for strength, key, place in (
            (1.0, "lines_hit", "a line"),
            (0.9, "functions_hit", "a function"),
            (0.8, "changes", "a file"),
        ):
            for id_ in details.get(key, ()):
                frame = details.get("frame") or {}
                words = (
                    f"{details.get('exception')} at {frame.get('path')}:{frame.get('line')} is in {place} it changed"
                )
                if id_ not in traced or traced[id_].strength < strength:
                    traced[id_] = Traced(strength, words)
    return traced
