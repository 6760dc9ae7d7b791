"""The five whys: each link has its evidence, and what has none stays a question."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics import Evidence, Finding, Support
from gather_diagnostics.document import view
from gather_diagnostics.response.whys import chain

FIRST = sample.ONSET.isoformat()


def with_findings(*findings: Finding, suspect: bool = True) -> dict[str, Any]:
    base = sample.incident()
    kept = [f for f in base.findings if suspect or f.question != "changes"]
    return view(replace(base, findings=(*kept, *findings)))


def trace(**details: Any) -> Finding:
    given = {
        "exception": "PoolTimeout", "message": "no connection from pool <*>", "count": 180, "state": "new",
        "file": "app/db/pool.py", "frame": {"path": "/srv/app/db/pool.py", "line": 44, "function": "acquire"},
        "last_touched": {"author": "Amara Okafor"},
    }  # fmt: skip
    return Finding(
        "stack_frames:1", "stack_frames", "PoolTimeout, by Amara Okafor", 0.9, "high", time=sample.ONSET,
        supports=(Support("logs", (152, 153), 180),), details=given | details,
    )  # fmt: skip


def known(runbook: str = "db-outage", **details: Any) -> Finding:
    given = {"error": "x", "meaning": "The database is gone.", "runbook": runbook, "state": "new"}
    return Finding(
        "known_errors:x", "known_errors", "PostgreSQL: The database is gone: 180 times.", 0.9, "critical",
        time=sample.ONSET, supports=(Support("logs", (152,), 180),), details=given | details,
    )  # fmt: skip


def below(id_: str, severity: Any = "high", **details: Any) -> Finding:
    return Finding(id_, id_.partition(":")[0], f"{id_} failed.", 0.8, severity, details={"since": FIRST} | details)


def asked(told: dict[str, Any]) -> list[str]:
    return [link["question"] for link in told["links"]]


def test_from_the_symptom_to_the_change() -> None:
    told = chain(with_findings(trace()))
    assert asked(told) == [
        "What went wrong?", "Why did requests fail?", "Why did the service log that?", "Why did that code fail?",
    ]  # fmt: skip
    answers = [link["answer"] for link in told["links"]]
    assert answers[0].startswith("Failing requests rose from 0.12% to 7.10%")
    assert "180 lines since 02:57:04 UTC, none before" in answers[1]
    assert answers[2] == (
        "PoolTimeout “no connection from pool <*>” was raised in acquire (app/db/pool.py:44): 180 times."
    )
    assert answers[3].startswith("Most likely deploy “checkout-v2.14.1” did it (93 % probable), in effect 02:54:04")
    assert told["open"] == ["Why did no test, review or gradual rollout catch that change before it did harm?"]
    assert told["category"] == {
        "name": "code bug",
        "why": "Code that the first suspect changed is where it fails.",
    }


def test_every_link_has_its_support_and_ids_of_findings_that_exist() -> None:
    document = with_findings(trace(), known(), below("dependencies:db", order="before"))
    there = {f["id"] for f in document["findings"]}
    for link in chain(document)["links"]:
        assert set(link["findings"]) <= there
        assert link["findings"] or link["supports"]


def test_nobody_is_named() -> None:
    told = str(chain(with_findings(trace())))
    assert not [name for name in ("Amara", "Jonas", "Priya", "Deploy Bot") if name in told]


def test_what_no_evidence_answers_stays_open() -> None:
    told = chain(with_findings(suspect=False))
    assert asked(told) == ["What went wrong?", "Why did requests fail?"]
    assert told["open"] == [
        "Why did the service log that?",
        "Where in the code does it arise? No stack trace that began then stands in the logs.",
        "Which change, if any, set it off? No change was ranked.",
    ]
    assert told["category"] == {
        "name": "unknown",
        "why": "Nothing that was seen points to one kind of cause.",
    }


def test_what_began_at_another_time_is_no_link() -> None:
    late = replace(trace(), time=sample.NOW)
    usual = replace(trace(state="usual"), id="stack_frames:2")
    assert "Why did that code fail?" not in asked(chain(with_findings(late, usual)))


def test_a_dependency_that_fails_after_us_is_no_answer() -> None:
    told = chain(with_findings(below("dependencies:billing", "low", order="after"), suspect=False))
    assert len(told["links"]) == 2


def test_whether_a_dependency_that_fails_with_us_is_the_cause_stays_a_question() -> None:
    told = chain(with_findings(known(), below("dependencies:db", "medium", order="with"), suspect=False))
    assert asked(told)[-1] == "Why did that happen?"
    assert told["open"][0] == "Did that dependency fail by itself, and why?"


def test_replicas_fail_because_something_ran_out() -> None:
    found = (below("saturation:memory"), below("workload_health:OOMKilled"))
    told = chain(with_findings(*found, suspect=False))
    assert asked(told)[-2:] == ["Why did the service log that?", "Why did the replicas fail?"]
    assert told["open"][0] == "Why did that resource run out?"


@pytest.mark.parametrize(
    ("findings", "name"),
    [
        ((known("data-corruption"),), "data"),
        ((known("db-outage"),), "infrastructure"),
        ((known("config-change"),), "configuration"),
        ((known("oom-crashloop"),), "unknown"),
        ((below("dependencies:db", order="before"),), "infrastructure"),
        ((below("workload_health:NodeNotReady", "low"),), "infrastructure"),
        ((), "unknown"),
    ],
)
def test_the_category_without_a_suspect(findings: tuple[Finding, ...], name: str) -> None:
    assert chain(with_findings(*findings, suspect=False))["category"]["name"] == name


@pytest.mark.parametrize(
    ("kind", "name"),
    [("deploy", "deployment"), ("commit", "code bug"), ("config", "configuration"), ("flag", "configuration"),
     ("infra", "infrastructure"), ("scale", "infrastructure"), ("unheard of", "unknown")],
)  # fmt: skip
def test_the_category_by_the_suspects_kind(kind: str, name: str) -> None:
    document = with_findings()
    first = document["changes"][0] | {"kind": kind, "for": []}
    assert chain(document | {"changes": [first]})["category"]["name"] == name


@pytest.mark.parametrize(
    ("evidence", "why"),
    [(sample.healthy(), "Nothing is wrong in what was seen."), (sample.blind(), "Too little was seen to tell.")],
)
def test_where_nothing_is_wrong_nothing_is_asked(evidence: Evidence, why: str) -> None:
    told = chain(view(evidence))
    assert told == {
        "links": [],
        "open": [],
        "category": {"name": "unknown", "why": why},
    }


def test_hostile_evidence_makes_a_chain_all_the_same() -> None:
    assert chain(view(sample.hostile()))["links"]
