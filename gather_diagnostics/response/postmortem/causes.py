"""What set it off and what helped it along, with what speaks against it too; and the five whys. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.brief import PLACES, percent, reasons, revision, suspect, suspect_words
from gather_diagnostics.document.clock import clock as time_of_day
from gather_diagnostics.document.clock import when
from gather_diagnostics.response.postmortem.accounts import Account, Incident
from gather_diagnostics.response.postmortem.citing import NOTHING, Citing, Markdown, offset

View = Mapping[str, Any]

_NOTABLE = ("critical", "high", "medium")
_RISEN = ("new", "risen")
_REASONS = 6
_MEMBERS = 3
_POINTLESS = "Nothing that was seen points to one kind of cause."
"""Where there is no chain of whys, though something else was in trouble."""
_UNLIKELY = 0.01
"""Candidates below it are left out: there may be hundreds."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What one service's evidence says of it."""

    service: Markdown
    """With its bundle, where there are several."""
    suspect: Markdown
    """The change that most probably did it; empty where none stands out."""
    verdict: Markdown
    """In a sentence, that none stands out; empty where one does."""
    carries: tuple[Markdown, ...]
    """Commits that the suspect brought."""
    speaks_for: tuple[Markdown, ...]
    speaks_against: tuple[Markdown, ...]
    others: tuple[Markdown, ...]
    """Other candidates, and the share of 'none of these'."""
    elsewhere: tuple[Markdown, ...]
    """First suspects of other bundles of this service, where they differ."""
    contributing: tuple[Markdown, ...]
    category: Markdown
    category_why: Markdown


@dataclass(frozen=True, slots=True)
class Why:
    question: Markdown
    answer: Markdown


@dataclass(frozen=True, slots=True)
class Chain:
    """The five whys of one service."""

    service: Markdown
    links: tuple[Why, ...]
    open: tuple[Markdown, ...]


def causes(incident: Incident, citing: Citing) -> list[Cause]:
    """One for each service that something is wrong with."""
    return [_cause(account, incident, citing) for account in incident.leading[: citing.limits.entries]]


def chains(incident: Incident, citing: Citing) -> list[Chain]:
    found = [_chain(account, citing) for account in incident.leading[: citing.limits.entries]]
    return [chain for chain in found if chain.links or chain.open]


def contributing(account: Account) -> list[View]:
    """What else was in trouble, the worst first: dependencies, replicas, resources, security, known errors."""
    found = [f for f in account.document["findings"] if f["severity"] in _NOTABLE]
    beneath = [f for f in found if f["question"] in (*PLACES, "security")]
    beneath += [f for f in found if f["question"] == "known_errors" and f["details"].get("state") in _RISEN]
    return sorted(beneath, key=lambda f: _NOTABLE.index(f["severity"]))


def category_of(account: Account) -> View:
    """`name` and `why` of the kind of cause."""
    whys = account.response["whys"]
    category: View = whys["category"]
    return category if whys["links"] else {**category, "why": _POINTLESS}


def name(change: View) -> str:
    """'deploy “checkout-v2.14.1” (b7712e4d)': by subject and hash, never by author."""
    after = revision(change["revision"]) if change["revision"] else ""
    hash_ = f" ({after})" if after and after not in change["summary"] else ""
    return f"{change['kind']} “{change['summary']}”{hash_}"


def _named(account: Account, citing: Citing) -> Markdown:
    of = f"{account.label} " if citing.is_several else ""
    return Markdown(f"{of}{citing.text(account.service)}")


def _cause(account: Account, incident: Incident, citing: Citing) -> Cause:
    document = account.document
    first = suspect(document)
    category = category_of(account)
    most = citing.limits.entries
    return Cause(
        service=_named(account, citing),
        suspect=_suspect(account, first, incident, citing) if first else NOTHING,
        verdict=NOTHING if first else citing.sentence(_verdict(document)),
        carries=tuple(_member(m, citing) for m in first["members"][:_MEMBERS]) if first else (),
        speaks_for=_reasons(first, "for", citing),
        speaks_against=_reasons(first, "against", citing),
        others=tuple(_others(account, first, citing)),
        elsewhere=tuple(_elsewhere(account, incident, citing)),
        contributing=tuple(citing.claim(account, f["headline"], f["supports"]) for f in contributing(account)[:most]),
        category=citing.text(category["name"]),
        category_why=citing.text(category["why"]),
    )


def _verdict(document: View) -> str:
    if document["verdict"] or document["changes_seen"]:
        return suspect_words(document)
    return "No change was seen, which is not the same as none made."


def _suspect(account: Account, change: View, incident: Incident, citing: Citing) -> Markdown:
    rows = citing.rows(account, change["supports"])
    effective = change["effective"] or change["time"]
    time = when(effective)
    at = f", in effect {time_of_day(effective)} UTC ({offset(time, incident.began)})" if time else ""
    return Markdown(f"{citing.text(name(change))}, {percent(change['probability'])} probable{at}{_in(rows)}")


def _member(member: View, citing: Citing) -> Markdown:
    return Markdown(f"{citing.code(revision(member['revision'] or member['id']))} {citing.text(member['summary'])}")


def _reasons(change: View | None, side: str, citing: Citing) -> tuple[Markdown, ...]:
    return tuple(map(citing.sentence, reasons(change, side, _REASONS))) if change else ()


def _others(account: Account, first: View | None, citing: Citing) -> Iterator[Markdown]:
    rest = [c for c in account.document["changes"] if c is not first and float(c["probability"] or 0.0) >= _UNLIKELY]
    for change in rest[: citing.limits.entries]:
        why = reasons(change, "against", 1)
        against = f"; against it: {citing.sentence(why[0])}" if why else ""
        rows = citing.rows(account, change["supports"])
        yield Markdown(f"{citing.text(name(change))}, {percent(change['probability'])} probable{_in(rows)}{against}")
    none = account.document["none_probability"]
    if none is not None:
        yield Markdown(f"none of the changes that were seen: {percent(none)} probable")


def _elsewhere(account: Account, incident: Incident, citing: Citing) -> Iterator[Markdown]:
    first = suspect(account.document)
    told = {first["id"]} if first else set()
    for other in (a for a in incident.accounts if a.service == account.service and a is not account):
        change = suspect(other.document)
        if change and change["id"] not in told:
            told.add(change["id"])
            yield Markdown(f"{other.label} points to {_suspect(other, change, incident, citing)}")


def _in(rows: Markdown) -> Markdown:
    return Markdown(f" ({rows})") if rows else NOTHING


def _chain(account: Account, citing: Citing) -> Chain:
    whys, most = account.response["whys"], citing.limits.entries
    return Chain(
        service=_named(account, citing),
        links=tuple(_why(account, link, citing) for link in whys["links"][:most]),
        open=tuple(map(citing.sentence, whys["open"][:most])),
    )


def _why(account: Account, link: View, citing: Citing) -> Why:
    return Why(citing.sentence(link["question"]), citing.claim(account, link["answer"], link["supports"]))
