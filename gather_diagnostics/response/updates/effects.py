"""What people who use the service notice, in sentences without a technical term. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.brief import SEVERE, answered, placed, slower
from gather_diagnostics.response.severity.signs import TRAFFIC_LOST, failing_share, scope, traffic_lost

View = Mapping[str, Any]

_MOST = 0.5
_FEW = 0.01
_ROUTE = re.compile(r"/[A-Za-z0-9/_-]{1,40}")
"""An endpoint that may be shown; one with a host name or an id in it may not."""
_PARTS: Mapping[str, str] = {
    "endpoint": "function",
    "tenant": "customer",
    "zone": "location",
    "region": "location",
    "instance": "server",
    "version": "version",
}
"""Dimension of the traffic to what people call one of its values."""
_TRENDS: Mapping[str, str] = {
    "worse": "It is getting worse.",
    "steady": "It is neither getting better nor worse.",
    "recovering": "It is getting better.",
}
_TYPICAL = "p50"


def headline(document: View) -> str:
    """'some requests fail': for the title, behind the service's name; empty where users are not known to notice."""
    share, slow = failing_share(document), _slowest(document)
    if share is not None:
        return f"{'most' if share >= _MOST else 'some' if share >= _FEW else 'a few'} requests fail"
    if slow:
        return "slower than usual"
    if _errors(document):
        return "errors"
    return "far fewer requests than usual" if _quiet(document) else ""


def effects(document: View, *, over: bool) -> list[str]:
    """What users notice or, if `over`, noticed; at least one sentence."""
    found = [*_failing(document, over), *_slow(document, over), *_places(document, over), *_few(document, over)]
    return found or [*_reported(document, over), _unnoticed(document, over)][:1]


def extent(document: View, *, over: bool) -> str:
    """How far it reaches, in one sentence; empty where that is not known."""
    told = scope(document)
    was = "was" if over else "is"
    carried = told.get("carried_by") or {}
    values, noun = list(carried.get("values") or ()), _PARTS.get(carried.get("dimension", ""), "part")
    if told.get("spread") == "widespread":
        return f"All parts of the service {'were' if over else 'are'} affected."
    if not values:
        return ""
    routes = [v for v in values if noun == "function" and _ROUTE.fullmatch(str(v))]
    named = f" ({', '.join(routes[:3])})" if routes and len(values) <= 3 else ""
    count = f"one {noun}" if len(values) == 1 else f"{len(values)} {noun}s"
    of = "" if noun in ("customer", "location") else " of the service"
    return f"It {was} limited to {count}{of}{named}."


def numbers(document: View, *, over: bool) -> list[str]:
    """Counts, as far as they are known."""
    told = scope(document)
    failed, customers = told.get("requests_failed"), told.get("users")
    sentences = []
    if failing_share(document) is not None and failed:
        sentences.append(f"About {_rounded(failed)} requests {'failed' if over else 'have failed so far'}.")
    if customers and customers > 1:
        sentences.append(f"At least {customers:,} customers met errors.")
    return sentences


def trend(document: View) -> str:
    """Which way it goes, in one sentence; empty where nothing is wrong or that is not known."""
    return _TRENDS.get(str(scope(document).get("trend")), "") if scope(document).get("signal") else ""


def _failing(document: View, over: bool) -> Iterator[str]:
    share = failing_share(document)
    if share is not None:
        words = "Nearly all" if share > 0.98 else f"About {share:.0%} of" if share >= _FEW else "Fewer than 1% of"
        yield f"{words} requests to {{service}} {'failed' if over else 'fail'}."


def _slow(document: View, over: bool) -> Iterator[str]:
    finding = _slowest(document)
    if finding:
        details = finding["details"]
        one = details.get("stat") == _TYPICAL
        whose, verb = ("A typical answer", "takes") if one else ("The slowest answers", "take")
        now, before = _seconds(details.get("incident")), _seconds(details.get("baseline"))
        verb = "took" if over else verb
        yield f"{whose} {verb} about {now} instead of {before}." if now and before else f"{whose} {verb} longer."


def _slowest(document: View) -> View | None:
    """The rise of latency of the service as a whole that most people feel: of typical answers, else the largest."""
    found = [f for f in document["latency"] if slower(f) and not placed(f)]
    typical = [f for f in found if f["details"].get("stat") == _TYPICAL]
    return next(iter(typical or sorted(found, key=lambda f: -float(f["details"].get("ratio") or 0.0))), None)


def _places(document: View, over: bool) -> Iterator[str]:
    """One function that fails, where it is hidden in the figure for the whole service."""
    for finding in document["error_rate"]:
        endpoint, share = finding["id"].removeprefix("error_rate:endpoint:"), finding["details"].get("incident")
        if endpoint == finding["id"] or not _ROUTE.fullmatch(endpoint) or not finding["details"].get("changed"):
            continue
        if share and share > 2 * (failing_share(document) or 0.0):
            yield f"Of the requests to {endpoint}, about {share:.0%} {'failed' if over else 'fail'}."
            return


def _few(document: View, over: bool) -> Iterator[str]:
    if _quiet(document):
        verb = "reached" if over else "reach"
        yield f"About {traffic_lost(document):.0%} fewer requests than usual {verb} {{service}}."


def _quiet(document: View) -> bool:
    return traffic_lost(document) >= min(least for least, _ in TRAFFIC_LOST)


def _reported(document: View, over: bool) -> Iterator[str]:
    if _errors(document):
        yield f"{{service}} {'reported' if over else 'reports'} errors that it does not report usually."


def _errors(document: View) -> bool:
    return any(f["id"] == "log_errors" and f["details"].get("changed") for f in document["error_rate"])


def _unnoticed(document: View, over: bool) -> str:
    if not answered(document):
        return "How users are affected is not known." if over else "How users are affected is not known yet."
    if over:
        return "As far as we can see, users did not notice anything."
    if any(f["severity"] in SEVERE for f in document["findings"]):
        return "As far as we can see, users do not notice anything yet; they may if nothing is done."
    return "We have had a report of a problem; our measurements of {service} do not show one so far."


def _seconds(value: object) -> str:
    """'0.12 seconds', '2.1 seconds', '30 seconds'; empty where it is no number."""
    if not isinstance(value, int | float):
        return ""
    return f"{value:.0f} seconds" if value >= 10 else f"{value:.2g} seconds"


def _rounded(count: int) -> str:
    """Two digits of it: more would claim to know it better than one does."""
    digits = max(0, len(str(count)) - 2)
    return f"{round(count, -digits):,}"
