"""The watch: when it looks, and what it came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import documentsample as sample
import pytest
from recoverywork import ILL, NOW, WELL, bundle, coverage, health, present, replica, samples

from gather_diagnostics import Evidence, Window
from gather_diagnostics.document import view
from gather_diagnostics.response.recovery import Clock, Criterion, Look, State, usual_length, verdict, watch
from gather_diagnostics.response.recovery.telling import as_json, entry, exit_code, line, sentences

MINUTE = timedelta(minutes=1)


class Hands:
    """A clock that goes on when somebody waits, or when sources take their time."""

    def __init__(self) -> None:
        self.time = NOW
        self.waits: list[float] = []

    def clock(self) -> Clock:
        return Clock(lambda: self.time, self._wait)

    def _wait(self, left: timedelta) -> None:
        self.waits.append(left.total_seconds())
        self.time += left


def world(now: float, window: Window, **more: Any) -> Evidence:
    return present({"metrics": samples(window, "error_rate", now)} | more, window=window)


def old(**tables: Any) -> Evidence:
    shares = samples(WELL, "error_rate", 0.002) + samples(ILL, "error_rate", 0.2)
    return bundle({"metrics": shares} | tables, *(health("OOMKilled") if tables else ()))


def watched(
    shares: Sequence[float],
    *,
    length: timedelta = 5 * MINUTE,
    every: timedelta = MINUTE,
    slow: timedelta = timedelta(0),
) -> tuple[list[Look], Hands, list[Window]]:
    """Failing requests as they are from look to look; the last of them stays."""
    hands, windows = Hands(), []
    evidence = old()

    def collect(window: Window) -> Evidence:
        windows.append(window)
        hands.time += slow
        return world(shares[min(len(windows), len(shares)) - 1], window)

    looks = list(watch(evidence, view(evidence), collect, hands.clock(), length=length, every=every))
    return looks, hands, windows


def test_it_looks_at_once_then_every_so_often_and_at_the_end() -> None:
    looks, hands, windows = watched([0.002], every=timedelta(seconds=90))
    assert [(one.time - NOW).total_seconds() for one in looks] == [0, 90, 180, 270, 300]
    assert hands.waits == [90, 90, 90, 30]
    assert {w.length for w in windows} == {5 * MINUTE}
    assert [w.end for w in windows] == [one.time for one in looks]


def test_sources_that_take_long_are_not_asked_twice_at_once() -> None:
    looks, hands, _ = watched([0.002], slow=timedelta(seconds=70))
    assert [(one.time - NOW).total_seconds() for one in looks] == [0, 120, 240, 310]
    assert min(hands.waits, default=1) > 0


def test_once_is_one_look() -> None:
    looks, hands, _ = watched([0.002], length=timedelta(0))
    assert (len(looks), hands.waits) == (1, [])
    assert verdict(looks, timedelta(0), finished=True).state == "recovered"


def test_a_long_watch_judges_its_last_third() -> None:
    _, _, windows = watched([0.002], length=30 * MINUTE, every=10 * MINUTE)
    assert {w.length for w in windows} == {10 * MINUTE}


def test_where_there_is_nothing_to_compare_it_does_not_wait() -> None:
    hands = Hands()
    empty = bundle({"metrics": []})
    looks = list(watch(empty, view(empty), partial(world, 0.0), hands.clock(), length=5 * MINUTE, every=MINUTE))
    assert (len(looks), looks[0].state, hands.waits) == (1, "not_seen", [])
    told = sentences(verdict(looks, 5 * MINUTE, finished=True), 5 * MINUTE)
    assert "holds no metrics and no log lines from before the incident" in told[1]


@pytest.mark.parametrize(
    ("shares", "state"),
    [
        ([0.002], "recovered"),
        ([0.2, 0.2, 0.2, 0.002], "not_yet"),
        ([0.2, 0.2, 0.2, 0.2, 0.2, 0.002], "not_yet"),
        ([0.2, 0.2, 0.002, 0.002, 0.002], "recovered"),
        ([0.002, 0.002, 0.002, 0.002, 0.002, 0.2], "not_yet"),
        ([0.2, 0.2, 0.2, 0.2, 0.2, 0.6], "worse"),
        ([0.6, 0.6, 0.002], "recovered"),
    ],
)
def test_it_is_over_when_all_held_over_the_last_third(shares: list[float], state: State) -> None:
    looks, _, _ = watched(shares, length=6 * MINUTE, every=2 * MINUTE) if len(shares) < 5 else watched(shares)
    if shares == [0.2, 0.2, 0.2, 0.002]:
        assert [one.state for one in looks] == ["not_yet", "not_yet", "not_yet", "recovered"]
    assert verdict(looks, timedelta(minutes=6 if len(shares) < 5 else 5), finished=True).state == state


def at(minutes: float, state: State, *criteria: Criterion) -> Look:
    end = NOW + timedelta(minutes=minutes)
    return Look(end, Window(end - 5 * MINUTE, end), criteria, state)


@pytest.mark.parametrize(
    ("states", "finished", "state", "code"),
    [
        (["recovered"] * 4, True, "recovered", 0),
        (["recovered"] * 4, False, "not_yet", 130),
        (["recovered", "recovered", "not_seen", "recovered"], True, "not_yet", 4),
        (["recovered", "recovered", "recovered", "not_seen"], True, "not_seen", 2),
        (["not_seen", "not_seen", "recovered", "recovered"], True, "recovered", 0),
        (["worse", "worse", "worse", "not_yet"], True, "not_yet", 4),
        (["not_yet", "not_yet", "recovered", "worse"], True, "worse", 4),
        (["not_yet"], False, "not_yet", 130),
    ],
)
def test_verdicts_and_exit_codes(states: list[State], finished: bool, state: State, code: int) -> None:
    looks = [at(n, one) for n, one in enumerate(states)]
    found = verdict(looks, timedelta(minutes=len(states) - 1), finished=finished)
    assert (found.state, exit_code(found)) == (state, code)


def test_restarts_are_counted_from_look_to_look() -> None:
    """They are those since the beginning of the window that is judged, once there was a look then."""
    evidence = old(workloads=[replica("a", sample.NOW, restarts=3)])
    hands = Hands()

    def collect(window: Window) -> Evidence:
        counts = 5 if window.end < NOW + 3 * MINUTE else 6
        made = {"workloads": [replica("a", window.end, restarts=counts)]}
        made["metrics"] = samples(window, "error_rate", 0.002)
        return replace(present(made, *health(), window=window), coverage=(coverage(made),))

    looks = list(watch(evidence, view(evidence), collect, hands.clock(), length=12 * MINUTE, every=MINUTE))
    told = [next(c for c in one.criteria if c.id == "replicas") for one in looks]
    assert "2 restarts of 1 since the bundle was made" in told[0].sentence
    assert [c.state for c in told] == [
        "not_yet", "recovered", "recovered", *["not_yet"] * 5, *["recovered"] * 5
    ]  # fmt: skip
    assert verdict(looks, 12 * MINUTE, finished=True).state == "recovered"


@pytest.mark.parametrize(
    ("scheme", "level", "minutes"),
    [("sev", "SEV1", 15), ("sev", "SEV2", 15), ("sev", "SEV3", 5), ("p1", "P2", 15), ("p0", "P2", 5), ("sev", "", 5)],
)
def test_severe_incidents_are_watched_longer(scheme: str, level: str, minutes: int) -> None:
    assert usual_length({"response": {"severity": {"scheme": scheme, "level": level}}}) == minutes * MINUTE
    assert usual_length({"response": None}) == 5 * MINUTE


# What is told


BACK = Criterion("error_rate", "Failing requests", "recovered", "Failing requests: 0.2% now.", was_ill=True)
ILL_STILL = Criterion("latency:p95", "Latency p95", "not_yet", "Latency p95: 2 s now; it is not back.", was_ill=True)
RARE = Criterion("patterns", "Error patterns", "not_yet", "too rare", decisive=False, was_ill=True)


def test_a_look_in_a_line() -> None:
    assert line(at(0, "not_yet", BACK, ILL_STILL, RARE)) == (
        "03:50:00 UTC  not yet: 1 of 2 as before the incident. Latency p95: 2 s now; it is not back."
    )


@pytest.mark.parametrize(
    ("looks", "finished", "told"),
    [
        ([at(0, "recovered", BACK)], True, ["RECOVERED (watched for 5 minutes, 1 look)."]),
        ([at(0, "recovered", replace(BACK, was_ill=False))], True, ["RECOVERED (watched for 5 minutes, 1 look).",
          "Nothing of what is compared here had left its baseline in the incident."]),
        ([at(0, "not_yet", ILL_STILL), at(1, "recovered", BACK)], True, [
          "NOT RECOVERED (watched for 5 minutes, 2 looks).",
          "All is as before the incident now, but it was not for the whole last third of the watch: watch on."]),
        ([at(0, "not_yet", RARE)], True, ["NOT RECOVERED (watched for 5 minutes, 1 look).",
          "What was wrong in the incident is too rare to be judged in this time: watch longer, with --watch."]),
        ([at(0, "not_yet", ILL_STILL)], False, ["INTERRUPTED after 1 look; so far: not yet."]),
    ],
)  # fmt: skip
def test_the_verdict_says_why(looks: list[Look], finished: bool, told: list[str]) -> None:
    assert sentences(verdict(looks, 5 * MINUTE, finished=finished), 5 * MINUTE) == told


@pytest.mark.parametrize(
    ("last", "finished", "outcome"),
    [
        (at(1, "recovered", BACK), True, "recovered"),
        (at(1, "recovered", BACK), False, "unknown"),
        (at(1, "not_yet", ILL_STILL), False, "not_recovered"),
        (at(1, "not_seen"), True, "unknown"),
        (at(1, "worse", ILL_STILL), True, "worse"),
    ],
)
def test_the_journal_gets_the_verdict_and_the_figures(last: Look, finished: bool, outcome: str) -> None:
    row = entry(verdict([at(0, "recovered", BACK), last], timedelta(0), finished=finished), timedelta(0))
    assert (row.kind, row.source, row.outcome, row.time) == ("recovery", "recovery", outcome, last.time)
    assert [c["sentence"] for c in row.details["criteria"]] == [c.sentence for c in last.criteria]
    assert len(row.details["looks"]) == 2
    for criterion in last.criteria:
        assert (criterion.sentence in row.answer) == (criterion.state != "recovered")


def test_json_has_every_look() -> None:
    told = as_json(verdict([at(0, "not_yet", ILL_STILL), at(1, "worse", ILL_STILL, RARE)], MINUTE, finished=True))
    assert (told["state"], told["exit_code"], len(told["looks"])) == ("worse", 4, 2)
    assert datetime.fromisoformat(told["looks"][0]["time"]) == NOW
    assert [c["decisive"] for c in told["looks"][1]["criteria"]] == [True, False]
