"""From limits to a state: the rule that all criteria share. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gather_diagnostics.response.recovery.intervals import Limits
from gather_diagnostics.response.recovery.model import State

LEFT = 0.25
"""Part of the incident's rise that may be left at most, as the limit of 95 % has it. The margin of a non-inferiority
test as a part of a known effect: FDA, Non-Inferiority Clinical Trials to Establish Effectiveness, 2016, part III."""
HALF = 0.5
"""What is nearer to the incident than to the baseline is never back, whatever the noise."""

Why = Literal["back", "steady", "still", "unsure", "worse"]


@dataclass(frozen=True, slots=True)
class Judged:
    state: State
    why: Why
    """back: it is shown to be back; steady: it never left; still: it is not back; unsure: too little to tell."""


def judge(shift: Limits, rise: float, margin: float, beyond: Limits | None, noise: float = 0.0) -> Judged:
    """Whether something that had risen by `rise` in the incident is back.

    `shift`: from the baseline to now; `beyond`: from the incident to now, None where that is not known. All in one
    unit, more being worse. What moved by no more than `margin` never left, and has only not to be shown worse. What
    did is back when it is not shown to be above the baseline by more than `margin`, and may with 95 % confidence be
    above it by less than `limit`.
    """
    higher = shift.surely > 0 and shift.point > margin
    if rise <= margin:
        return Judged("worse", "worse") if higher else Judged("recovered", "steady")
    if beyond and beyond.surely > 0 and beyond.point > max(margin, LEFT * rise):
        return Judged("worse", "worse")
    if higher or shift.point > limit(rise, margin, noise):
        return Judged("not_yet", "still")
    return Judged("recovered", "back") if shift.at_most < limit(rise, margin, noise) else Judged("not_yet", "unsure")


def limit(rise: float, margin: float, noise: float = 0.0) -> float:
    """How far above the baseline it may be at most: `margin`, a quarter of the rise or `noise` (what the baseline
    itself varies by), whichever is most, but never more than half the rise."""
    return min(max(margin, LEFT * rise, noise), HALF * rise)
