"""When did it really start? One time with an interval, from logs, metrics, alerts and restarts together.

Every pattern of error lines and every series says on its own when it left its baseline (`gather_diagnostics.shifts`).
The onset is the earliest *corroborated* departure: one that a second, different signal joins within a few minutes, or
that an alert confirms. An earlier lone error is shown as isolated, not taken for the onset.

The finding's details: signals, isolated (lists of {kind, what, time, earliest, latest, strength, words}),
before_window (bool), checked (what was looked at, in words).
"""

from analyzers.onset.finding import onset

__all__ = ["onset"]
