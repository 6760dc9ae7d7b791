"""The key `response` of evidence.json: all that follows from findings, runbooks and the escalation matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gather_diagnostics.model import Evidence

if TYPE_CHECKING:
    from gather_diagnostics.config import Response
    from gather_diagnostics.response.escalation import Matrix
    from gather_diagnostics.response.runbooks.model import Runbook

View = Mapping[str, Any]
Respond = Callable[[Evidence, View], dict[str, Any]]
"""Evidence and `document.answered` of it, to the response. Pure."""

MOST_RUNBOOKS = 8
"""That are told; those behind fit worse and worse."""


def responder(settings: Response) -> Respond:
    """What responds as the configuration says. Raises ConfigError where the user's runbooks or matrix can't be used;
    the shipped ones are read when they are needed."""
    from gather_diagnostics.response import escalation
    from gather_diagnostics.response.runbooks import library

    folders = [Path(folder) for folder in settings.runbooks]
    own = library.own(folders) if folders else {}
    matrix = escalation.read(Path(settings.escalation_matrix)) if settings.escalation_matrix else None

    def respond(evidence: Evidence, document: View) -> dict[str, Any]:
        books = {**library.installed(), **own}
        return _response(evidence, document, books, matrix or escalation.read(None), settings.severity_scheme)

    return respond


def warm() -> None:
    """Read what is shipped, so that a response finds it ready."""
    from gather_diagnostics.response import escalation, mitigation, severity, whys  # noqa: F401 - it is to be imported
    from gather_diagnostics.response.runbooks import library, telling  # noqa: F401

    library.installed()


def _response(
    evidence: Evidence, document: View, books: Mapping[str, Runbook], matrix: Matrix, scheme: str
) -> dict[str, Any]:
    from gather_diagnostics.response import escalation, mitigation, whys
    from gather_diagnostics.response.facts import facts
    from gather_diagnostics.response.runbooks.matching import match
    from gather_diagnostics.response.runbooks.telling import tell

    known = facts(evidence, document)
    mitigations = mitigation.propose(evidence, document, known)
    judged = _judged(document, evidence.request.severity, scheme)
    return {
        "severity": judged,
        "escalation": escalation.plan(judged, matrix, evidence.request.owner),
        "runbooks": tell(match(document, books)[:MOST_RUNBOOKS], known, mitigations),
        "mitigations": mitigations,
        "whys": whys.chain(document),
    }


def _judged(document: View, given: str, scheme: str) -> dict[str, Any]:
    """A word of no scheme, as old bundles may have one, is kept as it was given and moves nothing."""
    from gather_diagnostics.errors import InputError
    from gather_diagnostics.response import severity

    try:
        return severity.judge(document, given, scheme)
    except InputError:
        return {**severity.judge(document, "", scheme), "given": given}
