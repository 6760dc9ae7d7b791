"""The many names of log levels, brought down to five."""

from __future__ import annotations

import re
from typing import Any

_NAMES = {
    "DEBUG": "trace debug verbose fine finer finest dbg trc t d v",
    "INFO": "info information informational notice config inf i n",
    "WARNING": "warn warning wrn w",
    "ERROR": "error err eror severe e",
    "CRITICAL": "critical crit fatal ftl alert emerg emergency panic dpanic f c",
}
_LEVELS = {name: level for level, names in _NAMES.items() for name in names.split()}
_SYSLOG = ("CRITICAL", "CRITICAL", "CRITICAL", "ERROR", "WARNING", "INFO", "INFO", "DEBUG")

LONG = "|".join(sorted((n for n in _LEVELS if len(n) > 2 and n != "config"), key=len, reverse=True))
"""Level words of three letters and more, as a regular expression."""

_DECORATED = re.compile(rf"[\[(<|]\s*({LONG})\s*[\])>|]:?\s*|({LONG})\s*[:\t]\s*", re.IGNORECASE)
_UPPER = re.compile(rf"({LONG.upper()})(?:\s*[-|,:]+\s+|\s+|$)")
_LOWER = re.compile(r"(trace|debug|info|notice|warn|warning|error|critical|fatal|panic)(?=\s)")
_LATER = re.compile(rf"[\s\[(<|:\-](?:({LONG.upper()})(?=[\s\])>|:,\-]|$)|(?<=\[)(?:[a-z_]+:)?({LONG})(?=\]))")

LATER_WITHIN = 100
"""Characters from the start in which a level word counts as the line's level."""


def level_of(value: Any) -> str | None:
    """The level a structured field names. Numbers: 0-7 as in RFC 5424, 10-60 as in pino and bunyan."""
    if isinstance(value, str):
        word = value.strip().lower()
        return _LEVELS.get(word) or (
            level_of(int(word)) if word.isascii() and word.isdecimal() and len(word) < 4 else None
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if 0 <= value <= 7:
        return _SYSLOG[int(value)]
    return _of_number(value, (30, 40, 50, 60)) if 10 <= value <= 69 else None


def level_of_python(value: Any) -> str | None:
    """The level of Python's `levelno`: 10, 20, 30, 40, 50."""
    return _of_number(value, (20, 30, 40, 50)) if isinstance(value, int | float) else None


def level_of_otel(value: Any) -> str | None:
    """The level of an OpenTelemetry SeverityNumber, 1..24."""
    return _of_number(value, (9, 13, 17, 21)) if isinstance(value, int | float) else None


def _of_number(value: float, bounds: tuple[int, int, int, int]) -> str:
    for bound, level in zip(reversed(bounds), ("CRITICAL", "ERROR", "WARNING", "INFO"), strict=True):
        if value >= bound:
            return level
    return "DEBUG"


def level_of_status(status: int) -> str:
    """The level of an access log line: ERROR from 500 on, WARNING from 400 on, else INFO."""
    return "ERROR" if status >= 500 else "WARNING" if status >= 400 else "INFO"


def level_of_priority(priority: int) -> str:
    """The level of a syslog PRI (RFC 5424, 6.2.1): facility * 8 + severity."""
    return _SYSLOG[priority % 8]


def find_level(text: str, timed: bool) -> tuple[str | None, int]:
    """(level of a plain line, where the message starts once the level in front is taken off).

    A bare lower-case word counts right after a time only: elsewhere it is prose ('error rates are normal').
    """
    if (match := _UPPER.match(text)) or (match := _DECORATED.match(text)):
        return _LEVELS[match[match.lastindex or 0].lower()], match.end()
    if timed and (match := _LOWER.match(text)):
        return _LEVELS[match[1]], 0
    if match := _LATER.search(text, 0, LATER_WITHIN):
        return _LEVELS[match[match.lastindex or 0].lower()], 0
    return None, 0
