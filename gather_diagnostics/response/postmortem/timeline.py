"""What happened, of all bundles on one axis, counted from the onset. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

from gather_diagnostics.document.brief import revision
from gather_diagnostics.document.clock import when
from gather_diagnostics.response.postmortem.accounts import Account, Done, Incident
from gather_diagnostics.response.postmortem.citing import NOTHING, Citing, Markdown, clock, offset
from gather_diagnostics.tables import JOURNAL

_ALIKE = 5
"""Entries of one kind in a row that are told one by one; of more, the first and their number."""
_TOLD = 3
_OWN_ROWS = ("alert", "log_pattern")
"""Kinds of signals that stand in the timeline as rows of their own."""


@dataclass(frozen=True, slots=True)
class Event:
    """An entry before it is written."""

    time: datetime
    kind: str
    what: str
    accounts: tuple[Account, ...]
    """The bundles that have it."""
    table: str = ""
    row: int = 0
    is_note: bool = False
    """People wrote it."""
    is_kept: bool = False
    """Stays however long the timeline is."""


@dataclass(frozen=True, slots=True)
class Told:
    """A line of the timeline."""

    time: Markdown
    offset: Markdown
    bundles: Markdown
    """'B1, B2'."""
    kind: Markdown
    what: Markdown
    row: Markdown
    """'changes 3'; empty where it is of no row."""


@dataclass(frozen=True, slots=True)
class Timeline:
    entries: tuple[Told, ...]
    omitted: int
    """Entries far from the onset that were left out."""


def timeline(incident: Incident, citing: Citing) -> Timeline:
    """In order; what is far from the onset goes first where it is too long."""
    events = _folded(_merged(incident))
    kept = _near(events, incident, citing.limits.timeline)
    return Timeline(tuple(_told(e, incident, citing) for e in kept), len(events) - len(kept))


def _merged(incident: Incident) -> list[Event]:
    """By time; what several bundles have stands once and names them all."""
    found: dict[tuple[datetime, str, str], Event] = {}
    every = [e for a in incident.accounts for e in _events(a)] + [_of(done) for done in incident.journal]
    for event in every:
        key = (event.time, event.kind, event.what)
        known = found.get(key)
        accounts = tuple(dict.fromkeys((*known.accounts, *event.accounts))) if known else event.accounts
        found[key] = replace(known or event, accounts=accounts)
    return sorted(found.values(), key=lambda e: (e.time, e.kind, e.what))


def _events(account: Account) -> Iterator[Event]:
    signals = (account.document["onset"] or {}).get("signals", ())
    twice = {s["words"] for s in signals if s["kind"] in _OWN_ROWS}
    for entry in account.document["timeline"]:
        time = when(entry["time"])
        if time is None or entry["table"] == JOURNAL or (entry["kind"] == "signal" and entry["what"] in twice):
            continue
        what = _change(account, entry["row"]) if entry["table"] == "changes" else entry["what"]
        kept = entry["kind"] == "onset"
        yield Event(time, entry["kind"], what, (account,), entry["table"] or "", entry["row"] or 0, is_kept=kept)
    words = f"evidence of {account.service} was gathered ({account.name})"
    yield Event(account.evidence.request.asked.astimezone(UTC), "evidence", words, (account,), is_kept=True)


def _change(account: Account, row: int) -> str:
    """By subject and hash, not by author."""
    record = account.evidence.tables["changes"].loc[row]
    after = record["revision"]
    hash_ = f" ({revision(after)})" if isinstance(after, str) and after not in record["summary"] else ""
    service = record["service"] if isinstance(record["service"], str) else ""
    of = f"{service}: " if service and service != account.service and service not in record["summary"] else ""
    return f"{of}{record['summary']}{hash_}"


def _of(done: Done) -> Event:
    runbook = f"runbook {done.runbook}: " if done.runbook else ""
    title = done.title if done.title[-1:] in ("?", "!", ".") else f"{done.title}:"
    answer = f". {done.answer}" if done.answer else ""
    words = f"{runbook}{title} {done.outcome.replace('_', ' ')}{answer}"
    return Event(done.time, done.kind, words, (done.account,), JOURNAL, done.row, is_note=True, is_kept=True)


def _folded(events: Sequence[Event]) -> list[Event]:
    """Of many alike in a row, the first and how many more there are."""
    found: list[Event] = []
    for (kind, kept), group in groupby(events, key=lambda e: (e.kind, e.is_kept)):
        alike = list(group)
        if kept or len(alike) <= _ALIKE:
            found += alike
            continue
        rest = alike[_TOLD:]
        accounts = tuple(dict.fromkeys(a for e in rest for a in e.accounts))
        words = f"and {len(rest):,} more of this kind until {rest[-1].time:%H:%M:%S} UTC"
        found += [*alike[:_TOLD], Event(rest[0].time, kind, words, accounts)]
    return found


def _near(events: Sequence[Event], incident: Incident, most: int) -> list[Event]:
    """What was done and the onset first, then what is near the onset; still in order."""
    centre = incident.began or incident.first.evidence.request.asked
    ranked = sorted(events, key=lambda e: (not e.is_kept, abs((e.time - centre).total_seconds())))
    kept = set(map(id, ranked[:most]))
    return [e for e in events if id(e) in kept]


def _told(event: Event, incident: Incident, citing: Citing) -> Told:
    row = citing.row(event.accounts[0], event.table, event.row, quoted=False) if event.table else NOTHING
    return Told(
        time=clock(event.time),
        offset=offset(event.time, incident.began),
        bundles=Markdown(", ".join(a.label for a in event.accounts)),
        kind=citing.text(event.kind),
        what=citing.text(event.what, note=event.is_note),
        row=row,
    )
