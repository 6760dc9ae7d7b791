"""The demo's stand-in for Prometheus: a recording that moves along the clock and says what it does not hold."""

from __future__ import annotations

import importlib.util
import json
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.prometheus import prometheus

from collectors.prometheus import Prometheus
from gather_diagnostics import Gap, Request, Rows, Skew, Window
from gather_diagnostics.demo.replay import RefusedError, Tape, recorded, replay
from gather_diagnostics.demo.world import PODS

ROOT = Path(__file__).resolve().parents[2]
LONG_AGO = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
SMALL: dict[str, Any] = {
    "onset": 6000,
    "start": 5940,
    "step": 15,
    "steps": 9,
    "series": [{"match": ["a", "b"], "answer": [{"__name__": "up"}]}],
    "instant": {"one": [{"metric": {}, "value": "40"}]},
    "range": {"x": [{"metric": {"n": "1"}, "values": [0, 1, 2, 3, None, 5, 6, 7, 8.25]}]},
}


def asked(url: str, path: str, **parameters: Any) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(f"{url}{path}?{urlencode(parameters, doseq=True)}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def request_at(onset: datetime) -> Request:
    """The demo's question: the hour until 23 minutes after the onset, and the hour before."""
    now = onset + timedelta(minutes=23)
    incident = Window(now - timedelta(hours=1), now)
    seasons = (incident.shifted(-timedelta(days=1)), incident.shifted(-timedelta(days=7)))
    return Request("checkout", now, incident, incident.shifted(-incident.length), incident, seasons)


def read(url: str, onset: datetime, **settings: Any) -> tuple[dict[Any, float], list[Gap]]:
    """What the collector reads: {(seconds since the onset, metric, stat, endpoint, instance): value}, and the gaps."""
    items = list(Prometheus(Prometheus.Settings(url=url, **settings)).collect(request_at(onset)))
    rows = [row for i in items if isinstance(i, Rows) for row in i.rows]
    keys = ("metric", "stat", "endpoint", "instance")
    values = {((r["time"] - onset).total_seconds(), *(r.get(k) for k in keys)): r["value"] for r in rows}
    assert len(values) == len(rows)
    return values, [i for i in items if isinstance(i, Gap)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with replay(LONG_AGO) as address:
        yield address


# --- the tape


@given(
    onset=st.integers(0, 10**9),
    first=st.integers(-200, 200),
    length=st.integers(0, 300),
    factor=st.integers(1, 5),
)
def test_samples_are_the_recorded_ones_moved(onset: int, first: int, length: int, factor: int) -> None:
    tape = Tape(SMALL, datetime.fromtimestamp(onset, UTC))
    start, step = onset // 15 * 15 + first, 15 * factor
    parameters = {"query": ["x"], "start": [str(start)], "end": [str(start + length)], "step": [str(step)]}
    found = dict(v for one in tape.answer("/api/v1/query_range", parameters)["result"] for v in one["values"])
    values = SMALL["range"]["x"][0]["values"]
    expected = {}
    for time in range(start, start + length + 1, step):
        place = (time - onset // 15 * 15 + 60) // 15  # the recording begins a minute before its onset
        if 0 <= place < len(values) and time <= onset // 15 * 15 + 60 and values[place] is not None:
            expected[time] = float(values[place])
    assert {int(t): float(v) for t, v in found.items()} == expected


def test_nothing_is_later_than_the_present() -> None:
    now = datetime.now(UTC)
    tape = Tape(SMALL, now)
    begin = int(now.timestamp()) // 15 * 15
    parameters = {"query": ["x"], "start": [str(begin - 60)], "end": [str(begin + 60)], "step": ["15"]}
    (one,) = tape.answer("/api/v1/query_range", parameters)["result"]
    assert max(t for t, _ in one["values"]) <= datetime.now(UTC).timestamp()
    assert len(one["values"]) >= 4
    later = {"query": ["one"], "time": [str(begin + 60)]}
    assert tape.answer("/api/v1/query", later)["result"] == []


def test_series_and_instants_are_there_while_the_recording_lasts() -> None:
    tape = Tape(SMALL, LONG_AGO)
    at = LONG_AGO.timestamp()
    match = {"match[]": ["b", "a"]}
    assert tape.answer("/api/v1/series", match | {"start": [str(at)], "end": [str(at + 10)]}) == [{"__name__": "up"}]
    assert tape.answer("/api/v1/series", match | {"start": [str(at - 900)], "end": [str(at - 800)]}) == []
    (one,) = tape.answer("/api/v1/query", {"query": ["one"], "time": [str(at)]})["result"]
    assert one["value"] == [at, "40"]


@pytest.mark.parametrize(
    ("path", "parameters", "status"),
    [
        ("/api/v1/query_range", {"query": ["y"], "start": ["0"], "end": ["1"], "step": ["15"]}, 422),
        ("/api/v1/query_range", {"query": ["x"], "start": ["0"], "end": ["1"], "step": ["10"]}, 400),
        ("/api/v1/query_range", {"query": ["x"], "start": ["0"], "end": ["1"], "step": ["0"]}, 400),
        ("/api/v1/query_range", {"query": ["x"], "start": ["soon"], "end": ["1"], "step": ["15"]}, 400),
        ("/api/v1/query_range", {}, 400),
        ("/api/v1/query", {"query": ["y"]}, 422),
        ("/api/v1/series", {"match[]": ["a"], "start": ["0"], "end": ["1"]}, 422),
        ("/api/v1/labels", {}, 404),
    ],
)
def test_what_was_not_recorded_is_refused(path: str, parameters: dict[str, list[str]], status: int) -> None:
    with pytest.raises(RefusedError) as refused:
        Tape(SMALL, LONG_AGO).answer(path, parameters)
    assert refused.value.status == status


# --- the shipped recording, through the unmodified collector


def test_the_collector_reads_the_demo_without_a_gap(url: str) -> None:
    values, gaps = read(url, LONG_AGO)
    assert not gaps
    metrics = {(m, s, bool(e), bool(i)) for _, m, s, e, i in values}
    assert {("latency", s, e, False) for s in ("p50", "p95", "p99") for e in (True, False)} <= metrics
    assert {
        ("error_rate", "ratio", False, False),
        ("cpu", "avg", False, True),
        ("memory", "avg", False, True),
    } <= metrics
    assert {i for *_, i in values if i} == set(PODS)
    (clock,) = Prometheus(Prometheus.Settings(url=url)).check(request_at(datetime.now(UTC)))
    assert isinstance(clock, Skew)
    assert abs(clock.seconds) < 2, "the demo's clock is this machine's"


def middle(values: dict[Any, float], key: tuple[Any, ...], since: float, until: float) -> float:
    its = sorted(v for (t, *rest), v in values.items() if tuple(rest) == key and since <= t < until)
    return its[len(its) // 2]


def test_the_staged_incident_is_what_the_story_says(url: str) -> None:
    values, _ = read(url, LONG_AGO)

    def times(stat: str, endpoint: str | None) -> float:
        key = ("latency", stat, endpoint, None)
        return middle(values, key, 120, 1380) / middle(values, key, -5000, 0)

    errors = ("error_rate", "ratio", "/api/checkout", None)
    assert middle(values, errors, -5000, 0) < 0.006
    assert middle(values, errors, 120, 1380) == pytest.approx(0.18, abs=0.02)
    assert values[(30, *errors)] > 3 * middle(values, errors, -5000, 0), "the onset is sharp"
    assert times("p95", "/api/checkout") == pytest.approx(6, abs=1)
    assert times("p99", "/api/checkout") > 4
    assert times("p50", "/api/checkout") == pytest.approx(1.5, abs=0.15)
    for endpoint in ("/api/cart", "/api/health"):
        assert times("p95", endpoint) == pytest.approx(1, abs=0.15)
    rate = ("request_rate", "rate", None, None)
    assert all(40 < v < 130 for (_, *rest), v in values.items() if tuple(rest) == rate)


def test_an_unrecorded_query_is_a_gap_that_names_it(url: str) -> None:
    own = {"mine": {"expr": "sum(up)"}}
    _, (gap,) = read(url, LONG_AGO, queries=own)
    assert (gap.cause, gap.wanted) == ("invalid", "query mine")
    assert "was not recorded" in gap.why


def test_the_server_is_gone_afterwards() -> None:
    with replay(LONG_AGO, SMALL) as address:
        status, document = asked(address, "/api/v1/query", query="one", time=LONG_AGO.timestamp())
        assert (status, document["status"]) == (200, "success")
        status, document = asked(address, "/api/v1/query", query="two")
        assert (status, document["status"], document["errorType"]) == (422, "error", "execution")
    with pytest.raises(urllib.error.URLError):
        asked(address, "/api/v1/query", query="one")


# --- the recording against the real thing


@pytest.fixture(scope="module")
def recorder() -> Any:
    spec = importlib.util.spec_from_file_location("record_demo", ROOT / "scripts" / "record_demo.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["record_demo"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def real(recorder: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the whole staged history."""
    file: Path = tmp_path_factory.mktemp("history") / "history.txt"
    file.write_text(recorder.history())
    with prometheus(file) as address:
        yield address


@pytest.mark.slow
def test_the_recording_is_what_prometheus_answers_today(recorder: Any, real: str) -> None:
    assert recorder.record(real) == recorded(), "run scripts/record_demo.py: the collector asks otherwise than before"


@pytest.mark.slow
@pytest.mark.parametrize("settings", [{}, {"step_seconds": 15}, {"step_seconds": 45}], ids=["chosen", "15", "45"])
def test_replay_gives_the_rows_the_real_one_gave(recorder: Any, real: str, settings: dict[str, int]) -> None:
    # Apart by a multiple of every step used here, so that both are asked on the same grid.
    period = 90
    moved = recorder.ONSET + timedelta(seconds=(datetime.now(UTC) - recorder.ONSET).total_seconds() // period * period)
    moved -= timedelta(hours=3)
    there, gaps = read(real, recorder.ONSET, **settings)
    assert not gaps
    with replay(moved) as address:
        here, gaps = read(address, moved, **settings)
    assert not gaps
    assert here.keys() == there.keys()
    assert here == pytest.approx(there, rel=1e-5)
