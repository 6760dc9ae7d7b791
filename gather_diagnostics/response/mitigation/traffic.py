"""How much traffic there is, against how much there was: what the analyzer `traffic` found. Pure."""

from __future__ import annotations

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts.details import number

SURGE = 1.5
"""Times its baseline from which on traffic is more than usual."""


def rates(evidence: Evidence) -> tuple[float, float]:
    """Requests a second, in the baseline and in a rise that goes on; zeros where there is none."""
    told = next((f.details for f in evidence.findings_of("traffic") if f.id == "traffic"), {})
    if told.get("direction") != "up" or told.get("until"):
        return 0.0, 0.0
    return number(told, "before") or 0.0, number(told, "after") or 0.0


def surge(evidence: Evidence) -> float:
    """How many times the baseline's traffic there is; 1 where it is no surge, or was not counted."""
    before, now = rates(evidence)
    return round(now / before, 1) if before > 0 and now >= SURGE * before else 1.0
