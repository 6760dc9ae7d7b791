"""Stakeholder updates: plain words from evidence, no internals, three forms, templates of one's own."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics import Evidence, Finding
from gather_diagnostics.document import view
from gather_diagnostics.errors import ConfigError
from gather_diagnostics.response.updates import KINDS, Update, tell, written
from gather_diagnostics.response.updates.moments import length, moment

NOW = datetime(2026, 3, 14, 3, 22, 40, tzinfo=UTC)
HALF_AN_HOUR = timedelta(minutes=30)


def told(evidence: Evidence, kind: Any = "initial", **options: Any) -> Update:
    given = {"severity": "SEV2", "now": NOW, "interval": HALF_AN_HOUR} | options
    return tell(view(evidence), evidence.tables, kind, **given)


def text(evidence: Evidence, kind: Any = "initial", **options: Any) -> str:
    return written(told(evidence, kind, **options), "text", "")


def scoped(**details: Any) -> Evidence:
    """The sample's incident with an answer to how far it reaches."""
    given = {"since": sample.ONSET.isoformat(), "trend": "worse", "signal": "error_rate", "spread": None}
    base = sample.incident()
    return replace(base, findings=(*base.findings, Finding("scope", "scope", "Far.", 0.8, details=given | details)))


def journalled(evidence: Evidence, rows: Sequence[Mapping[str, Any]]) -> Evidence:
    frames = sample.tables({"journal": [{"source": "runbook", "ref": "runbook:x#y", **row} for row in rows]})
    return replace(evidence, tables={**evidence.tables, **frames})


def entry(minutes: int, kind: str, outcome: str, title: str = "Roll back checkout") -> dict[str, Any]:
    answer = "ssh ip-10-0-0-7, with Amara"
    time = sample.ONSET + timedelta(minutes=minutes)
    return {"time": time, "kind": kind, "outcome": outcome, "title": title, "answer": answer}


def test_the_first_update_reads_as_a_person_would_write_it() -> None:
    assert text(scoped(share_of_requests_failing=0.071, requests_failed=12_833, users=4, spread="widespread")) == (
        "[SEV2] checkout: some requests fail\n"
        "\n"
        "We are looking into a problem with checkout that began at 02:57 UTC (03:57 CET) on 14 March 2026.\n"
        "\n"
        "What is affected: About 7% of requests to checkout fail. A typical answer takes about 0.11 seconds instead of"
        " 0.048 seconds. All parts of the service are affected. About 13,000 requests have failed so far. At least 4"
        " customers met errors. It is getting worse. Figures are as of 03:20 UTC (04:20 CET).\n"
        "\n"
        "What we are doing: the on-call team is working on it.\n"
        "\n"
        "The likely cause is a recent change to checkout at 02:54 UTC (03:54 CET); this is not confirmed yet.\n"
        "\n"
        "Status: Identified\n"
        "Next update: by 03:50 UTC (04:50 CET)\n"
    )


def test_the_last_one_says_how_long_it_took_and_what_was_done() -> None:
    over = scoped(recovered_since="2026-03-14T03:12:00+00:00", trend="recovered", share_of_requests_failing=0.6)
    assert text(journalled(over, [entry(9, "act", "done")]), "resolved") == (
        "[SEV2] checkout: resolved\n"
        "\n"
        "The problem with checkout is over. It began at 02:57 UTC (03:57 CET) on 14 March 2026 and ended at 03:12 UTC"
        " (04:12 CET), after 15 minutes.\n"
        "\n"
        "What was affected: About 60% of requests to checkout failed. A typical answer took about 0.11 seconds instead"
        " of 0.048 seconds.\n"
        "\n"
        "What fixed it: Roll back checkout, 03:06 UTC (04:06 CET).\n"
        "\n"
        "Status: Resolved\n"
    )


