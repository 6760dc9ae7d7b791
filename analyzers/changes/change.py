"""The changes of the table as candidates: each told once, a deploy together with the commits it carried."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyzers.changes.odds import Part
from gather_diagnostics import decoded

if TYPE_CHECKING:
    import pandas as pd

_SHA = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Change:
    """A row of `changes`; `row` is its number there."""

    row: int
    id: str
    kind: str
    service: str | None
    summary: str
    author: str | None
    revision: str | None
    previous: str | None
    time: datetime
    finished: datetime | None
    details: Mapping[str, Any]

    @property
    def files(self) -> list[str]:
        return [str(f.get("path", "")) for f in self.details.get("files", ())]

    @property
    def telling(self) -> tuple[int, int]:
        return len(self.details.get("commits", ())), len(self.files)

    @property
    def name(self) -> str:
        return f"{self.kind} “{self.summary[:100]}”" + (f" by {self.author}" if self.author else "")

    @property
    def short(self) -> str:
        return f"{(self.revision or self.id)[:10]} “{self.summary[:60]}”"


@dataclass
class Candidate:
    change: Change
    members: list[tuple[Change, list[Part]]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    @property
    def score(self) -> float:
        return sum(p.weight for p in self.parts)

    @property
    def reason(self) -> str:
        strongest = sorted(self.parts, key=lambda p: -abs(p.weight))[:2]
        return "; ".join(p.words for p in strongest) or "nothing speaks for it"


def read(frame: pd.DataFrame) -> list[Change]:
    """All rows of the table `changes`."""
    return [_change(row, details) for row, details in _rows(frame)]


def candidates(recent: Sequence[Change], known: Sequence[Change]) -> list[Candidate]:
    """Deploys with the commits they carried, then every change that no deploy carried."""
    by_revision = {c.revision: c for c in known if c.revision and c.kind != "deploy"}
    carried: set[str] = set()
    found = []
    recent = _told_once(recent)
    for deploy in (c for c in recent if c.kind == "deploy"):
        members = [by_revision[r] for r in deploy.details.get("commits", ()) if r in by_revision]
        carried |= {m.id for m in members}
        found.append(Candidate(deploy, [(m, []) for m in members]))
    return found + [Candidate(c) for c in recent if c.kind != "deploy" and c.id not in carried]


def _rows(frame: pd.DataFrame) -> Iterator[tuple[Any, Any]]:
    return zip(frame.itertuples(), decoded(frame, "details"), strict=True)


def _change(row: Any, details: Mapping[str, Any]) -> Change:
    text = {
        n: v if isinstance(v := getattr(row, n), str) else None for n in ("service", "author", "revision", "previous")
    }
    return Change(
        row.Index,
        row.id,
        row.kind,
        summary=row.summary,
        time=row.time.to_pydatetime(),
        finished=None if row.finished != row.finished else row.finished.to_pydatetime(),
        details=details,
        **text,
    )


def _told_once(rows: Sequence[Change]) -> list[Change]:
    """Without what two sources tell of one change: the same kind at the same commit, as a tag and as a release.

    The account that says most is kept: one with commits before one with files before one with neither.
    """
    best: dict[tuple[str, str, str], Change] = {}
    for row in rows:
        revision = row.revision or ""
        key = (row.kind, row.service or "", revision if _SHA.fullmatch(revision) else row.id)
        if key not in best or row.telling > best[key].telling:
            best[key] = row
    kept = {row.id for row in best.values()}
    return [row for row in rows if row.id in kept]
