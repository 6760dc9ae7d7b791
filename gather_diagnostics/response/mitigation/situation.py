"""What every proposal is judged by, picked out of the evidence once. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gather_diagnostics.document import brief
from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts import Change, Known, fit, in_question, last_deploy, read, rollout_of
from gather_diagnostics.response.facts.details import mapping, text, texts
from gather_diagnostics.response.mitigation.gitops import controller

View = Mapping[str, Any]

UNNAMED = "unnamed"
SURE = 0.6
"""Confidence from which on a dependency that failed before us is where the trouble is."""
GRAVE = ("critical", "high", "medium")


@dataclass(frozen=True)
class Situation:
    evidence: Evidence
    document: View
    facts: Mapping[str, str]
    """Those that may stand in a command."""
    several: Mapping[str, Sequence[str]]
    """Names of which the evidence tells more than one value."""
    changes: Sequence[Change]
    question: Change | None
    """The suspect, else the first change worth a look."""
    deploy: Change | None
    """The most probable deploy."""
    gitops: str
    """'Argo CD' or 'Flux' where one of them owns the workload."""

    @property
    def wrong(self) -> bool:
        """Is there anything to mitigate: something severe, or an onset and something that requests feel?"""
        onset = self.document["onset"]
        severe = self.document["severity"]["proposed"] in ("critical", "high")
        return severe or bool(onset and onset["time"] and brief.broken(self.document))

    @property
    def suspect(self) -> View | None:
        return brief.suspect(self.document)

    def candidate(self, change: Change) -> View | None:
        """What the document says of a change."""
        return next((c for c in self.document["changes"] if c["id"] == change.id), None)

    def rollout(self, change: Change) -> Change | None:
        return rollout_of(change, self.changes, self.document)

    def findings(self, question: str) -> list[View]:
        return [f for f in self.document["findings"] if f["question"] == question]

    def finding(self, id_: str) -> View | None:
        return next((f for f in self.document["findings"] if f["id"] == id_), None)

    def saturated(self, *resources: str) -> list[View]:
        """Findings of what is at its limit, or will be, and not over."""
        its = [f for f in self.findings("saturation") if f["severity"] in GRAVE and not f["details"].get("until")]
        return [f for f in its if f["details"].get("resource") in resources]

    def troubled(self, *reasons: str) -> list[View]:
        """Findings of the workload's health that are bad, by the platform's reasons."""
        its = self.findings("workload_health")
        return [f for f in its if f["severity"] in GRAVE and f["details"].get("reason") in reasons]

    @property
    def dependency(self) -> View | None:
        """The dependency that surely failed before us; one that lines do not name is none."""
        its = [f for f in self.findings("dependencies") if f["details"].get("order") == "before"]
        its = [f for f in its if f["confidence"] >= SURE and f["details"].get("dependency") != UNNAMED]
        return max(its, key=lambda f: float(f["confidence"]), default=None)

    @property
    def carried(self) -> tuple[str, str]:
        """(dimension, value) that carries the trouble alone; ('', '') where none does."""
        scope = self.finding("scope")
        carried = mapping(scope["details"], "carried_by") if scope else {}
        values = texts(carried, "values")
        return (text(carried, "dimension"), values[0]) if len(values) == 1 else ("", "")

    @property
    def over(self) -> list[str]:
        """A sentence where what requests felt is over, none where it goes on or can't be told."""
        scope = self.finding("scope")
        since = clock(text(scope["details"], "recovered_since")) if scope else ""
        return [f"Requests are back at their baseline since {since} UTC: there is nothing to undo."] if since else []

    @property
    def platform(self) -> str:
        """What runs the service: 'kubernetes', 'ecs', 'lambda'; '' where the evidence does not tell."""
        for platform, names in _SIGNS.items():
            if any(name in self.facts or name in self.several for name in names):
                return platform
        return ""


_SIGNS: Mapping[str, Sequence[str]] = {
    "kubernetes": ("workload", "namespace", "helm_release", "context"),
    "ecs": ("ecs_service",),
    "lambda": ("lambda_function",),
}


def situation(evidence: Evidence, document: View, known: Known) -> Situation:
    changes = read(evidence)
    question, deploy = in_question(document, changes), last_deploy(document, changes)
    # Without a context kubectl takes the current one, which is right where there is one and a trap where there are two.
    context = {"context": "<context>"} if "context" in known.several else {}
    filled = {**context, **{n: v for n, v in known.values.items() if fit(v)}}
    return Situation(
        evidence, document, filled, known.several, changes, question, deploy, controller(evidence, changes)
    )


def clock(time: str) -> str:
    """'03:05' of an ISO time; '' for what is none."""
    try:
        return f"{datetime.fromisoformat(time):%H:%M}"
    except ValueError:
        return ""
