"""Which records are kept."""

from __future__ import annotations

from collections.abc import Iterator

from collectors.logfiles.seeking import bounds
from collectors.logfiles.settings import NAME
from gather_diagnostics import Gap, Request
from gather_diagnostics.logparse import Record


class Sieve:
    """Keeps the records inside the windows, and of those as many as allowed.

    Beyond 30 % of the limit no more are kept from outside the incident window; of the incident's lines below
    WARNING, those beyond 30 % of the limit are thinned: one in ten is kept, then one in twenty, and so on, so that
    there is room for warnings and errors whenever they come. At the limit nothing is kept.
    """

    def __init__(self, request: Request, limit: int) -> None:
        self._incident = bounds(request.incident)
        self._spans = [bounds(w) for w in request.windows()]
        self._limit = limit
        self._share = max(1, limit * 3 // 10)
        self.kept = 0
        self._before = self._everyday = self._thinned = 0
        self._step = 5
        self._dropped = {"baseline": 0, "everyday": 0, "all": 0}

    def passes(self, record: Record) -> bool:
        moment = record.time_us
        if moment is None:
            return False
        for start, end in self._spans:
            if start <= moment < end:
                break
        else:
            return False
        reason = self._refusal(record, self._incident[0] <= moment < self._incident[1])
        if reason:
            self._dropped[reason] += 1
        else:
            self.kept += 1
        return not reason

    def _refusal(self, record: Record, in_incident: bool) -> str:
        if self.kept >= self._limit:
            return "all"
        if not in_incident:
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
            why = f"more than {self._limit:,} lines would have been kept; left out were {', '.join(dropped)}"
            mend = "raise sources.logfiles.max_lines, or ask for a shorter window"
            yield Gap(NAME, "all log lines of the windows", "truncated", why, mend)
