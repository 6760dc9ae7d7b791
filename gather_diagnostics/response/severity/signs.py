"""What of the evidence speaks for which level: each sign on its own, before anything is weighed against another.

The thresholds stand here and nowhere else. Where they come from:

- PagerDuty, https://response.pagerduty.com/before/severity_levels/: the four levels, data exposed is SEV-1, most users
  hit is SEV-2, a part of the function or what will become a SEV-2 if nothing is done is SEV-3.
- Atlassian, https://www.atlassian.com/incident-management/kpis/severity-levels: data loss and security are SEV 1, a
  subset of customers or one critical function is SEV 2.
- Google, The Site Reliability Workbook, chapter 5, https://sre.google/workbook/alerting-on-slos/: burn rates of 14.4
  and 6 page somebody, 1 is a ticket.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gather_diagnostics.document.brief import placed, slower
from gather_diagnostics.document.escaping import cut

View = Mapping[str, Any]
Steps = tuple[tuple[float, int], ...]

SHARES: Steps = ((0.25, 0), (0.05, 1), (0.01, 2), (0.0, 3))
"""Share of requests failing, from which on, and the rank. With an objective of 99.9 % the error budget of 30 days is
gone after 3 hours at 25 %, 14 hours at 5 % and 3 days at 1 %."""
NOTABLE = 2.0
"""Times the usual share from which on failing requests count at all, where no test has found a rise."""
SLOWER: Steps = ((1.5, 1), (1.0, 2))
"""Latency against the baseline: a degradation by more than 50 % hurts most users."""
TRAFFIC_LOST: Steps = ((0.5, 1), (0.2, 2))
"""Share of the usual requests that do not arrive any more. Never the highest: the cause may lie with those who ask."""
BURN_RATES: Steps = ((14.4, 1), (6.0, 2), (1.0, 3))
_BURN_ALERT = re.compile(r"burn.?rate|budget.?burn|error.?budget", re.IGNORECASE)
_BURN_ALERT_RANK = 2
"""Of an alert that names the error budget and no figure: it woke somebody, more it does not say."""
MECHANISMS: Mapping[str, int] = {"critical": 1, "high": 2, "medium": 3}
"""Severity of a finding that names what broke, not whom it hurts: it may become worse if nothing is done."""
SAFETY: Mapping[str, int] = {"critical": 0, "high": 0, "medium": 1}
"""Severity of an observation on security: always one of the two highest. Low ones are the internet's usual noise."""
DATA_LOSS = "data-corruption"
"""Runbook that a known error names where data is damaged."""
SECURITY = "security-suspicion"

_IMPACT = {"onset", "scope", "changes", "error_rate", "latency", "traffic"}
_LINES = {"known_errors", "stack_frames", "dependencies"}
"""Questions answered from lines of the logs alone: a few strange lines in a healthy hour are no incident."""
_PART = 1
"""Levels by which a part of the service counts less than all of it."""


@dataclass(frozen=True, slots=True)
class Sign:
    rank: int
    """0 is the highest."""
    words: str
    firm: bool = False
    """Data loss and security: neither its end nor its extent make it less."""


def step(value: float, steps: Steps) -> int | None:
    """The rank of the first step that `value` reaches."""
    return next((rank for least, rank in steps if value >= least), None)


def signs(document: View) -> list[Sign]:
    """All that the document of `document.view` has, the highest first."""
    found = [*_failing(document), *_slow(document), *_traffic(document), *_budget(document), *_safety(document)]
    return sorted([*found, *_mechanisms(document)], key=lambda sign: (sign.rank, not sign.firm))


def scope(document: View) -> View:
    """Details of the answer to how far it reaches; empty where nothing is wrong, or nothing answers."""
    details: View = _details(document, "scope")
    return details if details.get("since") else {}


def failing_share(document: View) -> float | None:
    """0..1 of requests that failed since the onset, where that is more than usual."""
    told, rate = scope(document), _details(document, "error_rate")
    usual = rate.get("baseline")
    share = told.get("share_of_requests_failing")
    share = rate.get("incident") if share is None else share
    if share is None:
        return None
    more = rate.get("changed") or (bool(told) and usual is not None and share > NOTABLE * usual)
    return float(share) if more else None


