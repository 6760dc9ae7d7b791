"""The findings, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from analyzers.dependencies.judging import Verdict
from analyzers.dependencies.lines import UNNAMED
from analyzers.dependencies.peers import Peers
from analyzers.dependencies.texts import PORTS
from gather_diagnostics import Finding

if TYPE_CHECKING:
    from gather_diagnostics.model import Severity


def finding(verdict: Verdict) -> Finding:
    told = "; ".join(s.words for s in verdict.signals[:3])
    return Finding(
        f"dependencies:{verdict.dependency}",
        "dependencies",
        f"{_part(verdict)}: {told}{_itself(verdict)}.",
        verdict.confidence,
        _severity(verdict),
        time=verdict.since,
        supports=tuple(s.support for s in verdict.signals[:5]),
        details={
            "dependency": verdict.dependency,
            "order": verdict.order,
            "since": verdict.since.isoformat(),
            "lead": verdict.lead.total_seconds() if verdict.lead is not None else None,
            "itself": verdict.itself,
            "system": _system(verdict),
            "signals": [{"kind": s.kind, "time": s.time.isoformat(), "words": s.words} for s in verdict.signals],
            "known": verdict.known,
        },
    )


def summary(told: Sequence[Verdict], peers: Peers, onset: Finding | None) -> Finding:
    suspects = [v for v in told if v.order in ("before", "with")]
    victims = [v.dependency for v in told if v.order == "after"]
    looked_at = list(dict.fromkeys([*peers.names, *(v.dependency for v in told)]))
    return Finding(
        "dependencies",
        "dependencies",
        _headline(suspects, told, looked_at, onset),
        suspects[0].confidence if suspects else 0.7 if looked_at else 0.3,
        supports=(suspects[0].signals[0].support,) if suspects else (),
        details={
            "looked_at": looked_at[:100],
            "suspects": [v.dependency for v in suspects],
            "first": suspects[0].dependency if suspects else None,
            "victims": victims,
        },
    )


def _headline(
    suspects: Sequence[Verdict], told: Sequence[Verdict], looked_at: Sequence[str], onset: Finding | None
) -> str:
    if not looked_at:
        return "No dependency is known, and no error line names one: nothing could be looked at."
    count = f"{len(looked_at)} {'dependency' if len(looked_at) == 1 else 'dependencies'} looked at"
    if suspects:
        others = f", and {len(suspects) - 1} more" if len(suspects) > 1 else ""
        return f"{count}: {_part(suspects[0])}{others}."
    if told and onset:
        names = ", ".join(v.dependency for v in told[:3])
        return f"{count}; none left its baseline before the onset, {names} only after it."
    if told:
        names = ", ".join(v.dependency for v in told[:3])
        return f"{count}; {names} left the baseline, without an onset of ours."
    return f"{count}; none left its baseline{' before the onset' if onset else ''}."


def _part(verdict: Verdict) -> str:
    """What part it plays."""
    name = "Something the error lines do not name" if verdict.dependency == UNNAMED else verdict.dependency
    name += f" ({_system(verdict)}'s port)" if _system(verdict) else ""
    lead = verdict.lead
    match verdict.order:
        case "before":
            return f"{name} fails first, {_length(lead)} before our own onset"
        case "with":
            return f"{name} fails as our own trouble begins"
        case "after":
            return f"{name} fails {_length(lead)} after our own onset, so rather a victim than the cause"
        case "unknown":
            return f"{name} left its baseline, while we have no onset"


def _length(lead: timedelta | None) -> str:
    seconds = abs(int(lead.total_seconds())) if lead is not None else 0
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"


def _itself(verdict: Verdict) -> str:
    if verdict.itself == "healthy":
        return "; its own figures stay at their baseline: look at the way there and at our own calls"
    return ""


def _system(verdict: Verdict) -> str | None:
    return next((PORTS[s.port] for s in verdict.signals if s.port in PORTS), None)


def _severity(verdict: Verdict) -> Severity:
    match verdict.order:
        case "before":
            return "high" if verdict.confidence >= 0.6 else "medium"
        case "with":
            return "high" if verdict.itself == "failing" else "medium"
        case _:
            return "low"
