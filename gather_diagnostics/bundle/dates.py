"""The times that files of a bundle bear. See https://reproducible-builds.org/specs/source-date-epoch/."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

_LATEST = 2**32 - 1
"""gzip has 32 bits for it."""


def stamp(asked: datetime) -> int:
    """What everything packed bears, in seconds since 1970: SOURCE_DATE_EPOCH, else the time of the request."""
    fixed = _fixed()
    return min(max(int(asked.timestamp()) if fixed is None else fixed, 0), _LATEST)


def settle(place: Path | int) -> None:
    """Give a path or descriptor the time of SOURCE_DATE_EPOCH; without one it keeps that of its writing."""
    if (fixed := _fixed()) is not None:
        os.utime(place, (fixed, fixed))


def _fixed() -> int | None:
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    return min(int(text), _LATEST) if text.isascii() and text.isdigit() and len(text) <= 20 else None
