"""The tests behind it: against published figures, and against how often they are wrong."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.response.recovery import intervals
from gather_diagnostics.response.recovery.intervals import Limits
from gather_diagnostics.response.recovery.judging import Judged, judge, limit
from gather_diagnostics.response.recovery.measures import CLEARLY, LEAST, PART, SPREAD


def two_sided(found: Limits, other: Limits) -> tuple[float, float]:
    return -other.at_most, found.at_most


@pytest.mark.parametrize(
    ("one", "other", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0000),
    ],
)
def test_proportions_are_as_newcombe_has_them(
    monkeypatch: pytest.MonkeyPatch, one: tuple[float, float], other: tuple[float, float], lower: float, upper: float
) -> None:
    """Table II of his paper, method 10, two-sided 95 %."""
    monkeypatch.setattr(intervals, "SHOWN", 0.975)
    found = two_sided(intervals.proportions(one, other), intervals.proportions(other, one))
    assert found == pytest.approx((lower, upper), abs=6e-5)


def test_rates_are_as_garwood_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against a rate of nothing over nearly endless time; limits of 0, 1 and 10 events, two-sided 95 %."""
    monkeypatch.setattr(intervals, "SHOWN", 0.975)
    for events, upper in ((0, 3.6889), (1, 5.5716), (10, 18.3904)):
        assert intervals.rates((events, 1), (0, 1e12)).at_most == pytest.approx(upper, abs=1e-4)


def test_a_shift_is_the_median_of_the_differences() -> None:
    now, then = np.array([1.0, 2.0, 3.0]), np.arange(20) / 10
    found = intervals.shift(now, then)
    assert found.point == pytest.approx(float(np.median(np.subtract.outer(now, then))))
    assert found.surely < found.point < found.at_most


def test_a_long_baseline_is_thinned_out() -> None:
    draw = np.random.default_rng(3)
    found = intervals.shift(draw.normal(1, 1, 400), draw.normal(0, 1, 40_000))
    assert found.point == pytest.approx(1, abs=0.15)


def test_requests_that_fail_together_count_for_less() -> None:
    requests = np.full(60, 100.0)
    together = np.where(np.arange(60) % 10 == 0, 50.0, 0.0)
    apart = np.random.default_rng(1).binomial(100, 0.05, 60).astype(float)
    assert intervals.design_effect(apart, requests) < 2
    assert intervals.design_effect(together, requests) > 10
    assert intervals.design_effect(together * 0, requests) == 1
    wide, narrow = (intervals.proportions((5, 100), (300, 6000), effect).at_most for effect in (10.0, 1.0))
    assert wide > narrow
    assert intervals.dispersion(together) > 10
    assert intervals.dispersion(np.zeros(60)) == 1


counts = st.tuples(st.integers(0, 500), st.integers(1, 500)).map(lambda two: (float(min(two)), float(two[1])))


@given(counts, counts, st.floats(1, 100))
def test_limits_are_on_their_sides(one: tuple[float, float], other: tuple[float, float], effect: float) -> None:
    for found in (intervals.proportions(one, other, effect), intervals.rates(one, other, effect)):
        assert found.surely - 1e-9 <= found.point <= found.at_most + 1e-9


@given(st.lists(st.floats(-9, 9), min_size=3, max_size=20), st.lists(st.floats(-9, 9), min_size=5, max_size=60))
def test_a_shift_moves_with_the_samples(now: list[float], then: list[float]) -> None:
    found = intervals.shift(np.array(now), np.array(then))
    moved = intervals.shift(np.array(now) + 1, np.array(then))
    assert found.surely <= found.point <= found.at_most
    assert (moved.point - found.point, moved.at_most - found.at_most) == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("shift", "rise", "beyond", "told"),
    [
        (Limits(0.0, -0.1, 0.1), 1.0, None, ("recovered", "back")),
        (Limits(0.0, -0.1, 0.3), 1.0, None, ("not_yet", "unsure")),
        (Limits(0.15, 0.05, 0.2), 1.0, None, ("not_yet", "still")),
        (Limits(0.05, 0.01, 0.2), 1.0, None, ("recovered", "back")),
        (Limits(0.9, 0.8, 1.0), 1.0, Limits(-0.1, -0.2, 0.1), ("not_yet", "still")),
        (Limits(1.9, 1.8, 2.0), 1.0, Limits(0.9, 0.8, 1.1), ("worse", "worse")),
        (Limits(1.9, 1.0, 3.0), 1.0, Limits(0.9, -0.1, 2.0), ("not_yet", "still")),
        (Limits(0.9, 0.8, 1.0), 0.0, None, ("worse", "worse")),
        (Limits(0.9, -0.1, 2.0), 0.0, None, ("recovered", "steady")),
        (Limits(0.0, 0.0, 0.6), 0.0, None, ("recovered", "steady")),
    ],
)
def test_the_rule(shift: Limits, rise: float, beyond: Limits | None, told: tuple[str, str]) -> None:
    assert judge(shift, rise, 0.1, beyond) == Judged(*told)  # type: ignore[arg-type]


