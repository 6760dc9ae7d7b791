"""Whom and what it hit: figures where they are known, questions where they are not. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.brief import slower
from gather_diagnostics.response.postmortem.accounts import Account, Incident
from gather_diagnostics.response.postmortem.citing import Citing, Markdown, asked_for
from gather_diagnostics.response.severity.signs import DATA_LOSS, failing_share, scope, traffic_lost

View = Mapping[str, Any]
Figures = Iterator[tuple[str, Sequence[View]]]
"""Words of what one account knows, and the rows behind them."""

_LISTED = 8
_FEW = 0.2
"""Share of the usual traffic that has to stay away to be told."""


@dataclass(frozen=True, slots=True)
class Measure:
    name: Markdown
    figures: tuple[Markdown, ...]
    """One of each bundle that knows it; else what is asked for."""


def impact(incident: Incident, citing: Citing) -> list[Measure]:
    """One entry a measure, those of the evidence first, then what only people know."""
    accounts = [a for a in incident.accounts if a.is_wrong] or list(incident.accounts)
    found = [_measure(name, figures, missing, accounts, citing) for name, (figures, missing) in _MEASURES.items()]
    return [m for m in found if m.figures] + [Measure(Markdown(n), (asked_for(w),)) for n, w in _PEOPLE_KNOW.items()]


def overlaps(incident: Incident) -> bool:
    """Do two bundles tell of one service, so that their numbers must not be added up?"""
    wrong = [a.service for a in incident.accounts if a.is_wrong]
    return len(wrong) > len(set(wrong))


def _measure(
    name: str, figures: Callable[[Account], Figures], missing: str, accounts: Sequence[Account], citing: Citing
) -> Measure:
    told = []
    for account in accounts:
        of = f"{account.label} {citing.text(account.service)}: " if citing.is_several else ""
        told += [Markdown(f"{of}{citing.claim(account, words, supports)}") for words, supports in figures(account)]
    if not told and missing:
        told = [asked_for(missing)]
    return Measure(Markdown(name), tuple(told[: citing.limits.entries]))


def _finding(account: Account, id_: str) -> View:
    none: View = {"details": {}, "supports": (), "headline": ""}
    return next((f for f in account.document["findings"] if f["id"] == id_), none)


def _failed(account: Account) -> Figures:
    known, found, rate = scope(account.document), _finding(account, "scope"), _finding(account, "error_rate")
    if rate["headline"] and failing_share(account.document) is None:
        yield "no more than usual", rate["supports"]
    elif known.get("requests_failed") is not None:
        # It is an integral of two rates of the whole service.
        yield f"about {known['requests_failed']:,}", rate["supports"]
    elif known.get("requests_with_errors") is not None:
        words = f"at least {known['requests_with_errors']:,}: so many different requests have error lines"
        yield words, found["supports"]


def _share(account: Account) -> Figures:
    share = failing_share(account.document)
    rate = _finding(account, "error_rate")
    if share is not None:
        usual = rate["details"].get("baseline")
        before = "" if usual is None or account.is_under_way else f"; {usual:.2%} is usual"
        yield f"{share:.2%} of requests since it began{before}. {rate['headline']}", rate["supports"]
    elif rate["headline"]:
        yield rate["headline"], rate["supports"]
    else:
        errors = _finding(account, "log_errors")
        if errors["details"].get("changed"):
            yield f"failing requests were not counted. {errors['headline']}", errors["supports"]


def _latency(account: Account) -> Figures:
    whole = [f for f in account.document["latency"] if f["details"].get("stat") and ":endpoint:" not in f["id"]]
    changed = [f for f in whole if slower(f)]
    for finding in changed or whole[:1]:
        yield finding["headline"], finding["supports"]


def _traffic(account: Account) -> Figures:
    lost, found = traffic_lost(account.document), _finding(account, "traffic")
    if lost >= _FEW:
        yield f"{lost:.0%} of the usual requests did not arrive", found["supports"]


def _places(account: Account) -> Figures:
    known, found = scope(account.document), _finding(account, "scope")
    named = [(plural, known.get(plural) or ()) for plural in ("endpoints", "versions", "zones")]
    words = [f"{plural}: {_listed(values)}" for plural, values in named if values]
    replicas = known.get("instances") or {}
    if replicas.get("affected"):
        words.append(f"{replicas['affected']:,} of {replicas.get('of', '?')} instances")
    carried = known.get("carried_by")
    if carried:
        share = carried.get("explains")
        rise = f" ({share:.0%} of the rise)" if isinstance(share, int | float) else ""
        words.append(f"carried by {carried.get('dimension', 'part')} {_listed(carried.get('values') or ())}{rise}")
    elif known.get("spread") == "widespread":
        words.append("all parts alike")
    if words:
        yield "; ".join(words), found["supports"]


def _customers(account: Account) -> Figures:
    known = scope(account.document)
    if known.get("users"):
        names = known.get("tenants") or ()
        whose = f": {_listed(names)}" if names else ""
        yield f"at least {known['users']:,} met errors{whose}", _finding(account, "scope")["supports"]


def _data(account: Account) -> Figures:
    for finding in account.document["findings"]:
        if finding["question"] == "known_errors" and finding["details"].get("runbook") == DATA_LOSS:
            yield finding["headline"], finding["supports"]


def _listed(values: Sequence[Any]) -> str:
    more = f" and {len(values) - _LISTED} more" if len(values) > _LISTED else ""
    return ", ".join(map(str, values[:_LISTED])) + more


_MEASURES: Mapping[str, tuple[Callable[[Account], Figures], str]] = {
    "Requests that failed": (_failed, "how many requests failed"),
    "Share of requests": (_share, "which share of the requests failed"),
    "Latency": (_latency, "whether answers were slower, and how much"),
    "Traffic": (_traffic, ""),
    "Places": (_places, "which endpoints, versions or zones were affected"),
    "Customers": (_customers, "how many customers were affected, and which"),
    "Data": (_data, "whether data was lost or damaged; nothing in the evidence says so"),
}
"""Name to what tells it, and what is asked for where no bundle does."""
_PEOPLE_KNOW: Mapping[str, str] = {
    "What customers noticed": "in their words; complaints and support cases",
    "Cost": "money, error budget, obligations to customers",
}
