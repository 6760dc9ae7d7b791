"""Reading the names of tags and refs: is this a release of this service, and of which series?

A name is taken apart into words. Each must be known: the service's own name, the repository's, a word for deploying,
a number. One stranger - another service's name, an environment that isn't production - and the name does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

DEPLOYING = frozenset(
    "deploy deployed deploys deployment deployments release released releases rel prod production live rollout".split()
)
FILLING = frozenset(
    "v version ver build stable final ga hotfix patch services service apps app cmd packages svc src".split()
)
"""Words that neither make a name a release nor speak against it."""
ELSEWHERE = frozenset(
    "staging stage stg dev develop development test testing tests qa uat preview previews review sandbox demo local"
    " ci integration preprod nonprod".split()
)
"""Environments whose deploys change nothing in production."""

_NUMBER = re.compile(
    r"[vr]?\d+(\.\d+)*([tz]\d*z?)?|(?=[a-f]*\d)[0-9a-f]{7,64}|[tz]\d+z?|build\.?\d+", re.IGNORECASE | re.ASCII
)
_BREAKS = re.compile(r"[-_/@]+")


def words_of(name: str) -> list[str]:
    """'checkout/v1.2-3+meta' -> ['checkout', 'v1.2', '3']; an npm scope ('@acme/') is no word."""
    name = re.sub(r"^@[^/]+/", "", name.lower()).partition("+")[0]
    return [w for w in _BREAKS.split(name) if w]


def is_number(word: str) -> bool:
    """A version, a date, a time, a count or an abbreviated sha."""
    return bool(_NUMBER.fullmatch(word))


def series_of(name: str) -> str:
    """The name without its numbers: releases of one series follow one another."""
    return "-".join(w for w in words_of(name) if not is_number(w))


def is_release(name: str, service: str, repository: str, neighbours: Iterable[str] = ()) -> bool:
    """Whether a tag looks like a release or deploy of this service, or of the whole repository, to production.

    'v2.0.0-rc1' does not: a pre-release would hide what the release after it carried.
    """
    others = frozenset(neighbours)
    words = words_of(name)
    rest = _without(words, words_of(service))
    if rest == words:
        rest = _without(words, words_of(repository))
    deploying = False
    for word in rest:
        if word in others:
            return False
        if is_number(word) or word in DEPLOYING:
            deploying = True
        elif re.sub(r"[.\d]+$", "", word) not in FILLING:
            return False
    return deploying


def is_elsewhere(ref: str, neighbours: Iterable[str]) -> bool:
    """Whether a deploy ref names another environment than production, or one of the other services."""
    parts = ref.lower().split("/")[2:]
    return any(part in neighbours for part in parts) or any(w in ELSEWHERE for part in parts for w in words_of(part))


def version_key(name: str) -> tuple[tuple[int, ...], str]:
    """Orders names by their numbers where times are equal: v1.9 before v1.10."""
    return tuple(int(n[:18]) for n in re.findall(r"[0-9]+", name)), name


def _without(words: Sequence[str], taken: Sequence[str]) -> list[str]:
    """`words` without the first run of them that is `taken`."""
    for at in range(len(words) - len(taken) + 1):
        if taken and list(words[at : at + len(taken)]) == list(taken):
            return [*words[:at], *words[at + len(taken) :]]
    return list(words)
