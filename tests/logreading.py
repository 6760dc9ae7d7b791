"""Reading log files with the collector `logfiles`, as the runner does it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collectors.logfiles import LogFiles
from gather_diagnostics import Gap, Request, Rows
from gather_diagnostics.tables import to_batch


def logfiles(*paths: Path | str, **settings: Any) -> LogFiles:
    return LogFiles(LogFiles.Settings(paths=[str(p) for p in paths], **settings))


def run(source: LogFiles, request: Request) -> tuple[list[dict[str, Any]], list[Gap]]:
    rows: list[dict[str, Any]] = []
    gaps: list[Gap] = []
    for item in source.collect(request):
        if isinstance(item, Rows):
            rows += to_batch(item.table, source.name, item.rows).to_pylist()
        else:
            gaps.append(item)
    return rows, gaps


def messages(source: LogFiles, request: Request) -> list[str]:
    rows, gaps = run(source, request)
    assert gaps == []
    return [row["message"] for row in rows]


def line(moment: datetime, text: str, level: str = "INFO") -> str:
    return f"{moment.isoformat()} {level} {text}\n"


def orders(now: datetime) -> str:
    """200 lines, one every 20 seconds up to `now`."""
    start = now - timedelta(seconds=20 * 200)
    return "".join(line(start + timedelta(seconds=20 * n), f"order {n:03}") for n in range(200))
