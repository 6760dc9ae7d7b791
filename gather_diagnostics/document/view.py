"""Evidence as one plain dict: the content of evidence.json, and all that Markdown, HTML and terminal are made from.

Its keys and their meaning are declared in `schema.py`; docs/EVIDENCE.md explains them to those who read the file.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from gather_diagnostics.document.claims import claims, priority_actions
from gather_diagnostics.document.claims.ids import identified
from gather_diagnostics.document.errorlines import error_patterns
from gather_diagnostics.document.quotes import quote_rows
from gather_diagnostics.document.series import chart_series
from gather_diagnostics.document.timeline import tell
from gather_diagnostics.model import Coverage, Evidence, Finding, Gap, Request, Support, Window
from gather_diagnostics.selection import is_history

SCHEMA = 1
RANKS = ("critical", "high", "medium", "low", "info")
"""Severities, the worst first."""

View = Mapping[str, Any]


def view(evidence: Evidence) -> dict[str, Any]:
    """The document of `evidence`. Pure: equal evidence gives an equal dict, and `json.dumps` takes it."""
    return completed(evidence, answered(evidence))


def completed(evidence: Evidence, document: View) -> dict[str, Any]:
    """The document, from what `answered` gave for this evidence, or for the same without its response."""
    document = {**document, "response": evidence.response}
    document["priority_actions"] = priority_actions(document)
    document["claims"] = claims(evidence, document)
    return document


def answered(evidence: Evidence) -> dict[str, Any]:
    """What a response is made from: the document without the response, what to do first, and claims."""
    request = evidence.request
    findings = [shown(f) for f in evidence.findings]
    patterns = identified("pattern", error_patterns(evidence), "template")
    onset = _onset(findings)
    changes = _changes(findings)
    history = _history(evidence)
    entries, omitted = tell(evidence, onset, changes["changes"], patterns)
    return {
        "schema": SCHEMA,
        "tool": _tool(),
        "demo": evidence.demo,
        "interrupted": evidence.interrupted,
        **_asked(request),
        "severity": _severity(request, findings),
        "coverage": [_coverage(c, evidence.gaps, history.get(c.source, 0)) for c in evidence.coverage],
        "gaps": identified("gap", [_gap(g) for g in evidence.gaps], "source", "wanted", "cause", "why"),
        "onset": onset,
        **changes,
        "changes_seen": len(evidence.tables.get("changes", ())) - sum(history.values()),
        "latency": [f for f in findings if f["question"] == "latency"],
        "error_rate": [f for f in findings if f["question"] == "error_rate"],
        "findings": findings,
        "timeline": identified("event", entries, "time", "kind", "what", "ref"),
        "timeline_omitted": omitted,
        "log_patterns": patterns,
        "series": chart_series(evidence, patterns),
        "quotes": quote_rows(evidence.tables, [s for f in (*findings, *patterns) for s in f["supports"]]),
        "tables": {name: len(frame) for name, frame in sorted(evidence.tables.items())},
        "redactions": {kind: dict(places) for kind, places in sorted(evidence.redactions.items())},
    }


def to_json(document: View) -> str:
    """The document as JSON: sorted, indented, plain ASCII; no '<', so that it may be embedded in HTML."""
    text = json.dumps(document, sort_keys=True, indent=1, ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\x7f", "\\u007f") + "\n"


def plain(value: Any) -> Any:
    """What a plug-in put into `details`, as JSON can hold it: no NaN, no infinity, no NumPy, text keys."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return float(value) if math.isfinite(value) else None
        case datetime():
            return iso(value)
        case Mapping():
            return {str(k): plain(v) for k, v in value.items()}
        case set() | frozenset():
            return sorted((plain(v) for v in value), key=str)
        case list() | tuple():
            return [plain(v) for v in value]
    item = getattr(value, "item", None)  # a NumPy scalar's way to its Python value
    return plain(item()) if callable(item) and not hasattr(value, "__len__") else str(value)


def iso(time: datetime) -> str:
    return time.astimezone(UTC).isoformat()


def _tool() -> dict[str, str]:
    from gather_diagnostics import __version__

    return {"name": "gather_diagnostics", "version": __version__}


def _asked(request: Request) -> dict[str, Any]:
    return {
        "service": request.service,
        "asked": iso(request.asked),
        "description": request.description,
        "timezone": request.timezone,
        "owner": request.owner,
        "runbooks": list(request.runbooks),
        "windows": {
            "incident": _window(request.incident),
            "baseline": _window(request.baseline),
            "changes": _window(request.changes),
            "seasonal": [_window(w) for w in request.seasonal],
        },
    }


def _window(window: Window) -> dict[str, str]:
    return {"start": iso(window.start), "end": iso(window.end)}


def _severity(request: Request, findings: Sequence[View]) -> dict[str, Any]:
    proposed = min((f["severity"] for f in findings), key=RANKS.index, default="info")
    reasons = [f["headline"] for f in findings if f["severity"] == proposed] if proposed != "info" else []
    return {"given": request.severity, "proposed": proposed, "reasons": reasons}


