"""The form in which scenarios are written: YAML, one file each. `tests/scenarios/README.md` explains it to people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gather_diagnostics import windows


def _offset(text: object) -> timedelta:
    """'-3m', '+90s', '1h30m', '0s': relative to the scenario's moment zero."""
    typed = str(text).strip()
    size = typed.lstrip("+-")
    length = timedelta(0) if size in ("0", "0s", "0m") else windows.duration(size, "a time of the scenario")
    return -length if typed.startswith("-") else length


Offset = Annotated[timedelta, BeforeValidator(_offset)]
Conditions = tuple[str, ...]
Wanted = Mapping[str, Conditions]
"""A finding's id, with * for anything, to conditions that one such finding fulfils."""


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Row(BaseModel):
    """A row of a table: `at`, and its columns by name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    at: Offset
    finished: Offset | None = None
    repeat: int = 1
    every: Offset = timedelta(0)


class Commit(Form):
    at: Offset
    by: str = "Amara Okafor"
    message: str
    files: tuple[str, ...] = ()
    """'path', or 'path:40-45' for the lines that it changes."""


class Tag(Form):
    at: Offset
    name: str


class Lines(Form):
    """Either one line `at` a time, or one on average `every` so often, `since` a time and `until` another."""

    text: str
    """{n}, {ms}, {id} and {ip} are replaced by a running number, and by random ones."""
    at: Offset | None = None
    every: Offset = timedelta(0)
    since: Offset | None = None
    until: Offset | None = None
    level: str = "INFO"
    fields: Mapping[str, Any] = {}
    """Of structured lines; of a list one is drawn for each line."""


class LogFile(Form):
    file: str
    format: Literal["plain", "json", "logfmt"]
    lines: tuple[Lines, ...]


class Series(BaseModel):
    """A sample every 30 s over baseline and incident window; other columns of `metrics` by name."""

    model_config = ConfigDict(extra="allow", frozen=True)
    metric: str
    unit: str
    value: float = 0.0
    steps: Mapping[Offset, float] = {}
    """From a time on, another value."""
    ramp: Mapping[Offset, float] = {}
    """Straight lines between these points."""
    since: Offset | None = None
    until: Offset | None = None
    noise: float = 0.04
    """Standard deviation of the logarithm."""
    every_day: bool = False
    """The same a day and a week before."""


class Runbooks(Form):
    """Which of the shipped runbooks match."""

    first: str = "any"
    """Id of the best one; 'none': none at all matches; 'any': not looked at."""
    never: Annotated[tuple[str, ...], Field(alias="not")] = ()
    """Ids of those that do not match, though it looks as if."""


class Expect(Form):
    onset: Literal["none", "any"] | Offset = "any"
    """None, or a time; 'any': not looked at."""
    within: Offset = timedelta(seconds=60)
    suspect: str = "any"
    """Id or summary of the change that stands out; 'none': none does."""
    findings: Wanted = {}
    absent: Wanted = {}
    """No such finding fulfils all of the conditions."""
    document: Conditions = ()
    """About evidence.json as a whole."""
    runbooks: Runbooks = Runbooks()
    exit: int = 0


class NotYet(Form):
    """What should be, and is not: a strict expected failure."""

    because: str
    expect: Expect


class Scenario(Form):
    service: str = "checkout"
    window: Offset = timedelta(minutes=60)
    zero: Offset
    """How long before the window's end the moment lies that all times are relative to."""
    dependencies: tuple[str, ...] = ()
    commits: tuple[Commit, ...] = ()
    tags: tuple[Tag, ...] = ()
    logs: tuple[LogFile, ...] = ()
    metrics: tuple[Series, ...] = ()
    changes: tuple[Row, ...] = ()
    events: tuple[Row, ...] = ()
    workloads: tuple[Row, ...] = ()
    topology: tuple[tuple[str, str], ...] = ()
    """Pairs of caller and callee."""
    gaps: tuple[Mapping[str, str], ...] = ()
    """What a source could not read: wanted, cause, why, mend."""
    covers: Mapping[str, Literal["positive", "negative", "herring"]]
    """Analyzer to what the scenario is for it."""
    expect: Expect
    not_yet: tuple[NotYet, ...] = ()


def read(path: Path) -> Scenario:
    """Raises pydantic's ValidationError for what the form does not have."""
    return Scenario.model_validate(yaml.safe_load(path.read_text()))
