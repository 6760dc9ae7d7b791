"""Error patterns: those of the incident have to be gone or back to their rate, and none may be new. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gather_diagnostics.patterns import templates
from gather_diagnostics.response.recovery import intervals, words
from gather_diagnostics.response.recovery.lines import Counts, Logs, by_template, errors, judged
from gather_diagnostics.response.recovery.model import Criterion, State
from gather_diagnostics.response.recovery.sentences import Asked
from gather_diagnostics.selection import within

if TYPE_CHECKING:
    import pandas as pd

MOST = 10
"""Patterns of the incident that are looked at one by one, those with most lines first."""
NAMED = 3
"""That a sentence quotes."""
RISE = 2.0
"""Times the usual rate below which more of the same is usual: errors come in clumps."""
STRAY = 0.01
"""Chance of so many lines of a pattern that was never seen, if there had been as many all the time, below which it is
new. One line in five minutes after an hour without says nothing."""


@dataclass(frozen=True)
class _Kinds:
    """Lines by pattern in the three times. One set of templates for all: which part of a line varies shows in the
    company it keeps."""

    usual: Mapping[str, float]
    ill: Mapping[str, float]
    now: Mapping[str, float]


def of_patterns(known: Logs) -> Iterator[Criterion]:
    """'patterns', those of the incident, where it had any; 'patterns:new', those that it had not."""
    if known.missing:
        name = "Error patterns"
        yield Criterion("patterns", name, "not_seen", f"{name}: {known.missing}.")
        return
    kinds = _kinds(known)
    theirs = _of_incident(known, kinds)
    if theirs:
        yield _gone(known, kinds, theirs)
    yield _new(known, kinds, theirs)


def _kinds(known: Logs) -> _Kinds:
    import pandas as pd

    then, now = errors(known.then), errors(known.now)
    found = templates(pd.concat([then["message"], now["message"]], ignore_index=True))
    of_then = found.iloc[: len(then)].set_axis(then.index)
    of_now = found.iloc[len(then) :].set_axis(now.index)
    usual: dict[str, float] = {}
    for window in known.found.usual:
        for template, lines in _counted(within(then, window), of_then).items():
            usual[template] = usual.get(template, 0.0) + lines
    return _Kinds(usual, _counted(within(then, known.found.ill), of_then), _counted(now, of_now))


def _counted(rows: pd.DataFrame, found: pd.Series[str]) -> Mapping[str, float]:
    return by_template(rows, found.loc[rows.index])


def _of_incident(known: Logs, kinds: _Kinds) -> list[str]:
    """Patterns that were new or surged in it, those with most lines first."""
    length = known.found.ill.length.total_seconds() / 60
    risen = [t for t, n in kinds.ill.items() if _rose(n, length, kinds.usual.get(t, 0.0), known.usual_minutes)]
    return sorted(risen, key=lambda t: (-kinds.ill[t], t))[:MOST]


def _rose(count: float, minutes: float, before: float, minutes_before: float) -> bool:
    if count / minutes < RISE * before / minutes_before:
        return False
    return intervals.rates((count, minutes), (before, minutes_before)).surely > 0


def _gone(known: Logs, kinds: _Kinds, theirs: Sequence[str]) -> Criterion:
    told = {t: _one(known, kinds, t) for t in theirs}
    name = "Error patterns of the incident"
    counted = {t: c for t, c in told.items() if c.decisive}
    rare = f" {len(told) - len(counted)} more are too rare to judge." if 0 < len(counted) < len(told) else ""
    if not counted:
        seen = sum(kinds.now.get(t, 0.0) for t in theirs)
        sentence = f"{name}: too rare to judge in {known.minutes:.0f} minutes; {seen:.0f} lines now."
        return Criterion("patterns", name, "not_yet", sentence, decisive=False, was_ill=True)
    open_ = [t for t, c in counted.items() if c.state != "recovered"]
    states = [c.state for c in counted.values()]
    state: State = "worse" if "worse" in states else "not_yet" if "not_yet" in states else "recovered"
    if not open_:
        many = f"all {len(counted)} are" if len(counted) > 1 else f"{words.quoted(next(iter(counted)))} is"
        sentence = f"{name}: {many} gone or back to the usual rate.{rare}"
    else:
        rates = "; ".join(f"{words.quoted(t)} {_rates(known, kinds, t)}" for t in open_[:NAMED])
        sentence = f"{name}: {len(open_)} of {len(counted)} not gone: {rates}.{rare}"
    return Criterion("patterns", name, state, sentence, was_ill=True)


def _one(known: Logs, kinds: _Kinds, template: str) -> Criterion:
    counted = Counts(*(of.get(template, 0.0) for of in (kinds.usual, kinds.ill, kinds.now)))
    return judged(known, Asked("patterns", "", words.rate), counted)


def _rates(known: Logs, kinds: _Kinds, template: str) -> str:
    now = kinds.now.get(template, 0.0) / known.minutes
    ill = kinds.ill[template] * 60 / known.found.ill.length.total_seconds()
    return f"({words.rate(now)} now, {words.rate(ill)} in it)"


def _new(known: Logs, kinds: _Kinds, theirs: Sequence[str]) -> Criterion:
    found = [t for t in kinds.now if t not in theirs and _is_new(known, kinds, t)]
    name = "New error patterns"
    if not found:
        return Criterion("patterns:new", name, "recovered", f"{name}: none.")
    found.sort(key=lambda t: (-kinds.now[t], t))
    quoted = "; ".join(f"{words.quoted(t)} ({kinds.now[t]:.0f} lines)" for t in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    sentence = f"{name}: {quoted}{more}, not or hardly seen before."
    return Criterion("patterns:new", name, "not_yet", sentence)


def _is_new(known: Logs, kinds: _Kinds, template: str) -> bool:
    """Neither the usual time nor the incident had it at this rate."""
    count, before = kinds.now[template], kinds.usual.get(template, 0.0)
    if before:
        return _rose(count, known.minutes, before, known.usual_minutes)
    earlier = known.usual_minutes + known.found.ill.length.total_seconds() / 60
    if kinds.ill.get(template):
        return False
    return bool((known.minutes / (known.minutes + earlier)) ** count < STRAY)
