"""Where in the service's own code do the errors come from, and which commits touched those lines?

Stack traces of Python, Java, Go, Node.js, .NET and Ruby in the service's logs are grouped by language, the type of the
root cause and the file and function of the innermost frame that is not a library's; lines are left out of it, since
every deploy moves them. Each group is counted in the incident window against the baseline.

Findings: one 'stack_frames:<key>' per group, new and risen ones first, then the more frequent, then the newer; and
'stack_frames' where none is new or risen, or where some were not read. Details of the former: exception, language,
frame ({path, line, function} of the latest trace, or null where all frames are libraries'), frames (own frames,
innermost first, at most 5), message (template), count, baseline_count, state (new, risen, usual, unknown), first (ISO
8601, UTC), file (the repository's path, or null), changes (ids of the changes that landed or were deployed in the
change window and touch the file, newest first), lines_hit and functions_hit (those of them that touch the line, give or
take 3, and the function), last_touched ({id, author, time, summary, in_window, on} of the newest commit before the
first trace that touches the line, else the function, else the file, as `on` says; null where none that was read does),
history_since (ISO 8601, UTC: how far back commits were read; null where only those of the window were). Of the latter:
traces, groups, unread (rows that look like traces and were too many different ones).
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import pandas as pd

from analyzers.stack_frames.candidates import Found, find
from analyzers.stack_frames.last import blame, last_touch
from analyzers.stack_frames.model import Frame, Trace
from analyzers.stack_frames.own import own_frames, root
from analyzers.stack_frames.repository import Repository, Touch
from gather_diagnostics import Finding, Request, Tables, analyzer
from gather_diagnostics.patterns import templates
from gather_diagnostics.selection import lines_in, of_service, support, within
from gather_diagnostics.statistics.frequency import Frequency, frequency

if TYPE_CHECKING:
    from gather_diagnostics.model import Severity

COLUMNS = ["time", "service", "message", "labels", "count"]
"""All that is looked at: a table of millions of rows is not copied whole."""
MOST_SHOWN = 20
MOST_FRAMES = 5
FEW = 3
"""Traces below which a new group may be a single bad request."""

# Folders of releases and the numbers of lambdas differ from build to build: the same failure must stay one group.
_RELEASE = re.compile(r"\b(?=[a-f]*\d)[0-9a-f]{7,40}\b|\d+")

Key = tuple[str, str, str, str]
"""Language, exception, path and function of the top frame, numbers masked."""


@dataclass(frozen=True)
class Group:
    """Traces that fail at one place."""

    key: Key
    latest: Trace
    rows: pd.DataFrame
    """In both windows."""
    how_often: Frequency


@analyzer(needs=("logs",), uses=("changes",))
def stack_frames(request: Request, tables: Tables) -> Iterator[Finding]:
    """Stack traces in the service's logs by where its own code failed, and the commits that touched those lines."""
    logs = of_service(tables["logs"][COLUMNS], request.service)
    now, before = within(logs, request.incident), within(logs, request.baseline)
    found = find(pd.concat([before, now]))
    groups = _groups(request, found, compared=len(before) > 0)
    repository = Repository(tables["changes"], request) if "changes" in tables else None
    if found.unread or not any(g.how_often.stands_out for g in groups):
        yield _summary(found, groups, lines_in(now))
    for group in groups[:MOST_SHOWN]:
        yield _finding(request, group, repository)


def _groups(request: Request, found: Found, compared: bool) -> list[Group]:
    """Those of the incident window, as the findings are ordered."""
    members: dict[Key, list[int]] = defaultdict(list)
    for number, trace in enumerate(found.traces):
        members[_key(trace)].append(number)
    groups = []
    for key, numbers in members.items():
        rows = found.rows[found.rows["trace"].isin(numbers)]
        if how_often := frequency(rows, request, compared):
            latest = found.traces[rows["trace"].iloc[rows["time"].argmax()]]
            groups.append(Group(key, latest, rows, how_often))
    groups.sort(
        key=lambda g: (
            not g.how_often.stands_out,
            -g.how_often.count,
            -g.how_often.first.timestamp(),
            g.key,
        )
    )
    return groups


