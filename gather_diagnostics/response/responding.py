"""The key `response` of evidence.json: all that follows from findings, runbooks and the escalation matrix."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    own = _own_runbooks([Path(folder) for folder in settings.runbooks])
    matrix = _own_matrix(settings.escalation_matrix)

    def respond(evidence: Evidence, document: View) -> dict[str, Any]:
        from gather_diagnostics.response import escalation
        from gather_diagnostics.response.runbooks import library

        books = {**library.installed(), **own}
        return _response(evidence, document, books, matrix or escalation.shipped(), settings.severity_scheme)

    return respond


def _own_runbooks(folders: Sequence[Path]) -> Mapping[str, Runbook]:
    if not folders:
        return {}
    from gather_diagnostics.response.runbooks import library

    return library.own(folders)


def _own_matrix(path: str) -> Matrix | None:
    if not path:
        return None
    from gather_diagnostics.response import escalation

    return escalation.read(Path(path))


def warm() -> None:
    """Read what is shipped, so that a response finds it ready."""
    from gather_diagnostics.response import escalation, mitigation, severity, whys  # noqa: F401 - it is to be imported
    from gather_diagnostics.response.runbooks import library, telling  # noqa: F401

    library.installed()
    escalation.shipped()


def _response(
    evidence: Evidence, document: View, books: Mapping[str, Runbook], matrix: Matrix, scheme: str
) -> dict[str, Any]:
    from gather_diagnostics.response import escalation, mitigation, whys
    from gather_diagnostics.response.facts import known as known_from
    from gather_diagnostics.response.runbooks.matching import match
    from gather_diagnostics.response.runbooks.telling import tell

    known = known_from(evidence, document)
    mitigations = mitigation.propose(evidence, document, known)
    judged = _judged(document, evidence.request.severity, scheme)
    return {
        "severity": judged,
        "escalation": escalation.plan(judged, matrix, evidence.request.owner),
        "runbooks": tell(match(document, books)[:MOST_RUNBOOKS], known.values, mitigations),
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
