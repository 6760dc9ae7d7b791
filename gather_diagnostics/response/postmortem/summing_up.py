"""Title, severity and the summary: what one reads who reads nothing else. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gather_diagnostics.document.brief import percent, suspect
from gather_diagnostics.document.brief import what as what_is_broken
from gather_diagnostics.document.clock import clock as time_of_day
from gather_diagnostics.errors import InputError
from gather_diagnostics.response.postmortem.accounts import Account, Incident
from gather_diagnostics.response.postmortem.causes import contributing, name
from gather_diagnostics.response.postmortem.citing import Citing, Markdown, asked_for, offset
from gather_diagnostics.response.severity import rank
from gather_diagnostics.response.severity.schemes import LOWEST
from gather_diagnostics.response.updates.effects import effects, extent, headline, numbers
from gather_diagnostics.response.updates.moments import length, moment


@dataclass(frozen=True, slots=True)
class Severity:
    given: Markdown
    """What a person said; asked for where nobody did."""
    proposed: Markdown
    """'none' where nothing calls for one."""
    reasons: tuple[Markdown, ...]
    """Of the proposal; with the bundle where there are several."""


def title(incident: Incident, typed: str, citing: Citing) -> Markdown:
    """As typed; else 'checkout: some requests fail (14 March 2026)'."""
    if typed:
        return citing.text(typed)
    began = incident.began or incident.first.evidence.request.asked
    accounts = incident.leading or incident.accounts
    services = ", ".join(dict.fromkeys(a.service for a in accounts))
    words = next(filter(None, (headline(a.document) for a in accounts)), "")
    return citing.text(f"{services}: {words or 'incident'} ({began.day} {began:%B %Y})")


def severity(incident: Incident, typed: str, citing: Citing) -> Severity:
    """The highest of all bundles. Raises InputError for a typed word that no scheme has."""
    first = incident.accounts[0]
    if typed:
        rank(typed, _scheme(first))
    given = [typed] if typed else [g for a in incident.accounts if (g := a.response["severity"]["given"])]
    proposed = [(a, p) for a in incident.accounts if (p := a.response["severity"]["proposed"])]
    proposed.sort(key=lambda one: _rank(one[1], _scheme(one[0])))
    reasons = [(a, words) for a, _ in proposed for words in a.response["severity"]["reasons"]]
    highest = min(given, key=lambda word: _rank(word, _scheme(first)), default="")
    return Severity(
        given=citing.text(highest) if highest else asked_for("which severity it had"),
        proposed=citing.text(proposed[0][1]) if proposed else Markdown("none"),
        reasons=tuple(_reason(a, words, citing) for a, words in reasons[: citing.limits.entries]),
    )


def summary(incident: Incident, citing: Citing) -> list[Markdown]:
    """Sentences: when, what users noticed, why, and what ended it."""
    if not incident.leading:
        told = citing.sentence(what_is_broken(incident.first.document))
        return [told, asked_for("what happened, and why the evidence does not show it")]
    accounts = incident.leading[: citing.limits.entries]
    noticed = [sentence for account in accounts for sentence in _what(account, citing)]
    causes = [sentence for account in accounts for sentence in _why(account, citing)]
    return [_when(incident), *noticed, *causes, _how(incident, citing)]


def _scheme(account: Account) -> str:
    return str(account.response["severity"]["scheme"])


def _rank(word: str, scheme: str) -> int:
    """A stranger's bundle may hold a word of no scheme; it is the lowest then."""
    try:
        return rank(word, scheme)
    except InputError:
        return LOWEST + 1


def _reason(account: Account, words: str, citing: Citing) -> Markdown:
    of = f"{account.label}: " if citing.is_several else ""
    said = next((f for f in account.document["findings"] if f["headline"] == words), None)
    return Markdown(f"{of}{citing.claim(account, words, said['supports'] if said else ())}")


def _when(incident: Incident) -> Markdown:
    if incident.began is None:
        return asked_for("when it began and when it ended")
    earlier = " or earlier" if incident.first.is_under_way else ""
    began = f"It began at {moment(incident.began, 'UTC', dated=True)}{earlier}"
    if incident.ended is None or incident.duration is None:
        return Markdown(f"{began}. {asked_for('when it ended')}")
    most = "at most " if incident.ended.check else "at least " if earlier else ""
    over = moment(incident.ended.time, "UTC", dated=incident.ended.time.date() != incident.began.date())
    return Markdown(f"{began} and was over at {over}, after {most}{length(incident.duration)}.")


def _what(account: Account, citing: Citing) -> Iterator[Markdown]:
    document = account.document
    told = [*effects(document, over=True), extent(document, over=True), *numbers(document, over=True)]
    for sentence in filter(None, told):
        yield citing.sentence(sentence.replace("{service}", account.service))


def _why(account: Account, citing: Citing) -> Iterator[Markdown]:
    change, of = suspect(account.document), f" of {citing.text(account.service)}" if citing.is_several else ""
    if change:
        at = time_of_day(change["effective"] or change["time"])
        words = f"Most likely {citing.text(name(change))} set it off, in effect at {at} UTC"
        yield Markdown(f"{words} ({percent(change['probability'])} probable, not confirmed).")
        return
    yield Markdown(f"No change stands out as the cause{of}. {asked_for('the root cause')}")
    for finding in contributing(account)[:1]:
        yield Markdown(f"What was in trouble: {citing.claim(account, finding['headline'], finding['supports'])}")


def _how(incident: Incident, citing: Citing) -> Markdown:
    if not incident.measures:
        return asked_for("what was done, and what ended it")
    told = [f"{citing.text(d.title, note=True)} ({offset(d.time, incident.began)})" for d in incident.measures]
    return Markdown(f"What was done: {'; '.join(told[: citing.limits.entries])}.")
