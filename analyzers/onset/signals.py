"""What one signal says of the onset, and how times and figures are written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gather_diagnostics import Support

CONFIRMED = 0.3
"""Strength from which a signal is believed that an alert confirms."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A departure from the baseline, as one source shows it."""

    kind: str
    what: str
    time: datetime
    earliest: datetime
    strength: float
    words: str
    support: Support
    until: datetime | None = None
    """When it was back at its baseline; None where it goes on, or where the source can't tell."""

    def as_details(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "what": self.what,
            "time": self.time.isoformat(),
            "earliest": self.earliest.isoformat(),
            "latest": self.time.isoformat(),
            "until": self.until.isoformat() if self.until else None,
            "strength": self.strength,
            "words": self.words,
        }


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def clock(seconds: float) -> str:
    return f"{moment(seconds):%H:%M:%S} UTC"
