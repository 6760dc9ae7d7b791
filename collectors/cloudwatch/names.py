"""Does a name mean the service? AWS has no label for it, only conventions. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

_TOKEN = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def tokens(name: str) -> tuple[str, ...]:
    """Words of a name in lower case: 'shop-CheckoutFunction2' is shop, checkout, function, 2."""
    return tuple(t.lower() for t in _TOKEN.findall(name))


def rank(service: str, name: str) -> int | None:
    """How well a name fits: 0 the same, 1 the same words, 2 begins with them, 3 holds them; None: not at all."""
    if name == service:
        return 0
    wanted, given = tokens(service), tokens(name)
    if not wanted or not given:
        return None
    places = [n for n in range(len(given) - len(wanted) + 1) if given[n : n + len(wanted)] == wanted]
    if not places:
        return None
    if len(given) == len(wanted):
        return 1
    return 2 if places[0] == 0 else 3


def belonging(service: str, name: str, known: Collection[str]) -> int | None:
    """`rank`, and 1 for a name that is known to be the service's, whatever it says."""
    told = rank(service, name)
    if name in known:
        return 1 if told is None else min(told, 1)
    return told


def best(service: str, names: Iterable[str]) -> int | None:
    """The best rank among several names."""
    ranks = [r for r in (rank(service, n) for n in names) if r is not None]
    return min(ranks, default=None)
