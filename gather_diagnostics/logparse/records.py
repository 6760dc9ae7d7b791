"""What goes into the parser besides the lines, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from gather_diagnostics.model import Json

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Context:
    """What a stream of lines does not say about itself."""

    zone: tzinfo = UTC
    """The zone of times that name none."""
    reference: datetime | None = None
    """Year-less times (syslog, klog) lie at most a day after it: a file's mtime, or now. None: they are not read."""
    first_line: int = 1
    """The number of the first line."""


@dataclass(slots=True)
class Record:
    """One log record: a line, or several that belong together. The fields are those of the table `logs`."""

    line: int
    """Number of its first line."""
    message: str = ""
    """Without time and level where those stood in front."""
    time_us: int | None = None
    """Microseconds since 1970-01-01 UTC; None when the stream has shown no time so far."""
    level: str | None = None
    """DEBUG, INFO, WARNING, ERROR, CRITICAL or None."""
    service: str | None = None
    instance: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    tenant: str | None = None
    endpoint: str | None = None
    labels: dict[str, Json] | None = None
    """The other fields; nested objects are flattened, their keys joined with dots."""
    lines: int = 1
    """How many lines it was made of."""
    own_time: bool = False
    """True when the time stood in the line; False when it was taken over from a neighbour."""
    place: int = 0
    """Number of the line with which it began; after `line` where the runtime cut that into parts."""

    @property
    def time(self) -> datetime | None:
        """`time_us` as a datetime in UTC."""
        return None if self.time_us is None else _EPOCH + timedelta(microseconds=self.time_us)
