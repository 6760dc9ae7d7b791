"""What went well and what went poorly, as far as the evidence and the journal show it; people add the rest. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from gather_diagnostics.document.brief import percent, suspect, unanswered
from gather_diagnostics.response.postmortem.accounts import Done, Incident
from gather_diagnostics.response.postmortem.causes import name
from gather_diagnostics.response.postmortem.citing import Citing, Markdown, asked_for
from gather_diagnostics.response.postmortem.gaps import missed, unread
from gather_diagnostics.response.postmortem.moments import first_alert, first_asked
from gather_diagnostics.response.updates.moments import length

PROMPT = timedelta(minutes=5)
"""From the onset to the first alert, up to which it was noticed well."""
LATE = timedelta(minutes=15)
"""From which on it was noticed late."""
SOON = timedelta(minutes=30)
"""From the onset to the first mitigation."""
_FAILED = ("not_recovered", "worse")


def well(incident: Incident, citing: Citing) -> list[Markdown]:
    found = [*_noticed(incident), *_found(incident, citing), *_guided(incident, citing), *_mended(incident, citing)]
    return [*found[: citing.limits.entries], asked_for(f"what {'else ' if found else ''}went well")]


def poorly(incident: Incident, citing: Citing) -> list[Markdown]:
    found = [*_unnoticed(incident), *_unguided(incident, citing), *_vain(incident, citing), *_slow(incident)]
    found += _unseen(incident, citing)
    return [*found, asked_for(f"what {'else ' if found else ''}went poorly")]


def lessons(incident: Incident) -> list[Markdown]:
    """Where the time went is a figure; what it teaches is for people."""
    spent = list(_spent(incident))
    if len(spent) > 1 and incident.duration:
        told = Markdown(f"Of {length(incident.duration)} in all, {'; '.join(spent)}.")
        return [told, asked_for("which of these could have been shorter, and what would have made it so")]
    return [asked_for("what would have made it shorter or smaller"), asked_for("what others can learn from it")]


def unanswered_steps(incident: Incident) -> Mapping[str, list[Done]]:
    """Runbook to its steps that could not be answered, each once."""
    asked = [d for d in incident.journal if d.kind in ("check", "decide", "verify") and d.outcome == "unknown"]
    found: dict[str, list[Done]] = {}
    for done in {(d.runbook, d.title): d for d in asked}.values():
        found.setdefault(done.runbook, []).append(done)
    return found


def steps_told(steps: Sequence[Done], citing: Citing) -> Markdown:
    """'“Is the queue full?” (journal 3); “Is it back?” (journal 7)', as many as there is room for."""
    shown = steps[: citing.limits.entries]
    told = [f"“{citing.text(d.title, note=True)}”{_cited(d, citing)}" for d in shown]
    more = [f"and {len(steps) - len(shown)} more"] if len(shown) < len(steps) else []
    return Markdown("; ".join([*told, *more]))


def delay(incident: Incident) -> timedelta | None:
    """From the onset to the first alert; None where there is none."""
    alert = first_alert(incident)
    return max(timedelta(0), alert.time - incident.began) if alert and incident.began else None


def _noticed(incident: Incident) -> Iterator[Markdown]:
    late = delay(incident)
    if late is not None and late <= PROMPT:
        yield Markdown(f"An alert fired {length(late)} after it began.")


def _found(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    for account in incident.leading:
        change = suspect(account.document)
        if change:
            words = f"The evidence points to one change, {name(change)} ({percent(change['probability'])} probable)."
            yield citing.claim(account, words, change["supports"])
    if incident.leading and not missed(incident):
        yield Markdown("Every source that was asked answered in full.")


def _guided(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    for title in dict.fromkeys(b["title"] for a in incident.leading for b in a.response["runbooks"][:1]):
        yield Markdown(f"A runbook fitted: “{citing.text(title)}”.")


def _mended(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    if not incident.measures or not incident.began:
        return
    first, last = incident.measures[0], incident.measures[-1]
    if first.time - incident.began <= SOON:
        took = length(first.time - incident.began)
        yield Markdown(f"The first mitigation was done {took} after it began{_cited(first, citing)}.")
    if incident.ended and incident.ended.time >= last.time:
        after = length(incident.ended.time - last.time)
        yield Markdown(f"It was over {after} after “{citing.text(last.title, note=True)}”{_cited(last, citing)}.")


def _unnoticed(incident: Incident) -> Iterator[Markdown]:
    if incident.began is None:
        return
    late = delay(incident)
    if late is None:
        asked = first_asked(incident)
        took = length(asked.evidence.request.asked - incident.began) if asked else ""
        since = f", and evidence was gathered {took} after it began" if took else ""
        yield Markdown(f"No alert that fired is in the evidence{since}. {asked_for('how it was noticed, and when')}")
    elif late > LATE:
        yield Markdown(f"The first alert fired {length(late)} after it began.")


def _unguided(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    for account in incident.leading[: citing.limits.entries]:
        if not account.response["runbooks"]:
            yield Markdown(f"No runbook fitted what was seen of {citing.text(account.service)}.")
    for book, steps in unanswered_steps(incident).items():
        count, told = "One step" if len(steps) == 1 else f"{len(steps)} steps", steps_told(steps, citing)
        yield Markdown(f"{count} of the runbook {citing.text(book)} could not be answered: {told}.")


def _vain(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    vain = [d for d in incident.journal if (d.kind == "verify" and d.outcome == "no") or d.outcome in _FAILED]
    for done in vain[: citing.limits.entries]:
        said = done.outcome.replace("_", " ")
        yield Markdown(f"“{citing.text(done.title, note=True)}” said {said}{_cited(done, citing)}.")


def _slow(incident: Incident) -> Iterator[Markdown]:
    if incident.leading and not incident.measures:
        yield Markdown(f"What was done stands in no journal. {asked_for('what was done, when, and what it did')}")
    elif incident.began and incident.measures and incident.measures[0].time - incident.began > SOON:
        took = length(incident.measures[0].time - incident.began)
        yield Markdown(f"The first mitigation was done {took} after it began.")


def _unseen(incident: Incident, citing: Citing) -> Iterator[Markdown]:
    for account, gap in missed(incident)[: citing.limits.entries]:
        of = f" ({account.label})" if citing.is_several else ""
        mend = f" Mend: {citing.code(gap['mend'])}" if gap["mend"] else ""
        wanted, why = citing.text(gap["wanted"]), citing.text(gap["why"])
        yield Markdown(f"{citing.text(gap['source'])}{of}: {wanted} could not be read ({why}).{mend}")
    for account in incident.leading[: citing.limits.entries]:
        of = f"{account.label} {citing.text(account.service)}: " if citing.is_several else ""
        if words := unanswered(account.document):
            yield Markdown(f"{of}{citing.sentence(' '.join(words))}")
    if names := unread(incident):
        yield Markdown(f"Not in use, so not looked at: {citing.text(', '.join(names))}.")


def _spent(incident: Incident) -> Iterator[str]:
    """Parts of the duration, one after another."""
    at, end = incident.began, incident.ended.time if incident.ended else None
    alert = first_alert(incident)
    stations = [
        (alert.time if alert else None, "until the first alert"),
        (incident.measures[0].time if incident.measures else None, "until the first mitigation was done"),
        (end, "until it was over"),
    ]
    for time, words in stations:
        if at and end and time and at <= time <= end:
            yield f"{length(time - at)} passed {words}"
            at = time


def _cited(done: Done, citing: Citing) -> str:
    return f" ({citing.row(done.account, 'journal', done.row)})"
