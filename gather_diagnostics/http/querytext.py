"""Pieces of PromQL and LogQL that hold any text safely: both have Go's strings, RE2, and labels with matchers.

Sources: prometheus.io/docs/prometheus/latest/querying/basics/#string-literals, grafana.com/docs/loki/latest/query
"""

from __future__ import annotations

import re

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
    # The lexer takes a literal U+FFFD for broken UTF-8; line ends and control characters may not stand in a string.
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
