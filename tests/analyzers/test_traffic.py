"""Whether traffic left its baseline, how far, since when, and who carries it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from incidents import findings, samples, tables

from gather_diagnostics import Evidence, plugins
from gather_diagnostics.response.mitigation.traffic import rates, surge
from gather_diagnostics.response.severity.signs import traffic_lost

MINUTE = timedelta(minutes=1)


@pytest.fixture
def request_(make_request):
    return make_request()


@pytest.fixture
def with_past(request_):
    return replace(request_, seasonal=tuple(request_.incident.shifted(-timedelta(days=d)) for d in (1, 7)))


@pytest.fixture
def onset(request_):
    return request_.incident.end - 23 * MINUTE


def counted(request, normal=40.0, metric="request_rate", **more: Any):
    return samples(request, metric, "rate", normal, **({"unit": "1/s"} | more))


def told(request, rows, **more: Any):
    """The findings of this analyzer alone, by id."""
    analyzer = plugins.load(plugins.ANALYZERS, "traffic")
    return {f.id: f for f in analyzer(request, tables(metrics=rows), {"onset": (), **more})}


def traffic(request, rows, **more: Any):
    return told(request, rows, **more)["traffic"]


def shifted(rows, days: int, level: float = 1.0):
    return [row | {"time": row["time"] - timedelta(days=days), "value": row["value"] * level} for row in rows]


def shaped(request, level, noise=0.05):
    """A series whose level is a function of the minutes since the baseline began."""
    rows = counted(request, 1.0, noise=noise)
    for row in rows:
        row["value"] *= level((row["time"] - request.baseline.start) / MINUTE)
    return rows


@pytest.mark.parametrize(
    ("after", "direction", "severity"),
    [
        (200.0, "up", "medium"),
        (80.0, "up", "low"),
        (0.0, "down", "high"),
        (1.0, "down", "high"),
        (24.0, "down", "medium"),
    ],
)
def test_a_rise_is_no_harm_and_a_fall_is(request_, onset, after, direction, severity) -> None:
    found = traffic(request_, counted(request_, after=after, onset=onset))
    assert (found.details["changed"], found.details["direction"], found.severity) == (True, direction, severity)
    assert found.details["before"] == pytest.approx(40, rel=0.05)
    assert found.details["after"] == pytest.approx(after, rel=0.05)
    assert found.details["ratio"] == pytest.approx(after / 40, rel=0.05, abs=0.001)
    assert found.time is not None
    assert abs(found.time - onset) <= MINUTE
    assert found.details["since"] == found.time.isoformat()
    assert found.details["until"] is None
    assert found.supports[0].rows
    assert f"{'rose' if direction == 'up' else 'fell'} from" in found.headline


def test_the_rows_it_rests_on_are_of_the_departure_and_the_most_telling(request_, onset) -> None:
    rows = counted(request_, after=2.0, onset=onset)
    found = traffic(request_, rows)
    frame = tables(metrics=rows)["metrics"].loc[list(found.supports[0].rows)]
    assert (frame["time"] >= onset).all()
    assert frame["value"].min() == pytest.approx(found.details["peak"], abs=1e-6)
    assert datetime.fromisoformat(found.details["peak_time"]) in list(frame["time"])


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
def test_what_stays_is_said_to_be_unchanged(request_, noise) -> None:
    found = told(request_, counted(request_, noise=noise))
    assert list(found) == ["traffic"]
    assert (found["traffic"].details["changed"], found["traffic"].severity) == (False, "info")
    assert "unchanged at" in found["traffic"].headline
    assert found["traffic"].time is None


def wave(minute: float) -> float:
    return 40 * (1 + 0.8 * math.sin(minute / 3))


def climb(minute: float) -> float:
    return 40 + minute * 2 / 3


def spike(minute: float) -> float:
    return 400.0 if 100 <= minute < 101.5 else 40.0


@pytest.mark.parametrize("course", [wave, climb, spike])
def test_waves_a_morning_and_a_spike_are_no_surge(request_, course) -> None:
    """Swings of every few minutes, 40/s to 120/s within two hours, and a minute and a half of ten times as much."""
    assert traffic(request_, shaped(request_, course)).details["changed"] is False


def test_a_rise_that_is_over_says_until_when(request_, onset) -> None:
    found = traffic(request_, counted(request_, after=160.0, onset=onset, until=onset + 12 * MINUTE))
    assert found.details["changed"]
    assert datetime.fromisoformat(found.details["until"]) - onset == pytest.approx(12 * MINUTE, abs=MINUTE)
    assert found.details["after"] == pytest.approx(160, rel=0.05)
    assert found.severity == "low"
    assert "back at its baseline since" in found.headline


def test_what_goes_on_is_told_rather_than_what_is_over(request_, onset) -> None:
    """A surge, and then a third of the usual; the surge is the larger of the two."""
    rows = counted(request_, after=300.0, onset=onset, until=onset + 10 * MINUTE)
    for row in rows:
        row["value"] *= 0.3 if row["time"] >= onset + 15 * MINUTE else 1
    assert traffic(request_, rows).details["direction"] == "down"


def test_what_was_over_before_the_window_is_not_told(request_) -> None:
    start = request_.baseline.start + 10 * MINUTE
    rows = counted(request_, after=200.0, onset=start, until=start + 10 * MINUTE)
    assert traffic(request_, rows).details["changed"] is False


def test_what_began_before_the_window_is_dated_there(request_) -> None:
    start = request_.incident.start - 10 * MINUTE
    found = traffic(request_, counted(request_, after=200.0, onset=start))
    assert found.time is not None
    assert abs(found.time - start) <= MINUTE


@pytest.mark.parametrize("days", [1, 7])
@pytest.mark.parametrize("after", [120.0, 10.0])
def test_the_same_hours_before_excuse_what_they_saw_themselves(with_past, onset, days, after) -> None:
    rows = counted(with_past, after=after, onset=onset)
    found = traffic(with_past, rows + shifted(rows, days))
    assert (found.details["changed"], found.severity, found.details["direction"]) == (False, "info", None)
    assert found.details["seasonal"] == pytest.approx(after, rel=0.2)
    assert found.details["ratio"] == pytest.approx(after / 40, rel=0.05)
    assert "as in the same hour a day or a week before" in found.headline


def test_more_than_on_other_days_at_this_hour_is_a_rise(with_past, onset) -> None:
    rows = counted(with_past, after=120.0, onset=onset)
    found = traffic(with_past, rows + shifted(rows, 1, 0.5))
    assert found.details["changed"]
    assert found.details["seasonal"] == pytest.approx(60, rel=0.1)
    assert "in the same hour before" in found.headline


def test_it_says_whether_it_goes_on_rising(request_, onset) -> None:
    begin = (onset - request_.baseline.start) / MINUTE

    def course(minute: float) -> float:
        return 40 * (2 + max(minute - begin, 0) * 0.2) if minute >= begin else 40

    rising = traffic(request_, shaped(request_, course))
    assert rising.details["trend"] == "rising"
    assert "still rising" in rising.headline
    assert traffic(request_, counted(request_, after=99.0, onset=onset)).details["trend"] == "flat"


def test_a_ramp_is_dated_by_its_foot(request_, onset) -> None:
    begin = (onset - request_.baseline.start) / MINUTE
    found = traffic(request_, shaped(request_, lambda minute: 40 * (1 + max(minute - begin, 0) * 0.15), noise=0.005))
    assert found.time is not None
    assert timedelta(0) <= found.time - onset <= 1.6 * MINUTE


def test_the_lead_over_the_onset(request_, onset) -> None:
    failing = samples(request_, "error_rate", "ratio", 0.002, after=0.2, onset=onset, unit="ratio")
    early = findings(request_, metrics=failing + counted(request_, after=160.0, onset=onset - 6 * MINUTE))
    late = findings(request_, metrics=failing + counted(request_, after=160.0, onset=onset + 6 * MINUTE))
    assert early["traffic"].details["lead"] == pytest.approx(360, abs=90)
    assert late["traffic"].details["lead"] == pytest.approx(-360, abs=90)
    assert traffic(request_, counted(request_, after=160.0, onset=onset)).details["lead"] is None


def only_latency(request):
    return samples(request, "latency", "p95", 0.2)


def only_the_window(request):
    return [row for row in counted(request) if row["time"] in request.incident]


def only_a_call_of_ours(request):
    return counted(request, caller="checkout", callee="payments", service="payments")


@pytest.mark.parametrize("rows", [only_latency, only_the_window, only_a_call_of_ours])
def test_what_nobody_counted_is_not_known(request_, rows) -> None:
    found = traffic(request_, rows(request_))
    assert (found.details["changed"], found.details["ratio"], found.confidence) == (None, None, 0.0)
    assert "is not known" in found.headline
    analyzer = plugins.load(plugins.ANALYZERS, "traffic")
    assert [f.details["changed"] for f in analyzer(request_, {}, {"onset": ()})] == [None]


def test_single_requests_are_no_surge(request_, onset) -> None:
    """From nothing to three requests a minute."""
    assert traffic(request_, counted(request_, 0.0, after=0.05, onset=onset)).details["changed"] is False


def test_of_few_requests_a_pause_is_chance_and_a_long_silence_is_none(request_) -> None:
    """Three a minute."""
    end = request_.incident.end
    for minutes, changed in ((5, False), (15, True)):
        rows = counted(request_, 0.05, after=0.0, onset=end - minutes * MINUTE)
        assert traffic(request_, rows).details["changed"] is changed


def test_from_nothing_to_something_has_no_ratio(request_, onset) -> None:
    found = traffic(request_, counted(request_, 0.0, after=20.0, onset=onset))
    assert (found.details["direction"], found.details["ratio"]) == ("up", None)
    assert "from 0/s to" in found.headline


def test_replicas_are_added_up(request_, onset) -> None:
    """Twice as many replicas that each serve as much."""
    rows = [row for n in "ab" for row in counted(request_, 20.0, instance=f"pod-{n}")]
    new = [row for n in "cd" for row in counted(request_, 20.0, instance=f"pod-{n}") if row["time"] >= onset]
    found = told(request_, rows + new)
    assert found["traffic"].details["before"] == pytest.approx(40, rel=0.05)
    assert found["traffic"].details["ratio"] == pytest.approx(2, rel=0.05)
    assert "traffic:slice" not in found, "who serves is not who sends"


def test_requests_that_only_moved_to_other_replicas_are_as_many(request_, onset) -> None:
    old = counted(request_, 40.0, after=0.0, onset=onset, instance="pod-a")
    new = [row for row in counted(request_, 40.0, instance="pod-b") if row["time"] >= onset]
    assert traffic(request_, old + new).details["changed"] is False


def test_parts_beside_their_sum_do_not_count_twice(request_, onset) -> None:
    parts = [row for n in "ab" for row in counted(request_, 20.0, labels={"tenant": n}, seed=ord(n))]
    rows = counted(request_, after=160.0, onset=onset) + parts + counted(request_, 9.0, endpoint="/pay")
    assert traffic(request_, rows).details["before"] == pytest.approx(40, rel=0.05)


def test_a_second_source_that_counts_elsewhere_makes_no_step(request_) -> None:
    whole = tables(metrics=counted(request_) + [r | {"ref": "alb"} for r in counted(request_, 400.0, step=60)])
    metrics = whole["metrics"]
    metrics.loc[metrics["ref"] == "alb", "source"] = "cloudwatch"
    ended = metrics[(metrics["source"] != "cloudwatch") | (metrics["time"] < request_.incident.start)]
    analyzer = plugins.load(plugins.ANALYZERS, "traffic")
    (found,) = analyzer(request_, {"metrics": ended}, {"onset": ()})
    assert found.details["changed"] is False
    assert [round(found.details[key]) for key in ("before", "after")] == [40, 40]


@pytest.mark.parametrize("dimension", ["endpoint", "caller", "tenant"])
def test_who_carries_the_rise_is_named_with_its_part_before(request_, onset, dimension) -> None:
    def its(value: str, normal: float, after: float | None, seed: int):
        place = {"labels": {"tenant": value}} if dimension == "tenant" else {dimension: value}
        return counted(request_, normal, after=after, onset=onset, seed=seed, **place)

    rows = counted(request_, 40.0, after=127.0, onset=onset)
    rows += its("quiet", 18.0, 9.0, 2) + its("calm", 18.0, None, 3) + its("loud", 4.0, 100.0, 4)
    found = told(request_, rows)["traffic:slice"]
    assert (found.details["dimension"], found.details["values"]) == (dimension, ["loud"])
    assert found.details["explains"] > 0.9
    assert found.details["affected"][dimension]["count"] == 1
    assert found.details["share"] == pytest.approx(0.1, abs=0.02)
    assert (found.details["usual"], found.details["now"]) == (pytest.approx(4, rel=0.1), pytest.approx(100, rel=0.1))
    assert f"{dimension} loud explains" in found.headline
    assert "of the rise and had 10% of the requests before" in found.headline
    assert found.supports[0].rows


def test_a_new_caller_is_found_though_it_has_no_baseline(request_, onset) -> None:
    rows = counted(request_, 40.0, after=140.0, onset=onset)
    rows += [row for n, c in enumerate(("web", "app")) for row in counted(request_, 20.0, seed=n, caller=c)]
    rows += [row for row in counted(request_, 100.0, caller="crawler") if row["time"] >= onset]
    found = told(request_, rows)["traffic:slice"]
    assert (found.details["dimension"], found.details["values"]) == ("caller", ["crawler"])
    assert found.details["usual"] == 0


def test_a_caller_that_is_gone_explains_the_fall(request_, onset) -> None:
    rows = counted(request_, 40.0, after=10.0, onset=onset)
    rows += counted(request_, 10.0, seed=2, caller="web")
    rows += [row for row in counted(request_, 30.0, seed=3, caller="app") if row["time"] < onset]
    found = told(request_, rows)["traffic:slice"]
    assert (found.details["direction"], found.details["values"]) == ("down", ["app"])
    assert "of the fall" in found.headline


def test_a_rise_of_all_alike_is_nobodys(request_, onset) -> None:
    rows = counted(request_, 40.0, after=160.0, onset=onset)
    for n, endpoint in enumerate(("/pay", "/cart", "/home")):
        rows += counted(request_, 13.0, after=52.0, onset=onset, seed=n, endpoint=endpoint)
    found = told(request_, rows)["traffic:slice"]
    assert found.details["dimension"] is None
    assert found.details["affected"]["endpoint"]["count"] == 3
    assert "no slice carries the rise (3 endpoints compared)" in found.headline


def test_a_part_that_rose_by_little_does_not_carry_the_whole(request_, onset) -> None:
    """Most requests do not say where they belong."""
    rows = counted(request_, after=160.0, onset=onset) + counted(request_, 5.0, seed=2, endpoint="/cart")
    rows += counted(request_, 5.0, after=10.0, onset=onset, seed=3, endpoint="/pay")
    assert told(request_, rows)["traffic:slice"].details["dimension"] is None


def test_parts_that_only_other_days_know_are_not_compared(with_past, onset) -> None:
    rows = counted(with_past, after=160.0, onset=onset)
    past = [row for e in ("/pay", "/cart") for row in shifted(counted(with_past, 20.0, endpoint=e), 7)]
    assert list(told(with_past, rows + past)) == ["traffic"]
    gone = [row for row in counted(with_past, 1.0, endpoint="/old") if row["time"] < with_past.incident.start]
    assert list(told(with_past, rows + gone)) == ["traffic"]


def test_a_value_that_moves_in_quiet_traffic_gives_no_finding(request_, onset) -> None:
    rows = counted(request_) + counted(request_, 1.0, after=2.0, onset=onset, endpoint="/rare")
    assert "traffic:slice" not in told(request_, rows + counted(request_, 39.0, endpoint="/cart"))


@pytest.mark.parametrize("factor", [0.01, 0.2, 3.0, 50.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 1e6])
def test_small_and_large_services_are_judged_alike(request_, onset, scale, factor) -> None:
    rows = counted(request_, 40.0, after=40 * factor, onset=onset)
    found = traffic(request_, [row | {"value": row["value"] * scale} for row in rows])
    assert found.details["direction"] == ("up" if factor > 1 else "down")
    assert found.details["ratio"] == pytest.approx(factor, rel=0.1)


def test_the_response_takes_its_figures_from_it(request_, onset) -> None:
    def evidence(**more: Any) -> Evidence:
        found = told(request_, counted(request_, onset=onset, **more))
        return Evidence(request_, {}, (), (), findings=tuple(found.values()))

    up, down = evidence(after=160.0), evidence(after=4.0)
    assert rates(up) == (pytest.approx(40, rel=0.05), pytest.approx(160, rel=0.05))
    assert surge(up) == pytest.approx(4, rel=0.05)
    over = evidence(after=160.0, until=onset + 12 * MINUTE)
    assert [surge(e) for e in (down, over, evidence(after=60.0 / 1.1), Evidence(request_, {}, (), ()))] == [1, 1, 1, 1]
    assert lost(down) == pytest.approx(0.9, abs=0.01)
    assert lost(up) == lost(evidence(after=4.0, until=onset + 12 * MINUTE)) == 0


def lost(evidence: Evidence) -> float:
    return traffic_lost({"findings": [{"id": f.id, "details": f.details} for f in evidence.findings], "onset": None})
