"""The person at the terminal: sees every step of a walk, and answers what only a person can."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.response.walking import Done, Reply

_PLACE = "journal.answer"
"""Where a note stands, for the report of redaction."""


class Watched:
    """Shows a walk on a stream. With `alone` nobody is asked; else a line is read from stdin for each question."""

    def __init__(self, out: TextIO, redactor: Redactor, alone: bool) -> None:
        self._out = out
        self._redactor = redactor
        self._alone = alone
        self._seen = ""
        """What was found out, where it was shown before a person was asked."""

    def begins(self, number: int, step: Mapping[str, Any], hint: str) -> None:
        from gather_diagnostics.response.walking.telling import opening

        self._seen = ""
        self._show(opening(number, step, hint))

    def ends(self, reply: Reply) -> None:
        from gather_diagnostics.response.walking.telling import closing

        self._show(f"{closing(reply, self._seen)}\n")

    def holds(self, reply: Reply) -> bool | None:
        if self._alone:
            return None
        from gather_diagnostics.response.walking.telling import findings

        self._seen = reply.words
        self._show(findings(reply))
        answer = self._asked("Is it so? [y]es, [n]o, Enter: not known", ("y", "n", ""))
        return None if not answer else answer == "y"

    def did(self) -> Done | None:
        if self._alone:
            return None
        from gather_diagnostics.response.walking import Done

        answer = self._asked("Did you do it? [d]one, [s]kipped", ("d", "s"))
        note = self._redactor.text(self._line("A note on it (Enter: none)"), _PLACE)
        return Done("done" if answer == "d" else "skipped", note)

    def _asked(self, question: str, letters: tuple[str, ...]) -> str:
        """The first letter of the answer, asked again until it is one of `letters`."""
        while (answer := self._line(question).lower()[:1]) not in letters:
            pass
        return answer

    def _line(self, question: str) -> str:
        """Raises EOFError where there is no more input. On stderr, so that stdout stays the product."""
        self._out.flush()
        sys.stderr.write(f"   {question}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip()

    def _show(self, text: str) -> None:
        from gather_diagnostics.document.escaping import encodable

        self._out.write(encodable(text, self._out.encoding or "utf-8"))
        self._out.flush()
