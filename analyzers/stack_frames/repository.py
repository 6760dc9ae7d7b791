"""From a frame's path to a file of the repository, and to the changes that touch it.

A path in a trace is one of the machine the code was built or runs on; only its end agrees with the repository's. The
files known are those that the changes touch, those from before the change window included: they are no candidates, but
tell who last changed a line. A commit from before the window that a deploy of the window carried is a change of the
window, as of that deploy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyzers.stack_frames.model import Frame
from gather_diagnostics import Request, Window, decoded

if TYPE_CHECKING:
    import pandas as pd

NEAR = 3
"""Lines around a touched one that count as touched: a call fails beside the line that was changed."""
SHALLOW = 2
"""Folders of a frame's path up to which agreeing names alone will do: '/app/main.go'."""

Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Touch:
    """A change that touches a file."""

    row: int
    id: str
    summary: str
    author: str
    revision: str
    made: datetime
    """The time of its row."""
    time: datetime
    """From when on it can have done harm: `made`; of a commit from before the window, when a deploy carried it."""
    in_window: bool
    """It landed in the change window, or was deployed in it."""
    service: str | None
    path: str
    lines: tuple[tuple[int, int], ...] | None
    """First and last line, counted from 1, of each range; None where the source does not tell."""
    functions: str
    """The declarations it touches, as they stand in the code."""

    def hits_line(self, frame: Frame) -> bool:
        """Near is enough to be suspected, but not to be named as the one who once wrote it."""
        line, near = frame.line, NEAR if self.in_window else 0
        return line is not None and any(a - near <= line <= b + near for a, b in self.lines or ())

    def hits_function(self, frame: Frame) -> bool:
        """By name, which stays when other commits move the lines."""
        names = re.findall(r"\w+", frame.function)
        return bool(names) and re.search(rf"\b{re.escape(names[-1])}\b", self.functions) is not None


@dataclass(frozen=True, slots=True)
class History:
    """How far back the changes tell of the repository."""

    since: datetime
    """The oldest commit read, UTC."""
    is_cut: bool
    """The clone's own history ends there: what that commit changed can't be told."""


class Repository:
    """The files that changes touch, by name."""

    def __init__(self, changes: pd.DataFrame, request: Request) -> None:
        self._service = request.service
        told = (details if isinstance(details, dict) else {} for details in decoded(changes, "details"))
        rows = list(zip(changes.itertuples(), told, strict=True))
        self.history = _history(rows)
        """None where nothing tells of the time before the change window, as in bundles of earlier versions."""
        self._files: dict[str, dict[str, list[Touch]]] = defaultdict(lambda: defaultdict(list))
        for touch in _touches(rows, request.changes):
            if parts := _parts(touch.path):
                self._files[parts[-1]][touch.path].append(touch)

    def touches(self, frame: Frame) -> tuple[Touch, ...]:
        """The changes to the frame's file, newest first; () where none touches it, or several files may be meant."""
        parts = _parts(frame.path)
        if not parts:
            return ()
        files = self._files.get(parts[-1], {})
        shared = {path: self._agreeing(parts, _parts(path), touches) for path, touches in files.items()}
        best = max(shared.values(), default=0)
        paths = [path for path, number in shared.items() if number == best and number]
        if len(paths) > 1:
            paths = [p for p in paths if any(t.service == self._service for t in files[p])]
        if len(paths) > 1:
            paths = [p for p in paths if any(t.in_window for t in files[p])]
        found = files[paths[0]] if len(paths) == 1 else []
        return tuple(sorted(found, key=lambda t: (t.time, t.id), reverse=True))

    def _agreeing(self, frame: Parts, file: Parts, touches: Sequence[Touch]) -> int:
        """How many parts agree, counted from the end; 0 where that is too few to tell that it is the same file.

        All of either path is enough. So is a folder besides the name, or the name alone below a container's root
        ('/app/main.go'), but not for a file of another service: services are laid out alike.
        """
        number = _shared_end(frame, file)
        if number == min(len(frame), len(file)):
            return number
        foreign = all(t.service not in (None, self._service) for t in touches)
        return number if not foreign and (number > 1 or len(frame) <= SHALLOW) else 0


def _touches(rows: Sequence[tuple[Any, Any]], window: Window) -> Iterator[Touch]:
    carried = _carried(rows, window)
    for row, details in rows:
        made = row.time.to_pydatetime()
        landed = made if made in window else carried.get(row.revision)
        if made < window.end:
            for file in _listed(details.get("files")):
                yield _touch(row, file, landed, followed=bool(details.get("lines_deployed_in")))


def _carried(rows: Sequence[tuple[Any, Any]], window: Window) -> Mapping[str, datetime]:
    """Revision -> the first deploy of the window that brought it."""
    found: dict[str, datetime] = {}
    for row, details in rows:
        time, listed = row.time.to_pydatetime(), details.get("commits")
        if row.kind == "deploy" and time in window and isinstance(listed, list):
            found |= {str(sha): min(time, found.get(str(sha), time)) for sha in listed}
    return found


def _touch(row: Any, file: Mapping[str, Any], landed: datetime | None, *, followed: bool) -> Touch:
    # Where later commits moved the lines, 'deployed' tells them as they are in what runs.
    place = deployed if isinstance(deployed := file.get("deployed"), dict) else file
    functions = file.get("functions")
    made = row.time.to_pydatetime()
    return Touch(
        int(row.Index),
        row.id,
        row.summary,
        row.author if isinstance(row.author, str) else "",
        row.revision if isinstance(row.revision, str) else "",
        made,
        landed or made,
        landed is not None,
        row.service if isinstance(row.service, str) else None,
        str(place.get("path", "")),
        # Too much has moved lines since the window began for those of an old commit's own side to mean anything.
        _ranges(place.get("lines")) if landed or followed else None,
        " ".join(str(f) for f in functions) if isinstance(functions, list) else "",
    )


def _history(rows: Sequence[tuple[Any, Any]]) -> History | None:
    ends = any(details.get("history_ends") for _, details in rows)
    told = [row.time for row, details in rows if details.get("before_window") or details.get("history_ends")]
    return History(min(told).to_pydatetime(), ends) if told else None


def _listed(value: Any) -> Sequence[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _ranges(value: Any) -> tuple[tuple[int, int], ...] | None:
    """What does not look like ranges of lines is left out: a bundle may come from anybody."""
    if not isinstance(value, list):
        return None
    pairs = [p for p in value if isinstance(p, list) and len(p) == 2 and all(isinstance(n, int) for n in p)]
    return tuple((first, last) for first, last in pairs)


def _parts(path: str) -> Parts:
    """Without the root, a drive and '.'; case is ignored, as Windows does."""
    return tuple(p for p in path.replace("\\", "/").casefold().split("/") if p not in ("", ".", "..") and p[-1] != ":")


def _shared_end(one: Parts, other: Parts) -> int:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
