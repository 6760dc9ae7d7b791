"""The moments that say how fast it was noticed, answered and mended. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gather_diagnostics.response.postmortem.accounts import Account, Done, Incident
from gather_diagnostics.response.postmortem.citing import Citing, Markdown, asked_for, clock, offset
from gather_diagnostics.response.updates.moments import length

FIRING = ("FIRING", "ALARM")
"""What platforms call an alert that goes off."""
_EARLY = timedelta(minutes=2)
"""How long before the onset an alert may fire and still be about it: no onset is known to the second."""


@dataclass(frozen=True, slots=True)
class Moment:
    what: Markdown
    time: Markdown
    """'2026-03-14 03:05:00'; asked for where it is not known."""
    offset: Markdown
    """'T+25 min'."""
    known_from: Markdown


@dataclass(frozen=True, slots=True)
class Alert:
    """The first that fired."""

    account: Account
    row: int
    time: datetime
    words: str
    is_own: bool
    """Does it name the service?"""


def first_alert(incident: Incident) -> Alert | None:
    """The first alert since the incident began: of those that name its service, else of all."""
    if incident.began is None:
        return None
    since = incident.began - _EARLY
    found = [alert for a in incident.accounts if (alert := _first(a, since))]
    return min(found, key=lambda a: (not a.is_own, a.time), default=None)


def _first(account: Account, since: datetime) -> Alert | None:
    frame = account.evidence.tables.get("events")
    if frame is None:
        return None
    fired = frame[(frame["kind"] == "alert") & frame["reason"].isin(FIRING) & (frame["time"] >= since)]
    if fired.empty:
        return None
    words = fired["object"].fillna("") + " " + fired["message"].fillna("")
    own = words[words.str.contains(account.service, regex=False)]
    # The table is in the order of time.
    row = (words if own.empty else own).index[0]
    return Alert(account, int(row), fired["time"][row].to_pydatetime().astimezone(UTC), words[row], not own.empty)


def first_asked(incident: Incident) -> Account | None:
    """The first bundle that was gathered while it happened."""
    began = incident.began
    found = [a for a in incident.accounts if a.is_live and began and a.evidence.request.asked >= began]
    return found[0] if found else None


def moments(incident: Incident, citing: Citing) -> list[Moment]:
    """From the onset to the recovery; what the evidence does not tell is asked for."""
    return [
        _began(incident, citing),
        _alerted(incident, citing),
        *_asked(incident, citing),
        _done("First entry in the journal", incident.journal[:1], "when somebody took it", incident, citing),
        _done("First mitigation done", incident.measures[:1], "when the first mitigation was done", incident, citing),
        _ended(incident, citing),
    ]


def _began(incident: Incident, citing: Citing) -> Moment:
    first, onset = incident.first, incident.first.document["onset"] or {}
    what = Markdown("It began, or earlier" if first.is_under_way else "It began")
    if incident.began is None:
        return Moment(what, asked_for("when it began"), Markdown("—"), Markdown("—"))
    known = citing.claim(first, onset["headline"], onset["supports"]) if onset.get("time") else Markdown("the findings")
    return Moment(what, clock(incident.began), offset(incident.began, incident.began), known)


def _alerted(incident: Incident, citing: Citing) -> Moment:
    what = Markdown("First alert")
    alert = first_alert(incident)
    if alert is None:
        said = next((a.evidence.request.description for a in incident.accounts if a.evidence.request.description), "")
        known = Markdown(f"it said: {citing.text(said)}") if said else Markdown("—")
        return Moment(what, asked_for("when the first alert fired, if one did"), Markdown("—"), known)
    other = "" if alert.is_own else f", which does not name {citing.text(alert.account.service)}"
    row = citing.row(alert.account, "events", alert.row)
    known = Markdown(f"{citing.text(alert.words)}{other} ({row})")
    return Moment(what, clock(alert.time), offset(alert.time, incident.began), known)


def _asked(incident: Incident, citing: Citing) -> Iterator[Moment]:
    account = first_asked(incident)
    if account:
        asked = account.evidence.request.asked
        known = Markdown(f"{citing.code(account.name, cell=True)}, its manifest.json")
        yield Moment(Markdown("Evidence was gathered first"), clock(asked), offset(asked, incident.began), known)


def _done(what: str, done: tuple[Done, ...], missing: str, incident: Incident, citing: Citing) -> Moment:
    if not done:
        return Moment(Markdown(what), asked_for(missing), Markdown("—"), Markdown("—"))
    one = done[0]
    known = Markdown(f"{citing.text(one.title, note=True)} ({citing.row(one.account, 'journal', one.row)})")
    return Moment(Markdown(what), clock(one.time), offset(one.time, incident.began), known)


def _ended(incident: Incident, citing: Citing) -> Moment:
    what, end = Markdown("It was over"), incident.ended
    if end is None:
        return Moment(what, asked_for("when it was over"), Markdown("—"), Markdown("—"))
    if end.check:
        row = citing.row(end.account, "journal", end.check.row)
        known = Markdown(f"at the latest: {citing.text(end.check.title, note=True)} ({row})")
    else:
        told = {f["id"]: f["supports"] for f in end.account.document["findings"]}
        rows = told["scope"] or told.get("onset", ())
        known = citing.claim(end.account, "measured: back at the baseline since then", rows)
    return Moment(what, clock(end.time), offset(end.time, incident.began), known)


def duration(incident: Incident) -> Markdown:
    """'At least 1 hour 25 minutes'; asked for where one end is not known."""
    if incident.duration is None:
        missing = "when it began and ended" if incident.began is None else "when it ended"
        return asked_for(f"the duration; the evidence does not tell {missing}")
    words = length(incident.duration)
    if incident.first.is_under_way:
        return Markdown(f"at least {words}")
    return Markdown(f"at most {words}" if incident.ended and incident.ended.check else words)
