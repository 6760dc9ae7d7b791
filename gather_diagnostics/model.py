"""The values that go through the pipe: `Request` in, `Evidence` out.

All are immutable. Every `datetime` is timezone-aware and in UTC; users' zones are a matter of display
(`Request.timezone`). Importing this module costs nothing heavy: no pandas, no Arrow, no pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

Json = Any
"""Whatever `json.dumps` takes: None, bool, int, float, str, list, dict with string keys."""

Severity = Literal["critical", "high", "medium", "low", "info"]

Cause = Literal[
    "not_configured",  # nobody said where to look, and nothing was discovered
    "not_found",  # it was looked for and is not there
    "unreachable",  # no connection, DNS, TLS
    "denied",  # 401, 403, file permissions
    "timeout",  # the deadline fell first
    "throttled",  # 429 and its kin
    "truncated",  # a limit of ours cut it; what is there is real
    "invalid",  # it answered, and the answer can't be read
    "failed",  # the collector itself broke: a bug, ours or the plug-in's
    "interrupted",  # Ctrl-C
    "skipped",  # an analyzer whose tables are missing
]


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open span of time [start, end), UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a Window takes timezone-aware times")
        if self.end <= self.start:
            raise ValueError(f"a Window ends after it starts: {self.start} .. {self.end}")
        object.__setattr__(self, "start", self.start.astimezone(UTC))
        object.__setattr__(self, "end", self.end.astimezone(UTC))

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def __contains__(self, time: datetime) -> bool:
        return self.start <= time < self.end

    def shifted(self, by: timedelta) -> Window:
        return Window(self.start + by, self.end + by)


@dataclass(frozen=True, slots=True)
class KnownError:
    """An error message whose meaning is known: an entry of the catalogue of known errors."""

    id: str
    """Unique; a user's entry of the same id takes the place of ours."""
    patterns: tuple[str, ...]
    """RE2, case-sensitive: one of them matches somewhere in the message."""
    meaning: str
    """What it says, in one sentence."""
    cause: str
    """The kind of cause it points to."""
    system: str = ""
    """Who says it: 'PostgreSQL', 'TLS'."""
    runbook: str = ""
    """Id of the runbook to open."""
    severity: Severity = "medium"
    """Of new or more frequent ones; usual ones are low."""
    instead_of: tuple[str, ...] = ()
    """Ids of more general entries that do not count the lines of this one."""
    example: str = ""
    """A real message that it matches."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked: one service, its windows, and what a person already knows."""

    service: str
    asked: datetime
    """When the question was put (UTC): the only clock an analyzer may know."""
    incident: Window
    """Where the onset is searched."""
    baseline: Window
    """How it was before: as long as `incident`, directly before it."""
    changes: Window
    """Where changes are looked up: reaches further back, ends with `incident`."""
    seasonal: tuple[Window, ...] = ()
    """The incident's clock hours one day and one week earlier, for sources that keep them."""
    description: str = ""
    """What the alert said."""
    severity: str = ""
    """The severity a person gave, in the words of their scheme; empty when nobody did."""
    timezone: str = "UTC"
    """IANA name of the zone times are shown in besides UTC."""
    dependencies: tuple[str, ...] = ()
    """Services this one calls, from the service catalogue."""
    runbooks: tuple[str, ...] = ()
    """Runbooks (ids or URLs) the service catalogue names for this service."""
    owner: str = ""
    source_seconds: float = 45.0
    """How long each source may take, in seconds. Collectors set their clients' time-outs from it."""
    known_errors: tuple[KnownError, ...] = ()
    """Entries of the user's own, besides the built-in catalogue."""

    def windows(self) -> tuple[Window, ...]:
        """Baseline, incident and the seasonal windows: what a metrics source is asked for."""
        return (self.baseline, self.incident, *self.seasonal)

    def on_clock(self, skew_seconds: float) -> Request:
        """This request as a source would put it whose clock is `skew_seconds` ahead (negative: behind): all its times
        are shifted, so that the moments that are meant are asked for. What such a request dates, the runner corrects.
        """
        by = timedelta(seconds=skew_seconds)
        return replace(
            self,
            asked=self.asked + by,
            incident=self.incident.shifted(by),
            baseline=self.baseline.shifted(by),
            changes=self.changes.shifted(by),
            seasonal=tuple(window.shifted(by) for window in self.seasonal),
        )


