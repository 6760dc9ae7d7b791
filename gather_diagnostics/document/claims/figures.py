"""Figures in sentences: which of them stands for a value, and does it still?

A figure is a number with its unit ('6.21%', '1,299 ms', '1,647') or a time of day in UTC ('17:30:16', '17:31').
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_NUMBER = re.compile(r"(?<![\w.,:/-])-?\d[\d,]*(?:\.\d+)?(?: ?%| ms\b| s\b)?")
_CLOCK = re.compile(r"(?<![\w.:-])\d\d:\d\d(?::\d\d)?(?![\w:])")
_SCALES = {"%": 0.01, "ms": 0.001, "s": 1.0, "": 1.0}
_SLACK = 1e-4
"""Of values that were rounded before the sentence's author rounded them again."""


def find(sentence: str, value: float | str) -> str | None:
    """The first figure that stands for the value; None where the sentence gives it in no figure."""
    pattern = _CLOCK if isinstance(value, str) else _NUMBER
    return next((match[0] for match in pattern.finditer(sentence) if stands_for(match[0], value)), None)


def within(sentence: str, figure: str) -> bool:
    """Does the sentence still have this figure, and not as a part of another?"""
    return any(match[0] == figure for pattern in (_CLOCK, _NUMBER) for match in pattern.finditer(sentence))


def stands_for(figure: str, value: float | str) -> bool:
    """Is it the value, rounded as far as the figure is? A text value is a time in ISO 8601."""
    if isinstance(value, str):
        return _is_clock(figure, value)
    match = re.fullmatch(r"(-?)([\d,]+)(?:\.(\d+))?(?: ?(%|ms|s))?", figure)
    if match is None:
        return False
    scale = _SCALES[match[4] or ""]
    digits = match[3] or ""
    number = float(f"{match[1]}{match[2].replace(',', '')}.{digits or 0}") * scale
    return abs(number - value) <= (0.5 + _SLACK) * scale * 10.0 ** -len(digits) + 1e-6 * abs(value)


def _is_clock(figure: str, value: str) -> bool:
    try:
        time = datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return False
    return figure in (f"{time:%H:%M:%S}", f"{time:%H:%M}")
