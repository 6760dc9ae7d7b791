"""Names known from the evidence: what a runbook's commands and the mitigations are filled in with.

Nothing is guessed. For each name the most telling source that says anything decides: the change in question, then other
rollouts, then addresses of rows, then labels. Where that source says two things, the name is left out and `several`
tells both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gather_diagnostics.model import Evidence
from gather_diagnostics.response.facts import aws, kubernetes, places, repository
from gather_diagnostics.response.facts.changes import Change, in_question, last_deploy, newest_deploys, read, rollout_of
from gather_diagnostics.response.facts.choosing import Known, choose, fit
from gather_diagnostics.response.facts.names import NAMES

__all__ = [
    "NAMES",
    "Change",
    "Known",
    "fit",
    "in_question",
    "known",
    "last_deploy",
    "read",
    "rollout_of",
]

View = Mapping[str, Any]


def known(evidence: Evidence, document: View) -> Known:
    """Names (of NAMES) to values; those of which the evidence tells more than one value are in `several`.

    Values are plain text, printable and without a leading dash; whoever puts them into a command still has to quote
    them. `document` is `document.view(evidence)`. Pure.
    """
    changes = read(evidence)
    question = in_question(document, changes)
    deploy = last_deploy(document, changes)
    named = (rollout_of(question, changes, document), question, rollout_of(deploy, changes, document), deploy)
    first = [c for c in named if c]
    others = [c for c in newest_deploys(changes) if c not in first]
    about = (kubernetes.of_change, aws.of_change, repository.of_change)
    found = choose(
        [
            _asked(evidence, document),
            repository.who_and_flag(question) if question else (),
            *(tell(c, changes) for c in first for tell in about),
            places.told(evidence, document),
            [pair for c in others for tell in about for pair in tell(c, changes)],
            kubernetes.of_tables(evidence, changes),
            aws.of_tables(evidence),
            repository.of_sources(evidence, changes),
            places.of_labels(evidence),
        ]
    )
    count = kubernetes.replicas(evidence, found.values.get("workload", ""))
    return Known({**found.values, **({"replicas": str(count)} if count else {})}, found.several)


def _asked(evidence: Evidence, document: View) -> list[tuple[str, str]]:
    onset, window = document["onset"], document["windows"]["incident"]
    start = (onset or {}).get("time") or window["start"]
    return [
        ("service", evidence.request.service),
        ("owner", evidence.request.owner),
        ("start", start),
        ("end", window["end"]),
    ]
