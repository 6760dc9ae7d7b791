from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.statistics.shifts import first_burst, first_shift

STEP = 30.0
TIMES = np.arange(240) * STEP
BASELINE = TIMES < 3600


def noisy(seed: int, level: float = 100.0, spread: float = 5.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(level, spread, len(TIMES))


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("at", [130, 180, 230])
def test_a_step_is_found_where_it_is(seed: int, at: int) -> None:
    values = noisy(seed)
    values[at:] += 60
    shift = first_shift(TIMES, values, BASELINE, floor=1.0)
    assert shift is not None
    assert abs(shift.index - at) <= 1
    assert shift.earliest <= TIMES[at] <= shift.time + STEP


@pytest.mark.parametrize("seed", range(50))
def test_noise_is_not_a_shift(seed: int) -> None:
    assert first_shift(TIMES, noisy(seed), BASELINE, floor=1.0) is None


def test_one_spike_is_not_a_shift() -> None:
    values = noisy(1)
    values[150] += 500
    assert first_shift(TIMES, values, BASELINE, floor=1.0) is None


def test_a_fall_is_found_only_when_asked_for() -> None:
    values = noisy(2)
    values[150:] -= 60
    assert first_shift(TIMES, values, BASELINE, floor=1.0) is None
    assert first_shift(TIMES, values, BASELINE, floor=1.0, sign=-1).index in (149, 150, 151)


def test_a_constant_baseline_takes_the_floor() -> None:
    values = np.zeros(len(TIMES))
    values[200:] = 0.001
    assert first_shift(TIMES, values, BASELINE, floor=0.0025) is None
    values[200:] = 0.05
    assert first_shift(TIMES, values, BASELINE, floor=0.0025).index == 200


@pytest.mark.parametrize("seed", range(20))
def test_a_burst_begins_with_its_first_event(seed: int) -> None:
    draw = np.random.default_rng(seed)
    usual = np.sort(draw.uniform(0, 3600, 12))
    burst = np.sort(draw.uniform(2400, 3600, 300))
    times = np.sort(np.concatenate([usual, burst]))
    shift = first_burst(times, usual=12 / 3600, start=0, end=3600)
    assert shift is not None
    assert abs(shift.time - burst[0]) < 120


@pytest.mark.parametrize("seed", range(50))
def test_usual_events_are_no_burst(seed: int) -> None:
    times = np.sort(np.random.default_rng(seed).uniform(0, 3600, 60))
    assert first_burst(times, usual=60 / 3600, start=0, end=3600) is None


def test_a_lone_event_is_no_burst() -> None:
    assert first_burst(np.array([1000.0]), usual=0.5 / 3600, start=0, end=3600) is None


@given(st.lists(st.floats(0, 3600), max_size=100), st.floats(1e-6, 10))
def test_events_never_break_it(times: list[float], usual: float) -> None:
    shift = first_burst(np.sort(np.array(times, dtype=float)), usual=usual, start=0, end=3600)
    if shift:
        assert 0 <= shift.strength <= 1
        assert shift.earliest <= shift.time


@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=100), st.integers(0, 100), st.sampled_from([1, -1]))
def test_samples_never_break_it(values: list[float], split: int, sign: int) -> None:
    times = np.arange(len(values)) * STEP
    shift = first_shift(times, np.array(values), times < split * STEP, floor=0.1, sign=sign)
    if shift:
        assert 0 <= shift.strength <= 1
        assert shift.earliest <= shift.time