def _key(trace: Trace) -> Key:
    own = own_frames(trace)
    top = own[0] if own else Frame("", None, "")
    return trace.language, root(trace).exception, _RELEASE.sub("#", top.path), _RELEASE.sub("#", top.function)


def _finding(request: Request, group: Group, repository: Repository | None) -> Finding:
    often, own, cause = group.how_often, own_frames(group.latest), root(group.latest)
    top = own[0] if own else None
    message = templates(pd.Series([cause.message], dtype="str")).iloc[0]
    every = repository.touches(top) if repository and top else ()
    touches = [t for t in every if t.in_window]
    last = last_touch(every, top, often.first) if top else None
    history = repository.history if repository else None
    name = cause.exception or "Error"
    now = within(group.rows, request.incident)
    said = blame(touches, last, history, top, often.first) if top and often.stands_out else ""
    supports = [support("logs", now.index, len(now))]
    if rows := list(dict.fromkeys([*([last.touch.row] if last else []), *(t.row for t in touches)])):
        supports.append(support("changes", rows, len(rows)))
    return Finding(
        f"stack_frames:{_slug(group.key)}",
        "stack_frames",
        f"{name}{f' “{message[:120]}”' if message else ''} {_place(top)}: {often.words()}.{said}",
        _confidence(often),
        _severity(often, touches),
        time=often.first,
        supports=tuple(supports),
        details={
            "exception": cause.exception,
            "language": group.latest.language,
            "frame": asdict(top) if top else None,
            "frames": [asdict(f) for f in own[:MOST_FRAMES]],
            "message": message,
            "count": often.count,
            "baseline_count": often.baseline_count,
            "state": often.state,
            "first": often.first.isoformat(),
            "file": every[0].path if every else None,
            "changes": _ids(touches),
            "lines_hit": _ids([t for t in touches if top and t.hits_line(top)]),
            "functions_hit": _ids([t for t in touches if top and t.hits_function(top)]),
            "last_touched": last.details() if last else None,
            "history_since": history.since.isoformat() if history else None,
        },
    )


def _slug(key: Key) -> str:
    return hashlib.sha256("\0".join(key).encode("utf-8", "replace")).hexdigest()[:12]


def _ids(touches: Sequence[Touch]) -> list[str]:
    return list(dict.fromkeys(t.id for t in touches))


def _place(frame: Frame | None) -> str:
    if frame is None:
        return "with no frame of the service's own code"
    where = f"{frame.path}:{frame.line}" if frame.path and frame.line else frame.path
    names = [frame.function and f"in {frame.function}", where and f"({where})" if frame.function else f"at {where}"]
    return " ".join(n for n in names if n)


def _severity(often: Frequency, touches: Sequence[Touch]) -> Severity:
    if not often.stands_out:
        return "low"
    return "high" if often.count >= FEW or touches else "medium"


def _confidence(often: Frequency) -> float:
    """That this failure belongs to the incident."""
    if often.state == "unknown":
        return 0.6
    return 0.9 if often.count >= FEW or not often.stands_out else 0.7


def _summary(found: Found, groups: Sequence[Group], lines: int) -> Finding:
    count, new = sum(g.how_often.count for g in groups), sum(g.how_often.stands_out for g in groups)
    if groups:
        words = f"{count:,} stack traces of {len(groups)} kinds, {new or 'none'} new or more frequent than the baseline"
    else:
        words = "No stack trace stands in the logs"
    unread = f"; {found.unread:,} more that look like traces are too varied and were not read" if found.unread else ""
    return Finding(
        "stack_frames",
        "stack_frames",
        f"{words} ({lines:,} lines of the incident window looked at{unread}).",
        0.8 if lines and not found.unread else 0.4,
        details={"traces": count, "groups": len(groups), "unread": found.unread},
    )
