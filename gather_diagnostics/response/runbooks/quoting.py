"""Puts untrusted values where a template has left room for them: into a shell's command line, into a query.

A `Place` reads what stands before a value and says how the value is written there, or None where it can't be written so
that it stays one value: then a person has to.
"""

from __future__ import annotations

import re
import shlex
from typing import Protocol

from gather_diagnostics.document.escaping import visible
from gather_diagnostics.http import querytext

LONGEST = 1000
"""Characters of a value."""

_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
"""What no shell takes for anything but itself, in or out of quotes: what shlex.quote leaves as it is."""
_TANGLED = re.compile(r"""[`#\n]|\$[('"]|<<|\b(?:eval|ssh|watch|xargs)\b""")
"""Where quotes mean something else, or what they hold is read by a second shell."""
_REGEX = re.compile(r"[=!]~\s*\Z")


class Place(Protocol):
    """Where values go."""

    def read(self, text: str) -> None:
        """Take note of the template's own text up to the next value."""
        ...

    def put(self, value: str, *, promql: bool) -> str | None:
        """The value as it is written here; None for one that is empty or can't be."""
        ...


class Shell:
    """A command line of POSIX's shell (POSIX.1-2024, XCU 2.2)."""

    def __init__(self, own: str) -> None:
        """`own` is all of the template's own text."""
        self._tangled = bool(_TANGLED.search(own))
        self._quote = ""
        self._last = " "
        self._escaped = False

    def read(self, text: str) -> None:
        for character in text:
            if self._escaped:
                self._escaped = False
            elif character == "\\" and self._quote != "'":
                self._escaped = True
            elif character == self._quote:
                self._quote = ""
            elif character in "'\"" and not self._quote:
                self._quote = character
        self._last = text[-1:] or self._last

    def put(self, value: str, *, promql: bool) -> str | None:
        written = self._written(querytext.quote(value) if promql and value else value)
        self._last = written[-1] if written else ">"
        return written

    def _written(self, value: str) -> str | None:
        option = value.startswith("-") and not (self._last.isalnum() or self._last in "=:,/")
        if not _writable(value) or option or self._escaped:
            return None
        if _PLAIN.fullmatch(value):
            return value
        return None if self._tangled or self._quote else shlex.quote(value)


class Literals:
    """PromQL and CloudWatch Logs Insights: string literals in quotes, in which a backslash escapes.

    Behind PromQL's =~ and !~ a value stands for itself, not for a regular expression.
    """

    def __init__(self) -> None:
        self._quote = ""
        self._escaped = False
        self._regex = False

    def read(self, text: str) -> None:
        for n, character in enumerate(text):
            if self._escaped:
                self._escaped = False
            elif character == "\\" and self._quote in ("'", '"'):
                self._escaped = True
            elif character == self._quote:
                self._quote = ""
            elif character in "'\"`" and not self._quote:
                self._quote = character
                self._regex = _REGEX.search(text, max(0, n - 20), n) is not None
        if not self._quote:
            self._regex = _REGEX.search(text[-20:]) is not None

    def put(self, value: str, *, promql: bool) -> str | None:
        if not _writable(value) or self._escaped:
            return None
        value = querytext.literally(value) if self._regex else value
        if self._quote in ("'", '"'):
            return querytext.escape(value).replace("'", "\\'") if self._quote == "'" else querytext.escape(value)
        if promql and not self._quote:
            return querytext.quote(value)
        return value if _PLAIN.fullmatch(value) else None


def _writable(value: str) -> bool:
    """Not empty, not endless, and nothing in it acts or hides."""
    return bool(value) and len(value) <= LONGEST and visible(value) == value
