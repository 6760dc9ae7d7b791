"""Four ways to name the same four levels, the highest first."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gather_diagnostics.errors import InputError

SCHEMES: Mapping[str, tuple[str, ...]] = {
    "sev": ("SEV1", "SEV2", "SEV3", "SEV4"),
    "p0": ("P0", "P1", "P2", "P3"),
    "p1": ("P1", "P2", "P3", "P4"),
    "words": ("critical", "high", "medium", "low"),
}
LOWEST = 3
_BLANKS = re.compile(r"[\s_\-]+")
_PREFIX = re.compile(r"(severity|sev|s|priority|prio|p)(\d)")


def rank(word: str, scheme: str) -> int:
    """0 (the highest) to 3 of a level as people type it: 'SEV2', 'sev 2', 'S2', 'P1', 'High'.

    A word of `scheme` is read as that scheme has it, others as theirs. P1, P2 and P3 stand in two of them; where
    neither is `scheme`, the more severe reading counts: https://response.pagerduty.com/before/severity_levels/ says to
    treat an incident as the higher level where one is unsure. Raises InputError for a word of none.
    """
    canonical = _canonical(word)
    for levels in (SCHEMES[scheme], *SCHEMES.values()):
        names = [name.lower() for name in levels]
        # P1 to P4 begin a level higher than P0 to P3 do, so they are asked first.
        if levels is SCHEMES["p0"] and scheme != "p0" and canonical in [n.lower() for n in SCHEMES["p1"]]:
            continue
        if canonical in names:
            return names.index(canonical)
    raise InputError(f"there is no severity {word.strip()[:40]!r}: say {_choices(scheme)}")


def equivalents(level: int | None) -> dict[str, str]:
    """The level's word in each scheme; empty words where there is no level."""
    return {scheme: levels[level] if level is not None else "" for scheme, levels in SCHEMES.items()}


def _canonical(word: str) -> str:
    compact = _BLANKS.sub("", word).lower()
    match = _PREFIX.fullmatch(compact)
    return f"{'p' if match[1].startswith('p') else 'sev'}{match[2]}" if match else compact


def _choices(scheme: str) -> str:
    own = SCHEMES[scheme]
    others = [f"{levels[0]} to {levels[-1]}" for name, levels in SCHEMES.items() if name != scheme]
    return f"{', '.join(own[:-1])} or {own[-1]} (or a word of {', of '.join(others)})"
