"""Pieces of LogQL that hold any text safely.

Source: grafana.com/docs/loki/latest/query (log queries, metric queries); strings are Go's.
"""

from __future__ import annotations

import re

ERRORS = "(?i)(error|critical|fatal|exception|traceback|panic)"
"""RE2, anywhere in a line: what parts errors from the other lines."""
_META = re.compile(r"[\\.+*?()|\[\]{}^$]")


def quote(text: str) -> str:
    """A string literal of any text."""
    return f'"{escape(text)}"'


def escape(text: str) -> str:
    """What stands between the quotes of a string literal."""
    return "".join(_escaped(c) for c in text)


def _escaped(character: str) -> str:
    if character in ('"', "\\"):
        return "\\" + character
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        code = 0xFFFD  # a lone surrogate has no UTF-8 form, and no label value can hold it
    # The lexer takes a literal U+FFFD for broken UTF-8; line ends may not stand in a string.
    if code < 0x20 or code == 0x7F or code == 0xFFFD:
        return f"\\u{code:04x}"
    return character


def literally(text: str) -> str:
    """A regular expression (RE2) that matches this text alone."""
    return _META.sub(lambda m: "\\" + m[0], text)


def equals(label: str, value: str) -> str:
    return f"{label}={quote(value)}"


def matches(label: str, pattern: str) -> str:
    return f"{label}=~{quote(pattern)}"


def narrowed(selector: str, errors: bool | None) -> str:
    """A log query: the lines with a word for an error, those without, or (None) all."""
    return selector if errors is None else f"{selector} {'|~' if errors else '!~'} {quote(ERRORS)}"


def counted(query: str, nanoseconds: int) -> str:
    """A metric query: lines by level in the time (t - nanoseconds, t]; Loki 3 detects a level where no label has it."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    length = f"{nanoseconds}ns" if rest else f"{whole}s"
    return f"sum by (level, detected_level) (count_over_time({query} [{length}]))"
