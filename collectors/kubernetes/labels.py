"""Label selectors as kubectl takes them. Pure.

Source: kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USUAL = ("app.kubernetes.io/name", "app", "k8s-app", "app.kubernetes.io/instance")
"""Labels that usually hold a service's name, the most telling first."""

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_PART = re.compile(
    rf"\s*(?:(?P<absent>!)\s*(?P<not_key>{_KEY})"
    rf"|(?P<key>{_KEY})\s*(?:(?P<op>==|=|!=)\s*(?P<value>{_VALUE})?|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)"
    r"\s*(?:,|$)"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    key: str
    values: frozenset[str]
    """Empty: any value."""
    wanted: bool = True
    """False: the opposite, which a missing label also fulfils."""

    def holds(self, labels: Mapping[str, Any]) -> bool:
        there = self.key in labels and (not self.values or labels[self.key] in self.values)
        return there is self.wanted


Selector = tuple[Requirement, ...]


def parse(written: str) -> Selector:
    """Raises ValueError, with the place, for what is no selector."""
    found: list[Requirement] = []
    at = 0
    while at < len(written):
        match = _PART.match(written, at)
        if not match:
            raise ValueError(f"it can't be read from {written[at : at + 40]!r} on")
        found.append(_requirement(match))
        at = match.end()
    if not found:
        raise ValueError("it is empty")
    return tuple(found)


def _requirement(match: re.Match[str]) -> Requirement:
    if match["absent"]:
        return Requirement(match["not_key"], frozenset(), wanted=False)
    if match["set"]:
        values = frozenset(v.strip() for v in match["values"].split(","))
        return Requirement(match["key"], values, wanted=match["set"] == "in")
    if match["op"]:
        return Requirement(match["key"], frozenset({match["value"] or ""}), wanted=match["op"] != "!=")
    return Requirement(match["key"], frozenset())


def holds(selector: Selector, labels: Mapping[str, Any]) -> bool:
    return all(r.holds(labels) for r in selector)
