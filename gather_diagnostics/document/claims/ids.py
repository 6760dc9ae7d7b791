"""Stable names: made of what a thing says, never of its place in a list, so that equal evidence has equal ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any


def digest(*parts: object) -> str:
    """Twelve hexadecimal digits of the parts' texts."""
    text = "\0".join("" if part is None else str(part) for part in parts)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]


def identified(kind: str, entries: Iterable[Mapping[str, Any]], *keys: str) -> list[dict[str, Any]]:
    """The entries with an `id`: `kind`, a colon, and the digest of what the keys hold."""
    return unique([{"id": f"{kind}:{digest(*(e[k] for k in keys))}", **e} for e in entries])


def unique(entries: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same, of equal ids the second with '-2' and so on: two rows may say the same."""
    seen: dict[str, int] = {}
    told = []
    for entry in entries:
        number = seen[entry["id"]] = seen.get(entry["id"], 0) + 1
        told.append(entry if number == 1 else {**entry, "id": f"{entry['id']}-{number}"})
    return told
