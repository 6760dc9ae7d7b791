"""Which runbooks fit, how well, and in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.response.runbooks import conditions
from gather_diagnostics.response.runbooks.matching import NAMED, OCCASION, PATTERN, Because, match
from gather_diagnostics.response.runbooks.model import Act, Check, Decide, Query, Runbook, Verify, When
from gather_diagnostics.response.runbooks.telling import tell, told_step


def finding(id_: str, confidence: float, severity: str = "high", **details: Any) -> dict[str, Any]:
    return {
        "id": id_, "question": id_.partition(":")[0], "severity": severity, "confidence": confidence,
        "headline": f"headline of {id_}", "details": details,
    }  # fmt: skip


def change(id_: str, probability: float) -> dict[str, Any]:
    return {"id": id_, "kind": "deploy", "probability": probability, "finding": f"changes:{id_}", "summary": id_}


DOCUMENT: dict[str, Any] = {
    "service": "checkout",
    "runbooks": [],
    "severity": {"given": "", "proposed": "high", "reasons": []},
    "onset": {"time": "2026-03-14T03:05:00+00:00", "confidence": 0.8, "finding": "onset", "headline": "It began."},
    "findings": [
        finding("changes:a", 0.9, "info"),
        finding("error_rate", 0.9),
        finding("latency:p95", 0.8),
        finding("latency:p99", 0.6),
        finding("known_errors:oom", 0.7, runbook="memory"),
    ],
    "changes": [change("a", 0.9), change("b", 0.06)],
    "stands_out": True,
    "verdict": "Most likely a.",
    "log_patterns": [{"template": "order <*> lost", "new": True}],
    "gaps": [{"source": "kubernetes", "why": "forbidden"}],
}
WELL = DOCUMENT | {
    "severity": {"given": "", "proposed": "low", "reasons": []}, "onset": {"time": None}, "findings": [],
}  # fmt: skip


def book(id_: str, *, kind: str = "cause", services: tuple[str, ...] = ("*",), **when: list[str]) -> Runbook:
    lists = {key: tuple(map(conditions.parse, texts)) for key, texts in when.items()}
    steps = (Check("look", "Look", ""),)
    return Runbook(id_, id_, kind, services, When(**lists), "", "", "sre", date(2026, 11, 1), "", steps, "", "")


def matched(*books: Runbook, document: dict[str, Any] = DOCUMENT) -> list[tuple[str, float]]:
    return [(m.runbook.id, m.score) for m in match(document, {b.id: b for b in books})]


@pytest.mark.parametrize(
    ("when", "score"),
    [
        # A condition is as strong as its strongest item.
        ({"all": ["error_rate"]}, 0.9),
        ({"all": ["latency:*"]}, 0.8),
        ({"all": ["suspect"]}, 0.9),
        ({"all": ["change: probability < 0.5"]}, 0.06),
        ({"all": ["pattern: new == true"]}, PATTERN),
        # All of them: product. Any of them: noisy-or.
        ({"all": ["error_rate", "latency:p95"]}, 0.72),
        ({"any": ["error_rate", "latency:p95"]}, 0.98),
        ({"any": ["error_rate", "saturation:cpu"]}, 0.9),
        ({"all": ["suspect"], "any": ["error_rate", "latency:p95"]}, 0.882),
        # What is asked about twice counts once.
        ({"all": ["error_rate", "error_rate: severity == high"]}, 0.9),
        ({"any": ["suspect", "changes:a", "suspect: kind == deploy"]}, 0.9),
        ({"all": ["error_rate"], "any": ["error_rate: severity == high"]}, 0.9),
        ({"all": ["error_rate"], "any": ["error_rate: severity == high", "latency:p95"]}, 0.9),
        # The occasion weighs nothing, and is little by itself.
        ({"all": ["onset: time != null", "error_rate"]}, 0.9),
        ({"any": ["gap", "error_rate"]}, 0.9),
        ({"all": ["onset: time != null"]}, OCCASION),
        ({"any": ["document: service == checkout"]}, OCCASION),
    ],
)
def test_scores(when: dict[str, list[str]], score: float) -> None:
    assert matched(book("x", **when)) == [("x", pytest.approx(score))]


@pytest.mark.parametrize(
    "when",
    [
        {"all": ["saturation:cpu"]},
        {"all": ["error_rate", "saturation:cpu"]},
        {"any": ["saturation:cpu", "latency:p50"]},
        {"all": ["error_rate"], "any": ["saturation:cpu"]},
        {"all": ["error_rate"], "none": ["saturation:cpu", "latency:p95"]},
    ],
)
def test_what_does_not_hold_does_not_match(when: dict[str, list[str]]) -> None:
    assert matched(book("x", **when)) == []


def test_services_are_globs() -> None:
    fits = {"all": ["error_rate"]}
    assert matched(book("x", services=("pay*", "check*"), **fits))
    assert not matched(book("x", services=("pay*", "Check*"), **fits))


def test_nothing_is_matched_where_nothing_is_wrong() -> None:
    always = book("x", all=["document"])
    assert matched(always, document=WELL) == []
    said = WELL | {"severity": WELL["severity"] | {"given": "SEV2"}}
    for wrong in (said, WELL | {"severity": DOCUMENT["severity"]}, WELL | {"onset": DOCUMENT["onset"]}):
        assert matched(always, document=wrong)
    assert matched(always, document=WELL | {"onset": None}) == []


def test_causes_before_symptoms_then_scores_then_conditions_then_ids() -> None:
    books = [
        book("symptom", kind="symptom", any=["error_rate", "latency:p95"]),
        book("weak", all=["change: probability < 0.5"]),
        book("b", all=["error_rate"]),
        book("a", all=["error_rate"]),
        book("fuller", all=["error_rate", "onset: time != null"]),
    ]
    assert [id_ for id_, _ in matched(*books)] == ["fuller", "a", "b", "weak", "symptom"]
    assert matched(*books) == matched(*reversed(books))


def test_a_name_is_one_more_piece_of_evidence() -> None:
    memory = book("memory", all=["latency:p99"])
    assert matched(memory) == [("memory", pytest.approx(1 - 0.4 * (1 - NAMED)))]
    assert matched(replace(memory, id="other")) == [("other", 0.6)]
    catalogued = DOCUMENT | {"runbooks": ["https://wiki.example/other", "other"]}
    (found,) = match(catalogued, {"other": replace(memory, id="other")})
    assert found.named
    # Nobody's word makes conditions hold.
    assert matched(book("memory", all=["saturation:cpu"])) == []


def test_because_names_what_fulfils_the_conditions() -> None:
    always = book("x", all=["onset: time != null", "suspect"], any=["latency:*", "pattern", "gap", "document", "nix"])
    (found,) = match(DOCUMENT, {"x": always})
    assert found.because == (
        Because("onset: time != null", ("onset",), "It began."),
        Because("suspect", ("changes:a",), "headline of changes:a"),
        Because("latency:*", ("latency:p95", "latency:p99"), "headline of latency:p95"),
        Because("pattern", (), "order <*> lost"),
        Because("gap", (), "forbidden"),
        Because("document", (), ""),
    )


texts = st.sampled_from(["error_rate", "latency:*", "suspect", "change", "pattern", "gap", "document", "onset", "nix"])


@given(st.lists(texts, max_size=4), st.lists(texts, max_size=4), st.lists(texts, max_size=1))
def test_scores_are_probabilities_that_more_evidence_raises(all_: list[str], any_: list[str], none: list[str]) -> None:
    for _, score in matched(book("x", all=all_, any=["latency:*", *any_], none=none)):
        assert 0 <= score <= 1
        ((_, more),) = matched(book("x", all=all_, any=["latency:*", *any_, "error_rate"], none=none))
        assert more >= score


# As evidence.json has them


STEPS = (
    Check(
        "check", "Check", "why", conditions.parse("suspect"), Query("prometheus", "up{a={{ service | promql }}}"), None
    ),
    Decide("decide", "Decide", "", "act", "", conditions.parse("suspect")),
    Decide("ask", "Ask", "", "act", "check"),
    Act("act", "Act", "", "roll_back", "", "It restarts."),
    Act("run", "Run", "", "", "kubectl -n {{ namespace }} get x", "None.", "kubectl -n {{ namespace }} undo"),
    Act("call", "Call", "somebody"),
    Verify("verify", "Verify", "", recovery=True),
)
PROPOSED = [
    {"kind": "roll_back", "helps": False, "command": "no", "risk": "r", "undo": "u"},
    {"kind": "roll_back", "helps": True, "command": "kubectl rollout undo x", "risk": "r", "undo": "u"},
]


def test_steps_are_told_with_names_and_mitigations_filled_in() -> None:
    told = [told_step(step, {"service": "checkout", "namespace": "shop"}, PROPOSED) for step in STEPS]
    assert [(t["id"], t["text"], t["risk"], t["undo"]) for t in told] == [
        ("check", 'if suspect\nprometheus: up{a="checkout"}', "", ""),
        ("decide", "if suspect: act", "", ""),
        ("ask", "yes: act, no: check", "", ""),
        ("act", "kubectl rollout undo x", "It restarts.", "u"),
        ("run", "kubectl -n shop get x", "None.", "kubectl -n shop undo"),
        ("call", "", "", ""),
        ("verify", "gather_diagnostics recovery", "", ""),
    ]
    assert told[0] | {"text": ""} == {
        "id": "check", "kind": "check", "title": "Check", "prose": "why", "text": "", "risk": "", "undo": "",
    }  # fmt: skip


def test_only_the_first_runbook_is_told_with_its_steps() -> None:
    books = {b.id: b for b in (book("a", all=["error_rate"]), book("b", all=["latency:p95"]))}
    told = tell(match(DOCUMENT, books), {}, [])
    assert [(t["id"], len(t["steps"])) for t in told] == [("a", 1), ("b", 0)]
    assert json.loads(json.dumps(told)) == told
    assert told[0]["because"] == [
        {"condition": "error_rate", "findings": ["error_rate"], "headline": "headline of error_rate"}
    ]
    assert told[0]["last_reviewed"] == "2026-11-01"
