"""Bundles of one incident as one story: which came first, what was done, when it began and when it was over. Pure."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from gather_diagnostics.document.brief import broken
from gather_diagnostics.document.clock import when
from gather_diagnostics.model import Evidence
from gather_diagnostics.response.severity.signs import scope
from gather_diagnostics.tables import JOURNAL

View = Mapping[str, Any]

_LIVE = timedelta(minutes=10)
"""How long after its incident window a question may be put to count as one that was put during the incident."""


_JUDGED = ("recovered", "not_recovered", "worse")
"""Outcomes of a recovery check that could tell."""


@dataclass(frozen=True, slots=True)
class Done:
    """A row of the journal."""

    account: Account
    row: int
    time: datetime
    kind: str
    runbook: str
    title: str
    outcome: str
    answer: str


@dataclass(frozen=True, eq=False)
class Account:
    """What one bundle says."""

    number: int
    """From 1, in the order in which the questions were put."""
    name: str
    """Of its folder or archive."""
    evidence: Evidence
    document: View
    """`document.view` of it, with a response; claims and priority actions are not needed."""

    @property
    def label(self) -> str:
        return f"B{self.number}"

    @property
    def service(self) -> str:
        return self.evidence.request.service

    @property
    def response(self) -> View:
        response: View = self.document["response"]
        return response

    @property
    def is_under_way(self) -> bool:
        """It began before its window opens, so that its onset is a latest one."""
        return bool((self.document["onset"] or {}).get("before_window"))

    @property
    def is_live(self) -> bool:
        """Was it asked while it happened? Else the time of the question says nothing about when it was noticed."""
        request = self.evidence.request
        return request.asked <= request.incident.end + _LIVE

    @property
    def is_wrong(self) -> bool:
        """Does it show anything wrong?"""
        return self.began is not None or bool(broken(self.document)) or bool(self.response["severity"]["proposed"])

    @functools.cached_property
    def began(self) -> datetime | None:
        return when((self.document["onset"] or {}).get("time")) or when(scope(self.document).get("since"))

    @functools.cached_property
    def journal(self) -> list[Done]:
        """By time; empty where there is none, as in bundles from before there was one."""
        frame = self.evidence.tables.get(JOURNAL)
        records = [] if frame is None else frame.to_dict("records")
        return [_done(self, row, record) for row, record in enumerate(records)]


def _done(account: Account, row: int, record: Mapping[Any, Any]) -> Done:
    def text(name: str) -> str:
        return value if isinstance(value := record.get(name), str) else ""

    time = record["time"].to_pydatetime().astimezone(UTC)
    return Done(account, row, time, *map(text, ("kind", "runbook", "title", "outcome", "answer")))


@dataclass(frozen=True, eq=False)
class Incident:
    """All accounts of one incident, the first first. There is at least one."""

    accounts: tuple[Account, ...]

    @property
    def is_several(self) -> bool:
        return len(self.accounts) > 1

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(a.service for a in self.accounts))

    @functools.cached_property
    def first(self) -> Account:
        """The account with the earliest onset; the first one where none has any."""
        return min(self.accounts, key=lambda a: (a.began is None, a.began or datetime.max.replace(tzinfo=UTC)))

    @property
    def began(self) -> datetime | None:
        return self.first.began

    @functools.cached_property
    def leading(self) -> tuple[Account, ...]:
        """For each service, the account that knows most about the cause; services with nothing wrong are left out."""
        found = [max((a for a in self.accounts if a.service == s), key=_knows) for s in self.services]
        return tuple(a for a in found if a.is_wrong)

    @functools.cached_property
    def journal(self) -> tuple[Done, ...]:
        """All that was checked and done, by time; what two bundles have stands once."""
        found: dict[tuple[Any, ...], Done] = {}
        for done in (d for a in self.accounts for d in a.journal):
            found.setdefault((done.time, done.kind, done.runbook, done.title, done.outcome, done.answer), done)
        return tuple(sorted(found.values(), key=lambda d: d.time))

    @property
    def measures(self) -> tuple[Done, ...]:
        """Mitigations that a person says were done."""
        return tuple(d for d in self.journal if d.kind == "act" and d.outcome == "done")

    @functools.cached_property
    def ended(self) -> End | None:
        """When the last of the services was well again; None where one of them is not known to be."""
        ends = [_end([a for a in self.accounts if a.service == leading.service]) for leading in self.leading]
        known = [end for end in ends if end is not None]
        return max(known, key=lambda e: e.time) if known and len(known) == len(ends) else None

    @property
    def duration(self) -> timedelta | None:
        if self.began is None or self.ended is None or self.ended.time <= self.began:
            return None
        return self.ended.time - self.began


@dataclass(frozen=True, slots=True)
class End:
    time: datetime
    account: Account
    check: Done | None
    """The check that says so, where it was not measured: then it was over at the latest by that time."""


def incident(accounts: Sequence[tuple[str, Evidence, View]]) -> Incident:
    """`accounts`: the name of each bundle, its evidence and its document."""
    ordered = sorted(accounts, key=lambda a: (a[1].request.asked, a[1].request.service, a[0]))
    return Incident(tuple(Account(number, *account) for number, account in enumerate(ordered, 1)))


def _knows(account: Account) -> tuple[Any, ...]:
    changes = account.document["changes"] if account.document["stands_out"] else []
    sure = float(changes[0]["probability"] or 0.0) if changes else 0.0
    return account.is_wrong, account.began is not None and not account.is_under_way, sure, account.number


def _end(accounts: Sequence[Account]) -> End | None:
    """Of one service. A later check that says otherwise wins over what was measured before it."""
    found = [d for a in accounts for d in a.journal if d.kind == "recovery" and d.outcome in _JUDGED]
    checks = sorted(found, key=lambda d: d.time)
    if checks and checks[-1].outcome != "recovered":
        return None
    asked = max(a.evidence.request.asked for a in accounts if a.is_wrong)
    latest = [a for a in accounts if a.is_wrong and a.evidence.request.asked == asked]
    measured = [(when(scope(a.document).get("recovered_since")), a) for a in latest]
    known = [End(since, account, None) for since, account in measured if since]
    if len(known) == len(latest):
        return max(known, key=lambda e: e.time)
    if not checks:
        return None
    failed = [place for place, check in enumerate(checks) if check.outcome != "recovered"]
    check = checks[failed[-1] + 1 if failed else 0]
    return End(check.time, check.account, check)
