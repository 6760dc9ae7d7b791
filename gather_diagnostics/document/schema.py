"""The shape of evidence.json, declared once: docs/schema/ is written from it, and a stranger's file is held against it.

Only reading needs it; `view` makes plain dicts, so that writing a document costs no import of pydantic.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gather_diagnostics.model import Cause, Severity

_MOST = 20_000
"""Of anything listed whose number the document itself does not bound; a stranger's may be endless."""

Time = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(\+00:00|Z)$"),
    Field(description="ISO 8601, UTC", json_schema_extra={"format": "date-time"}),
]
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Row = Annotated[int, Field(ge=0, description="0-based row number in the bundle's table")]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Tool(_Shape):
    name: str
    version: str


class Span(_Shape):
    start: Time
    end: Time


class Windows(_Shape):
    incident: Span
    """Where the onset is searched; all windows are half-open."""
    baseline: Span
    """How it was before."""
    changes: Span
    """Where changes are looked up."""
    seasonal: list[Span]
    """The incident's clock hours one day and one week earlier."""


class Support(_Shape):
    """Rows of a table of the bundle."""

    table: str
    rows: Annotated[list[Row], Field(max_length=1000)]
    """At most 20 are listed, the most telling first."""
    total: Count
    """How many rows support it in all."""


class SeverityOf(_Shape):
    given: str
    """What a person said; empty when nobody did."""
    proposed: Severity
    """The worst of the findings."""
    reasons: list[str]
    """Headlines of the findings of that severity."""


class Target(_Shape):
    what: str
    where: str
    because: str
    """How it was found."""


class Covered(_Shape):
    """How one source fared."""

    source: str
    status: Literal["complete", "partial", "failed", "not_used"]
    seconds: float
    skew: float | None
    """Seconds that the source's clock is ahead; null where no answer told."""
    targets: list[Target]
    rows: dict[str, Count]
    """Rows delivered by table."""
    history: Count
    """Rows of `changes` from before the change window, which are in no other count."""
    kept: dict[str, Count]
    """Rows they were kept as, for tables whose rows were folded."""
    gaps: list[Count]
    """Positions in `gaps`."""


class GapOf(_Shape):
    """Something that was wanted and could not be read."""

    id: str
    source: str
    wanted: str
    cause: Cause
    why: str
    mend: str
    """The exact command, setting or policy line that would mend it; may be empty."""


class Signal(_Shape):
    """A departure from the baseline."""

    kind: str
    what: str
    time: Time | None
    earliest: Time | None
    latest: Time | None
    until: Time | None
    """When it was back at its baseline."""
    strength: float
    words: str


class Onset(_Shape):
    """When it began."""

    time: Time | None
    """Null where nothing left its baseline."""
    earliest: Time | None
    latest: Time | None
    confidence: Share
    headline: str
    signals: list[Signal]
    isolated: list[Signal]
    """Seen earlier or alone, and not taken for the onset."""
    checked: list[str]
    before_window: bool
    """It was under way when the window opens."""
    supports: list[Support]
    finding: str
    """Id of the finding."""


class Reason(_Shape):
    part: str
    words: str
    weight: float
    """Log odds: positive speaks for the change."""


class Member(_Shape):
    """A commit that a deploy carried."""

    id: str
    summary: str
    author: str | None
    revision: str | None
    time: Time | None
    for_: list[Reason] = Field(alias="for")


class Change(_Shape):
    """A candidate for the cause."""

    id: str
    """Of the row of `changes`: 'git:commit:<sha>'."""
    kind: str
    service: str | None
    summary: str
    author: str | None
    revision: str | None
    previous: str | None
    time: Time | None
    effective: Time | None
    """When it took effect."""
    finished: Time | None
    url: str | None
    probability: Share | None
    for_: list[Reason] = Field(alias="for")
    against: list[Reason]
    members: list[Member]
    supports: list[Support]
    finding: str


