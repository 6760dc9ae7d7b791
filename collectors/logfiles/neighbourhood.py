"""The first error of a file and what stands around it: kept even where a limit refuses everything else.

The lines just before the first error say what led to it, and they are everyday ones, the first to be thinned out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from collectors.logfiles.sieve import OUTSIDE, Sieve, Timed
from gather_diagnostics.selection import ERROR_LEVELS

AROUND = 100
"""Records in front of the first error that are held until it comes, and behind it that are kept."""


T = TypeVar("T", bound=Timed)


class Neighbourhood(Generic[T]):
    """One file's records on their way through the sieve; holds at most AROUND of them."""

    def __init__(self, sieve: Sieve) -> None:
        self._sieve = sieve
        # None stands for one that was kept anyway: neighbours are counted as they stand in the file.
        self._before: deque[tuple[T, str] | None] = deque(maxlen=AROUND)
        self._after: int | None = None
        """How many more are kept behind the first error; None before it came."""

    def sifted(self, record: T) -> Iterator[T]:
        """The records to keep now: this one, or none, or at the first error those held in front of it too."""
        refused = self._sieve.refusal(record)
        if refused == OUTSIDE:
            return
        if self._after is None and record.level in ERROR_LEVELS and self._sieve.in_incident(record):
            self._after = AROUND + 1
            yield from (held for held, reason in filter(None, self._before) if self._sieve.rescued(reason))
            self._before.clear()
        if not refused or (self._after and self._sieve.rescued(refused)):
            yield record
        if self._after is None:
            self._before.append((record, refused) if refused else None)
        else:
            self._after = max(self._after - 1, 0)

    def passed(self, count: int, errors: Any) -> None:
        """`count` records were kept without asking; `errors` are the positions (NumPy) of the incident's among them."""
        if self._after is not None:
            self._after = max(self._after - count, 0)
        elif len(errors):
            self._after = max(AROUND + 1 - (count - int(errors[0])), 0)
            self._before.clear()
        else:
            self._before.extend([None] * min(count, AROUND))
