"""A collector as somebody else's package would bring it: rows of any table, recorded as JSON lines in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from gather_diagnostics import Gap, Request, Rows, Target, plugins
from gather_diagnostics.tables import TABLES


def installed(*, group: str) -> list[EntryPoint]:
    """As `importlib.metadata.entry_points`, were this an installed package."""
    ours = [EntryPoint("recorded", "recordedsource:Recorded", plugins.COLLECTORS)]
    return [*entry_points(group=group), *(p for p in ours if p.group == group)]


class RecordedSettings(BaseModel):
    """Settings of the source `recorded`."""

    model_config = ConfigDict(extra="forbid")
    folder: str = Field("", description="folder with <table>.jsonl files, and gaps.jsonl for what could not be read")


class Recorded:
    """The collector `recorded`; may fill every table but logs, which have files of their own."""

    name: ClassVar[str] = "recorded"
    tables: ClassVar[frozenset[str]] = frozenset(TABLES) - {"logs"}
    Settings: ClassVar[type[BaseModel]] = RecordedSettings

    def __init__(self, settings: RecordedSettings) -> None:
        self._folder = settings.folder

    def plan(self, request: Request) -> Iterable[Target | Gap]:
        if self._folder:
            yield Target(f"recorded rows of {request.service}", self._folder, "sources.recorded.folder is set")
        else:
            why = "no folder is set"
            yield Gap("recorded", "recorded rows", "not_configured", why, "set sources.recorded.folder")

    def check(self, request: Request) -> Iterable[Gap]:
        return ()

    def collect(self, request: Request) -> Iterator[Rows | Gap]:
        for path in sorted(Path(self._folder).glob("*.jsonl")):
            records = [json.loads(line) for line in path.read_text().splitlines()]
            if path.stem == "gaps":
                yield from (Gap("recorded", **record) for record in records)
            else:
                yield Rows(path.stem, [_row(path.stem, record) for record in records])


def _row(table: str, record: dict[str, Any]) -> dict[str, Any]:
    times = {c.name for c in TABLES[table] if c.type == "time"} & set(record)
    return record | {name: datetime.fromisoformat(record[name]) for name in times}
