"""Conditions: what they say of a document, what is none, and that nothing else comes of any text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.runbooks.comparing import RANKS, SIGNS, compare, scalar, value_at
from gather_diagnostics.response.runbooks.conditions import LONGEST, clauses, holds, parse


def finding(id_: str, severity: str = "info", question: str = "", **details: Any) -> dict[str, Any]:
    return {
        "id": id_, "question": question or id_.partition(":")[0], "severity": severity, "confidence": 0.9,
        "headline": f"{id_} of CPU and memory", "time": None, "details": details,
    }  # fmt: skip


def change(id_: str, probability: float | None, kind: str = "deploy") -> dict[str, Any]:
    reasons = [{"part": "timing", "weight": 2.4}, {"part": "frames", "weight": 1.0}]
    return {"id": id_, "kind": kind, "probability": probability, "finding": f"changes:{id_}", "for": reasons}


DOCUMENT: dict[str, Any] = {
    "service": "checkout",
    "severity": {"given": "", "proposed": "high"},
    "findings": [
        finding("latency:p50", changed=False, ratio=1.0),
        finding("latency:p95", "high", changed=True, ratio=6.5),
        finding("error_rate", "medium", changed=True, now=0.2),
        finding("log_errors", question="error_rate", changed=True),
        finding("workload_health:OOMKilled", "critical", reasons=["OOMKilled", "Error"], nested={"limit": "512Mi"}),
    ],
    "changes": [change("a", 0.6), change("b", 0.04), change("c", None)],
    "stands_out": True,
    "verdict": "Most likely a.",
    "onset": {"time": "2026-03-14T03:05:00+00:00", "confidence": 0.9},
    "log_patterns": [{"template": "order <*> lost", "new": True, "incident": 12}],
    "gaps": [{"source": "kubernetes", "cause": "permission"}],
}


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ("latency:p95", 1),
        ("latency:p9*: details.changed == true", 1),
        ("latency:*: details.changed == false", 1),
        ("latency:*", 2),
        ("latency", 0),
        ("error_rate: severity >= medium", 1),
        ("error_rate: severity >= high", 0),
        ("*: severity >= high", 2),
        ("*: severity < low", 2),
        ("workload_health:*: details.reasons has OOM", 1),
        ("workload_health:*: details.reasons lacks Evicted", 1),
        ("workload_health:*: details.reasons.0 == OOMKilled", 1),
        ("workload_health:*: details.reasons == [OOMKilled, Error]", 1),
        ("workload_health:*: details.reasons != []", 1),
        ("workload_health:*: details.reasons.7 == null", 1),
        ("workload_health:*: details.nested has limit", 1),
        ("workload_health:*: details.nested.limit == 512Mi", 1),
        ("latency:p95: details.ratio > 6 and details.ratio <= 6.5 and severity != info", 1),
        ("latency:p95: details.ratio > 6 and details.ratio < 6.5", 0),
        ("latency:p95: headline has 'CPU and memory'", 1),
        ('latency:p95: headline has "CPU and memory" and severity == high', 1),
        ("suspect", 1),
        ("suspect: kind == deploy and probability >= 0.3", 1),
        ("suspect: kind in [config, flag]", 0),
        ("suspect: kind in [config, deploy]", 1),
        ("suspect: for.part has timing", 1),
        ("suspect: for.weight has 7", 0),
        ("change: kind == deploy", 1),
        ("change: probability < 0.05", 0),
        ("onset: time != null", 1),
        ("onset: time > 2026-03-14T03:00", 1),
        ("pattern: new == true and incident > 10", 1),
        ("pattern: template has 'order <*>'", 1),
        ("gap: source == kubernetes and cause in [permission, timeout]", 1),
        ("document: severity.proposed >= medium", 1),
        ("document: severity.proposed == low", 0),
        ("document: nowhere.at.all == null", 1),
        ("document: nowhere.at.all > 1", 0),
        ("document: nowhere.at.all < 1", 0),
        ("document: nowhere has x", 0),
        ("document: nowhere lacks x", 1),
        # True is not 1, and has no size.
        ("latency:p95: details.changed == 1", 0),
        ("latency:p95: details.changed > 0", 0),
        ("latency:p95: details.ratio > high", 0),
    ],
)
def test_a_condition_matches_the_items_that_fulfil_it(text: str, matched: int) -> None:
    assert len(parse(text).matches(DOCUMENT)) == matched


def test_no_suspect_is_known_where_none_stands_out() -> None:
    document = DOCUMENT | {"stands_out": False}
    assert parse("suspect").matches(document) == ()
    assert parse("change").matches(document) == (DOCUMENT["changes"][0],)
    assert parse("onset").matches(document | {"onset": None}) == ()


def test_clauses_hold_of_one_and_the_same_item() -> None:
    assert not parse("latency:*: details.changed == false and severity == high").matches(DOCUMENT)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("latency:p95", True), ("latency:p99: severity == high", True), ("log_errors:slice", True),
        ("saturation:*", False), ("suspect", True), ("onset", True), ("pattern", True), ("lat*", True),
    ],
)  # fmt: skip
def test_a_question_that_was_not_put_is_not_known(text: str, known: bool) -> None:
    assert parse(text).known(DOCUMENT) is known


def test_what_was_not_measured_is_not_known() -> None:
    """Silence is no health: nothing came in of the platform, so its replicas are neither well nor ill."""
    condition = parse("workload_health: details.troubles == [] and details.replicas > 0")
    finding = {"id": "workload_health", "question": "workload_health", "details": {"troubles": [], "replicas": None}}
    silent = {**DOCUMENT, "findings": [finding]}
    assert (condition.matches(silent), condition.known(silent)) == ((), False)
    ill = {**DOCUMENT, "findings": [{**finding, "details": {"troubles": ["OOMKilled"], "replicas": 2}}]}
    assert (condition.matches(ill), condition.known(ill)) == ((), True)


def test_changes_and_onset_are_not_known_where_nobody_looked() -> None:
    nobody = DOCUMENT | {"verdict": "", "onset": None}
    assert not any(parse(text).known(nobody) for text in ("suspect", "change", "onset"))


@pytest.mark.parametrize(
    "text",
    [
        "", "   ", "two words", "latency:", ": a == 1", "a: ", "a: b", "a: b = 1", "a: b == ", "a: == 1",
        "a: b == 1 and", "a: b == 1 or c == 2", "a: b == 'x", "a: b in 3", "a: b in [1", "a: b > [1]", "a: b has [x]",
        "a: b == x] and c == 1", "a: b == 'x' y", "a: b in [1,,2]", "a: b! == 1", "x" * (LONGEST + 1),
    ],
)  # fmt: skip
def test_what_is_no_condition_is_one_sentence(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


def test_expectations_are_clauses_alone() -> None:
    wanted = clauses("value > 0.01 and rows < 5")
    assert holds(wanted, {"value": 0.5, "rows": 1})
    assert not holds(wanted, {"value": 0.5, "rows": 5})
    assert not holds(wanted, {"value": None, "rows": 0})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("null", None), ("~", None), ("true", True), ("false", False), ("12", 12), ("-3", -3), ("0.5", 0.5),
        ("1e3", 1000.0), ("yes", "yes"), ("2026-03-14", "2026-03-14"), ("'12'", "12"), ('"null"', "null"),
        ("1.2.3", "1.2.3"), (".", "."), ("512Mi", "512Mi"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_values_are_scalars_of_yaml(text: str, value: object) -> None:
    found = scalar(text)
    assert found == value
    assert type(found) is type(value)


def test_a_path_goes_through_lists() -> None:
    item = {"for": [{"part": "timing"}, {"part": "frames"}, 3]}
    assert value_at(item, ("for", "part")) == ["timing", "frames", None]
    assert value_at(item, ("for", "1", "part")) == "frames"
    assert value_at(item, ("for", "9" * 400)) is None


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(anything, st.sampled_from([s for s in SIGNS if s != "in"]), anything.filter(lambda v: not isinstance(v, dict)))
def test_any_values_compare(found: object, sign: str, wanted: object) -> None:
    assert compare(found, sign, wanted) in (True, False)


@given(st.sampled_from(RANKS), st.sampled_from(RANKS))
def test_severities_compare_by_rank(one: str, other: str) -> None:
    assert compare(one, ">=", other) == (RANKS.index(one) >= RANKS.index(other))


pieces = st.sampled_from(
    ["latency", ":", ": ", " and ", " == ", " has ", " in ", "[", "]", "'", '"', ",", ".", "*", "?", "!", " ", "x", "1"]
)


@settings(max_examples=examples(500))
@given(st.lists(pieces, max_size=25).map("".join) | st.text(max_size=60))
def test_any_text_is_a_condition_or_a_config_error(text: str) -> None:
    try:
        condition = parse(text)
    except ConfigError as error:
        assert "\n" not in str(error)
        return
    assert condition.text == text
    assert isinstance(condition.matches(DOCUMENT), tuple)
    assert condition.known(DOCUMENT) in (True, False)


names = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True)
texts = st.text(st.characters(exclude_characters="'", exclude_categories=["C", "Z"]), max_size=12) | st.just("a and b")
values = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | texts


def written(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'"
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not _is_number(value) else str(value)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@given(
    st.lists(names, min_size=1, max_size=3),
    st.lists(
        st.tuples(st.lists(names, min_size=1, max_size=3), st.sampled_from(["==", "!=", "<", ">=", "has"]), values),
        min_size=1,
        max_size=4,
    ),
    st.lists(values, max_size=3),
)
def test_what_is_written_is_read_again(subject: list[str], parts: list[Any], listed: list[object]) -> None:
    told = [f"{'.'.join(path)} {sign} {written(value)}" for path, sign, value in parts]
    told.append(f"last in [{', '.join(map(written, listed))}]")
    condition = parse(f"{':'.join(subject)}: {' and '.join(told)}")
    assert condition.subject == ":".join(subject)
    read = [(list(clause.path), clause.sign, clause.value) for clause in condition.clauses]
    assert read == [*map(tuple, parts), (["last"], "in", tuple(listed))]