def _history(evidence: Evidence) -> Mapping[str, int]:
    """Source -> rows of `changes` from before the change window, which are told apart from those of the window."""
    if "changes" not in evidence.tables:
        return {}
    frame = evidence.tables["changes"]
    return {str(k): int(v) for k, v in frame.loc[is_history(frame), "source"].value_counts().items()}


def _coverage(coverage: Coverage, gaps: Sequence[Gap], history: int) -> dict[str, Any]:
    rows = {t: n - history if t == "changes" else n for t, n in sorted(coverage.rows.items())}
    return {
        "source": coverage.source,
        "status": coverage.status,
        "seconds": round(coverage.seconds, 3),
        "skew": None if coverage.skew is None else round(coverage.skew, 3),
        "targets": [{"what": t.what, "where": t.where, "because": t.because} for t in coverage.targets],
        "rows": rows,
        "history": history,
        "kept": dict(sorted(coverage.kept.items())),
        "gaps": [index for index, gap in enumerate(gaps) if gap.source == coverage.source],
    }


def _gap(gap: Gap) -> dict[str, str]:
    return {"source": gap.source, "wanted": gap.wanted, "cause": gap.cause, "why": gap.why, "mend": gap.mend}


def shown(finding: Finding) -> dict[str, Any]:
    """A finding as the document has it."""
    return {
        "id": finding.id,
        "question": finding.question,
        "headline": finding.headline,
        "confidence": plain(float(finding.confidence)),
        "severity": finding.severity,
        "time": iso(finding.time) if finding.time else None,
        "span": _window(finding.span) if finding.span else None,
        "supports": [_support(s) for s in finding.supports if s.rows],
        "details": plain(finding.details),
    }


def _support(support: Support) -> dict[str, Any]:
    return {
        "table": support.table,
        "rows": [int(row) for row in support.rows],
        "total": int(support.total) or len(support.rows),
    }


def _onset(findings: Sequence[View]) -> dict[str, Any] | None:
    finding = next((f for f in findings if f["id"] == "onset"), None)
    if finding is None:
        return None
    span, details = finding["span"] or {}, finding["details"]
    return {
        "time": finding["time"],
        "earliest": span.get("start", finding["time"]),
        "latest": span.get("end", finding["time"]),
        "confidence": finding["confidence"],
        "headline": finding["headline"],
        "signals": [_known(_SIGNAL, s) for s in details.get("signals", [])],
        "isolated": [_known(_SIGNAL, s) for s in details.get("isolated", [])],
        "checked": details.get("checked", []),
        "before_window": bool(details.get("before_window", False)),
        "supports": finding["supports"],
        "finding": finding["id"],
    }


_SIGNAL: Mapping[str, Any] = {
    "kind": "signal", "what": "", "time": None, "earliest": None, "latest": None, "until": None, "strength": 0.0,
    "words": "",
}  # fmt: skip
_CANDIDATE: Mapping[str, Any] = {
    "probability": 0.0, "kind": "change", "service": None, "summary": "", "author": None, "revision": None,
    "previous": None, "time": None, "finished": None, "effective": None, "url": None, "for": [], "against": [],
    "members": [],
}  # fmt: skip
_MEMBER: Mapping[str, Any] = {"id": "", "summary": "", "author": None, "revision": None, "time": None, "for": []}
_REASON: Mapping[str, Any] = {"part": "", "words": "", "weight": 0.0}


def _known(keys: Mapping[str, Any], given: View) -> dict[str, Any]:
    """These keys and no others, so that an analyzer of somebody else's may leave some out or have more."""
    return {key: given.get(key, default) for key, default in keys.items()}


def _candidate(finding: View) -> dict[str, Any]:
    known = _known(_CANDIDATE, finding["details"])
    members = [{**_known(_MEMBER, m), "for": _reasons(m.get("for", []))} for m in known["members"]]
    sides = {side: _reasons(known[side]) for side in ("for", "against")}
    own = {"id": finding["details"]["change"], "supports": finding["supports"], "finding": finding["id"]}
    return {**known, **sides, "members": members, **own}


def _reasons(parts: Sequence[View]) -> list[dict[str, Any]]:
    return [_known(_REASON, part) for part in parts]


def _changes(findings: Sequence[View]) -> dict[str, Any]:
    verdict = next((f for f in findings if f["id"] == "changes"), None)
    details = verdict["details"] if verdict else {}
    found = [f for f in findings if f["question"] == "changes" and f["id"] != "changes" and f["details"].get("change")]
    candidates = [_candidate(f) for f in found]
    return {
        "changes": sorted(candidates, key=lambda c: (-(c["probability"] or 0.0), c["id"])),
        "none_probability": details.get("none_probability"),
        "stands_out": bool(details.get("stands_out", False) and candidates),
        "verdict": verdict["headline"] if verdict else "",
    }
