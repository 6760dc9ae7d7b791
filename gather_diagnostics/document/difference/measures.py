"""Error rate, latency and traffic before and after, judged against what the two baselines call usual."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from gather_diagnostics.document.difference.windows import Spans
from gather_diagnostics.model import Evidence, Window
from gather_diagnostics.selection import ERROR_LEVELS, Served, line_times, of_service, seconds, within

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CLEARLY = 0.2
"""Share of a value below which a move of it is nobody's concern, however significant."""
CHANCE = 0.01
"""Probability under 'nothing changed' below which a move is believed; with fewer than 4 samples 0.1."""
FEWEST = 3
"""Samples in either span without which nothing is said."""

Verdict = Literal["better", "worse", "unchanged", "unknown"]


@dataclass(frozen=True, slots=True)
class Measure:
    name: str
    words: str
    unit: str
    metric: str
    stat: str
    least: float
    """A smaller move is noise, in `unit`."""
    judged: bool = True
    """False: more of it is neither better nor worse."""


MEASURES = (
    Measure("error_rate", "Failing requests", "ratio", "error_rate", "ratio", 0.002),
    Measure("log_errors", "Error lines", "1/min", "", "", 0.2),
    Measure("latency:p50", "p50", "s", "latency", "p50", 0.001),
    Measure("latency:p95", "p95", "s", "latency", "p95", 0.001),
    Measure("latency:p99", "p99", "s", "latency", "p99", 0.001),
    Measure("request_rate", "Traffic", "1/s", "request_rate", "rate", 0.0, judged=False),
)


def measured(before: Evidence, after: Evidence, spans: Spans) -> list[dict[str, Any]]:
    """One for each measure that either bundle has. Values are means; of latency medians."""
    return [found for measure in MEASURES if (found := _judged(measure, before, after, spans))]


def _judged(measure: Measure, before: Evidence, after: Evidence, spans: Spans) -> dict[str, Any] | None:
    was, now = _values(measure, before, spans.before), _values(measure, after, spans.after)
    if was is None and now is None:
        return None
    usual = [
        values
        if window and (values := _values(measure, evidence, window)) is not None and len(values) >= FEWEST
        else None
        for evidence, window in zip((before, after), spans.baselines, strict=True)
    ]
    levels = [None if values is None else _level(measure, values) for values in usual]
    verdict, chance = _verdict(measure, was, now, levels)
    return {
        "name": measure.name,
        "words": measure.words,
        "unit": measure.unit,
        "before": _rounded(_level(measure, was)),
        "after": _rounded(_level(measure, now)),
        "baselines": [_rounded(level) for level in levels],
        "samples": [0 if v is None else len(v) for v in (was, now)],
        "verdict": verdict,
        "p": None if chance is None else round(chance, 6),
        "at_baseline": _at_baseline(measure, now, usual),
    }


def _values(measure: Measure, evidence: Evidence, window: Window) -> Floats | None:
    """None where no source told; empty where one did, but not of this window."""
    tables, service = evidence.tables, evidence.request.service
    if measure.metric:
        if "metrics" not in tables:
            return None
        rows = Served(tables["metrics"], service).whole(measure.metric, measure.stat)
        values: Floats = within(rows, window).groupby("time")["value"].median().to_numpy(dtype=float)
        return values if len(rows) else None
    return _error_lines(evidence, window) if len(tables.get("logs", ())) else None


def _error_lines(evidence: Evidence, window: Window) -> Floats:
    """Error lines in each whole minute of the window."""
    import numpy as np
    import pandas as pd

    logs = within(of_service(evidence.tables["logs"], evidence.request.service), window)
    minutes = pd.date_range(window.start, window.end, freq="1min")
    if len(minutes) < 2:
        return np.empty(0)
    counts, _ = np.histogram(line_times(logs[logs["level"].isin(ERROR_LEVELS)]), seconds(minutes))
    return counts.astype(float)


def _level(measure: Measure, values: Floats | None) -> float | None:
    import numpy as np

    if values is None or not len(values):
        return None
    return float(np.median(values) if measure.unit == "s" else np.mean(values))


def _verdict(
    measure: Measure, was: Floats | None, now: Floats | None, usual: list[float | None]
) -> tuple[Verdict | Literal["more", "less"], float | None]:
    """Better or worse where the move is larger than what is usual and significant by a two-sided Mann-Whitney U test.

    What is usual: the share CLEARLY, and a little more than the two baselines differ by, which are of different hours.
    """
    from scipy.stats import mannwhitneyu

    if was is None or now is None or len(was) < FEWEST or len(now) < FEWEST:
        return "unknown", None
    first, second = _level(measure, was) or 0.0, _level(measure, now) or 0.0
    chance = float(mannwhitneyu(was, now).pvalue)
    apart = abs(usual[0] - usual[1]) if usual[0] is not None and usual[1] is not None else 0.0
    noise = max(measure.least, CLEARLY * min(first, second), (1 + CLEARLY) * apart)
    if abs(second - first) <= noise or not chance < (CHANCE if min(len(was), len(now)) >= 4 else 0.1):
        return "unchanged", chance
    if not measure.judged:
        return ("more" if second > first else "less"), chance
    return ("worse" if second > first else "better"), chance


def _at_baseline(measure: Measure, now: Floats | None, usual: list[Floats | None]) -> bool | None:
    """Is it no higher now than in the baselines (one-sided Mann-Whitney U)? None where that can't be told."""
    import numpy as np
    from scipy.stats import mannwhitneyu

    known = [values for values in usual if values is not None]
    if now is None or len(now) < FEWEST or not known or not measure.judged:
        return None
    pooled = np.concatenate(known)
    level, normal = _level(measure, now) or 0.0, _level(measure, pooled) or 0.0
    if level - normal <= max(measure.least, CLEARLY * normal):
        return True
    return not float(mannwhitneyu(now, pooled, alternative="greater").pvalue) < CHANCE


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


def overall(measures: list[dict[str, Any]]) -> str:
    """'better', 'worse', 'mixed', 'unchanged' or 'unknown', of the measures that can be either."""
    neutral = {measure.name for measure in MEASURES if not measure.judged}
    judged = {m["verdict"] for m in measures if m["name"] not in neutral}
    if {"better", "worse"} <= judged:
        return "mixed"
    return next((word for word in ("worse", "better", "unchanged") if word in judged), "unknown")
