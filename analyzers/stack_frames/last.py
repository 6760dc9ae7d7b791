"""Who changed the place of a failure last: the newest commit before the failure that touches its line, else its
function, else its file; and that in words.

As git-blame(1) would say it, as far as the commits that were read go: of an old commit, lines that were replaced since
do not count (the git collector leaves them out).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from analyzers.stack_frames.model import Frame
from analyzers.stack_frames.repository import History, Touch

On = Literal["line", "function", "file"]
_PLACES = {"line": "that line", "function": "it", "file": "that file"}


@dataclass(frozen=True, slots=True)
class Last:
    """The newest commit that touches a frame."""

    touch: Touch
    on: On

    def details(self) -> dict[str, Any]:
        touch = self.touch
        return {
            "id": touch.id,
            "author": touch.author or None,
            "time": touch.made.isoformat(),
            "summary": touch.summary,
            "in_window": touch.in_window,
            "on": self.on,
        }


def last_touch(touches: Sequence[Touch], frame: Frame, before: datetime) -> Last | None:
    """Of `touches`, newest first, those after `before` left out: a fix does not explain what it mends."""
    earlier = [t for t in touches if t.time <= before]
    best = min(earlier, key=lambda t: _rank(t, frame), default=None)
    return Last(best, ("line", "function", "file")[_rank(best, frame)]) if best else None


def _rank(touch: Touch, frame: Frame) -> int:
    return 0 if touch.hits_line(frame) else 1 if touch.hits_function(frame) else 2


def blame(touches: Sequence[Touch], last: Last | None, history: History | None, frame: Frame, first: datetime) -> str:
    """Sentences, each with a space in front: the change of the window (`touches`) that comes nearest, then the last
    one where it is another; or how far back none was found. `first` is when it failed first.
    """
    nearest = last_touch(touches, frame, first)
    words = _changed(nearest, first) if nearest else ""
    if last and not last.touch.in_window:
        return words + _long_ago(last, first, itself=bool(words))
    return words or ("" if last else _unknown(frame, history))


def _changed(nearest: Last, first: datetime) -> str:
    touch = nearest.touch
    what = f" “{touch.summary[:100]}”{_by(touch)} changed {_PLACES[nearest.on]} ({touch.path})"
    if touch.made == touch.time:
        return f"{what} {_span(first - touch.time)} before the first."
    return f"{what} and was deployed {_span(first - touch.time)} before the first."


def _long_ago(last: Last, first: datetime, *, itself: bool) -> str:
    touch = last.touch
    what = {"line": "That line", "function": "That function", "file": "That file"}[last.on]
    name = f"{touch.revision[:7]} “{touch.summary[:100]}”".strip()
    when = f"{_span(first - touch.time)} before{_by(touch)} ({name}): not in the change window"
    return f" {what}{' itself' if itself else ''} was last changed {when}."


def _unknown(frame: Frame, history: History | None) -> str:
    if history is None or not frame.path:
        return ""
    if history.is_cut:
        return f" Who changed it last is unknown: the clone's history begins at {history.since:%Y-%m-%d}."
    return f" No commit read, back to {history.since:%Y-%m-%d}, touches that file."


def _by(touch: Touch) -> str:
    """Without the address."""
    name = touch.author.partition(" <")[0]
    return f" by {name}" if name else ""


def _span(delta: timedelta) -> str:
    minutes = round(delta.total_seconds() / 60)
    if minutes < 180:
        return f"{minutes:,} min"
    return f"{round(minutes / 60)} hours" if minutes < 72 * 60 else f"{round(minutes / (24 * 60)):,} days"
