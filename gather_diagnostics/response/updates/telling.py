"""One update as values for a template. Pure: the time it is written at is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

from gather_diagnostics.document.clock import when
from gather_diagnostics.document.escaping import visible
from gather_diagnostics.response.severity.signs import scope
from gather_diagnostics.response.updates import doing
from gather_diagnostics.response.updates.effects import effects, extent, headline, numbers, trend
from gather_diagnostics.response.updates.moments import length, moment, said

if TYPE_CHECKING:
    import pandas as pd

View = Mapping[str, Any]
Kind = Literal["initial", "progress", "resolved"]
KINDS: tuple[Kind, ...] = ("initial", "progress", "resolved")

FIX = "<what fixed it>"
BEGAN = "<when it began>"
ENDED = "<when it ended>"
_OVER = "it looks as if it is over"
_LONG = timedelta(minutes=15)
OPEN = (FIX, BEGAN, ENDED)
"""What the evidence does not tell and a person fills in."""


@dataclass(frozen=True, slots=True)
class Update:
    """What a template may use; every text is in one line, except `note`."""

    kind: Kind
    service: str
    severity: str
    """'SEV2'; empty where there is none."""
    status: str
    """Investigating, Identified, Monitoring or Resolved."""
    title: str
    demo: str
    """Says so where the evidence is staged; else empty."""
    began: str
    """'03:05 UTC (04:05 CET) on 14 March 2026'; empty where that is not known, BEGAN once it is resolved."""
    ended: str
    """The same; empty while it goes on, ENDED where it is resolved and that is not known."""
    duration: str
    """'25 minutes'; empty where one end is not known."""
    effects: tuple[str, ...]
    """What users notice, in sentences."""
    extent: str
    """How far it reaches, in one sentence; may be empty."""
    numbers: tuple[str, ...]
    """Counts, in sentences."""
    trend: str
    """Which way it goes, in one sentence; may be empty."""
    cause: str
    """What probably set it off, in one sentence; may be empty."""
    done: tuple[str, ...]
    """Measures of the journal, with their times."""
    fix: str
    """Of a resolved incident: what fixed it; FIX where no row of the journal says so."""
    as_of: str
    """When the figures were measured."""
    next_update: str
    """When the next one is due; empty for a resolved incident."""
    note: str
    """What the person added; may have several lines."""

    def as_dict(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


def tell(
    document: View,
    tables: Mapping[str, pd.DataFrame],
    kind: Kind,
    *,
    severity: str,
    now: datetime,
    interval: timedelta,
    note: str = "",
) -> Update:
    """The update for the dict of `document.view` and the tables of its bundle.

    `severity` is the level's word or empty, `now` (UTC) when it is written, `interval` the time to the next one.
    """
    zone, service = document["timezone"], visible(document["service"])
    found = doing.steps(tables)
    resolved = kind == "resolved"
    end = doing.recovered(document, found)
    over = resolved or bool(end)
    earlier = bool((document["onset"] or {}).get("before_window"))
    began = said(_began(document), zone, dated=True)
    ended = said(end, zone, dated=_other_day(_began(document), end))
    measured, due = document["windows"]["incident"]["end"], _due(now, interval)
    measures = tuple(doing.told(found, zone))
    return Update(
        kind=kind,
        service=service,
        severity=severity,
        status=doing.status(document, found, resolved=resolved),
        title=_title(service, severity, "resolved" if resolved else _OVER if end else headline(document)),
        demo=visible(document["demo"]),
        began=f"{began}{' or earlier' if earlier else ''}" if began else BEGAN if resolved else "",
        ended=ended or (ENDED if resolved else ""),
        duration=_duration(_began(document), end, earlier),
        effects=_about(service, effects(document, over=over)),
        extent=extent(document, over=over),
        numbers=tuple(numbers(document, over=over)),
        trend="" if over else trend(document),
        cause="" if resolved else "".join(_about(service, [doing.cause(document)])),
        done=measures,
        fix=("; ".join(measures) or ("" if note else FIX)) if resolved else "",
        as_of=said(measured, zone, dated=_other_day(measured, now.isoformat())),
        next_update="" if resolved else moment(due, zone, dated=due.date() != now.date()),
        note=visible(note.strip(), lines=True),
    )


def _title(service: str, severity: str, words: str) -> str:
    return f"{f'[{severity}] ' if severity else ''}{service}: {words or 'we are looking into a problem'}"


def _about(service: str, sentences: list[str]) -> tuple[str, ...]:
    """Sentences with the service's name in its place, and a capital at the start."""
    return tuple(s.replace("{service}", service) for s in sentences)


def _began(document: View) -> str:
    onset = document["onset"] or {}
    return str(onset.get("time") or scope(document).get("since") or "")


def _duration(began: str, ended: str, earlier: bool) -> str:
    start, end = when(began), when(ended)
    return f"{'at least ' if earlier else ''}{length(end - start)}" if start and end and end > start else ""


def _other_day(began: str, ended: str) -> bool:
    start, end = when(began), when(ended)
    return bool(start and end and start.date() != end.date())


def _due(now: datetime, interval: timedelta) -> datetime:
    """A full five minutes, never later than promised: people look at clocks."""
    due = now + interval
    return due - timedelta(minutes=due.minute % 5) if interval >= _LONG else due
