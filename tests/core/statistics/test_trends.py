"""Trends: found where there is one, not in noise, not in what merely wanders."""

from __future__ import annotations

import numpy as np
import pytest

from gather_diagnostics.statistics.trends import trend

TIMES = np.arange(30) * 60.0


@pytest.mark.parametrize(("slope", "direction"), [(1.0, "rising"), (-0.5, "falling")])
def test_a_trend_is_found(slope: float, direction: str) -> None:
    noise = np.random.default_rng(1).lognormal(0, 0.1, 30)
    found = trend(TIMES, 0.05 * (1 + slope * np.arange(30) / 30) * noise)
    assert found.direction == direction
    assert found.slope == pytest.approx(0.05 * slope / 1800, rel=0.4)


def test_noise_is_hardly_ever_a_trend() -> None:
    draw = np.random.default_rng(2)
    found = [trend(TIMES, draw.lognormal(0, 0.3, 30)).direction for _ in range(300)]
    assert found.count("flat") >= 290


def test_what_wanders_is_seldom_a_trend() -> None:
    """Neighbouring samples of a rate over a sliding window have most of their requests in common."""
    draw = np.random.default_rng(3)
    found = [
        trend(TIMES, np.exp(0.2 * np.convolve(draw.normal(0, 1, 33), np.ones(4) / 2, "valid"))).direction
        for _ in range(300)
    ]
    assert found.count("flat") >= 255


def test_a_certain_but_tiny_trend_is_steady() -> None:
    assert trend(TIMES, 1 + np.arange(30) / 1000).direction == "flat"


def test_few_samples_and_constants() -> None:
    assert trend(TIMES[:5], np.arange(5.0)).direction == "unknown"
    assert trend(TIMES, np.zeros(30)).direction == "flat"