class FindingOf(_Shape):
    """One answer to one question."""

    id: str
    """The question, then what tells it from its siblings: 'latency:p95'."""
    question: str
    headline: str
    confidence: Share
    """Of the findings given at 0.8, four in five are right."""
    severity: Severity
    time: Time | None
    span: Span | None
    supports: list[Support]
    details: dict[str, Any]
    """Figures behind the headline. Their keys are the analyzer's; other people's analyzers have others."""


class Event(_Shape):
    """An entry of the timeline."""

    id: str
    time: Time
    kind: str
    what: str
    ref: str | None
    table: str | None
    row: Row | None


class Pattern(_Shape):
    """A kind of error line that is new or surges."""

    id: str
    template: str
    level: str
    new: bool | None
    """Null where no baseline came in to compare with."""
    incident: Count
    """Lines in the incident window."""
    baseline: Count
    first: Time
    last: Time
    example: str
    supports: list[Support]


class Line(_Shape):
    name: str
    points: list[Annotated[list[Time | float], Field(min_length=2, max_length=2)]]
    """[time, value], thinned to the largest value of each step."""


class Series(_Shape):
    """What one chart draws."""

    name: str
    unit: str
    lines: list[Line]


class Quote(_Shape):
    """A row that claims point to, in words."""

    table: str
    row: Row
    time: Time
    source: str
    text: str
    ref: str


class Action(_Shape):
    """What to do; the first of the list first."""

    id: str
    kind: Literal["mitigate", "runbook", "change", "place", "mend"]
    action: str
    command: str = ""
    """Ready to paste, and never run by this program; empty where there is none."""
    why: list[str]
    findings: list[str]
    """Ids of the findings that it rests on."""
    supports: list[Support]
    gap: str | None
    """Id of the gap that it mends."""


class Condition(_Shape):
    column: str
    values: Annotated[list[str | None], Field(max_length=1000)] | None
    """The cell is one of them, null an empty one; instead of a list, null: the cell is not empty."""


class Check(_Shape):
    """What a claim says of a table, so that it can be computed again."""

    name: str
    """Which of the claim's figures."""
    measure: Literal[
        "rows", "lines", "lines_a_minute", "share", "different", "mean", "median", "max", "time_of_max", "first", "last"
    ]
    table: str
    column: str | None
    """Of `different`: whose values are counted, empty ones left out."""
    where: Annotated[list[Condition], Field(max_length=50)]
    """All hold."""
    of: Annotated[list[Condition], Field(max_length=50)] | None
    """Of `share`: what the lines are a share of."""
    window: Span | None
    rows: Annotated[list[Row], Field(max_length=1000)] | None
    """Only these rows of the table, where it is not null."""
    value: int | float | Time
    tolerance: Annotated[float, Field(ge=0, le=1e-4)]
    """How far from `value` the figure may be."""
    figure: str | None
    """How the sentence has it; null where it does not."""


class Claim(_Shape):
    """A sentence of the document that states a fact."""

    id: str
    kind: Literal[
        "since", "impact", "unseen", "finding", "signal", "reason", "pattern", "event", "coverage", "table", "gap"
    ]
    sentence: str
    at: str | None
    """JSON pointer to where the sentence stands in this document; null where it is put together from its figures."""
    findings: list[str]
    """Ids of the findings that it rests on."""
    supports: list[Support]
    checks: Annotated[list[Check], Field(max_length=50)]
    """Empty where nothing but running the analyzers again can tell."""


class Judged(_Shape):
    """How severe it is, in the words of one scheme."""

    scheme: Literal["sev", "p0", "p1", "words"]
    level: str
    """What counts: given, else proposed; empty where nothing calls for a severity."""
    given: str
    proposed: str
    reasons: list[str]
    equivalents: dict[str, str]
    """The level in each scheme."""


class Next(_Shape):
    after_minutes: Count
    notify: list[str]


