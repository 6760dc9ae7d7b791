"""Key blocks of which every line is a log record of its own: what only the records before can tell.

A PEM block's last line is as short as it happens to be, and nothing in it says key. So whoever reads records in order
remembers, for each stream of them, whether a block is open.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gather_diagnostics.redaction import patterns

_BODY = re.compile(r"(?:^|.{0,200}[\s|>])(?P<line>[A-Za-z0-9+/]{1,76}={0,2})\s{0,8}$", re.ASCII)
"""The last word of a record, whatever a logger put before it."""
_MOST = 400
"""Records; an RSA key of 16,384 bits has 200 lines. A block that does not end by then had its end cut off."""

Stream = tuple[str, ...]


class Blocks:
    """Which streams of records are inside of a key block. One for each run; the caller holds its lock."""

    def __init__(self) -> None:
        self._open: dict[Stream, int] = {}

    def __bool__(self) -> bool:
        return bool(self._open)

    def bodies(self, streams: Sequence[Stream], records: Sequence[str | None]) -> dict[int, tuple[int, int]]:
        """For each record that is a line of a key, where in it that line stands. Records come in order of time."""
        found = {}
        for number, (stream, record) in enumerate(zip(streams, records, strict=True)):
            text = record or ""
            if begin := patterns.PEM_BEGIN.search(text):
                if patterns.PEM_END not in text[begin.end() :]:
                    self._open[stream] = _MOST
            elif stream in self._open:
                body = _BODY.match(text)
                if body:
                    found[number] = body.span("line")
                self._count(stream, is_over=patterns.PEM_END in text)
        return found

    def _count(self, stream: Stream, *, is_over: bool) -> None:
        self._open[stream] -= 1
        if is_over or not self._open[stream]:
            del self._open[stream]
