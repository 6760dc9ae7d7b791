"""What one source says of one dependency."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from gather_diagnostics import Support


@dataclass(frozen=True, slots=True)
class Signal:
    """A departure of a dependency from what it was in the baseline."""

    dependency: str
    kind: str
    time: datetime
    """When it began, UTC."""
    words: str
    support: Support
    own: bool = False
    """Told by the callee itself, not seen on our calls to it."""
    port: int | None = None


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
