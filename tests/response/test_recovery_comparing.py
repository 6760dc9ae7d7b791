"""Is it as before? The comparison alone: tables in, criteria out."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import documentsample as sample
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples
from recoverywork import ILL, NOW, WELL, WINDOW, Row, bundle, course, health, lines, present, replica, samples

from gather_diagnostics import Evidence, Finding, Gap, Window
from gather_diagnostics.document import view
from gather_diagnostics.response.recovery import Criterion, Look, State, look, overall

HOUR = timedelta(hours=1)


def looked(then: Mapping[str, list[Row]], now: Mapping[str, list[Row]], *findings: Finding, **fields: Any) -> Look:
    before = bundle(then, *findings, **fields)
    return look(before, view(before), present(now), WINDOW)


def by_id(found: Look) -> dict[str, Criterion]:
    assert len({c.id for c in found.criteria}) == len(found.criteria)
    return {c.id: c for c in found.criteria}


def measured(metric: str, well: float, ill: float, now: float, **more: Any) -> Criterion:
    then, present_ = course(partial(samples, metric=metric), well, ill, now, **more)
    (one,) = looked({"metrics": then}, {"metrics": present_}).criteria
    return one


def logged(well: float, ill: float, now: float, *, message: str = "pool exhausted") -> dict[str, Criterion]:
    """Seconds from one error line to the next, 0 for none; other lines come every second."""

    def made(window: Window, seconds: float) -> list[Row]:
        return lines(window, "order placed", 1, level="INFO") + (lines(window, message, seconds) if seconds else [])

    return by_id(looked({"logs": made(WELL, well) + made(ILL, ill)}, {"logs": made(WINDOW, now)}))


# Requests


@pytest.mark.parametrize(
    ("metric", "well", "ill", "now", "state", "words"),
    [
        ("error_rate", 0.002, 0.2, 0.002, "recovered", "it is back"),
        ("error_rate", 0.002, 0.2, 0.0025, "recovered", "it is back"),
        ("error_rate", 0.002, 0.2, 0.02, "not_yet", "it is not back"),
        ("error_rate", 0.002, 0.2, 0.2, "not_yet", "20.0"),
        ("error_rate", 0.002, 0.2, 0.45, "worse", "it is worse"),
        ("error_rate", 0.002, 0.002, 0.002, "recovered", "did not leave its baseline"),
        ("error_rate", 0.002, 0.002, 0.05, "worse", "it is worse"),
        ("latency", 0.12, 2.1, 0.12, "recovered", "120 ms before the incident, 2,1"),
        ("latency", 0.12, 2.1, 0.2, "not_yet", "it is not back"),
        ("latency", 0.12, 2.1, 2.0, "not_yet", "it is not back"),
        ("latency", 0.12, 2.1, 9.0, "worse", "it is worse"),
        ("latency", 0.12, 0.12, 0.13, "recovered", "did not leave its baseline"),
        ("latency", 0.12, 0.12, 0.3, "worse", "it is worse"),
        ("request_rate", 40, 1.5, 40, "recovered", "40 requests a second"),
        ("request_rate", 40, 1.5, 1.5, "not_yet", "it is not back"),
        ("request_rate", 40, 40, 30, "recovered", "did not leave its baseline"),
        ("request_rate", 40, 40, 90, "recovered", "did not leave its baseline"),
        ("request_rate", 40, 40, 4, "worse", "it is worse"),
    ],
)
def test_a_measure_is_back_when_a_test_says_so(
    metric: str, well: float, ill: float, now: float, state: str, words: str
) -> None:
    one = measured(metric, well, ill, now)
    assert (one.state, words in one.sentence) == (state, True), one.sentence


@pytest.mark.parametrize(
    ("per_second", "now", "state", "words"),
    [
        (40.0, 0.0, "recovered", "it is back"),
        (1.0, 0.0, "recovered", "it is back"),
        (0.02, 0.0, "not_yet", "that is too little to tell"),
        (40.0, 0.2, "not_yet", "it is not back"),
    ],
)
def test_how_many_requests_there_were_counts(per_second: float, now: float, state: str, words: str) -> None:
    shares = course(partial(samples, metric="error_rate"), 0.0, 0.2, now)
    traffic = course(partial(samples, metric="request_rate"), per_second, per_second, per_second)
    found = looked({"metrics": shares[0] + traffic[0]}, {"metrics": shares[1] + traffic[1]})
    one = by_id(found)["error_rate"]
    assert (one.state, words in one.sentence) == (state, True), one.sentence


def test_replicas_stand_for_the_service_where_only_they_are_measured() -> None:
    def made(window: Window, value: float, seed: int) -> list[Row]:
        pods = [samples(window, "error_rate", value, seed=seed + n, instance=f"pod-{n}") for n in range(2)]
        return pods[0] + pods[1]

    then, now = course(made, 0.002, 0.2, 0.002)
    assert by_id(looked({"metrics": then}, {"metrics": now}))["error_rate"].state == "recovered"


def test_a_noisy_percentile_can_come_back() -> None:
    states = [measured("latency", 0.2, 2.0, 0.2, noise=0.3).state for _ in range(3)]
    assert states == ["recovered"] * 3


# Too little


@pytest.mark.parametrize(
    ("window", "state", "words"),
    [
        (Window(NOW - timedelta(minutes=2), NOW), "not_yet", "too little to tell yet, 2 of at least 3 minutes"),
        (Window(NOW - timedelta(minutes=5), NOW - timedelta(minutes=3.5)), "not_seen", "for the last minutes"),
        (Window(NOW - HOUR, NOW - timedelta(minutes=30)), "not_seen", "nothing came in"),
    ],
)
def test_too_few_or_too_old_samples_tell_nothing(window: Window, state: str, words: str) -> None:
    then, _ = course(partial(samples, metric="error_rate"), 0.002, 0.2, 0.0)
    found = looked({"metrics": then}, {"metrics": samples(window, "error_rate", 0.002)})
    assert (found.state, found.criteria[0].state) == (state, state)
    assert words in found.criteria[0].sentence


def test_an_incident_under_way_when_the_window_opened_is_compared_with_other_days() -> None:
    onset = Finding("onset", "onset", "It was.", 0.5, time=sample.BASELINE.start, details={"before_window": True})
    ill, now = samples(Window(sample.BASELINE.start, sample.NOW), "error_rate", 0.2), samples(WINDOW, "error_rate", 0.2)
    yesterday = sample.INCIDENT.shifted(-24 * HOUR)
    known = looked(
        {"metrics": ill + samples(yesterday, "error_rate", 0.002)}, {"metrics": now}, onset, seasonal=(yesterday,)
    )
    assert known.state == "not_yet"
    unknown = looked({"metrics": ill}, {"metrics": now}, onset)
    assert (unknown.state, unknown.criteria) == ("not_seen", ())


# Error lines and patterns


@pytest.mark.parametrize(
    ("well", "ill", "now", "lines_", "patterns"),
    [
        (0, 2, 0, "recovered", "recovered"),
        (0, 2, 2, "not_yet", "not_yet"),
        (0, 2, 0.5, "worse", "worse"),
        (10, 1, 10, "recovered", "recovered"),
        (10, 1, 4, "not_yet", "not_yet"),
        (0, 2, 100, "not_yet", "not_yet"),
    ],
)
def test_error_lines_have_to_be_back_at_their_rate(
    well: float, ill: float, now: float, lines_: str, patterns: str
) -> None:
    found = logged(well, ill, now)
    assert (found["error_lines"].state, found["patterns"].state) == (lines_, patterns), found
    assert found["patterns:new"].state == "recovered"


def test_what_is_too_rare_is_told_and_not_waited_for() -> None:
    found = logged(0, 200, 0)
    assert not found["error_lines"].decisive
    assert "too rare to judge" in found["error_lines"].sentence
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 200)
    now = lines(WINDOW, "order placed", 1, level="INFO")
    assert looked({"logs": then}, {"logs": now}).state == "not_yet"
    shares = course(partial(samples, metric="error_rate"), 0.002, 0.2, 0.002)
    both = looked({"logs": then, "metrics": shares[0]}, {"logs": now, "metrics": shares[1]})
    assert both.state == "recovered"


@pytest.mark.parametrize(("count", "state"), [(1, "recovered"), (4, "not_yet")])
def test_a_new_error_pattern_stands_in_the_way_and_a_stray_line_does_not(count: int, state: str) -> None:
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 2)
    now = lines(WINDOW, "order placed", 1, level="INFO") + lines(WINDOW, "the disk is full", 300 / count)
    found = by_id(looked({"logs": then}, {"logs": now}))
    assert found["patterns:new"].state == state
    assert found["patterns"].state == "recovered"
    assert ("the disk is full" in found["patterns:new"].sentence) == (count > 1)


@pytest.mark.parametrize(("seconds", "state"), [(60, "recovered"), (2, "not_yet")])
def test_a_usual_pattern_may_come_as_usual(seconds: float, state: str) -> None:
    """It was no pattern of the incident."""
    usual = lines(Window(WELL.start, ILL.end), "card declined", 60)
    then = lines(WELL, "order placed", 1, level="INFO") + usual + lines(ILL, "pool exhausted", 2)
    now = lines(WINDOW, "order placed", 1, level="INFO") + lines(WINDOW, "card declined", seconds)
    assert by_id(looked({"logs": then}, {"logs": now}))["patterns:new"].state == state


def test_a_rare_pattern_of_the_incident_is_not_new() -> None:
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 2) + lines(ILL, "no seat", 500)
    now = lines(WINDOW, "order placed", 1, level="INFO") + lines(WINDOW, "no seat", 60)
    assert by_id(looked({"logs": then}, {"logs": now}))["patterns:new"].state == "recovered"


def test_what_lies_outside_of_the_window_is_not_judged() -> None:
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 2)
    now = lines(WINDOW, "order placed", 1, level="INFO")
    earlier = lines(WINDOW.shifted(-timedelta(minutes=6)), "pool exhausted", 2)
    assert looked({"logs": then}, {"logs": now + earlier}).state == "recovered"


def test_what_a_log_line_says_can_not_act() -> None:
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 2)
    now = lines(WINDOW, "order placed", 1, level="INFO") + lines(WINDOW, "gone \x1b[2J\u202e\nwrong", 10)
    sentence = by_id(looked({"logs": then}, {"logs": now}))["patterns:new"].sentence
    assert sentence.isprintable(), sentence


def test_patterns_are_the_same_whatever_varies_in_them() -> None:
    then = lines(WELL, "order placed", 1, level="INFO")
    then += [row | {"message": f"order {n} failed"} for n, row in enumerate(lines(ILL, "", 2))]
    now = lines(WINDOW, "order placed", 1, level="INFO")
    now += [row | {"message": f"order {n + 10**6} failed"} for n, row in enumerate(lines(WINDOW, "", 2))]
    found = by_id(looked({"logs": then}, {"logs": now}))
    assert (found["patterns"].state, found["patterns:new"].state) == ("not_yet", "recovered")


def test_folded_lines_count_as_many_as_they_stand_for() -> None:
    then = lines(WELL, "order placed", 1, level="INFO") + lines(ILL, "pool exhausted", 2)
    folded = lines(WINDOW, "pool exhausted", 60)
    now = [row | {"count": 30, "until": row["time"] + timedelta(seconds=20)} for row in folded]
    found = by_id(looked({"logs": then}, {"logs": now}))
    assert found["error_lines"].state == "not_yet"
    assert "30 a minute now" in found["error_lines"].sentence


# Parts of the service


def sliced(id_: str, dimension: str, *values: str) -> Finding:
    affected = {dimension: {"values": list(values), "count": len(values), "of": 3}}
    details = {"dimension": dimension, "values": list(values), "affected": affected}
    return Finding(id_, "error_rate", "It is there.", 0.8, details=details)


def by_endpoint(worse: float, now: float) -> tuple[list[Row], list[Row]]:
    made = [course(partial(samples, metric="error_rate", endpoint="/orders"), 0.002, worse, now),
            course(partial(samples, metric="error_rate", endpoint="/cart"), 0.002, 0.002, 0.002),
            course(partial(samples, metric="error_rate"), 0.002, 0.02, 0.002)]  # fmt: skip
    return [row for then, _ in made for row in then], [row for _, now in made for row in now]


@pytest.mark.parametrize(("now", "state"), [(0.002, "recovered"), (0.2, "not_yet")])
def test_an_endpoint_that_was_hit_has_to_be_well_itself(now: float, state: str) -> None:
    then, present_ = by_endpoint(0.4, now)
    found = looked({"metrics": then}, {"metrics": present_}, sliced("error_rate:slice", "endpoint", "/orders"))
    assert (found.state, by_id(found)["error_rate:endpoint:/orders"].state) == (state, state)
    assert "error_rate:endpoint:/cart" not in by_id(found)


def test_an_endpoint_that_nobody_calls_is_not_seen() -> None:
    then, present_ = by_endpoint(0.4, 0.002)
    kept = [row for row in present_ if row.get("endpoint") != "/orders"]
    found = looked({"metrics": then}, {"metrics": kept}, sliced("error_rate:slice", "endpoint", "/orders"))
    assert (found.state, by_id(found)["error_rate:endpoint:/orders"].state) == ("not_seen", "not_seen")


@pytest.mark.parametrize(("now", "state"), [(["INFO"], "recovered"), (["INFO", "ERROR"], "not_yet"), ([], "not_seen")])
def test_a_tenant_that_was_hit_has_to_be_well_itself(now: list[str], state: str) -> None:
    then = lines(WELL, "order placed", 5, level="INFO", tenant="acme") + lines(WELL, "fine", 1, level="INFO")
    then += lines(ILL, "licence lost", 5, tenant="acme")
    present_ = lines(WINDOW, "fine", 1, level="INFO")
    present_ += [row for level in now for row in lines(WINDOW, "licence lost", 5, level=level, tenant="acme")]
    found = looked({"logs": then}, {"logs": present_}, sliced("log_errors:slice", "tenant", "acme"))
    assert by_id(found)["error_lines:tenant:acme"].state == state


def test_versions_and_replicas_that_are_gone_are_not_asked_for() -> None:
    then, present_ = by_endpoint(0.4, 0.002)
    found = looked({"metrics": then}, {"metrics": present_}, sliced("error_rate:slice", "version", "2.15.0"))
    assert [c.id for c in found.criteria] == ["error_rate"]


# Replicas


def of_pods(then: list[Row], now: list[Row], before: list[Finding], after: list[Finding], **earlier: int) -> Criterion:
    shares = course(partial(samples, metric="error_rate"), 0.002, 0.2, 0.002)
    old = bundle({"metrics": shares[0], "workloads": then}, *before)
    new = present({"metrics": shares[1], "workloads": now}, *after)
    return by_id(look(old, view(old), new, WINDOW, earlier or None))["replicas"]


CRASHING = [replica("a", sample.NOW, restarts=7), replica("b", sample.NOW, ready=False, restarts=9)]
CALM = [replica("a", NOW, restarts=7), replica("b", NOW, restarts=9)]


@pytest.mark.parametrize(
    ("now", "after", "earlier", "state", "words"),
    [
        (CALM, health(), {}, "recovered", "all 2 are ready, and none was restarted"),
        (CALM, health(), {"a": 7, "b": 9}, "recovered", "none was restarted"),
        (CALM, health(), {"a": 6, "b": 9}, "not_yet", "1 restart of 1 in the last minutes"),
        ([replica("c", NOW)], health(), {}, "recovered", "all 1 are ready"),
        ([replica("a", NOW, restarts=9)], health(), {}, "not_yet", "2 restarts of 1 since the bundle was made"),
        (CALM, health(ready=1), {}, "not_yet", "1 of 2 are ready"),
        (CALM, health("OOMKilled"), {}, "not_yet", "OOMKilled of 1, it goes on"),
        (CALM, health("OOMKilled", until=NOW.isoformat()), {}, "not_yet", "OOMKilled of 1, last at 03:50:00 UTC"),
        (CALM, health("ImagePullBackOff"), {}, "worse", "ImagePullBackOff of 1, it goes on"),
        (CALM, health("FailedMount", since="2026-03-01T00:00:00+00:00"), {}, "recovered", "ready"),
        ([], health(), {}, "not_seen", "no source told of them"),
        (CALM, [], {}, "not_seen", "not answered"),
    ],
)
def test_replicas_are_well_when_nothing_restarts_and_nothing_ails_them(
    now: list[Row], after: list[Finding], earlier: dict[str, int], state: str, words: str
) -> None:
    one = of_pods(CRASHING, now, health("OOMKilled"), after, **earlier)
    assert (one.state, words in one.sentence) == (state, True), one.sentence


def test_replicas_that_are_well_say_nothing_of_requests() -> None:
    old = bundle({"workloads": CRASHING}, *health("OOMKilled"))
    found = look(old, view(old), present({"workloads": CALM}, *health()), WINDOW)
    assert ([c.state for c in found.criteria], found.state) == (["recovered"], "not_seen")


# Of all


def criterion(id_: str, state: State, *, ill: bool = True, decisive: bool = True) -> Criterion:
    return Criterion(id_, id_, state, f"{id_}: {state}.", decisive, ill)


RARE = criterion("error_lines", "not_yet", decisive=False)


@pytest.mark.parametrize(
    ("criteria", "state"),
    [
        ([], "not_seen"),
        ([criterion("replicas", "recovered")], "not_seen"),
        ([criterion("patterns:new", "recovered")], "not_seen"),
        ([criterion("latency:p95", "recovered")], "recovered"),
        ([criterion("latency:endpoint:/orders", "recovered")], "recovered"),
        ([criterion("error_rate", "recovered"), criterion("replicas", "not_seen")], "not_seen"),
        ([criterion("error_rate", "not_yet"), criterion("replicas", "not_seen")], "not_yet"),
        ([criterion("error_rate", "not_yet"), criterion("latency:p50", "worse")], "worse"),
        ([criterion("error_rate", "recovered"), RARE], "recovered"),
        ([criterion("error_rate", "recovered", ill=False), RARE], "not_yet"),
        ([criterion("replicas", "recovered"), RARE], "not_yet"),
        ([RARE], "not_yet"),
    ],
)
def test_the_worst_state_that_counts_is_that_of_all(criteria: list[Criterion], state: str) -> None:
    assert overall(criteria) == state


def whole(now: float, seconds: float) -> tuple[Evidence, Evidence]:
    shares = course(partial(samples, metric="error_rate"), 0.002, 0.2, now)
    delays = course(partial(samples, metric="latency"), 0.1, 2.0, 0.1)
    then = lines(WELL, "order placed", 3, level="INFO") + lines(ILL, "pool exhausted", 3)
    there = lines(WINDOW, "order placed", 3, level="INFO") + lines(WINDOW, "pool exhausted", seconds)
    old = bundle({"metrics": shares[0] + delays[0], "logs": then, "workloads": CRASHING}, *health("OOMKilled"))
    return old, present({"metrics": shares[1] + delays[1], "logs": there, "workloads": CALM}, *health())


WHOLE = whole(0.002, 400)


@pytest.mark.parametrize("table", ["metrics", "logs", "workloads"])
def test_without_a_table_it_is_never_recovered(table: str) -> None:
    old, new = WHOLE
    document = view(old)
    assert look(old, document, new, WINDOW).state == "recovered"
    kept = {name: frame for name, frame in new.tables.items() if name != table}
    assert look(old, document, replace(new, tables=kept), WINDOW).state == "not_seen"


def test_what_could_not_be_read_is_told() -> None:
    old, new = WHOLE
    gap = Gap("sample", "logs", "unreachable", "it is gone")
    assert look(old, view(old), replace(new, gaps=(gap,)), WINDOW).gaps == (gap,)


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(seed=st.integers(0, 10**6), well=st.booleans())
def test_the_order_of_rows_does_not_matter(seed: int, well: bool) -> None:
    old, new = WHOLE if well else whole(0.1, 3)
    document = view(old)
    mixed = {name: frame.sample(frac=1, random_state=seed).reset_index(drop=True) for name, frame in new.tables.items()}
    before, after = (look(old, document, one, WINDOW) for one in (new, replace(new, tables=mixed)))
    assert after.state == before.state
    assert [(c.id, c.state, c.sentence) for c in after.criteria] == [
        (c.id, c.state, c.sentence) for c in before.criteria
    ]


@pytest.mark.slow
@settings(max_examples=examples(200))
@given(st.data())
def test_no_data_is_never_a_recovery(data: st.DataObject) -> None:
    """Rows of any table may be missing, all of them or those of the last minutes, and the sources as well."""
    old, new = WHOLE
    kept = {}
    lost = False
    for name, frame in new.tables.items():
        what = data.draw(st.sampled_from(["all", "none", "empty", "early"]), label=name)
        lost |= what != "all"
        early = frame[frame["time"] < NOW - timedelta(minutes=4)] if name != "workloads" else frame.iloc[:0]
        if what != "none":
            kept[name] = {"all": frame, "empty": frame.iloc[:0], "early": early}[what].reset_index(drop=True)
    found = look(old, view(old), replace(new, tables=kept), WINDOW)
    assert (found.state == "recovered") == (not lost)


@pytest.mark.slow
@settings(max_examples=examples(100))
@given(st.integers(0, 2**32), st.integers(0, 60), st.integers(0, 60))
def test_any_few_samples_are_judged_without_an_error(seed: int, count: int, errors: int) -> None:
    draw = random.Random(seed)
    values = [draw.choice([0.0, 1e-12, draw.random(), draw.expovariate(0.01), 1e12]) for _ in range(count)]
    times = [WINDOW.start + timedelta(seconds=draw.uniform(0, 300)) for _ in range(count + errors)]
    made = [
        row | {"time": time, "value": value}
        for metric in ("error_rate", "latency", "request_rate")
        for row, time, value in zip(samples(WINDOW, metric, 1.0)[:1] * count, times, values, strict=False)
    ]
    logs = [lines(WINDOW, "pool exhausted", 300)[0] | {"time": time} for time in times[count:]]
    old, _ = WHOLE
    found = look(old, view(old), present({"metrics": made, "logs": logs}), WINDOW)
    assert found.state in ("not_seen", "not_yet", "worse")
