"""What has no source of its own: the request out of options and configuration, gaps, names of files, findings.

Rows, raw answers, targets and sources' gaps are redacted as they come; this goes over the rest, and over those again,
which changes nothing. Only then may evidence be rendered and written.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from gather_diagnostics.model import Coverage, Evidence, Finding, Gap, KnownError, Request, Target
from gather_diagnostics.redaction.patterns import PLACEHOLDER
from gather_diagnostics.redaction.redactor import UNREADABLE, Redactor

SOURCE = "redaction"
"""Source of the gap that names what was left out."""
Report = Mapping[str, Mapping[str, int]]
_UNFIT = re.compile(r"[\[\]:]+")
"""What a placeholder has and a file's name may not."""


def redacted(evidence: Evidence, redactor: Redactor) -> Evidence:
    """The evidence with every text of it redacted, the report complete, and a gap where something was left out.

    Raises what the redactor raises: then there is nothing that could be written.
    """
    before = redactor.report
    request = _request(evidence.request, redactor)
    coverage = tuple(_coverage(c, redactor) for c in evidence.coverage)
    gaps = tuple(_gap(g, redactor) for g in evidence.gaps if g.source != SOURCE)
    findings = tuple(_finding(f, redactor) for f in evidence.findings)
    raws = {file_name(path, redactor): text for path, text in evidence.raws.items()}
    report = added(evidence.redactions, redactor.report, before)
    return replace(
        evidence, request=request, coverage=coverage, findings=findings, raws=raws, redactions=report,
        gaps=(*gaps, *_left_out(report)), demo=redactor.composed(evidence.demo, "request"),
        response=composed(evidence.response, redactor, "response"),
    )  # fmt: skip


def added(told: Report, now: Report, before: Report) -> Report:
    """The report `told` and what a redactor replaced between two reports of its own."""
    kinds: dict[str, Counter[str]] = {kind: Counter(places) for kind, places in told.items()}
    for kind, places in now.items():
        new = Counter(places) - Counter(before.get(kind, {}))
        known = kinds.setdefault(kind, Counter())
        # Where the evidence came out of the same redactor, what it had replaced by then is in `told`.
        known.update(new)
    return {kind: dict(sorted(places.items())) for kind, places in sorted(kinds.items()) if places}


def file_name(path: str, redactor: Redactor) -> str:
    """A raw record's path; of a part with a secret in it the placeholder stays, as far as a file's name can hold it."""
    clean = redactor.text(path, "raw file name")
    return PLACEHOLDER.sub(lambda found: _UNFIT.sub("-", found[0]).strip("-"), clean)


def _left_out(report: Report) -> list[Gap]:
    """Fails closed, and says so: what could not be looked through is not in the bundle."""
    places = report.get(UNREADABLE, {})
    return [
        Gap(
            SOURCE,
            f"{count} text{'s' if count > 1 else ''} of {place}",
            "invalid",
            "redaction could not look through them, so they were left out",
            f"look there for {UNREADABLE}: a placeholder stands in the place of each; see the source itself",
        )
        for place, count in places.items()
    ]


def _request(request: Request, redactor: Redactor) -> Request:
    def hide(text: str) -> str:
        return redactor.text(text, "request")

    return replace(
        request,
        service=hide(request.service),
        description=hide(request.description),
        severity=hide(request.severity),
        owner=hide(request.owner),
        dependencies=tuple(map(hide, request.dependencies)),
        runbooks=tuple(map(hide, request.runbooks)),
        known_errors=tuple(_known_error(k, redactor) for k in request.known_errors),
    )


def _known_error(known: KnownError, redactor: Redactor) -> KnownError:
    def hide(text: str) -> str:
        return redactor.composed(text, "request")  # expressions are no 'key: value', though they may look like it

    return replace(
        known, patterns=tuple(map(hide, known.patterns)), meaning=hide(known.meaning), cause=hide(known.cause),
        system=hide(known.system), runbook=hide(known.runbook), example=redactor.text(known.example, "request"),
    )  # fmt: skip


def _coverage(coverage: Coverage, redactor: Redactor) -> Coverage:
    targets = (
        Target(*(redactor.text(text, "target") for text in (t.what, t.where, t.because))) for t in coverage.targets
    )
    return replace(coverage, targets=tuple(targets))


def _gap(gap: Gap, redactor: Redactor) -> Gap:
    wanted, why, mend = (redactor.text(text, "gap") for text in (gap.wanted, gap.why, gap.mend))
    return replace(gap, wanted=wanted, why=why, mend=mend)


def _finding(finding: Finding, redactor: Redactor) -> Finding:
    headline = redactor.composed(finding.headline, "findings")
    return replace(finding, headline=headline, details=composed(finding.details, redactor))


def composed(value: Any, redactor: Redactor, place: str = "findings") -> Any:
    """JSON that was put together here, with every text and key of it redacted."""
    match value:
        case None | bool() | int() | float() | datetime():
            return value
        case str():
            return redactor.composed(value, place)
        case Mapping():
            return {redactor.composed(str(k), place): composed(v, redactor, place) for k, v in value.items()}
        case list() | tuple():
            return [composed(item, redactor, place) for item in value]
    return value