def test_what_is_not_known_is_left_to_the_person() -> None:
    whole = text(sample.incident(), "resolved")
    assert "ended at <when it ended>." in whole
    assert "What fixed it: <what fixed it>." in whole
    assert "<" not in text(sample.incident(), "resolved", note="A restart did.").replace("<when it ended>", "")


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], "Identified"),
        ([entry(9, "act", "skipped")], "Identified"),
        ([entry(9, "act", "done"), entry(12, "recovery", "not_recovered")], "Identified"),
        ([entry(9, "act", "done"), entry(12, "recovery", "recovered")], "Monitoring"),
        ([entry(12, "recovery", "recovered"), entry(15, "recovery", "worse")], "Identified"),
    ],
)
def test_the_status_follows_the_journal(rows: list[dict[str, Any]], status: str) -> None:
    assert told(journalled(sample.incident(), rows), "progress").status == status


def test_the_status_without_any_lead() -> None:
    base = sample.incident()
    alone = replace(base, findings=tuple(f for f in base.findings if f.question != "changes"))
    assert told(alone).status == "Investigating"
    assert told(journalled(alone, [entry(9, "act", "done")])).status == "Identified"


def test_recovery_is_watched_before_it_is_called_one() -> None:
    over = scoped(recovered_since="2026-03-14T03:12:00+00:00", trend="recovered", share_of_requests_failing=0.6)
    whole = text(over, "progress")
    assert whole.startswith("[SEV2] checkout: it looks as if it is over\n")
    assert "It looks as if it ended at 03:12 UTC (04:12 CET), after 15 minutes. We are watching" in whole
    assert "What was affected: About 60% of requests to checkout failed." in whole
    assert "Monitoring" in whole


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_internal_and_nobodys_name_is_told(kind: Any) -> None:
    rows = [entry(9, "act", "done"), entry(12, "note", "done", "Amara looks at the pool"), entry(13, "check", "yes")]
    carried = {"dimension": "instance", "values": ["ip-10-0-0-7", "b", "c"], "explains": 0.9}
    whole = text(journalled(scoped(carried_by=carried, spread="several"), rows), kind)
    for internal in ("Amara", "Deploy Bot", "ip-10", "PoolTimeout", "pool.py", "v2.14.1", "91ab3f7", "p95", "b7712e4d"):
        assert internal not in whole
    assert "limited to 3 servers of the service." in whole


@pytest.mark.parametrize(
    ("carried", "sentence"),
    [
        ({"dimension": "tenant", "values": ["initech"]}, "It is limited to one customer."),
        ({"dimension": "endpoint", "values": ["/export"]}, "It is limited to one function of the service (/export)."),
        ({"dimension": "endpoint", "values": ["http://db-1/x"]}, "It is limited to one function of the service."),
        ({"dimension": "zone", "values": ["eu-1a", "eu-1b"]}, "It is limited to 2 locations."),
        (None, ""),
    ],
)
def test_how_far_it_reaches(carried: Any, sentence: str) -> None:
    assert told(scoped(carried_by=carried)).extent == sentence


def test_a_healthy_service_is_not_talked_into_an_incident() -> None:
    whole = text(sample.healthy(), severity="")
    assert whole.startswith("checkout: we are looking into a problem\n")
    assert "our measurements of checkout do not show one so far" in whole
    assert "When it began is not known yet." in whole


def test_silence_is_not_taken_for_health() -> None:
    assert "How users are affected is not known yet." in text(sample.blind())
    assert "How users are affected is not known." in text(sample.blind(), "resolved")


def test_another_day_is_named() -> None:
    update = told(sample.incident(), now=NOW + timedelta(days=1), interval=timedelta(days=1))
    assert update.as_of == "03:20 UTC (04:20 CET) on 14 March 2026"
    assert update.next_update == "03:20 UTC (04:20 CET) on 16 March 2026"


def test_staged_evidence_says_so() -> None:
    assert "Exercise only. Staged." in text(replace(sample.incident(), demo="Staged."))


def test_hostile_text_does_nothing() -> None:
    evidence = sample.hostile()
    for kind in KINDS:
        plain = text(evidence, kind, note=sample.EVIL.replace("\ud800", ""))
        assert "\x1b" not in plain
        assert "\u202e" not in plain
        message = written(told(evidence, kind, note="<!channel> <@U1> *b* `x`"), "slack", "")
        assert "<!channel>" not in message
        assert "<@U1>" not in message
        assert json.loads(message)


