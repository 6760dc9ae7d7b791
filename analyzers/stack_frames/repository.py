"""From a frame's path to a file of the repository, and to the changes that touch it.

A path in a trace is one of the machine the code was built or runs on; only its end agrees with the repository's. The
files known are those that the changes touch.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from analyzers.stack_frames.model import Frame
from gather_diagnostics import Request, decoded

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
    time: datetime
    service: str | None
    path: str
    lines: tuple[tuple[int, int], ...] | None
    """First and last line, counted from 1, of each range; None where the source does not tell."""
    functions: str
    """The declarations it touches, as they stand in the code."""

    def hits_line(self, frame: Frame) -> bool:
        line = frame.line
        return line is not None and any(a - NEAR <= line <= b + NEAR for a, b in self.lines or ())

    def hits_function(self, frame: Frame) -> bool:
        """By name, which stays when other commits move the lines."""
        names = re.findall(r"\w+", frame.function)
        return bool(names) and re.search(rf"\b{re.escape(names[-1])}\b", self.functions) is not None


class Repository:
    """The files that changes touch, by name."""

    def __init__(self, changes: pd.DataFrame, request: Request) -> None:
        self._service = request.service
        self._files: dict[str, dict[str, list[Touch]]] = defaultdict(lambda: defaultdict(list))
        for touch in _touches(changes, request):
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


def _touches(changes: pd.DataFrame, request: Request) -> list[Touch]:
    rows = zip(changes.itertuples(), decoded(changes, "details"), strict=True)
    recent = [(row, details) for row, details in rows if row.time.to_pydatetime() in request.changes]
    return [_touch(row, file) for row, details in recent for file in _listed(details.get("files"))]


def _touch(row: Any, file: Mapping[str, Any]) -> Touch:
    # Where later commits moved the lines, 'deployed' tells them as they are in what runs.
    place = deployed if isinstance(deployed := file.get("deployed"), dict) else file
    functions = file.get("functions")
    return Touch(
        int(row.Index),
        row.id,
        row.summary,
        row.author if isinstance(row.author, str) else "",
        row.time.to_pydatetime(),
        row.service if isinstance(row.service, str) else None,
        str(place.get("path", "")),
        _ranges(place.get("lines")),
        " ".join(str(f) for f in functions) if isinstance(functions, list) else "",
    )


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
