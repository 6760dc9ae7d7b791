"""How it went on since the onset: worse, steady, recovering, recovered since when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analyzers.scope.series import of_lines, of_metric
from gather_diagnostics import Request, Tables, Window
from gather_diagnostics.selection import ERROR_LEVELS, Served, of_service, samples_of
from gather_diagnostics.statistics.shifts import BEYOND, robust_scale
from gather_diagnostics.statistics.trends import trend

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECENT = timedelta(minutes=15)
QUIET = 5
"""Minutes within the usual after which it has recovered; with fewer it may be a pause."""
FEWEST = 2
"""Minutes outside the usual that make a departure where one is known."""
MANY = 4
"""The same, next to another one each, where none is: an incident that is over may hide in the window's average."""
Direction = Literal["worse", "steady", "recovering", "recovered", "unknown"]
DIRECTIONS: dict[str, Direction] = {
    "rising": "worse",
    "falling": "recovering",
    "flat": "steady",
    "unknown": "unknown",
}


@dataclass(frozen=True, slots=True)
class Course:
    direction: Direction
    recovered: datetime | None
    """UTC."""
    signal: str | None
    """What it is told from."""
    began: datetime | None = None
    """The first minute outside the usual, UTC."""


def course(request: Request, window: Window, tables: Tables, known: bool) -> Course:
    """Its `signal` is None where none left its baseline; `known`: whether it is known already that something did.

    Told from the first signal that left its baseline in `window` and has not come back; recovered when all have.
    """
    fewest = FEWEST if known else MANY
    courses = (_course(*signal, request, window, fewest) for signal in _signals(request, tables))
    found = [c for c in courses if c]
    going_on = [c for c in found if not c.recovered]
    if going_on:
        return next((c for c in going_on if c.direction != "unknown"), going_on[0])
    return max(found, key=lambda c: c.recovered or window.start, default=Course("unknown", None, None))


def _signals(request: Request, tables: Tables) -> Iterator[tuple[str, Any, float, bool]]:
    """(name, values by minute, smallest scale believed, whether ratios count rather than differences)."""
    if "metrics" in tables:
        served = Served(samples_of(tables["metrics"], ("error_rate", "latency")), request.service)
        yield "error_rate", of_metric(served, "error_rate"), 0.0025, False
        for stat in ("p95", "p99", "p50"):
            yield "latency", of_metric(served, "latency", stat), 0.06, True
    if "logs" in tables:
        logs = tables["logs"][["time", "until", "count", "level", "service"]]
        errors = of_service(logs[logs["level"].isin(ERROR_LEVELS)], request.service)
        yield "log_errors", of_lines(errors, request), 0.5, False


def _course(
    name: str, minutes: Any, floor: float, logarithmic: bool, request: Request, window: Window, fewest: int
) -> Course | None:
    times, values = minutes.index.to_numpy(dtype=float), minutes.to_numpy(dtype=float)
    baseline = (times >= request.baseline.start.timestamp()) & (times < request.baseline.end.timestamp())
    # A minute that the onset cuts in two belongs to neither.
    since = (times >= window.start.timestamp()) & (times < window.end.timestamp())
    if baseline.sum() < QUIET or not since.any():
        return None
    scaled = np.log(np.maximum(values, 1e-9)) if logarithmic else values
    middle, scale = robust_scale(scaled[baseline], max(floor, _counting_noise(name, values[baseline])))
    outside = scaled[since] > middle + BEYOND * scale
    together = outside & (_beside(outside) if fewest > FEWEST else True)
    if together.sum() < fewest:
        return None
    began = datetime.fromtimestamp(float(times[since][together][0]), UTC)
    recovered = _recovered(times[since], outside)
    if recovered is not None:
        return Course("recovered", datetime.fromtimestamp(recovered, UTC), name, began)
    recent = since & (times >= (window.end - RECENT).timestamp())
    return Course(DIRECTIONS[trend(times[recent], values[recent]).direction], None, name, began)


def _counting_noise(name: str, usual: NDArray[np.float64]) -> float:
    """Of counts, the standard deviation that a Poisson process of that rate has."""
    return float(np.sqrt(usual.mean())) if name == "log_errors" else 0.0


def _recovered(times: NDArray[np.float64], outside: NDArray[np.bool_]) -> float | None:
    """The first minute of the last stretch within the usual; a single stray one in it does not end it."""
    last = np.flatnonzero(outside & _beside(outside))
    if not len(last):
        return None
    after = int(last[-1]) + 1
    return float(times[after]) if len(times) - after >= QUIET else None


def _beside(outside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Minutes before or after which another one is outside."""
    padded = np.pad(outside, 1)
    return padded[:-2] | padded[2:]
