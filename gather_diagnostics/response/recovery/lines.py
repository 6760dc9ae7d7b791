"""Error lines of the logs: all of them, those of a part of the service, and by pattern. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from gather_diagnostics.model import Window
from gather_diagnostics.response.recovery import intervals, words
from gather_diagnostics.response.recovery.eras import SILENT, Eras
from gather_diagnostics.response.recovery.judging import judge, limit
from gather_diagnostics.response.recovery.model import Criterion
from gather_diagnostics.response.recovery.sentences import Asked, Levels, criterion
from gather_diagnostics.selection import (
    ERROR_LEVELS,
    last_times,
    line_counts,
    line_times,
    lines_in,
    of_service,
    within,
)
from gather_diagnostics.slicing.places import placed_lines

if TYPE_CHECKING:
    import pandas as pd

    from gather_diagnostics.response.recovery.intervals import Floats

RISEN = 0.5
"""Of the usual rate of error lines: a rise below it is usual, as for the analyzers."""
EXPECTED = 5.0
"""Lines that would usually have come in a pause before it is taken for the logs' end."""


@dataclass(frozen=True)
class Logs:
    """The service's log lines of the three times, and whether those of now may be believed."""

    found: Eras
    then: pd.DataFrame
    now: pd.DataFrame
    missing: str
    """Why nothing can be told of now, as the end of a sentence; empty where it can."""

    @property
    def usual_minutes(self) -> float:
        return sum(_minutes(window) for window in self.found.usual)

    @property
    def minutes(self) -> float:
        return _minutes(self.found.now)


@dataclass(frozen=True)
class Counts:
    """Lines of one kind."""

    usual: float
    ill: float
    now: float
    dispersion: float = 1.0


def logs(found: Eras) -> Logs | None:
    """None where the bundle has no lines from before the incident to compare with."""
    then = found.then("logs")
    if then is None:
        return None
    then = of_service(then, found.service)
    usual = sum(lines_in(within(then, window)) for window in found.usual)
    if not usual:
        return None
    present = found.present("logs")
    now = of_service(present, found.service) if present is not None else then.iloc[:0]
    pause = timedelta(minutes=EXPECTED * sum(_minutes(w) for w in found.usual) / usual)
    return Logs(found, then, now, _missing(now, found.now, max(pause, SILENT)))


def _missing(now: pd.DataFrame, window: Window, pause: timedelta) -> str:
    """Not one line is no sign of health: a service that is well says something, if it did so before."""
    if now.empty:
        return "no log line came in"
    last = last_times(now).max().to_pydatetime()
    return f"no log line came in since {last:%H:%M:%S} UTC" if window.end - last > pause else ""


def of_lines(known: Logs) -> Criterion:
    """All error lines."""
    asked = Asked("error_lines", "Error lines", words.rate)
    return judged(known, asked, counts(known, errors(known.then), errors(known.now)))


def of_place(known: Logs, dimension: str, value: str) -> Criterion | None:
    """Error lines of one endpoint, tenant, ...; None where the bundle's incident has none of it."""
    then, now = (_placed(rows, known, dimension, value) for rows in (known.then, known.now))
    counted = counts(known, errors(then), errors(now))
    if not counted.ill:
        return None
    name = f"Error lines of {dimension} {words.named(value)}"
    asked = Asked(f"error_lines:{dimension}:{value}", name, words.rate)
    usual = sum(lines_in(within(then, window)) for window in known.found.usual) / known.usual_minutes
    if now.empty and usual * known.minutes >= EXPECTED:
        return Criterion(asked.id, name, "not_seen", f"{name}: not one line of it came in.")
    return judged(known, asked, counted)


def _placed(rows: pd.DataFrame, known: Logs, dimension: str, value: str) -> pd.DataFrame:
    placed, _ = placed_lines(rows, known.found.then_tables)
    return placed[placed[dimension] == value] if dimension in placed else placed.iloc[:0]


def errors(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["level"].isin(ERROR_LEVELS)]


def counts(known: Logs, then: pd.DataFrame, now: pd.DataFrame) -> Counts:
    usual = [within(then, window) for window in known.found.usual]
    by_minute = [_by_minute(rows, window) for rows, window in zip(usual, known.found.usual, strict=True)]
    return Counts(
        float(sum(lines_in(rows) for rows in usual)),
        float(lines_in(within(then, known.found.ill))),
        float(lines_in(now)),
        intervals.dispersion(np.concatenate(by_minute)),
    )


def judged(known: Logs, asked: Asked, of: Counts) -> Criterion:
    """A state by the rates of the three times. What is too rare to be judged in this window even if there is none is
    told and not waited for, unless there is more of it than usual."""
    if known.missing:
        return Criterion(asked.id, asked.name, "not_seen", f"{asked.name}: {known.missing}.")
    usual, ill = (of.usual, known.usual_minutes), (of.ill, _minutes(known.found.ill))
    level, rise = usual[0] / usual[1], ill[0] / ill[1] - usual[0] / usual[1]
    margin = RISEN * level
    if not intervals.rates(ill, usual, of.dispersion).surely > 0:
        rise = 0.0
    shift = intervals.rates((of.now, known.minutes), usual, of.dispersion)
    beyond = intervals.rates((of.now, known.minutes), ill, of.dispersion)
    edge = limit(rise, margin)
    told = criterion(
        asked,
        judge(shift, rise, margin, beyond),
        Levels(of.now / known.minutes, level, ill[0] / ill[1], level + shift.at_most, level + edge),
    )
    best = intervals.rates((0, known.minutes), usual, of.dispersion).at_most
    if told.state == "not_yet" and best >= edge and not (shift.surely > 0 and shift.point > margin):
        return _rare(asked, of, known.minutes)
    return told


def _rare(asked: Asked, of: Counts, minutes: float) -> Criterion:
    figures = f"{of.now:.0f} in {minutes:.0f} minutes, {of.ill:.0f} in the whole incident"
    sentence = f"{asked.name}: {figures}; too rare to judge."
    return Criterion(asked.id, asked.name, "not_yet", sentence, decisive=False, was_ill=True)


def by_template(rows: pd.DataFrame, templates: pd.Series[str]) -> Mapping[str, float]:
    """Lines of each pattern."""
    counted = rows[[]].assign(template=templates, lines=line_counts(rows))
    return {str(t): float(n) for t, n in counted.groupby("template")["lines"].sum().items()}


def _by_minute(rows: pd.DataFrame, window: Window) -> Floats:
    edges = np.arange(window.start.timestamp(), window.end.timestamp() + 1, 60)
    if len(edges) < 2:
        return np.zeros(0)
    return np.histogram(line_times(rows), edges)[0].astype(float)


def _minutes(window: Window) -> float:
    return window.length.total_seconds() / 60
