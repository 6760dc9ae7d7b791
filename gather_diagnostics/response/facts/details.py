"""Reading `details`, which a stranger's bundle or plug-in may have made: another shape counts as absent. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

View = Mapping[str, Any]


def mapping(details: View, key: str) -> View:
    found = details.get(key)
    return found if isinstance(found, Mapping) else {}


def listed(details: View, key: str) -> list[Any]:
    found = details.get(key)
    return list(found) if isinstance(found, list | tuple) else []


def texts(details: View, key: str) -> list[str]:
    """Those items of a list that are text."""
    return [i for i in listed(details, key) if isinstance(i, str)]


def views(details: View, key: str) -> list[View]:
    """Those items of a list that are mappings."""
    return [i for i in listed(details, key) if isinstance(i, Mapping)]


def text(details: View, key: str) -> str:
    found = details.get(key)
    return found if isinstance(found, str) else ""


def number(details: View, key: str) -> float | None:
    """A finite number; None for anything else."""
    found = details.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    return float(found) if abs(found) < 1e15 and math.isfinite(found) else None


def whole(details: View, key: str) -> int | None:
    found = number(details, key)
    return int(found) if found is not None else None
