"""A judgement as a criterion with its sentence. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gather_diagnostics.response.recovery.judging import Judged
from gather_diagnostics.response.recovery.model import Criterion


@dataclass(frozen=True, slots=True)
class Asked:
    """What a criterion is about."""

    id: str
    name: str
    said: Callable[[float], str]
    """A value in words."""


@dataclass(frozen=True, slots=True)
class Levels:
    """What was measured, in one unit."""

    now: float
    usual: float
    ill: float
    """In the incident."""
    most: float
    """It may be so bad now, with 95 % confidence."""
    edge: float
    """How bad it may be at most."""


def criterion(asked: Asked, judged: Judged, told: Levels) -> Criterion:
    said = asked.said
    figures = f"{said(told.now)} now, {said(told.usual)} before the incident"
    risen = f"{figures}, {said(told.ill)} in it"
    words = {
        "steady": f"{figures}; it did not leave its baseline",
        "back": f"{risen}; it is back",
        "still": f"{risen}; it is not back",
        "unsure": f"{risen}; that is too little to tell: it may still be {said(told.most)}, the limit is"
        f" {said(told.edge)}",
        "worse": f"{risen}; it is worse",
    }[judged.why]
    ill = judged.why != "steady"
    return Criterion(asked.id, asked.name, judged.state, f"{asked.name}: {words}.", was_ill=ill)