@dataclass(frozen=True, slots=True)
class Target:
    """Something a collector would read: the answer to 'what was asked of whom'."""

    what: str
    """e.g. 'commits touching services/checkout'"""
    where: str
    """e.g. '/src/shop (branch main)'; never with credentials in it"""
    because: str
    """How it was found: 'the current directory is in this repository', 'PROMETHEUS_URL is set'."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows for one table: mappings of column to value, or an Arrow batch where there are many.

    Columns that are left out are null. `source` is filled in by the runner.
    """

    table: str
    rows: Sequence[Mapping[str, Any]] | pa.RecordBatch


@dataclass(frozen=True, slots=True)
class Raw:
    """A raw record worth keeping as text, e.g. a patch or an HTTP answer: raw/<source>/<name> in the bundle.

    A row's `ref` may point there as 'raw/<source>/<name>'.
    """

    name: str
    """Relative path of plain ASCII: letters, digits, '.', '_', '-' and '/'."""
    text: str


@dataclass(frozen=True, slots=True)
class Skew:
    """How far a source's clock is ahead of this machine's, as one of its answers told."""

    seconds: float
    """Negative: it is behind."""


NOTABLE_SKEW = 2.0
"""Seconds between clocks from which times are corrected: an HTTP Date header tells whole seconds only."""


def correction(skew: float | None) -> float:
    """Seconds to take off a source's times: its skew, or 0 where that may be the header's own uncertain second."""
    return skew if skew is not None and abs(skew) >= NOTABLE_SKEW else 0.0


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that was wanted and could not be read."""

    source: str
    """Collector's name, or 'analyzer:<name>'."""
    wanted: str
    cause: Cause
    why: str
    """One sentence, the client's own words kept but cut."""
    mend: str = ""
    """The exact command, setting or policy line that would mend it."""


Cell = str | int | float | bool | None
"""Of an answer: text, or a number where the source counted or measured; None for nothing."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source answered to a single question: a small table."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    """Each as long as `columns`; within the bounds of `gather_diagnostics.questions`."""
    ref: str = ""
    """Leads back to the source: a URL, an object, a command to repeat."""
    cut: str = ""
    """What is not in it, and why, in words; '' for a whole answer."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How one source fared."""

    source: str
    targets: tuple[Target, ...]
    rows: Mapping[str, int]
    """Rows delivered by table."""
    seconds: float
    status: Literal["complete", "partial", "failed", "not_used"]
    """complete: all asked was answered (an empty answer is one); partial: some gaps; failed: gaps and nothing else."""
    skew: float | None = None
    """Seconds that the source's clock is ahead of this machine's; None where no answer told."""
    kept: Mapping[str, int] = field(default_factory=dict)
    """Rows they were kept as, for a table whose rows were folded (`gather_diagnostics.folding`); else nothing."""


@dataclass(frozen=True, slots=True)
class Support:
    """Evidence of a claim: row numbers in a table of the bundle (0-based, in file order)."""

    table: str
    rows: tuple[int, ...]
    """At most 20 are kept, the most telling first."""
    total: int = 0
    """How many rows support it in all; 0 means `len(rows)`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One answer to one question."""

    id: str
    """Stable: the question, then what tells it from its siblings: 'latency:p95'."""
    question: str
    """The analyzer's name."""
    headline: str
    """One sentence with a figure in it."""
    confidence: float
    """0..1: of the findings given at 0.8, four in five are right."""
    severity: Severity = "info"
    time: datetime | None = None
    span: Window | None = None
    supports: tuple[Support, ...] = ()
    details: Mapping[str, Json] = field(default_factory=dict)
    """Figures behind the headline; each analyzer documents its keys."""


Tables = Mapping[str, "pd.DataFrame"]
"""Name to DataFrame, as declared in `gather_diagnostics.tables`; index 0..n-1 is the row number."""


@dataclass(frozen=True)
class Evidence:
    """The one value that goes all the way; what a bundle holds and what everything after collection reads."""

    request: Request
    tables: Mapping[str, pd.DataFrame]
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    findings: tuple[Finding, ...] = ()
    raws: Mapping[str, str] = field(default_factory=dict)
    """Path below raw/ to text, redacted."""
    redactions: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Kind of secret to place ('logs.message') to how many were replaced."""
    demo: str = ""
    """Says so when the evidence is staged; empty for real ones."""
    interrupted: bool = False
    response: Json = None
    """What to do, as it was proposed when the findings were made: the key `response` of evidence.json; None where no
    runbooks were asked."""

    def findings_of(self, question: str) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.question == question)
