"""One level from all signs: how far it reaches, how many requests it hit, and which way it goes move it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gather_diagnostics.document.clock import clock
from gather_diagnostics.response.severity.schemes import LOWEST, SCHEMES, equivalents, rank
from gather_diagnostics.response.severity.signs import failing_share, scope, signs

View = Mapping[str, Any]

MAJORITY = 0.5
"""Share of all requests failing from which on a part of the service is as good as all of it."""
FEW_REQUESTS = 20
"""Requests that failed, below which it is a level less: a share of hardly any traffic says little."""
REASONS = 6


def judge(document: View, given: str, scheme: str) -> dict[str, Any]:
    """The key `response.severity` of evidence.json for the dict of `document.view`.

    `level` is what counts, in the words of `scheme` ('sev', 'p0', 'p1' or 'words'): what a person gave, else what is
    proposed; empty where nobody gave one and nothing calls for one. Raises InputError for a word that no scheme has.
    """
    proposed, reasons = _proposed(document)
    level = rank(given, scheme) if given.strip() else proposed
    levels = SCHEMES[scheme]
    return {
        "scheme": scheme,
        "level": levels[level] if level is not None else "",
        "given": given.strip(),
        "proposed": levels[proposed] if proposed is not None else "",
        "reasons": reasons,
        "equivalents": equivalents(level),
    }


def _proposed(document: View) -> tuple[int | None, list[str]]:
    """The rank, and why: the signs of it first, then what moved it."""
    found = signs(document)
    if not found:
        return None, []
    worst = found[0].rank
    level, moved = worst, []
    for by, why in _moves(document, worst):
        level = min(LOWEST, max(0, level + by))
        moved.append(why)
    level = min([level, *(sign.rank for sign in found if sign.firm)])
    told = [sign.words for sign in found if sign.rank == worst][: REASONS - len(moved)]
    return level, [*dict.fromkeys(told), *moved]


def _moves(document: View, worst: int) -> Iterator[tuple[int, str]]:
    """(levels down, or up where negative; why)"""
    told, share = scope(document), failing_share(document)
    onset = document["onset"]
    if _part(told) and worst == 0 and (share or 0.0) < MAJORITY:
        yield 1, f"It is a level lower, as only a part of the service is affected: {_part(told)}."
    failed = told.get("requests_failed")
    if share is not None and failed is not None and failed < FEW_REQUESTS:
        yield 1, f"It is a level lower, as only {failed:,} requests failed."
    if onset and not onset["time"] and _felt(document):
        yield 1, "It is a level lower, as no beginning was found: it may be usual at this hour."
    if told.get("trend") == "worse" and worst > 0:
        yield -1, "It is a level higher, as it is getting worse."
    if told.get("recovered_since"):
        yield 1, f"It is a level lower, as it has been over since {clock(told['recovered_since'], seconds=False)} UTC."


def _part(told: View) -> str:
    """'one endpoint'; empty where it is not isolated."""
    carried = told.get("carried_by") or {}
    return f"one {carried.get('dimension', 'part')}" if told.get("spread") == "isolated" else ""


def _felt(document: View) -> bool:
    """Is what was found a rise of latency or failing requests?"""
    return any(f["details"].get("changed") for f in (*document["error_rate"], *document["latency"]))