def test_what_is_nearer_to_the_incident_is_never_back() -> None:
    assert limit(1.0, 0.1) == 0.25
    assert limit(1.0, 0.1, noise=0.4) == 0.4
    assert limit(1.0, 0.1, noise=9.0) == 0.5
    assert limit(0.15, 0.1) == 0.075


# How often they are wrong


WATCHES = 400
LOOKS = timedelta(seconds=100) // timedelta(seconds=30) + 1
"""In the last third of a watch of five minutes, a look every 30 s."""


def recovered(level: float, noise: float, correlation: float, draw: np.random.Generator) -> bool:
    """Does every look of a last third find a latency back that is at `level`, 0 being the baseline and 1 the incident,
    three times as slow? Values by half minutes, an autoregressive process; a look has the last five minutes."""
    rise = math.log(3)
    usual, ill = walk(120, noise, correlation, draw), rise + walk(40, noise, correlation, draw)
    now = level * rise + walk(10 + LOOKS, noise, correlation, draw)
    for look in range(LOOKS):
        judged = minutes(now[look : look + 10])
        before, after = minutes(usual), minutes(ill)
        scale = SPREAD * 1.4826 * float(np.median(np.abs(before - np.median(before))))
        risen = float(np.median(after) - np.median(before))
        if judge(intervals.shift(judged, before), risen, CLEARLY, intervals.shift(judged, after), scale).why != "back":
            return False
    return True


def walk(count: int, noise: float, correlation: float, draw: np.random.Generator) -> np.ndarray:
    steps = draw.normal(0, noise * math.sqrt(1 - correlation**2), count)
    steps[0] = draw.normal(0, noise)
    for n in range(1, count):
        steps[n] += correlation * steps[n - 1]
    return steps


def minutes(values: np.ndarray) -> np.ndarray:
    return values[: len(values) // 2 * 2].reshape(-1, 2).mean(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "correlation", "power"), [(0.05, 0.0, 0.99), (0.05, 0.7, 0.99), (0.2, 0.0, 0.9), (0.3, 0.7, 0.5)]
)
def test_how_often_a_watch_is_wrong(noise: float, correlation: float, power: float) -> None:
    """A latency still half-way between baseline and incident is hardly ever called recovered, one at the baseline
    mostly."""
    draw = np.random.default_rng(7)
    wrong = sum(recovered(0.5, noise, correlation, draw) for _ in range(WATCHES)) / WATCHES
    right = sum(recovered(0.0, noise, correlation, draw) for _ in range(WATCHES)) / WATCHES
    assert (wrong <= 0.05, right >= power) == (True, True), (wrong, right)


@pytest.mark.slow
@pytest.mark.parametrize(("requests", "power"), [(30, 0.0), (300, 0.9), (3000, 0.97)])
def test_how_often_a_share_is_wrong(requests: int, power: float) -> None:
    """One look at `requests` of which 0.5 % fail usually and 10 % in the incident. Thirty can show nothing."""
    draw = np.random.default_rng(7)

    def back(share: float) -> bool:
        usual, now = draw.binomial(12 * requests, 0.005), draw.binomial(requests, share)
        level = usual / (12 * requests)
        shift = intervals.proportions((now, requests), (usual, 12 * requests))
        return judge(shift, 0.1 - level, max(LEAST, PART * level), None).why == "back"

    wrong = sum(back(0.0525) for _ in range(WATCHES)) / WATCHES
    right = sum(back(0.005) for _ in range(WATCHES)) / WATCHES
    assert (wrong <= 0.05, right >= power) == (True, True), (wrong, right)
