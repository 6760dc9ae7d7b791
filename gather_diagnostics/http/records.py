"""Records of an answer as the lines of a raw record."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

MOST_RAW = 1_000_000
"""Characters kept of one answer as a raw record."""


def lines(records: Iterable[Any], most: int) -> list[str]:
    """A line of JSON for each record from the first on, as long as they have `most` characters together."""
    kept: list[str] = []
    size = 0
    for one in records:
        text = json.dumps(one, sort_keys=True, ensure_ascii=False)
        size += len(text)
        if size > most:
            break
        kept.append(text)
    return kept
