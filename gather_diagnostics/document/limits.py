"""How much of the document a text form shows, and what goes first where it must be shorter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from gather_diagnostics.document.clock import when
from gather_diagnostics.document.escaping import cut

View = Mapping[str, Any]
_EVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """Entries of each part. The first screen knows no such limit: it is the same however much there is."""

    quotes: int = 120
    timeline: int = 80
    others: int = 40
    """Findings that answer none of the four questions; signals of the onset."""
    targets: int = 5
    """What one source was asked for."""
    candidates: int = 8
    gaps: int = 40
    text: int = 400
    """Characters of one inserted text; three times as many of a sentence."""


_ORDER: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("quotes", (60, 20)),
    ("timeline", (40, 20)),
    ("quotes", (0,)),
    ("others", (20, 10)),
    ("text", (200,)),
    ("targets", (2,)),
    ("candidates", (5, 3)),
    ("timeline", (0,)),
    ("gaps", (20, 10)),
    ("text", (80,)),
    ("others", (5,)),
    ("candidates", (2,)),
    ("gaps", (5,)),
)
"""The least important first: what can be looked up in the bundle, before what somebody must know."""


def ladder() -> Iterator[Limits]:
    """Everything, then step by step less."""
    limits = Limits()
    yield limits
    for name, steps in _ORDER:
        for step in steps:
            limits = replace(limits, **{name: step})
            yield limits


def shortest() -> Limits:
    *_, last = ladder()
    return last


def fitted(render: Callable[[Limits], str], most: int) -> str | None:
    """The first rendering of at most `most` characters; None where even the shortest is longer."""
    return next((text for limits in ladder() if len(text := render(limits)) <= most), None)


def cut_words(document: View, limits: Limits) -> str:
    """What was left out against the whole, as a sentence for the reader; empty where nothing was."""
    whole = Limits()
    parts = {
        "quotes": ("quoted rows", len(document["quotes"])),
        "timeline": ("entries of the timeline", len(document["timeline"])),
        "others": ("other findings", len(other_findings(document))),
        "candidates": ("changes that were ranked", len(document["changes"])),
        "gaps": ("gaps", len(document["gaps"])),
    }
    found = []
    for name, (words, there) in parts.items():
        shown, most = getattr(limits, name), getattr(whole, name)
        if shown < min(most, there):
            found.append(f"{words} ({shown} of {there})")
    if limits.text < whole.text:
        found.append("the ends of long texts")
    return f"Left out here: {', '.join(found)}. The whole is in evidence.html." if found else ""


def shortened(text: object, most: int) -> str:
    """A value as words, cut."""
    return cut("" if text is None else str(text), most)


_TOLD = ("onset", "changes", "latency", "error_rate")


def other_findings(document: View) -> list[View]:
    """Those that answer none of when, what, where and why."""
    return [f for f in document["findings"] if f["question"] not in _TOLD]


def near(timeline: Sequence[View], onset: View | None, most: int) -> list[View]:
    """The entries nearest the onset (the latest without one), still in order."""
    centre = when(onset["time"]) if onset else None
    far = {id(e): abs(((when(e["time"]) or _EVER) - (centre or _EVER)).total_seconds()) for e in timeline}
    kept = {id(e) for e in sorted(timeline, key=lambda e: far[id(e)])[:most]}
    return [e for e in timeline if id(e) in kept]
