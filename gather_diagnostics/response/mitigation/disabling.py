"""Disable: the feature behind a flag that was switched. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from gather_diagnostics.document import brief
from gather_diagnostics.response.facts import fit
from gather_diagnostics.response.mitigation import obstacles
from gather_diagnostics.response.mitigation.proposals import Proposal, command, given, proposal
from gather_diagnostics.response.mitigation.situation import Situation
from gather_diagnostics.response.mitigation.ways import in_repository

FLAGS = "<your feature flag command>"


def proposals(s: Situation) -> Iterator[Proposal]:
    """Where the change in question is a flag's: by a commit where flags are files, else by whatever holds them."""
    change = s.question
    if change is None or (change.kind != "flag" and "flag" not in s.facts):
        return
    its = s.candidate(change)
    name = given(s.facts, "flag")
    way = next(in_repository(s, change), None)
    switch = command(FLAGS, name, "off")
    risk = "Whoever uses the feature loses it." + (
        "" if way else " Where flags are kept is not known from the evidence."
    )
    yield proposal(
        "disable",
        f"Switch the feature flag {name} back." if fit(s.facts.get("flag")) else f"Undo “{change.summary[:100]}”.",
        way.command if way else switch,
        why=[f"{brief.percent(its['probability'])} probable: {brief.candidate_name(its)}"] if its else [],
        risk=risk,
        undo=way.undo if way else command(FLAGS, name, "on"),
        against=obstacles.of_undoing(s, change, None),
        findings=[its] if its else [],
    )