def _details(document: View, id_: str) -> View:
    found: View = next((f["details"] for f in document["findings"] if f["id"] == id_), {})
    return found


def _failing(document: View) -> Iterator[Sign]:
    share = failing_share(document)
    if share is not None:
        usual = _details(document, "error_rate").get("baseline")
        # What was under way when the window opens has its own failures in the baseline.
        known = usual is not None and not (document["onset"] or {}).get("before_window")
        before = f" ({usual:.1%} is usual)" if known else ""
        yield Sign(step(share, SHARES) or 0, f"{share:.1%} of requests failed since it began{before}.")
    for finding in document["error_rate"]:
        details = finding["details"]
        if finding["id"].startswith("error_rate:endpoint:") and details.get("changed"):
            rank = (step(float(details.get("incident") or 0.0), SHARES) or 0) + _PART
            yield Sign(min(rank, 3), finding["headline"])
        # Error lines stand in for failing requests where those were not counted.
        elif finding["id"] == "log_errors" and details.get("changed") and not _details(document, "error_rate"):
            yield Sign(2, finding["headline"])


def _slow(document: View) -> Iterator[Sign]:
    for finding in (f for f in document["latency"] if slower(f)):
        rank = step(float(finding["details"].get("ratio") or 2.0), SLOWER)
        if rank is not None:
            yield Sign(rank + (_PART if placed(finding) else 0), finding["headline"])


def traffic_lost(document: View) -> float:
    """0..1 of the usual requests that do not arrive since traffic fell and stayed low; 0 where it did not."""
    told = _details(document, "traffic")
    stays_away = told.get("changed") and told.get("direction") == "down" and not told.get("until")
    return 1 - float(told.get("ratio") or 0.0) if stays_away else 0.0


def _traffic(document: View) -> Iterator[Sign]:
    lost = traffic_lost(document)
    rank = step(lost, TRAFFIC_LOST)
    if rank is not None:
        yield Sign(rank, f"{lost:.0%} of the usual requests do not arrive any more.")


def _budget(document: View) -> Iterator[Sign]:
    for finding in document["findings"]:
        burn = finding["details"].get("burn_rate")
        if isinstance(burn, int | float) and (rank := step(burn, BURN_RATES)) is not None:
            yield Sign(rank, f"The error budget burns {burn:.1f} times as fast as it may: {finding['headline']}")
    alerts = [e["what"] for e in document["timeline"] if e["kind"] == "alert" and e["what"].startswith("FIRING")]
    own = [document["description"], *(words for words in alerts if document["service"] in words)]
    alert = next((words for words in own if _BURN_ALERT.search(words)), None)
    if alert:
        yield Sign(_BURN_ALERT_RANK, f"An alert on the error budget came in: {cut(alert, 120)}")


def _safety(document: View) -> Iterator[Sign]:
    for finding in document["findings"]:
        runbook = finding["details"].get("runbook")
        notable = finding["severity"] in SAFETY
        if finding["question"] == "security" and notable:
            yield Sign(SAFETY[finding["severity"]], finding["headline"], firm=True)
        elif notable and finding["question"] == "known_errors" and runbook in (DATA_LOSS, SECURITY):
            yield Sign(0, finding["headline"], firm=True)


def _mechanisms(document: View) -> Iterator[Sign]:
    """Of a service whose requests were not measured they count a level more: where unsure, the higher level."""
    unmeasured = not any(_details(document, id_) for id_ in ("error_rate", "latency:p95", "latency:p99", "latency:p50"))
    began = bool((document["onset"] or {}).get("time"))
    for finding in document["findings"]:
        question, rank = finding["question"], MECHANISMS.get(finding["severity"])
        if rank is None or question in _IMPACT or question == "security" or (question in _LINES and not began):
            continue
        yield Sign(max(0, rank - (_PART if unmeasured else 0)), finding["headline"])