def test_slack_gets_a_header_and_sections_that_fit() -> None:
    update = told(scoped(share_of_requests_failing=0.07), note="&" * 4000 + "\n\n" + "word " * 2000)
    message = json.loads(written(update, "slack", ""))
    header, *sections = message["blocks"]
    assert header["text"] == {"type": "plain_text", "text": "[SEV2] checkout: some requests fail", "emoji": False}
    assert message["text"] == "[SEV2] checkout: some requests fail"
    assert len(sections) >= 5
    assert all(0 < len(s["text"]["text"]) <= 3000 for s in sections)
    assert sections[-1]["text"]["text"].startswith("Status: Identified\nNext update: by ")


def test_json_has_the_values_and_the_text() -> None:
    told_ = told(sample.incident())
    found = json.loads(written(told_, "json", ""))
    assert found["text"] == written(told_, "text", "")
    assert (found["kind"], found["status"], found["next_update"]) == ("initial", "Identified", "03:50 UTC (04:50 CET)")
    assert set(found) == {*told_.as_dict(), "text"}


def test_a_template_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "update-initial.txt.j2").write_text("{{ service }}: {{ status | upper }}\n\n\n\n{{ began }}\n")
    update = told(sample.incident())
    assert written(update, "text", str(tmp_path)) == (
        "checkout: IDENTIFIED\n\n02:57 UTC (03:57 CET) on 14 March 2026\n"
    )
    other = told(sample.incident(), "progress")
    assert written(other, "text", str(tmp_path)) == written(other, "text", "")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"a\n{% if %}", "line 2: "),
        (b"{{ servise }}", "'servise' is undefined"),
        (b"{{ 1 / 0 }}", "can't be filled in: division by zero"),
        (b"{{ service() }}", "can't be filled in: 'str' object is not callable"),
        (b"{{ ''.__class__.__mro__ }}", "unsafe"),
        (b"{% for i in range(99999999) %}x{% endfor %}", "can't be filled in: Range too big"),
        (b"{% for i in range(99999) %}xxxxx{% endfor %}", "it makes more than 100,000 characters"),
        (b"{% include 'nothing' %}", "nothing"),
        (b"caf\xe9", "is not UTF-8 text"),
    ],
)
def test_a_broken_template_is_one_sentence(tmp_path: Path, content: bytes, complaint: str) -> None:
    (tmp_path / "update-initial.txt.j2").write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        written(told(sample.incident()), "text", str(tmp_path))
    assert complaint in str(raised.value)
    assert "update-initial.txt.j2" in str(raised.value)


def test_a_folder_of_templates_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"there is no folder /nowhere, which response.templates names"):
        written(told(sample.incident()), "text", "/nowhere")


def test_times_as_they_are_said() -> None:
    night = datetime(2026, 3, 14, 2, 5, tzinfo=UTC)
    assert moment(night, "UTC") == moment(night, "no such zone") == "02:05 UTC"
    assert moment(night, "America/Los_Angeles", dated=True) == "02:05 UTC (19:05 PDT on 13 March) on 14 March 2026"
    assert moment(night, "Asia/Dubai") == "02:05 UTC (06:05 Dubai time)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(20, "less than a minute"), (60, "1 minute"), (3600, "1 hour"), (5100, "1 hour 25 minutes"),
     (86_400 + 7300, "1 day 2 hours"), (172_800, "2 days")],
)  # fmt: skip
def test_lengths_of_time(seconds: int, words: str) -> None:
    assert length(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(("minutes", "due"), [(30, "03:50 UTC"), (15, "03:35 UTC"), (10, "03:32 UTC")])
def test_the_next_update_is_never_later_than_promised(minutes: int, due: str) -> None:
    assert told(sample.incident(), interval=timedelta(minutes=minutes)).next_update.startswith(due)
