"""The first screen says how bad it is, whether it is getting worse, and where to look first."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any

import documentsample as sample
import pytest
from rich.console import Console

from gather_diagnostics import Evidence, Finding, Support
from gather_diagnostics.document import brief, impact, render, view
from gather_diagnostics.document.summary import print_summary

SCOPE = {
    "spread": "isolated",
    "carried_by": {"dimension": "version", "values": ["v2.14.1"], "explains": 0.9},
    "share_of_requests_failing": 0.0712,
    "trend": "worse",
    "recovered_since": None,
    "since": sample.ONSET.isoformat(),
}


def scope(**details: Any) -> Finding:
    return Finding("scope", "scope", "Isolated to version v2.14.1.", 0.8, details=SCOPE | details)


def place(id_: str, severity: Any, headline: str) -> Finding:
    question = id_.partition(":")[0]
    return Finding(id_, question, headline, 0.8, severity, supports=(Support("logs", (0,)),))


def with_findings(*findings: Finding, evidence: Evidence | None = None) -> dict[str, Any]:
    evidence = evidence or sample.incident()
    return view(replace(evidence, findings=(*evidence.findings, *findings)))


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({}, "SEV2 is proposed; only version v2.14.1; 7.1% of requests failed. It is getting worse."),
        (
            {"carried_by": {"dimension": "instance", "values": ["a", "b"]}, "spread": "several", "trend": "steady"},
            "SEV2 is proposed; only 2 instances; 7.1% of requests failed. It is steady.",
        ),
        (
            {"carried_by": None, "spread": "widespread", "trend": "recovering"},
            "SEV2 is proposed; widespread; 7.1% of requests failed. It is recovering.",
        ),
        (
            {"carried_by": None, "spread": "several", "recovered_since": "2026-03-14T03:05:00+00:00"},
            "SEV2 is proposed; in several places; 7.1% of requests failed. It has recovered since 03:05:00 UTC.",
        ),
        (
            {"carried_by": None, "spread": None, "share_of_requests_failing": None, "trend": "unknown"},
            "SEV2 is proposed. Failing requests: getting worse over the last 15 minutes.",
        ),
        ({"since": None}, "SEV2 is proposed. Failing requests: getting worse over the last 15 minutes."),
    ],
    ids=["isolated", "several values", "widespread", "over", "nothing known of it", "nothing found"],
)
def test_how_bad_is_one_line(details: dict[str, Any], words: str) -> None:
    assert impact.how_bad(with_findings(scope(**details))) == f"{words} A person gave SEV2."


def test_without_an_answer_the_trend_is_that_of_the_error_rate() -> None:
    words = impact.how_bad(view(sample.incident()))
    assert words.startswith("SEV2 is proposed. Failing requests: getting worse over the last 15 minutes.")


def test_healthy_and_blind_are_told_apart() -> None:
    healthy, blind = impact.how_bad(view(sample.healthy())), impact.how_bad(view(sample.blind()))
    assert healthy == "No finding calls for a severity. Failing requests stay within their baseline."
    assert "No severity can be proposed: too little was seen" in blind
    assert "can't be told" in blind


PLACES = (
    place("saturation:connections", "high", "Connections at the limit."),
    place("workload_health:OOMKilled", "critical", "OOMKilled: 3 of 3 replicas."),
    place("dependencies:orders-db", "high", "orders-db fails first."),
    place("dependencies:cart", "medium", "cart fails as our own trouble begins."),
)


def test_where_to_look_first_is_the_worst_two() -> None:
    document = with_findings(*PLACES)
    assert [f["id"] for f in brief.look_first(document)] == ["workload_health:OOMKilled", "dependencies:orders-db"]
    assert not {f["id"] for f in brief.broken(document)} & {f.id for f in PLACES}


def test_where_no_request_fails_they_are_what_is_broken() -> None:
    document = with_findings(*PLACES, evidence=sample.healthy())
    assert [f["id"] for f in brief.broken(document)] == ["workload_health:OOMKilled", "dependencies:orders-db"]
    assert [f["id"] for f in brief.look_first(document)] == ["saturation:connections"]


def test_all_three_say_it() -> None:
    document = with_findings(scope(), *PLACES)
    out = io.StringIO()
    print_summary(document, "./evidence", Console(file=out, width=80, force_terminal=False))
    files = {name: content.decode() for name, content in render(document).items()}
    page = re.sub(r"<[^>]+>", "", files["evidence.html"])
    for text in (out.getvalue(), files["evidence.md"], page):
        flat = re.sub(r"\s+", " ", text)
        assert "only version v2.14.1; 7.1% of requests failed. It is getting worse." in flat
        assert "OOMKilled: 3 of 3 replicas." in flat
        assert "orders-db fails first." in flat
    assert "Look at   OOMKilled" in out.getvalue()
    assert len(out.getvalue().splitlines()) <= 23
    assert "**Look first at**" in files["evidence.md"]
    assert "Look first at" in page


def test_without_severe_ones_nothing_is_said() -> None:
    document = with_findings(PLACES[-1])
    assert brief.look_first(document) == []
    assert "**Look first at**" not in render(document)["evidence.md"].decode()
