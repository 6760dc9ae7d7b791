"""When a change happened, and what kind of change it is, against the onset."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from analyzers.changes.change import Change
from analyzers.changes.odds import Part, part

JUST_AFTER = timedelta(seconds=15)
"""A marker may be written as late as this after what it marks had begun; clocks and scrapes blur as much."""
SURELY_AFTER = timedelta(minutes=4)


def timing(change: Change, onset: datetime | None) -> list[Part]:
    """Log-odds fall with the logarithm of the time between change and onset; a change can't cause its past."""
    if onset is None:
        return []
    gap = onset - change.time
    if gap < -JUST_AFTER:
        strength = min(1.0, (-gap - JUST_AFTER) / (SURELY_AFTER - JUST_AFTER))
        return [part("after", f"took effect {ago(-gap)} after the onset", -strength)]
    minutes = max(gap.total_seconds() / 60, 0.0)
    words = f"took effect {ago(gap)} before the onset" if gap >= timedelta(0) else "took effect as the errors began"
    return [part("timing", words, 1.0 - 0.35 * math.log1p(minutes / 4))]


def kind(change: Change, marked: bool) -> list[Part]:
    """`marked`: whether deploy markers are known at all, so that a commit without one has probably not arrived."""
    if change.kind == "deploy" and change.details.get("rollback"):
        return [part("kind", "a rollback: it brings back what ran before", -0.5)]
    if change.kind == "deploy":
        return [part("kind", "a deploy: what it carries reached production then", 0.8)]
    if change.kind in ("config", "flag"):
        return [part("kind", f"a {change.kind} change: such changes often take effect without a deploy", 0.4)]
    if change.kind == "commit" and marked:
        return [part("kind", "a commit that no deploy marker shows in production", -2.5)]
    if change.kind == "commit":
        return [part("kind", "a commit; nothing shows when it reached production", -0.3)]
    return []


def ago(span: timedelta) -> str:
    """A length of time as one says it: '90 s', '7 min', '2.5 h'."""
    seconds = int(span.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
