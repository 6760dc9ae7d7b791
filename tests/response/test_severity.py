"""Severity: what is proposed from which evidence, four schemes, and a person's word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import documentsample as sample
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.document import view
from gather_diagnostics.errors import InputError
from gather_diagnostics.response.severity import SCHEMES, equivalents, judge, rank

Document = dict[str, Any]


def finding(id_: str, severity: str = "info", **details: Any) -> dict[str, Any]:
    question = {"log_errors": "error_rate"}.get(id_, id_.partition(":")[0])
    return {
        "id": id_, "question": question, "headline": f"{id_} says so.", "confidence": 0.9, "severity": severity,
        "time": None, "span": None, "supports": [], "details": details,
    }  # fmt: skip


def failing(share: float, usual: float = 0.003, **scope: Any) -> list[dict[str, Any]]:
    told = {"since": "2026-03-14T02:57:04+00:00", "share_of_requests_failing": share, "trend": "steady"}
    rate = finding("error_rate", "high", changed=True, baseline=usual, incident=share)
    return [rate, finding("scope", **told | scope)]


def document(*findings: Mapping[str, Any], began: bool = True, **keys: Any) -> Document:
    """What `view` makes, with these findings alone."""
    base = view(sample.incident() if began else sample.healthy())
    of = {q: [f for f in findings if f["question"] == q] for q in ("latency", "error_rate")}
    return base | {"description": "", "findings": list(findings)} | of | keys


def proposed(*findings: Mapping[str, Any], **keys: Any) -> str:
    return str(judge(document(*findings, **keys), "", "sev")["proposed"])


@pytest.mark.parametrize(
    ("share", "level"), [(0.9, "SEV1"), (0.25, "SEV1"), (0.24, "SEV2"), (0.05, "SEV2"), (0.02, "SEV3"), (0.007, "SEV4")]
)
def test_the_share_of_requests_failing_decides(share: float, level: str) -> None:
    assert proposed(*failing(share)) == level


def test_failing_requests_that_are_usual_call_for_nothing() -> None:
    rate = finding("error_rate", changed=False, baseline=0.3, incident=0.31)
    judged = judge(document(rate, finding("scope", since=None, share_of_requests_failing=0.31)), "", "sev")
    assert judged["level"] == judged["proposed"] == ""
    assert not judged["reasons"]
    assert set(judged["equivalents"].values()) == {""}


@pytest.mark.parametrize(("ratio", "level"), [(6.0, "SEV2"), (1.51, "SEV2"), (1.4, "SEV3"), (0.5, "")])
def test_latency_over_and_under_half_as_much_again(ratio: float, level: str) -> None:
    rate = finding("error_rate", changed=False, baseline=0.003, incident=0.003)
    assert proposed(rate, finding("latency:p95", "medium", changed=True, ratio=ratio)) == level


def test_slow_answers_without_a_beginning_may_be_usual() -> None:
    slow = finding("latency:p95", "medium", changed=True, ratio=2.4)
    judged = judge(document(slow, began=False), "", "sev")
    assert judged["proposed"] == "SEV3"
    assert "usual at this hour" in judged["reasons"][-1]


def test_a_part_of_the_service_is_not_the_highest() -> None:
    part = {"spread": "isolated", "carried_by": {"dimension": "tenant", "values": ["acme"], "explains": 1.0}}
    assert proposed(*failing(0.4, **part)) == "SEV2"
    assert proposed(*failing(0.7, **part)) == "SEV1", "a part that carries most requests is as good as all"


def test_one_endpoint_counts_though_the_whole_hides_it() -> None:
    export = finding("error_rate:endpoint:/export", "critical", changed=True, baseline=0.003, incident=0.82)
    assert proposed(*failing(0.03), export) == "SEV2"


def test_getting_worse_raises_and_being_over_lowers() -> None:
    assert proposed(*failing(0.18, trend="worse")) == "SEV1"
    assert proposed(*failing(0.5, trend="recovered", recovered_since="2026-03-14T03:06:00+00:00")) == "SEV2"


def test_a_share_of_hardly_any_traffic_says_little() -> None:
    assert proposed(*failing(0.5, requests_failed=4)) == "SEV2"
    assert proposed(*failing(0.5, requests_failed=4000)) == "SEV1"


@pytest.mark.parametrize(("severity", "level"), [("critical", "SEV1"), ("medium", "SEV2"), ("low", "")])
def test_security_is_one_of_the_two_highest_even_when_it_is_over(severity: str, level: str) -> None:
    burst = finding("security:failed_logins", severity)
    healthy = finding("error_rate", changed=False, baseline=0.003, incident=0.003)
    over = finding("scope", since="2026-03-14T02:57:04+00:00", recovered_since="2026-03-14T03:06:00+00:00")
    assert proposed(burst, healthy, over) == level


def test_damaged_data_is_the_highest() -> None:
    damaged = finding("known_errors:postgresql-corruption", "critical", runbook="data-corruption", state="new")
    over = {"recovered_since": "2026-03-14T03:06:00+00:00", "trend": "recovered"}
    assert proposed(damaged, *failing(0.01, **over)) == "SEV1"


def test_what_broke_counts_more_where_nobody_measured_whom_it_hurts() -> None:
    trouble = finding("workload_health:OOMKilled", "high")
    measured = finding("error_rate", changed=False, baseline=0.003, incident=0.003)
    assert proposed(trouble, measured) == "SEV3"
    assert proposed(trouble) == "SEV2"


def test_a_strange_line_in_a_healthy_hour_is_no_incident() -> None:
    assert proposed(finding("known_errors:connection-reset", "medium", state="new"), began=False) == ""


@pytest.mark.parametrize(
    ("details", "level"),
    [
        ({"changed": True, "direction": "down", "ratio": 0.04, "until": None}, "SEV2"),
        ({"changed": True, "direction": "down", "ratio": 0.67, "until": None}, "SEV3"),
        ({"changed": True, "direction": "down", "ratio": 0.04, "until": "2026-03-14T03:09:00+00:00"}, ""),
        ({"changed": True, "direction": "up", "ratio": 4.0, "until": None}, ""),
        ({"changed": False, "direction": None, "ratio": 0.2}, ""),
        ({"changed": None}, ""),
    ],
)
def test_traffic_that_stays_away(details: dict[str, Any], level: str) -> None:
    assert proposed(finding("error_rate", changed=False), finding("traffic", "high", **details)) == level


def test_the_error_budget_where_somebody_told_of_it() -> None:
    assert proposed(finding("slo", burn_rate=20.0)) == "SEV2"
    assert proposed(finding("slo", burn_rate=7)) == "SEV3"
    assert proposed(finding("slo", burn_rate=0.2)) == ""
    assert proposed(description="CheckoutErrorBudgetBurn: 5xx ratio of checkout above 5 %") == "SEV3"
    fired = {"kind": "alert", "what": "FIRING ErrorBudgetBurn 5xx ratio of {} above 5 %"}
    other, own = (fired | {"what": fired["what"].format(name)} for name in ("cart", "checkout"))
    assert proposed(timeline=[other]) == ""
    assert proposed(timeline=[other, own]) == "SEV3"


@pytest.mark.parametrize(
    ("word", "scheme", "level"),
    [
        ("SEV2", "sev", "SEV2"), ("sev 2", "sev", "SEV2"), ("S2", "sev", "SEV2"), ("Severity-2", "sev", "SEV2"),
        ("high", "sev", "SEV2"), ("Critical", "p0", "P0"), ("P0", "sev", "SEV1"), ("p4", "sev", "SEV4"),
        ("P1", "p0", "P1"), ("P1", "p1", "P1"), ("P1", "sev", "SEV1"), ("P3", "words", "medium"),
        ("P4", "p0", "P3"), ("P0", "p1", "P1"), ("low", "words", "low"), ("sev1", "words", "critical"),
    ],
)  # fmt: skip
def test_a_persons_word_wins_and_both_are_recorded(word: str, scheme: str, level: str) -> None:
    judged = judge(document(*failing(0.9)), f" {word} ", scheme)
    assert (judged["level"], judged["given"]) == (level, word)
    assert judged["proposed"] == SCHEMES[scheme][0]
    assert judged["equivalents"][scheme] == level


@pytest.mark.parametrize("word", ["SEV9", "urgent", "P7", "\x1b[31m", "S", "1"])
def test_an_unknown_word_names_those_there_are(word: str) -> None:
    with pytest.raises(InputError, match=r"SEV1, SEV2, SEV3 or SEV4 .or a word of P0 to P3, of P1 to P4, of critical"):
        rank(word, "sev")


@given(level=st.integers(0, 3), scheme=st.sampled_from(sorted(SCHEMES)))
def test_a_scheme_reads_its_own_words_as_it_writes_them(level: int, scheme: str) -> None:
    assert rank(equivalents(level)[scheme], scheme) == level


@given(st.text(max_size=30))
def test_no_word_does_anything_but_be_refused(word: str) -> None:
    try:
        assert 0 <= rank(word, "sev") <= 3
    except InputError as error:
        assert "\n" not in str(error)


def test_hostile_evidence_is_judged_all_the_same() -> None:
    assert judge(view(sample.hostile()), "", "words")["proposed"] in SCHEMES["words"]


def test_the_reasons_are_few_and_say_the_figure() -> None:
    judged = judge(view(sample.incident()), "", "p0")
    assert judged["reasons"][0] == "7.1% of requests failed since it began (0.1% is usual)."
    assert judged["level"] == "P1"
    assert len(judged["reasons"]) <= 6
