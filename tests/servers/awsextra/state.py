"""What the extensions keep: the clock, faults, CloudTrail's events, the policy table, the record of calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import moto.core.utils
from servers.awsextra.wire import Call

ACCOUNT = "123456789012"


class Clock:
    """What the server takes for now: the real time, unless a test has stopped it."""

    def __init__(self) -> None:
        self.stopped: datetime | None = None
        self.skew = timedelta(0)
        """Added to the Date header; positive: the server's clock is ahead."""

    def now(self) -> datetime:
        return self.stopped or datetime.now(UTC)

    def naive(self) -> datetime:
        """moto's `utcnow`: naive UTC."""
        return self.now().replace(tzinfo=None)


CLOCK = Clock()
# moto's services bind the name when they are first imported, which is on their first call: from here on they tell
# the test's time.
moto.core.utils.utcnow = CLOCK.naive


@dataclass
class Fault:
    """What happens to the next `times` calls of service/operation ('*' is any); None: until healed."""

    kind: str
    service: str
    operation: str
    times: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    def hits(self, call: Call) -> bool:
        return self.service in ("*", call.service) and self.operation in ("*", call.operation) and self.times != 0


@dataclass
class State:
    faults: list[Fault] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    trail: list[dict[str, Any]] = field(default_factory=list)
    alarm_history: list[dict[str, Any]] = field(default_factory=list)
    empty_pages: int = 0
    query_polls: int = 1
    query_ends: str = "Complete"
    query_shown: int = 1_000
    """Characters of a value in a query's results; AWS does not say how many, people report so many."""
    query_mark: str = ""
    """What stands behind a value that was cut."""
    database_events: list[dict[str, Any]] = field(default_factory=list)
    group_classes: dict[str, str] = field(default_factory=dict)
    queries: dict[str, Any] = field(default_factory=dict)
    pointers: dict[str, dict[str, str]] = field(default_factory=dict)
    decisions: dict[str, str] = field(default_factory=dict)
    decision_otherwise: str = "allowed"
    deployments: list[dict[str, Any]] = field(default_factory=list)
    """ECS service deployments, oldest first."""
    tagged: list[dict[str, Any]] = field(default_factory=list)
    """Resources of the tagging API that no service of moto's holds."""
    pages: dict[str, Any] = field(default_factory=dict)
    """Tokens handed out, and what each continues."""


Answering = Callable[[Call, State], Mapping[str, Any]]
Helping = Callable[..., Any]

ANSWERS: dict[tuple[str, str], Answering] = {}
AFTER: dict[tuple[str, str], Callable[[Call, State], None]] = {}
RESHAPES: dict[tuple[str, str], Callable[[Call, State, dict[str, Any]], Mapping[str, Any]]] = {}
HELPERS: dict[str, Helping] = {}


def answers(service: str, *operations: str) -> Callable[[Answering], Answering]:
    """Register a function that answers these operations instead of moto."""

    def register(function: Answering) -> Answering:
        for operation in operations:
            ANSWERS[service, operation] = function
        return function

    return register


def after(service: str, *operations: str) -> Callable[[Callable[[Call, State], None]], Callable[[Call, State], None]]:
    """Register a function that is told of these operations once moto has carried them out."""

    def register(function: Callable[[Call, State], None]) -> Callable[[Call, State], None]:
        for operation in operations:
            AFTER[service, operation] = function
        return function

    return register


def reshapes(service: str, operation: str) -> Callable[..., Any]:
    """Register a function(call, state, moto's answer) that gives the answer to send."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        RESHAPES[service, operation] = function
        return function

    return register


def helper(function: Helping) -> Helping:
    """Register what a test may tell the server outside of AWS's API: function(state, **arguments)."""
    HELPERS[function.__name__] = function
    return function
