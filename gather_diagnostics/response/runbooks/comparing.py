"""How a value of a document compares with one of a condition. Null is neither more nor less than anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

RANKS = ("info", "low", "medium", "high", "critical")
"""Severities, the worst last: two of them compare by rank, not by letters."""
SIGNS = ("==", "!=", ">=", "<=", ">", "<", "has", "lacks", "in")

_NUMBER = re.compile(r"[-+]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30})(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Mapping[str, Any] = {"null": None, "~": None, "true": True, "false": False}


def scalar(text: str) -> Any:
    """A scalar as YAML 1.2's core schema has it (yaml.org/spec/1.2.2, 10.3): null, true, a number, else text."""
    if text[:1] in ("'", '"') and text[-1:] == text[:1] and len(text) > 1:
        return text[1:-1]
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        return float(text) if any(c in text for c in ".eE") else int(text)
    return text


def value_at(item: Any, path: tuple[str, ...]) -> Any:
    """Where a path leads: names of keys, numbers of places in lists; null where it leads nowhere.

    A name on a list is asked of each of its elements: 'for.part' of a change is the list of its parts.
    """
    for at, name in enumerate(path):
        if isinstance(item, list) and not name.isdecimal():
            return [value_at(element, path[at:]) for element in item]
        if isinstance(item, list):
            item = item[int(name)] if len(name) < 10 and int(name) < len(item) else None
        else:
            item = item.get(name) if isinstance(item, Mapping) else None
    return item


def compare(found: Any, sign: str, wanted: Any) -> bool:
    match sign:
        case "==":
            return _same(found, wanted)
        case "!=":
            return not _same(found, wanted)
        case "has":
            return _has(found, wanted)
        case "lacks":
            return not _has(found, wanted)
        case "in":
            return any(_same(found, one) for one in wanted)
    return _ordered(found, sign, wanted)


def _same(one: Any, other: Any) -> bool:
    """Equal, and true is not 1. Lists of conditions are tuples."""
    if isinstance(other, tuple):
        return isinstance(one, list) and len(one) == len(other) and all(map(_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _has(found: Any, part: Any) -> bool:
    """Text holds a part of it, a list or mapping an element that does; null has nothing."""
    match found:
        case None:
            return False
        case list():
            return any(_has(element, part) for element in found)
        case Mapping():
            return any(_has(element, part) for pair in found.items() for element in pair)
    return _text(part) in _text(found)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _ordered(found: Any, sign: str, wanted: Any) -> bool:
    """Severities by rank, numbers by size, texts by their characters; anything else has no order."""
    if found in RANKS and wanted in RANKS:
        found, wanted = RANKS.index(found), RANKS.index(wanted)
    if not (_numbers(found, wanted) or (isinstance(found, str) and isinstance(wanted, str))):
        return False
    return bool({"<": found < wanted, "<=": found <= wanted, ">": found > wanted, ">=": found >= wanted}[sign])


def _numbers(*values: Any) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