class Escalation(_Shape):
    """What the severity asks for, by the escalation matrix."""

    respond_minutes: Count
    update_minutes: Count
    """Between two updates for stakeholders."""
    notify: list[str]
    """Roles, at once."""
    owner: str
    then: list[Next]


class Held(_Shape):
    """A condition of a runbook that holds."""

    condition: str
    findings: list[str]
    headline: str


class StepOf(_Shape):
    """A step of a runbook, its names filled in; `<name>` stands where the evidence does not tell one."""

    id: str
    kind: Literal["check", "decide", "act", "verify"]
    title: str
    prose: str
    """Markdown."""
    text: str
    """The query, decision or command in one string."""
    risk: str
    undo: str


class Matched(_Shape):
    """A runbook whose conditions hold."""

    id: str
    title: str
    kind: Literal["cause", "symptom"]
    score: Share
    named: bool
    """The service catalogue or a known error names it."""
    because: list[Held]
    owner: str
    last_reviewed: str
    escalation: str
    """Role to call where it does not help."""
    intro: str
    """Markdown."""
    steps: list[StepOf]
    """Of the first runbook; the others' are in their files."""


class Mitigation(_Shape):
    """A way to end the harm, proposed and never executed."""

    kind: Literal["roll_back", "scale", "fail_over", "disable", "redirect"]
    what: str
    command: str
    """Ready to paste; empty where the platform is not known."""
    why: list[str]
    helps: bool
    """False: it will not help, and `why` says why not."""
    risk: str
    undo: str
    findings: list[str]
    supports: list[Support]


class Why(_Shape):
    question: str
    answer: str
    findings: list[str]
    supports: list[Support]


class Category(_Shape):
    name: Literal["code bug", "configuration", "infrastructure", "data", "deployment", "unknown"]
    why: str


class Whys(_Shape):
    """The five whys, as far as evidence carries them."""

    links: list[Why]
    open: list[str]
    """Questions that the evidence does not answer."""
    category: Category


class ResponseOf(_Shape):
    """What now: made from the findings, the runbooks and the escalation matrix of whoever wrote the document."""

    severity: Judged
    escalation: Escalation
    runbooks: list[Matched]
    """The best first."""
    mitigations: list[Mitigation]
    """In the order to try them."""
    whys: Whys


class Document(_Shape):
    """The evidence document of gather_diagnostics."""

    schema_: Literal[1] = Field(alias="schema")
    """The number of this schema."""
    tool: Tool
    demo: str
    """Says so when the evidence is staged; empty for real ones."""
    interrupted: bool
    service: str
    asked: Time
    description: str
    """What the alert said."""
    timezone: str
    """IANA name of the reader's zone."""
    owner: str
    runbooks: list[str]
    """Those the service catalogue names."""
    windows: Windows
    severity: SeverityOf
    coverage: list[Covered]
    gaps: list[GapOf]
    onset: Onset | None
    """Null where the question was not put."""
    changes: list[Change]
    """Candidates, the most probable first."""
    none_probability: Share | None
    """That none of the changes seen is the cause."""
    stands_out: bool
    """Is the first candidate the suspect?"""
    verdict: str
    """One sentence on the changes; empty where they were not ranked."""
    changes_seen: Count
    latency: list[FindingOf]
    """Those of `findings` on latency."""
    error_rate: list[FindingOf]
    """Those of `findings` on failing requests and error lines."""
    findings: list[FindingOf]
    timeline: list[Event]
    timeline_omitted: Count
    """Entries far from the onset that were left out."""
    log_patterns: list[Pattern]
    series: list[Series]
    quotes: list[Quote]
    tables: dict[str, Count]
    """Table to number of rows."""
    redactions: dict[str, dict[str, Count]]
    """Kind of secret to place to how many were replaced."""
    priority_actions: list[Action]
    """What to do, the first first; empty where nothing is wrong and nothing missing."""
    response: ResponseOf | None = None
    """Null in documents of programs that know no runbooks."""
    claims: Annotated[list[Claim], Field(max_length=_MOST)]
