"""Which records are kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from collectors.logfiles.seeking import bounds
from collectors.logfiles.settings import NAME
from gather_diagnostics import Gap, Request

OUTSIDE = "outside"
"""The refusal of a record that nobody asked for."""


class Timed(Protocol):
    """What is looked at of a record."""

    @property
    def time_us(self) -> int | None: ...
    @property
    def level(self) -> str | None: ...


class Sieve:
    """Keeps the records inside the windows, and of those as many as allowed.

    Beyond 30 % of the limit no more are kept from outside the incident window; of the incident's lines below
    WARNING, those beyond 30 % of the limit are thinned: one in ten is kept, then one in twenty, and so on, so that
    there is room for warnings and errors whenever they come. A tenth of the limit is set aside for the neighbourhoods
    of first errors (`neighbourhood`). At the limit nothing is kept.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._incident = bounds(request.incident)
        self._spans = [bounds(w) for w in request.windows()]
        self._limit = limit
        self._aside = limit // 10
        self._share = max(1, limit * 3 // 10)
        self._kept = 0
        self._before = self._everyday = self._thinned = 0
        self._step = 5
        self._dropped = {"baseline": 0, "everyday": 0, "all": 0}

    def in_incident(self, record: Timed) -> bool:
        return record.time_us is not None and self._incident[0] <= record.time_us < self._incident[1]

    def inside(self, times: Any) -> Any:
        """Which of the times (microseconds, NumPy) lie in a window."""
        first, *others = ((times >= start) & (times < end) for start, end in self._spans)
        for other in others:
            first |= other
        return first

    def incident(self, times: Any) -> Any:
        """Which of the times (microseconds, NumPy) lie in the incident window."""
        return (times >= self._incident[0]) & (times < self._incident[1])

    def all_kept(self, count: int, before: int, everyday: int) -> bool:
        """Whether `count` records of the windows can be kept without asking further, and then counts them as kept.

        `before` of them lie outside the incident window, `everyday` are below WARNING inside of it.
        """
        is_room = self._kept + count <= self._limit - self._limit // 10
        if not is_room or self._before + before > self._share or self._everyday + everyday > self._share:
            return False
        self._kept += count
        self._before += before
        self._everyday += everyday
        return True

    def refusal(self, record: Timed) -> str:
        """Why this record is not kept; empty: it is."""
        moment = record.time_us
        if moment is None or not any(start <= moment < end for start, end in self._spans):
            return OUTSIDE
        reason = self._reason(record)
        if reason:
            self._dropped[reason] += 1
        else:
            self._kept += 1
        return reason

    def rescued(self, reason: str) -> bool:
        """Whether a record refused for this reason is kept after all, from what was set aside."""
        if self._aside <= 0:
            return False
        self._aside -= 1
        self._dropped[reason] -= 1
        return True

    def _reason(self, record: Timed) -> str:
        if self._kept >= self._limit - self._limit // 10:
            return "all"
        if not self.in_incident(record):
            self._before += 1
            return "baseline" if self._before > self._share else ""
        if record.level not in ("WARNING", "ERROR", "CRITICAL"):
            return self._thin()
        return ""

    def _thin(self) -> str:
        self._everyday += 1
        if self._everyday <= self._share:
            return ""
        if self._thinned % max(1, self._share // 10) == 0:
            self._thinned += 1
            self._step *= 2
        if self._everyday % self._step:
            return "everyday"
        self._thinned += 1
        return ""

    def gaps(self) -> Iterator[Gap]:
        words = {
            "baseline": "lines from before the incident window",
            "everyday": "lines below WARNING in the incident window (one in ten was kept, later fewer)",
            "all": "further lines",
        }
        dropped = [f"{n:,} {words[reason]}" for reason, n in self._dropped.items() if n]
        if dropped:
            why = (
                f"more than {self._limit:,} lines would have been kept; left out were {', '.join(dropped)};"
                " those around the first error of each file are kept"
            )
            mend = "raise sources.logfiles.max_lines, or ask for a shorter window"
            yield Gap(NAME, "all log lines of the windows", "truncated", why, mend)
