"""When did it really start? One time with an interval, from logs, metrics, alerts and restarts together.

Every pattern of error lines and every series says on its own when it left its baseline
(`gather_diagnostics.statistics.shifts`).
The onset is the earliest *corroborated* departure: one that a second, different signal joins within a few minutes, or
that an alert confirms. An earlier lone error is shown as isolated, not taken for the onset.

An outage that is over is one, too: error rate or traffic that left their baseline and came back are found as an
episode (`gather_diagnostics.statistics.episodes`), which is the onset where it was long and large or another signal
joins it.

The finding's details: signals, isolated (lists of {kind, what, time, earliest, latest, until, strength, words}; `until`
is when it was back at its baseline, or null), before_window (bool), recovered (ISO 8601 UTC: since when error rate and
traffic are back, where all of them that left are; else null), checked (what was looked at, in words).
"""

from analyzers.onset.finding import onset

__all__ = ["onset"]
