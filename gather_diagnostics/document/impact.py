"""How bad it is and whether it is getting worse, in one line of the first screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.brief import answered, slower
from gather_diagnostics.document.clock import clock
from gather_diagnostics.document.escaping import cut

View = Mapping[str, Any]
_SPREADS = {"several": "in several places", "widespread": "widespread"}
_TRENDS = {"worse": "It is getting worse.", "steady": "It is steady.", "recovering": "It is recovering."}
_RATES = {"error_rate": "Failing requests", "log_errors": "Error lines"}


def how_bad(document: View) -> str:
    """In one line: the severity proposed, how far it reaches, how many requests fail, whether it is getting worse; and
    the severity a person gave."""
    severity = document["severity"]
    given = f" A person gave {severity['given']}." if severity["given"] else ""
    if level := proposed_level(document):
        proposed = f"{level} is proposed"
    elif answered(document):
        proposed = "No finding calls for a severity"
    else:
        proposed = "No severity can be proposed: too little was seen"
    return f"{'; '.join([proposed, *_extent(_scope(document))])}. {trend(document)}{given}"


def proposed_level(document: View) -> str:
    """'SEV2', or 'High' in a document without a response; empty where nothing calls for a severity."""
    if response := document["response"]:
        return str(response["severity"]["proposed"])
    worst = str(document["severity"]["proposed"])
    return worst.capitalize() if worst != "info" else ""


def level(document: View) -> str:
    """What counts: the level a person gave, else the one proposed; empty where there is neither."""
    response = document["response"]
    return str(response["severity"]["level"] if response else document["severity"]["given"]) or proposed_level(document)


def rank(document: View) -> str:
    """The level's word among critical, high, medium, low; 'info' where there is none."""
    if response := document["response"]:
        return response["severity"]["equivalents"]["words"] or "info"
    return str(document["severity"]["proposed"])


def _scope(document: View) -> View:
    """Details of the answer to how far it reaches; empty where nothing is wrong, or nothing answers."""
    found: list[View] = [f["details"] for f in document["findings"] if f["id"] == f["question"] == "scope"]
    return found[0] if found and found[0].get("since") else {}


def _extent(scope: View) -> Iterator[str]:
    carried = scope.get("carried_by") or {}
    values: list[str] = list(carried.get("values") or ())
    dimension = carried.get("dimension")
    if len(values) == 1:
        yield f"only {dimension} {cut(str(values[0]), 40)}"
    elif values:
        yield f"only {len(values)} {dimension}s"
    elif scope.get("spread") in _SPREADS:
        yield _SPREADS[scope["spread"]]
    if scope.get("share_of_requests_failing") is not None:
        yield f"{scope['share_of_requests_failing']:.1%} of requests failed"


def trend(document: View) -> str:
    """Is it getting worse? Of what left its baseline only: a slope inside the usual is nobody's incident."""
    scope = _scope(document)
    if scope.get("recovered_since"):
        return f"It has recovered since {clock(scope['recovered_since'])} UTC."
    if scope.get("trend") in _TRENDS:
        return _TRENDS[scope["trend"]]
    found = {f["id"]: f["details"] for f in document["error_rate"] if f["id"] in _RATES}
    if not found:
        return "Whether it is getting worse can't be told: neither an error rate nor error lines came in."
    worse = [id_ for id_ in _RATES if found.get(id_, {}).get("changed")]
    if worse:
        known = [id_ for id_ in worse if found[id_].get("trend", "unknown") != "unknown"] or worse
        return f"{_RATES[known[0]]}: {found[known[0]].get('trend_words') or 'no trend can be told'}."
    usual = " and ".join(words for id_, words in _RATES.items() if id_ in found).capitalize()
    slow = any(slower(f) for f in document["latency"])
    return f"{usual} stay within their baseline{'; no trend is computed for latency' if slow else ''}."
