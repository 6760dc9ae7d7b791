"""What may stop the harm now: roll back, scale, fail over, disable, redirect, with the command for this deployment.

Everything is a proposal: nothing here runs anything. What will not help is told too, with the reason, because it is
what somebody will try at night. Where nothing is wrong, nothing is proposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts import Known
from gather_diagnostics.response.mitigation import disabling, failing_over, redirecting, rolling_back, scaling
from gather_diagnostics.response.mitigation.proposals import KINDS, Proposal, explained
from gather_diagnostics.response.mitigation.situation import Situation, situation

__all__ = ["KINDS", "propose"]

_PROPOSERS: tuple[Callable[[Situation], Iterator[Proposal]], ...] = (
    rolling_back.proposals,
    scaling.proposals,
    failing_over.proposals,
    disabling.proposals,
    redirecting.proposals,
)


def propose(evidence: Evidence, document: Mapping[str, Any], known: Known) -> list[dict[str, Any]]:
    """The key `mitigations` of the response: those that help first, each part in the order of KINDS.

    `document` is `document.view(evidence)`, `known` what `facts.known` makes of both. A command is one line for a POSIX
    shell, every word quoted; '<name>' in it is for a person to fill in, because the evidence does not tell it. Pure.
    """
    s = situation(evidence, document, known)
    if not s.wrong:
        return []
    made = [explained(p, s.several) for proposer in _PROPOSERS for p in proposer(s)]
    return sorted(made, key=lambda p: (not p["helps"], KINDS.index(p["kind"])))
