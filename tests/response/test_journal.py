"""The journal: rows that come into the evidence redacted, in order, and are told in the timeline."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from evidencesample import sample_evidence
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics import Evidence, decoded
from gather_diagnostics.document import view
from gather_diagnostics.document.timeline import LONGEST, MOST
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.response.journal import Entry, entered
from gather_diagnostics.tables import JOURNAL, TABLES, RowError

TOKEN = "ghp_" + "a1B2" * 9


@pytest.fixture
def evidence(now: datetime) -> Evidence:
    return sample_evidence(now)


def entry(time: datetime, **fields: Any) -> Entry:
    known: dict[str, Any] = {"source": "person", "ref": "note", "kind": "note", "title": "A note", "outcome": "done"}
    return Entry(time=time, **known | fields)


def told(evidence: Evidence) -> list[dict[str, Any]]:
    return [e for e in view(evidence)["timeline"] if e["table"] == JOURNAL]


def test_entries_are_rows_of_the_table(evidence: Evidence, now: datetime) -> None:
    found = entered(
        evidence,
        [
            entry(now + timedelta(minutes=2), title="second", details={"rows": 3}),
            entry(now + timedelta(minutes=1), title="first", source="runbook", runbook="bad-deploy", step="suspect"),
        ],
        Redactor(),
    )
    frame = found.tables[JOURNAL]
    assert list(frame.columns) == [column.name for column in TABLES[JOURNAL]]
    assert frame["title"].tolist() == ["first", "second"]
    assert frame["source"].tolist() == ["runbook", "person"]
    assert frame["step"].dropna().to_dict() == {0: "suspect"}
    assert decoded(frame, "details") == [{}, {"rows": 3}]
    assert found.tables["logs"] is evidence.tables["logs"]


def test_a_second_visit_adds_to_it(evidence: Evidence, now: datetime) -> None:
    once = entered(evidence, [entry(now, title="a", answer="yes")], Redactor())
    twice = entered(once, [entry(now + timedelta(minutes=1), title="b")], Redactor())
    assert twice.tables[JOURNAL]["title"].tolist() == ["a", "b"]
    assert twice.tables[JOURNAL]["answer"].dropna().to_dict() == {0: "yes"}
    assert entered(twice, [], Redactor()) is twice


def test_no_secret_gets_in_and_the_report_counts_it(evidence: Evidence, now: datetime) -> None:
    made = entered(evidence, [entry(now, answer=f"used {TOKEN}", details={"said": [TOKEN]})], Redactor())
    row = made.tables[JOURNAL].iloc[0]
    assert TOKEN not in f"{row['answer']}{row['details']}"
    (new,) = [places for kind, places in made.redactions.items() if kind not in evidence.redactions]
    assert new == {"journal.answer": 1, "journal.details": 1}
    assert made.redactions["bearer"] == evidence.redactions["bearer"]


def test_a_redactor_that_was_used_before_counts_only_what_is_new(evidence: Evidence, now: datetime) -> None:
    redactor = Redactor()
    redactor.text(TOKEN, "logs.message")
    made = entered(evidence, [entry(now, answer=TOKEN)], redactor)
    (new,) = [places for kind, places in made.redactions.items() if kind not in evidence.redactions]
    assert new == {"journal.answer": 1}


def test_a_time_needs_a_zone(evidence: Evidence) -> None:
    with pytest.raises(RowError, match="timezone-aware"):
        entered(evidence, [entry(datetime(2026, 3, 14))], Redactor())


@pytest.mark.parametrize(
    ("title", "outcome", "answer", "words"),
    [
        ("Is it the deploy?", "yes", "It went out 3 min before.", "Is it the deploy? yes. It went out 3 min before."),
        ("Roll back", "done", "", "Roll back: done"),
        ("Recovery", "not_recovered", "p95 is at 1.9 s.", "Recovery: not recovered. p95 is at 1.9 s."),
    ],
)
def test_the_timeline_tells_it(
    evidence: Evidence, now: datetime, title: str, outcome: Any, answer: str, words: str
) -> None:
    (one,) = told(entered(evidence, [entry(now, title=title, outcome=outcome, answer=answer)], Redactor()))
    assert one["what"] == words
    assert (one["kind"], one["row"], one["ref"], one["time"]) == ("note", 0, "note", "2026-03-14T03:20:00+00:00")


def test_the_journal_stays_where_events_have_to_go(evidence: Evidence, now: datetime) -> None:
    """The timeline is bounded, and what people did is told before what is far from the onset."""
    events = evidence.tables["events"]
    import pandas as pd

    many = pd.concat([events] * 200, ignore_index=True)
    steps = [entry(now + timedelta(hours=3, minutes=n), title=f"step {n}") for n in range(20)]
    document = view(entered(replace(evidence, tables={**evidence.tables, "events": many}), steps, Redactor()))
    assert len(document["timeline"]) == MOST
    assert [e["what"] for e in document["timeline"] if e["table"] == JOURNAL] == [f"step {n}: done" for n in range(20)]


@pytest.mark.slow
def test_of_an_endless_journal_the_latest_are_told(evidence: Evidence, now: datetime) -> None:
    steps = [entry(now + timedelta(minutes=n), title=f"step {n}") for n in range(MOST + 50)]
    document = view(entered(evidence, steps, Redactor()))
    assert len(document["timeline"]) == MOST
    assert document["timeline"][-1]["what"] == f"step {MOST + 49}: done"
    assert document["timeline_omitted"] > 50


@pytest.mark.slow
@given(st.text(max_size=400), st.text(max_size=400))
def test_any_words_can_be_entered_and_told(title: str, answer: str) -> None:
    from conftest import NOW

    (one,) = told(entered(sample_evidence(NOW), [entry(NOW, title=title, answer=answer)], Redactor()))
    assert len(one["what"]) <= LONGEST
