"""The findings and their sentences."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from analyzers.traffic.counting import Counts, epochs
from analyzers.traffic.departing import Departure
from gather_diagnostics import Finding, Request, Window
from gather_diagnostics.selection import support, within
from gather_diagnostics.slicing.breakdown import MOST_NAMED, Breakdown, as_details, compared
from gather_diagnostics.slicing.slices import Carrier, carriers
from gather_diagnostics.statistics.trends import trend

if TYPE_CHECKING:
    from gather_diagnostics.model import Severity

QUESTION = "traffic"
UNIT = "1/s"
LARGE = 3.0
"""Times the baseline from which on a rise may exceed what the service was made for."""
LOST = 0.5
"""Part of the requests missing from which on a fall is severe, as in `response.severity`."""
RECENT = timedelta(minutes=15)
TRENDS = {
    "unknown": "too few recent samples to tell a trend",
    "flat": "steady over the last 15 minutes",
    "rising": "still rising over the last 15 minutes",
    "falling": "falling over the last 15 minutes",
}


def unknown(request: Request, counts: Counts | None) -> Finding:
    """Too little was counted: neither a change nor its absence."""
    samples = len(within(counts.rows, Window(request.baseline.start, request.incident.end))) if counts else 0
    came = f"{samples} sample{'s' * (samples != 1)} of {request.service}'s request rate came in"
    headline = f"{came}: whether its traffic left its baseline is not known."
    empty = dict.fromkeys(("changed", "direction", "before", "after", "seasonal", "ratio", "since", "until", "lead"))
    none = dict.fromkeys(("peak", "peak_time"))
    trend_ = {"trend": "unknown", "trend_words": TRENDS["unknown"]}
    return Finding(QUESTION, QUESTION, headline, 0.0, details={"unit": UNIT, **empty, **none, **trend_})


def overall(counts: Counts, found: Departure | None, onset: datetime | None) -> Finding:
    """`onset`: when the trouble began, where it did (UTC)."""
    changed = found is not None and not found.usual
    window = found.span(counts.request.incident.end) if found else counts.request.incident
    before, now = counts.between(counts.request.baseline), counts.between(window)
    details = _details(counts, found, changed, before, now)
    if found and changed:
        details |= {"lead": round((onset - found.since).total_seconds(), 1)} if onset else {}
    rows = within(counts.rows, window)["value"]
    telling = rows.nsmallest(3) if found and found.sign < 0 else rows.nlargest(3)
    return Finding(
        QUESTION,
        QUESTION,
        _headline(found, details),
        0.9 if len(before) >= 20 and len(now) >= 5 else 0.6,
        _severity(found) if found and changed else "info",
        time=found.since if found and changed else None,
        span=window,
        supports=(support("metrics", telling.index, len(rows)),),
        details=details,
    )


def _details(counts: Counts, found: Departure | None, changed: bool, before: Any, now: Any) -> dict[str, Any]:
    usual, level = float(before.median()), float(now.median())
    peak = now.idxmin() if found and found.sign < 0 else now.idxmax()
    way, words = _trend(counts, found)
    return {
        "unit": UNIT,
        "changed": changed,
        "direction": ("up" if found.sign > 0 else "down") if found and changed else None,
        "before": round(usual, 6),
        "after": round(level, 6),
        "ratio": round(level / usual, 3) if usual > 0 else None,
        "since": found.since.isoformat() if found and changed else None,
        "until": found.until.isoformat() if found and changed and found.until else None,
        "lead": None,
        "peak": round(float(now[peak]), 6),
        "peak_time": peak.isoformat(),
        "trend": way,
        "trend_words": words,
        "seasonal": round(found.seasonal, 6) if found and found.seasonal is not None else None,
    }


def _trend(counts: Counts, found: Departure | None) -> tuple[str, str]:
    """Of the last 15 minutes; less where it began later, for the step itself is no trend."""
    if found is None:
        return "flat", "within the baseline's range"
    if found.until:
        return "flat", "back at its baseline"
    end = counts.request.incident.end
    recent = counts.between(Window(max(found.since, end - RECENT), end))
    way = trend(epochs(recent), recent.to_numpy(dtype=float)).direction
    return way, TRENDS[way]


def _headline(found: Departure | None, told: dict[str, Any]) -> str:
    if found is None:
        return f"Traffic is unchanged at {_rate(told['after'])} (baseline {_rate(told['before'])})."
    verb = "rose" if found.sign > 0 else "fell"
    moved = f"Traffic {verb} from {_rate(found.before)} to {_rate(found.after)}"
    at = f"at {found.since:%H:%M:%S} UTC"
    if found.usual:
        return f"{moved} {at}, as in the same hour a day or a week before ({_rate(found.seasonal or 0.0)}): as usual."
    ratio = told["ratio"]
    much = f" ({ratio:.1f} times)" if ratio and found.sign > 0 else f" ({1 - ratio:.0%} less)" if ratio else ""
    extreme = f"{'peak' if found.sign > 0 else 'lowest'} {_rate(told['peak'])} at {told['peak_time'][11:19]} UTC"
    over = f"back at its baseline since {found.until:%H:%M:%S} UTC" if found.until else told["trend_words"]
    past = f"; {_rate(found.seasonal)} in the same hour before" if found.seasonal is not None else ""
    return f"{moved}{much} {at}; {extreme}; {over}{past}."


def _severity(found: Departure) -> Severity:
    if found.until:
        return "low"
    if found.sign > 0:
        return "medium" if found.after >= LARGE * found.before else "low"
    return "high" if found.after <= (1 - LOST) * found.before else "medium"


def sliced(counts: Counts, found: Departure, split: Breakdown) -> Finding:
    """Which slice carries it, or that none does."""
    noun = "rise" if found.sign > 0 else "fall"
    best = carriers(split.slices, split.rise)
    headline = f"Traffic: no slice carries the {noun} ({compared(split)} compared)."
    levels: tuple[float, float] | None = None
    rows: list[int] = []
    if best:
        its = best[0].slices
        rows = [s.row for s in its]
        levels = sum(s.usual for s in its), sum(s.now for s in its)
        headline = f"Traffic: {_carrying(best[0], noun)}; from {_rate(levels[0])} to {_rate(levels[1])} there."
    return Finding(
        f"{QUESTION}:slice",
        QUESTION,
        headline,
        0.85 if best else 0.6,
        span=found.span(counts.request.incident.end),
        supports=(support("metrics", rows, len(rows)),) if rows else (),
        details={
            "direction": "up" if found.sign > 0 else "down",
            "unit": UNIT,
            "usual": round(levels[0], 6) if levels else None,
            "now": round(levels[1], 6) if levels else None,
            **as_details(split, best),
        },
    )


def _carrying(carrier: Carrier, noun: str) -> str:
    """'tenant acme explains 94% of the rise and had 10% of the requests before'."""
    several = len(carrier.slices) > 1
    more = f" and {len(carrier.slices) - MOST_NAMED} more" if len(carrier.slices) > MOST_NAMED else ""
    what = f"{carrier.dimension}{'s' * several} {', '.join(carrier.values[:MOST_NAMED])}{more}"
    part = f"{carrier.explains:.0%} of the {noun} and had {carrier.share:.0%} of the requests before"
    return f"{what} {'explain' if several else 'explains'} {part}"


def _rate(value: float) -> str:
    """'1,204/s', '40.2/s', '0.05/s'."""
    return f"{value:,.0f}/s" if value >= 100 else f"{value:.1f}/s" if value >= 1 else f"{value:.2g}/s"
