from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.random import Generator

from gather_diagnostics.statistics.episodes import likeliest_onset, onset_of

MINUTE = 60.0


def times(count: int) -> np.ndarray:
    return 1.7e9 + np.arange(count) * MINUTE


def halves(count: int) -> np.ndarray:
    return np.arange(count) < count // 2


def autoregressive(draw: Generator, count: int) -> np.ndarray:
    noise = draw.normal(size=count + 100)
    for i in range(1, len(noise)):
        noise[i] += 0.8 * noise[i - 1]
    return np.asarray(noise[100:])


def daily(draw: Generator, count: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / (count / 4) + draw.uniform(0, 6)
    return np.asarray(10 + 5 * np.sin(angle) + draw.uniform(0.01, 2) * draw.normal(size=count))


def rare_spikes(draw: Generator, count: int) -> np.ndarray:
    return np.asarray(5.0 + 10.0 * ((np.arange(count) + draw.integers(20)) % 20 == 0))


@pytest.mark.parametrize("count", [60, 240, 1000])
@pytest.mark.parametrize(
    "make", [lambda draw, count: draw.normal(size=count), autoregressive, daily, rare_spikes, Generator.standard_t]
)
def test_a_quiet_series_has_no_onset(make: Callable[..., np.ndarray], count: int) -> None:
    draw = np.random.default_rng(count)
    values = (make(draw, 3, count) if make is Generator.standard_t else make(draw, count) for _ in range(100))
    alarms = sum(onset_of(times(count), series, halves(count)) is not None for series in values)
    assert alarms <= 5


@pytest.mark.parametrize(("count", "start", "least"), [(20, 16, 85), (30, 27, 90), (60, 55, 95)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_step_of_the_last_minutes_is_dated_to_the_sample(count: int, start: int, least: int, sign: int) -> None:
    draw = np.random.default_rng(7)
    exact = 0
    for _ in range(100):
        values = draw.normal(100, 1, count)
        values[start:] += sign * 8
        shift = onset_of(times(count), values, np.arange(count) < count * 2 // 3)
        exact += shift is not None and shift.index == start
    assert exact >= least


def found(values: np.ndarray) -> int | None:
    shift = onset_of(times(len(values)), values, halves(len(values)))
    return shift.index if shift else None


def scene(seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, 400)


def test_a_spike_is_its_own_onset_and_alone_is_weak() -> None:
    values = scene()
    values[330] = 10
    shift = onset_of(times(400), values, halves(400))
    assert shift is not None
    assert shift.index == 330
    assert shift.time == times(400)[330]
    assert shift.earliest == times(400)[329]
    assert shift.strength <= 0.52


def test_a_lasting_level_is_stronger_than_a_spike() -> None:
    values = scene()
    values[330:] += 10
    shift = onset_of(times(400), values, halves(400))
    assert shift is not None
    assert shift.index == 330
    assert shift.strength > 0.9
    assert shift.before == pytest.approx(0, abs=0.1)
    assert shift.after == pytest.approx(10, abs=0.1)


def test_a_burst_begins_with_its_first_comparable_spike() -> None:
    values = scene()
    values[[50, 316, 323, 330, 338, 346]] = 10, 9.5, 6, 9.5, 10, 8
    assert found(values) == 316
    values[316] = 8
    assert found(values) == 330
    values[330] = 0
    assert found(values) == 338


def test_a_spike_long_before_the_burst_is_another_episode() -> None:
    values = scene()
    values[[50, 280, 330, 338]] = 10, 9.5, 9.5, 10
    assert found(values) == 330


def test_the_first_spike_of_a_kind_never_seen_counts_more_than_a_higher_one_later() -> None:
    values = scene()
    values[[330, 338]] = 8.5, 10
    assert found(values) == 330
    values[50] = 10
    assert found(values) == 338


def test_an_old_episode_gives_way_to_a_recent_one_of_the_same_size_but_not_to_a_much_smaller_one() -> None:
    values = scene()
    values[210], values[390] = 10, 10
    assert found(values) == 390
    values[390] = 4
    assert found(values) == 210


def test_a_cluster_outweighs_a_spike() -> None:
    values = scene()
    values[300:306], values[390] = 8, 10
    assert found(values) == 300


def test_a_ramp_is_dated_by_its_peak_and_says_where_it_began() -> None:
    values = scene()
    values[300:351] += np.linspace(0, 10, 51)
    values[351:] += np.maximum(10 - np.arange(49), 0)
    shift = onset_of(times(400), values, halves(400))
    assert shift is not None
    assert abs(shift.index - 350) <= 2
    assert abs(shift.earliest - times(400)[301]) <= 3 * MINUTE


def test_gaps_and_uneven_steps_do_not_matter() -> None:
    values = scene()
    values[330:] += 10
    kept = np.sort(np.random.default_rng(3).choice(400, 150, replace=False))
    shift = onset_of(times(400)[kept], values[kept], halves(400)[kept])
    assert shift is not None
    assert kept[shift.index] == kept[kept >= 330][0]


def test_where_something_is_known_to_be_wrong_the_best_guess_is_given_with_no_strength() -> None:
    values = np.random.default_rng(5).normal(size=400)
    guess = likeliest_onset(times(400), values, halves(400))
    assert guess is not None
    assert guess.strength == 0
    assert guess.index >= 200
    assert onset_of(times(400), values, halves(400)) is None


@pytest.mark.parametrize(("baseline", "window"), [(7, 10), (10, 1), (0, 20), (20, 0)])
def test_too_few_samples_are_not_judged(baseline: int, window: int) -> None:
    values = np.concatenate([np.zeros(baseline), np.ones(window)])
    assert likeliest_onset(times(len(values)), values, np.arange(len(values)) < baseline) is None


@given(
    st.lists(st.integers(-50, 50), min_size=12, max_size=60),
    st.sampled_from([-4.0, -1.0, 0.25, 1024.0]),
)
def test_neither_unit_nor_direction_moves_the_onset(values: list[int], factor: float) -> None:
    series, count = np.array(values, dtype=float), len(values)
    baseline = np.arange(count) < max(8, count // 2)
    one, other = (likeliest_onset(times(count), v, baseline) for v in (series, series * factor))
    assert (one is None) == (other is None)
    if one and other:
        assert one.index == other.index >= baseline.sum()
        assert one.earliest < one.time
        assert 0 <= one.strength <= 1


def test_two_thousand_samples_take_milliseconds() -> None:
    values = np.random.default_rng(6).normal(size=2000)
    started = time.process_time()
    for _ in range(10):
        likeliest_onset(times(2000), values, halves(2000))
    assert (time.process_time() - started) / 10 < 0.05
