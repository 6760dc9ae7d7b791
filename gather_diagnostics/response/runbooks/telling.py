"""Matches as evidence.json has them, the steps of the first one filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gather_diagnostics.response.runbooks import filling
from gather_diagnostics.response.runbooks.matching import Because, Match
from gather_diagnostics.response.runbooks.model import Act, Check, Decide, Step, Verify

View = Mapping[str, Any]


def tell(matches: Sequence[Match], facts: Mapping[str, str], mitigations: Sequence[View]) -> list[dict[str, Any]]:
    """The key `response.runbooks`; `mitigations` are those of `response.mitigations`. Pure."""
    return [_told(match, facts, mitigations, first=match is matches[0]) for match in matches]


def told_step(step: Step, facts: Mapping[str, str], mitigations: Sequence[View] = ()) -> dict[str, Any]:
    """A step, its query, decision or command as one text with the names filled in that are known."""
    return {"id": step.id, "kind": step.kind, "title": step.title, "prose": step.prose} | _filled(
        step, facts, mitigations
    )


def _told(match: Match, facts: Mapping[str, str], mitigations: Sequence[View], *, first: bool) -> dict[str, Any]:
    book = match.runbook
    return {
        "id": book.id,
        "title": book.title,
        "kind": book.kind,
        "score": match.score,
        "named": match.named,
        "because": [_because(b) for b in match.because],
        "owner": book.owner,
        "last_reviewed": book.last_reviewed.isoformat(),
        "escalation": book.escalation,
        "intro": book.intro,
        "steps": [told_step(step, facts, mitigations) for step in book.steps] if first else [],
    }


def _because(because: Because) -> dict[str, Any]:
    return {"condition": because.condition, "findings": list(because.findings), "headline": because.headline}


def _filled(step: Step, facts: Mapping[str, str], mitigations: Sequence[View]) -> dict[str, str]:
    match step:
        case Act():
            return _act(step, facts, mitigations)
        case Decide():
            return {"text": _decision(step), "risk": "", "undo": ""}
        case Check() | Verify():
            return {"text": "\n".join(_asked(step, facts)), "risk": "", "undo": ""}


def _act(step: Act, facts: Mapping[str, str], mitigations: Sequence[View]) -> dict[str, str]:
    """The step's own words on risk and undoing, where it has any, go before those of the proposal."""
    made = next((m for m in mitigations if m["kind"] == step.mitigation and m["helps"]), None)
    return {
        "text": made["command"] if made else filling.command(step.command, facts).text,
        "risk": step.risk or (made["risk"] if made else ""),
        "undo": filling.command(step.undo, facts).text or (made["undo"] if made else ""),
    }


def _decision(step: Decide) -> str:
    if step.condition is None:
        return f"yes: {step.then}" + (f", no: {step.otherwise}" if step.otherwise else "")
    return f"if {step.condition.text}: {step.then}" + (f", else: {step.otherwise}" if step.otherwise else "")


def _asked(step: Check | Verify, facts: Mapping[str, str]) -> list[str]:
    """A line for each: what evidence is asked, what a source is, what the answer should be."""
    asked = [f"if {step.condition.text}"] if step.condition else []
    asked += [f"{step.query.source}: {filling.query(step.query, facts).text}"] if step.query else []
    asked += [f"expect {step.expect.text}"] if step.expect else []
    return asked + (["gather_diagnostics recovery"] if isinstance(step, Verify) and step.recovery else [])
