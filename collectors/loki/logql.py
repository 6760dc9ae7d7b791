"""Queries of LogQL (grafana.com/docs/loki/latest/query: log queries, metric queries)."""

from __future__ import annotations

from gather_diagnostics.http.querytext import quote

ERRORS = "(?i)(error|critical|fatal|exception|traceback|panic)"
"""RE2, anywhere in a line: what parts errors from the other lines."""


def narrowed(selector: str, errors: bool | None) -> str:
    """A log query: the lines with a word for an error, those without, or (None) all."""
    return selector if errors is None else f"{selector} {'|~' if errors else '!~'} {quote(ERRORS)}"


def counted(query: str, nanoseconds: int) -> str:
    """A metric query: lines by level in the time (t - nanoseconds, t]; Loki 3 detects a level where no label has it."""
    whole, rest = divmod(nanoseconds, 1_000_000_000)
    length = f"{nanoseconds}ns" if rest else f"{whole}s"
    return f"sum by (level, detected_level) (count_over_time({query} [{length}]))"
