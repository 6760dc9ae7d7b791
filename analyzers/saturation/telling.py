"""Verdicts told as findings: one a resource and place, and one that answers the whole question. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from analyzers.saturation.judging import Verdict
from gather_diagnostics import Finding
from gather_diagnostics.model import Severity
from gather_diagnostics.selection import support

QUESTION = "saturation"
SOON = 3600.0
"""Seconds within which something's running out is as bad as its having run out."""
_BYTES = ((40, "TiB"), (30, "GiB"), (20, "MiB"))
STEPS: tuple[Severity, ...] = ("info", "low", "medium", "high", "critical")


def order(finding: Finding) -> tuple[int, str]:
    """The worst first."""
    return -STEPS.index(finding.severity), finding.id


def findings(verdicts: Sequence[Verdict]) -> Iterator[Finding]:
    groups: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.reading.resource.name, verdict.reading.where), []).append(verdict)
    for its in groups.values():
        if told := [v for v in its if v.told]:
            yield _finding(sorted(told, key=_badness), its)


def _badness(verdict: Verdict) -> tuple[Any, ...]:
    """The worst first; equal ones by name, so that the same rows make the same finding."""
    step = STEPS.index(severity(verdict))
    return -step, not verdict.now, verdict.reading.kind, -verdict.level, verdict.reading.name, verdict.reading.metric


def severity(verdict: Verdict) -> Severity:
    """How bad one reading is: at the limit now is high, near it medium; what is over or was always so is less."""
    resource, out = verdict.reading.resource, verdict.runs_out
    soon = out is not None and out.time - verdict.reading.times[-1] <= SOON
    match verdict.reading.kind:
        case "waiting":
            many = verdict.level >= 10 * max(verdict.usual or 0.0, verdict.reading.floor)
            step = (3 if many and verdict.growth > 0 else 2) if verdict.now else 1
        case "refused":
            step = 2 if verdict.now else 1
        case _:
            full = verdict.level >= resource.full
            step = (3 if full or soon else 2) if verdict.now or out else (2 if full else 1)
    return STEPS[step - 1 if verdict.old and not soon else step]


def _finding(told: Sequence[Verdict], every: Sequence[Verdict]) -> Finding:
    first = told[0]
    reading = first.reading
    instances = list(dict.fromkeys(v.reading.name for v in told if v.reading.name))
    of = len({v.reading.name for v in every if v.reading.name})
    out = first.runs_out
    details: dict[str, Any] = {
        "resource": reading.resource.name,
        "where": reading.where,
        "kind": reading.kind,
        "metric": reading.metric,
        "unit": reading.unit,
        "ratio": _ratio(first),
        "level": _amount(first, first.level),
        "limit": reading.limit,
        "usual": _amount(first, first.usual),
        "peak": _amount(first, float(reading.values[first.peak])),
        "since": _iso(first.since),
        "until": _iso(first.until),
        "old": first.old,
        "runs_out": _iso(out.time) if out else None,
        "runs_out_earliest": _iso(out.earliest) if out else None,
        "runs_out_latest": _iso(out.latest) if out else None,
        "growth": round(first.growth * 60, 6),
        "instances": instances[:20],
        "affected": len(instances) or 1,
        "of": of or 1,
    }
    return Finding(
        f"{QUESTION}:{reading.resource.name}" + (f":{reading.where}" if reading.where else ""),
        QUESTION,
        _headline(first, details),
        0.9 if first.now else 0.8 if first.since else 0.65,
        severity(first),
        time=_time(first.since),
        supports=(support("metrics", _rows(told), sum(len(v.reading.rows) for v in told)),),
        details=details,
    )


def _rows(told: Sequence[Verdict]) -> list[int]:
    """The peak of each, the worst first, then the latest samples of the worst."""
    peaks = [int(v.reading.rows[v.peak]) for v in told]
    last = [int(r) for r in told[0].reading.rows[-5:][::-1]]
    return list(dict.fromkeys([*peaks[:15], *last]))


def _headline(first: Verdict, details: Mapping[str, Any]) -> str:
    words = first.reading.resource.words
    name = f"{words} of {first.reading.where}" if first.reading.where else words
    who = f" on {details['affected']} of {details['of']} instances" if details["of"] > 1 else ""
    when = f" {_when(first)}" if first.since else ""
    match first.reading.kind:
        case "waiting":
            usual = _told(first, details["usual"])
            grows = f", growing by {_number(details['growth'])} a minute" if first.growth > 0 else ""
            told = f"{name} piling up: {_told(first, details['level'])} (baseline {usual}){grows}"
        case "refused":
            rates = [_number(60 * rate) for rate in (first.level, first.usual or 0.0)]
            refused = "" if first.reading.resource.name == "throttles" else " refused"
            told = f"{name}{refused}: {rates[0]} a minute (baseline {rates[1]})"
        case _:
            told = f"{name} {_share(first, details)}"
    return f"{told[0].upper()}{told[1:]}{who}{when}{_end(first)}."


def _share(first: Verdict, details: Mapping[str, Any]) -> str:
    limit = f" of {_told(first, first.reading.limit)}" if first.reading.limit else ""
    if details["ratio"] is None:
        state = "nearly used up" if first.since else "on the decline"
        return f"{state}: {_told(first, details['level'])} left, {first.level:.0%} less than there was at most"
    if first.since is None:
        return f"on the rise: {first.level:.0%}{limit}"
    state = "at the limit" if first.level >= first.reading.resource.full else "near the limit"
    return f"{state}{'' if first.now else ' for a while'}: {first.level:.0%}{limit}"


def _when(first: Verdict) -> str:
    if first.old:
        return "since before the baseline window"
    if first.until is not None:
        return f"from {_clock(first.since)} to {_clock(first.until)}"
    return f"since {_clock(first.since)}"


def _end(first: Verdict) -> str:
    out = first.runs_out
    if out is None:
        return ""
    latest = f"and {_clock(out.latest)}" if out.latest else "and an open end"
    return f"; at this pace it runs out at {_clock(out.time)} (between {_clock(out.earliest)} {latest})"


def _ratio(verdict: Verdict) -> float | None:
    """None where what there is in all is not known."""
    kind, unit = verdict.reading.kind, verdict.reading.unit
    known = kind in ("share", "used") or (kind == "left" and unit in ("percent", "ratio"))
    return round(verdict.level, 4) if known else None


def _amount(verdict: Verdict, value: float | None) -> float | None:
    """A value in the metric's own unit."""
    reading = verdict.reading
    if value is None:
        return None
    match reading.kind:
        case "used":
            return round(value * (reading.limit or 0.0), 4)
        case "share" | "left" if reading.unit in ("percent", "ratio"):
            scale = 100 if reading.unit == "percent" else 1
            return round((1 - value if reading.kind == "left" else value) * scale, 4)
        case "left":
            return round((1 - value) * reading.whole, 4)
        case _:
            return round(value, 6)


def _told(verdict: Verdict, value: float | None) -> str:
    if value is None:
        return "none"
    match verdict.reading.unit:
        case "bytes":
            power, name = next(((n, u) for n, u in _BYTES if value >= 2**n), (0, "bytes"))
            return f"{value / 2**power:,.1f} {name}"
        case "count":
            return _number(value)
        case unit:
            return f"{_number(value)} {unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 or value == int(value) else f"{value:.2g}"


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _clock(seconds: float | None) -> str:
    return f"{_time(seconds):%Y-%m-%d %H:%M} UTC"


def _iso(seconds: float | None) -> str | None:
    time = _time(seconds)
    return time.isoformat(timespec="seconds") if time else None
