"""The post-mortem's draft: figures with their rows, questions where nothing is known, nobody named, several bundles."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from propertywork import examples

from gather_diagnostics import Evidence, Finding, Gap, Support
from gather_diagnostics.config import Response
from gather_diagnostics.document import answered
from gather_diagnostics.document.markdown import MOST
from gather_diagnostics.errors import ConfigError, InputError
from gather_diagnostics.response import responder
from gather_diagnostics.response.postmortem import incident, written
from gather_diagnostics.response.postmortem.accounts import Incident
from gather_diagnostics.response.postmortem.citing import offset

RESPOND = responder(Response())
RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
PEOPLE = ("Amara", "Okafor", "Priya", "Nair", "Jonas", "Weber", "Deploy Bot")
SECTIONS = [
    "Summary", "Impact", "Detection and response", "Timeline", "Root cause and contributing factors", "Five whys",
    "What went well", "What went poorly", "Where we were lucky", "Action items", "Lessons", "Evidence",
]  # fmt: skip


@functools.cache
def plain() -> Evidence:
    """A deploy broke the connection pool."""
    return sample.incident()


def of(*evidences: Evidence) -> Incident:
    told = [(f"evidence-{number}", e, answered(e)) for number, e in enumerate(evidences, 1)]
    return incident([(name, e, {**d, "response": e.response or RESPOND(e, d)}) for name, e, d in told])


def draft(*evidences: Evidence, **options: Any) -> str:
    return written(of(*evidences), options.pop("folder", ""), **options)


def part(text: str, title: str) -> str:
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def journalled(evidence: Evidence, *rows: Mapping[str, Any]) -> Evidence:
    frames = sample.tables({"journal": [{"source": "runbook", "ref": "runbook:bad-deploy#x", **r} for r in rows]})
    return replace(evidence, tables={**evidence.tables, **frames})


def entry(minutes: float, kind: str, outcome: str, title: str = "Roll back checkout", **more: Any) -> dict[str, Any]:
    time = sample.ONSET + timedelta(minutes=minutes)
    return {"time": time, "kind": kind, "outcome": outcome, "title": title, **more}


def alerted(evidence: Evidence, *rows: tuple[float, str, str]) -> Evidence:
    events = [
        {"time": sample.ONSET + timedelta(minutes=minutes), "ref": "x", "kind": "alert", "reason": reason,
         "object": "ErrorBudgetBurn", "message": message}
        for minutes, reason, message in rows
    ]  # fmt: skip
    return replace(evidence, tables={**evidence.tables, **sample.tables({"events": events})})


def scoped(evidence: Evidence | None = None, **details: Any) -> Evidence:
    base = evidence or plain()
    given = {"since": sample.ONSET.isoformat(), "trend": "steady", "signal": "error_rate", "spread": None} | details
    return replace(base, findings=(*base.findings, Finding("scope", "scope", "Far.", 0.8, details=given)))


def test_a_draft_has_all_sections_once_and_in_order() -> None:
    text = draft(plain())
    assert re.findall("^## (.*)$", text, re.M) == SECTIONS
    assert text.startswith("# Post-mortem: checkout: some requests fail (14 March 2026)\n")
    assert re.findall("^# ", text, re.M) == ["# "]
    assert "| Severity given | SEV2 |" in text


def test_every_figure_leads_to_a_row_of_the_bundle_that_is_quoted() -> None:
    evidence = journalled(plain(), entry(20, "act", "done"))
    text = draft(evidence)
    jumps, anchors = set(re.findall(r"\]\(#(b1-[^)]+)\)", text)), set(re.findall(r'<a name="([^"]+)">', text))
    assert jumps == anchors
    assert len(anchors) > 5
    for anchor in anchors:
        _, table, row = anchor.split("-")
        assert int(row) < len(evidence.tables[table])
    assert "p95 rose from 210 ms to 1,400 ms (6.7 times)" in part(text, "Impact")
    assert "(#b1-metrics-" in part(text, "Impact")
    headings = {re.sub("[^a-z]+", "-", s.lower()) for s in SECTIONS}
    assert {j for j in re.findall(r"\]\(#([^)]+)\)", text) if not j.startswith("b1-")} <= headings


def test_nobody_is_named() -> None:
    note = "Amara did it, with Priya Nair <priya@example.com>; approved by Jonas"
    evidence = journalled(plain(), entry(20, "act", "done", answer=note))
    text = draft(evidence)
    assert not [name for name in PEOPLE if name in text]
    assert "priya@" not in text
    assert "someone did it, with someone; approved" in text
    assert "deploy “checkout-v2.14.1” (b7712e4d)" in text
    assert "`91ab3f77d0` Give each caller its own connection pool (#\u200b851)" in text


def test_words_that_are_no_names_stay() -> None:
    evidence = journalled(plain(), entry(20, "note", "done", "team-orders will deploy it by Monday"))
    assert "team-orders will deploy it by Monday" in draft(evidence)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "T+0"), (12, "T+12 s"), (-40, "T−40 s"), (90, "T+2 min"), (1500, "T+25 min"), (-3900, "T−1 h 05 min"),
        (3599, "T+1 h 00 min"), (200_000, "T+2 d 7 h"),
    ],
)  # fmt: skip
def test_times_are_counted_from_the_onset(seconds: int, words: str) -> None:
    assert offset(sample.ONSET + timedelta(seconds=seconds), sample.ONSET) == words
    assert offset(sample.ONSET, None) == "—"


OVER = "2026-03-14T03:12:04+00:00"


@pytest.mark.parametrize(
    ("since", "rows", "told"),
    [
        (None, [], "_To be filled in: the duration; the evidence does not tell when it ended._"),
        (OVER, [], "15 minutes"),
        (None, [(30, "recovered")], "at most 30 minutes"),
        (None, [(30, "recovered"), (40, "recovered")], "at most 30 minutes"),
        (None, [(20, "recovered"), (30, "not_recovered"), (40, "recovered")], "at most 40 minutes"),
        (OVER, [(30, "recovered")], "15 minutes"),
        (None, [(30, "recovered"), (40, "unknown")], "at most 30 minutes"),
        (None, [(30, "unknown")], "_To be filled in: the duration; the evidence does not tell when it ended._"),
        (OVER, [(30, "worse")], "_To be filled in: the duration; the evidence does not tell when it ended._"),
    ],
)
def test_how_long_it_took(since: str | None, rows: Sequence[tuple[int, str]], told: str) -> None:
    evidence = journalled(scoped(recovered_since=since), *(entry(m, "recovery", o, "Is it over?") for m, o in rows))
    assert f"| Duration | {told} |" in draft(evidence)


def test_what_began_before_the_window_took_at_least_so_long() -> None:
    base = scoped(recovered_since=OVER)
    onset = next(f for f in base.findings if f.id == "onset")
    earlier = replace(onset, details={**onset.details, "before_window": True})
    text = draft(replace(base, findings=(earlier, *(f for f in base.findings if f.id != "onset"))))
    assert "| Duration | at least 15 minutes |" in text
    assert "It began at 02:57 UTC on 14 March 2026 or earlier and was over at 03:12 UTC" in text


@pytest.mark.parametrize(
    ("alerts", "moment", "well", "poorly"),
    [
        ([(3, "FIRING", "checkout burns")], "T+3 min", "An alert fired 3 minutes after it began.", ""),
        ([(9, "ALARM", "checkout burns")], "T+9 min", "", ""),
        ([(20, "FIRING", "checkout burns")], "T+20 min", "", "The first alert fired 20 minutes after it began."),
        ([(1, "FIRING", "cart burns"), (4, "FIRING", "checkout burns")], "T+4 min", "An alert fired 4 minutes", ""),
        ([(4, "FIRING", "cart burns")], "which does not name checkout", "An alert fired 4 minutes", ""),
        ([(-40, "FIRING", "checkout burns")], "it said: CheckoutErrorBudgetBurn", "", "No alert that fired is in"),
        ([(4, "RESOLVED", "checkout burns")], "it said: CheckoutErrorBudgetBurn", "", "No alert that fired is in"),
        ([], "it said: CheckoutErrorBudgetBurn", "", "evidence was gathered 23 minutes after it began."),
    ],
)
def test_how_it_was_noticed(alerts: Any, moment: str, well: str, poorly: str) -> None:
    text = draft(alerted(plain(), *alerts))
    line = next(line for line in text.splitlines() if line.startswith("| First alert |"))
    assert moment in line
    assert well in part(text, "What went well")
    assert poorly in part(text, "What went poorly")
    assert ("alert" in part(text, "What went well")) == bool(well)
    assert ("| detect |" in part(text, "Action items")) == bool(poorly)


def test_evidence_that_was_gathered_much_later_tells_nothing_of_the_detection() -> None:
    base = plain()
    text = draft(replace(base, request=replace(base.request, asked=sample.NOW + timedelta(days=2))))
    assert "Evidence was gathered first" not in text
    assert "No alert that fired is in the evidence. _To be filled in: how it was noticed, and when._" in text


def test_the_journal_tells_what_was_done() -> None:
    rows = [
        entry(10, "check", "yes", "Is the deploy the suspect?", runbook="bad-deploy", step="suspect"),
        entry(11, "check", "unknown", "Is the queue full?", answer="no answer", runbook="bad-deploy", step="queue"),
        entry(12, "act", "skipped", "Scale up"),
        entry(14, "act", "done", "Roll back checkout."),
        entry(16, "verify", "no", "Did it help?"),
        entry(20, "act", "done", "Raise the pool"),
    ]
    text = draft(journalled(scoped(recovered_since="2026-03-14T03:22:04+00:00"), *rows))
    assert "What was done: Roll back checkout. (T+14 min); Raise the pool (T+20 min)." in part(text, "Summary")
    moments = part(text, "Detection and response")
    assert re.search(r"First entry in the journal \| [^|]+ \| T\+10 min \|", moments)
    assert re.search(r"First mitigation done \| [^|]+ \| T\+14 min \|", moments)
    assert "runbook bad-deploy: Is the deploy the suspect? yes" in part(text, "Timeline")
    well, poorly = part(text, "What went well"), part(text, "What went poorly")
    assert "The first mitigation was done 14 minutes after it began" in well
    assert "It was over 5 minutes after “Raise the pool”" in well
    assert "One step of the runbook bad-deploy could not be answered: “Is the queue full?” (" in poorly
    assert "“Did it help?” said no" in poorly
    assert "Have what the runbook bad-deploy asks answered by a source" in part(text, "Action items")
    assert (
        "Of 25 minutes in all, 14 minutes passed until the first mitigation was done; 11 minutes passed until it was"
        " over." in part(text, "Lessons")
    )


def test_gaps_are_what_went_poorly_and_are_to_be_mended() -> None:
    text = draft(plain())
    assert (
        "- logfiles: lines before 01:31 could not be read (/var/log/checkout/app.log has 4.1 GB; the last 200 MB were"
        " read). Mend: `--deadline 5m, or name the rotated file with --logs`" in part(text, "What went poorly")
    )
    assert "- Not in use, so not looked at: kubernetes." in part(text, "What went poorly")
    assert "Have logfiles read lines before 01:31: `--deadline 5m" in part(text, "Action items")
    assert "Every source that was asked answered in full" not in text


def test_what_is_not_known_is_asked_for() -> None:
    text = draft(plain())
    for question in (
        "how many requests failed", "how many customers were affected", "when it was over",
        "what was done, and what ended it", "the root cause as the review confirms it", "money, error budget",
    ):  # fmt: skip
        assert f"_To be filled in: {question}" in text
    known = draft(scoped(requests_failed=12833, share_of_requests_failing=0.21, users=4, tenants=["acme", "globex"]))
    assert "| Requests that failed | about 12,833 (" in known
    assert "at least 4 met errors: acme, globex" in known
    owners = [line for line in part(text, "Action items").splitlines() if line.startswith("| ") and "---" not in line]
    assert all(line.endswith("| _to be filled in_ | _to be filled in_ |") for line in owners[1:])


@pytest.mark.parametrize(
    ("details", "told"),
    [
        ({"requests_with_errors": 31}, "at least 31: so many different requests have error lines"),
        ({"spread": "widespread"}, "| Places | all parts alike"),
        ({"instances": {"affected": 2, "of": 6, "names": []}}, "| Places | 2 of 6 instances"),
        ({"endpoints": [f"/{n}" for n in range(10)]}, "endpoints: /0, /1, /2, /3, /4, /5, /6, /7 and 2 more"),
        (
            {"carried_by": {"dimension": "zone", "values": ["eu-1a"], "explains": 0.93}, "zones": ["eu-1a"]},
            "zones: eu-1a; carried by zone eu-1a (93% of the rise)",
        ),
    ],
)
def test_how_far_it_reached(details: dict[str, Any], told: str) -> None:
    base = plain()
    uncounted = replace(base, findings=tuple(f for f in base.findings if f.id != "error_rate"))
    assert told in part(draft(scoped(uncounted, **details)), "Impact")


def test_error_lines_stand_in_for_requests_that_were_not_counted() -> None:
    base = plain()
    lines = Finding("log_errors", "error_rate", "Error lines rose from 0.4 to 9 a minute.", 0.9, "medium",
                    details={"changed": True})  # fmt: skip
    text = draft(replace(base, findings=(*(f for f in base.findings if f.id != "error_rate"), lines)))
    assert "failing requests were not counted. Error lines rose from 0.4 to 9 a minute." in part(text, "Impact")


def test_damaged_data_is_told() -> None:
    base = plain()
    known = {"runbook": "data-corruption", "state": "new"}
    damaged = Finding("known_errors:x", "known_errors", "A page is damaged: 3 times.", 0.9, "critical", details=known)
    text = draft(replace(base, findings=(*base.findings, damaged)))
    assert "| Data | A page is damaged: 3 times. |" in part(text, "Impact")
    assert "- A page is damaged: 3 times." in part(text, "Root cause and contributing factors")


def test_requests_that_stayed_away_are_told() -> None:
    base = plain()
    details = {"changed": True, "direction": "down", "ratio": 0.25, "until": None}
    fallen = Finding("traffic", "traffic", "Requests fell to a quarter.", 0.9, "high",
                     supports=(Support("metrics", (0,)),), details=details)  # fmt: skip
    text = draft(replace(base, findings=(fallen, *base.findings)))
    assert "| Traffic | 75% of the usual requests did not arrive (" in part(text, "Impact")
    assert "| Traffic |" not in draft(base)


def test_a_late_mitigation_is_told() -> None:
    text = draft(journalled(plain(), entry(50, "act", "done")))
    assert "- The first mitigation was done 50 minutes after it began." in part(text, "What went poorly")
    assert "mitigation" not in part(text, "What went well")


def test_usual_failures_are_no_impact() -> None:
    base = sample.healthy()
    text = draft(replace(scoped(base, requests_failed=4, share_of_requests_failing=0.0012), response=base.response))
    assert "| Requests that failed | no more than usual" in text


def test_a_service_without_a_finding_is_given_no_causes_and_no_work() -> None:
    text = draft(sample.healthy())
    assert "Nothing that was seen is outside its baseline. _To be filled in: what happened" in part(text, "Summary")
    assert "Kind of cause" not in text
    actions = [line for line in part(text, "Action items").splitlines() if line.startswith("| ")][2:]
    assert [line.split("|")[2].strip()[:9] for line in actions] == ["Configure", "_To be fi"]


def test_what_hurts_no_request_is_still_told() -> None:
    base = sample.healthy()
    tried = Finding("security:logins", "security", "458 failed log-ins from 60 addresses.", 0.8, "medium")
    text = draft(replace(base, findings=(*base.findings, tried)))
    assert "What was in trouble: 458 failed log-ins from 60 addresses." in part(text, "Summary")
    assert "Nothing that was seen is outside its baseline" not in text
    assert "Kind of cause: **unknown**. Nothing that was seen points to one kind of cause." in text


def test_silence_is_not_taken_for_health() -> None:
    text = draft(sample.blind())
    assert "How users are affected is not known." in part(text, "Summary")
    assert "The share of failing requests was not seen. Latency was not seen." in part(text, "What went poorly")
    assert "prometheus: latency, errors and traffic could not be read" in part(text, "What went poorly")
    quiet = replace(sample.blind(), request=sample.request(description="", severity=""))
    assert "This can't be told: neither metrics nor logs of the service came in." in draft(quiet)


def test_without_a_suspect_nobody_and_nothing_is_accused() -> None:
    base = plain()
    alone = replace(base, findings=tuple(f for f in base.findings if f.question != "changes"))
    text = draft(alone)
    assert "First suspect" not in text
    assert "No change stands out as the cause. _To be filled in: the root cause._" in text


def test_severity_is_the_highest_of_all_unless_it_is_typed() -> None:
    first, second = plain(), plain()
    second = replace(second, response={**second.response, "severity": {**second.response["severity"], "given": "SEV1"}})
    assert "| Severity given | SEV1 |" in draft(first, second)
    assert "| Severity given | P3 |" in draft(first, second, typed_severity="P3")
    with pytest.raises(InputError, match="there is no severity 'awful'"):
        draft(first, typed_severity="awful")


def test_no_runbook_is_told_and_is_work() -> None:
    base = plain()
    text = draft(replace(base, response={**base.response, "runbooks": []}))
    assert "- No runbook fitted what was seen of checkout." in part(text, "What went poorly")
    assert "Write the runbook that was missing for checkout" in part(text, "Action items")


# Several bundles


def later(evidence: Evidence, minutes: int, **fields: Any) -> Evidence:
    asked = evidence.request.asked + timedelta(minutes=minutes)
    return replace(evidence, request=replace(evidence.request, asked=asked, **fields))


def test_bundles_are_told_in_the_order_they_were_asked_and_what_two_have_stands_once() -> None:
    text = draft(later(plain(), 8), plain())
    lines = part(text, "Timeline").splitlines()
    deploys = [line for line in lines if "| deploy | checkout-v2.14.1" in line]
    assert len(deploys) == 1
    assert "| B1, B2 | deploy |" in deploys[0]
    assert "| B1 | evidence | evidence of checkout was gathered (evidence-2) |" in text
    assert "Bundles of one service tell of the same requests: do not add their numbers up." in text
    assert "[B1 metrics " in text
    assert re.search(r"\| B2 \| `evidence-1` \| checkout \| 2026-03-14 03:28:00 \|", text)


def test_other_services_have_their_own_causes() -> None:
    text = draft(plain(), later(plain(), 1, service="cart"))
    assert "### B1 checkout" in part(text, "Root cause and contributing factors")
    assert "### B2 cart" in part(text, "Five whys")
    assert "| Service | checkout, cart |" in text
    assert "do not add their numbers up" not in text


def test_it_is_over_when_the_last_service_is() -> None:
    well = scoped(recovered_since=OVER)
    late = scoped(later(plain(), 1, service="cart"), recovered_since="2026-03-14T03:17:04+00:00")
    assert "| Duration | 20 minutes |" in draft(well, late)
    assert "| Duration | _To be filled in" in draft(well, later(plain(), 1, service="cart"))
    assert "| Duration | 15 minutes |" in draft(plain(), later(well, 5)), "the later one saw it end"
    assert "| Duration | _To be filled in" in draft(well, plain()), "asked at one time, they disagree"


def test_the_onset_is_the_earliest() -> None:
    base = plain()
    onset = next(f for f in base.findings if f.id == "onset")
    moved = replace(onset, time=sample.ONSET - timedelta(minutes=4), span=None)
    cart = later(replace(base, findings=(moved, *(f for f in base.findings if f.id != "onset"))), 1, service="cart")
    text = draft(base, cart)
    assert "It began at 02:53 UTC on 14 March 2026." in text
    assert re.search(r"\| T\+1 min \| B1, B2 \| deploy \| .*checkout-v2.14.1", text)


def test_another_bundles_other_suspect_is_told() -> None:
    base = plain()
    other = tuple(
        replace(f, details={**f.details, "change": sample.OTHER, "summary": "cart-v1.9.3", "probability": 0.6})
        if f.id == f"changes:{sample.DEPLOY}" else f
        for f in base.findings if f.id != f"changes:{sample.OTHER}"
    )  # fmt: skip
    text = draft(base, later(replace(base, findings=other), 5))
    assert "B2 points to deploy “cart-v1.9.3”" in part(text, "Root cause and contributing factors")


def test_many_alike_are_told_as_one() -> None:
    text = draft(alerted(plain(), *((4 + i / 60, "FIRING", f"shard {i} burns") for i in range(40))))
    assert part(text, "Timeline").count("| alert |") == 4
    assert "and 37 more of this kind until 03:01:43 UTC" in text


# Size, templates, hostile text


def test_a_large_incident_fits_an_issue() -> None:
    rows = [entry(i / 10, "note", "done", f"Note {i} {'of many ' * 30}") for i in range(600)]
    big = journalled(sample.large(800), *rows)
    assert len(draft(big)) <= MOST


@pytest.mark.slow
def test_twenty_hostile_bundles_fit_as_well() -> None:
    gaps = tuple(Gap(f"s{i}", sample.EVIL * 9, "failed", sample.EVIL * 9, sample.EVIL * 9) for i in range(99))
    evil = replace(sample.hostile(), gaps=gaps)
    many = [later(evil, i, service=f"{sample.EVIL}{i}".replace("\ud800", "")) for i in range(20)]
    assert len(draft(*many)) <= MOST


def test_a_template_of_ones_own_goes_before_the_shipped(tmp_path: Path) -> None:
    assert draft(plain(), folder=str(tmp_path)) == draft(plain()), "no such file in it"
    (tmp_path / "postmortem.md.j2").write_text("{{ title }}: {{ actions | length }}\n")
    assert draft(plain(), folder=str(tmp_path), typed_title="Pools").startswith("Pools: ")
    (tmp_path / "postmortem.md.j2").write_text("\n{{ nothing }}\n")
    with pytest.raises(ConfigError, match=r"postmortem\.md\.j2.*'nothing' is undefined"):
        draft(plain(), folder=str(tmp_path))
    with pytest.raises(ConfigError, match="there is no folder"):
        draft(plain(), folder=str(tmp_path / "nowhere"))


KNOWN_TAGS = {
    "h1", "h2", "h3", "p", "strong", "em", "table", "thead", "tbody", "tr", "th", "td", "ul", "ol", "li", "code", "a",
    "br", "blockquote",
}  # fmt: skip


def test_hostile_evidence_is_text() -> None:
    text = draft(journalled(sample.hostile(), entry(3, "act", "done", sample.EVIL, answer=sample.EVIL)))
    shown = RENDERER.render(text)
    assert set(re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", shown)) <= KNOWN_TAGS
    assert shown.count("<h1>") == 1
    assert re.findall("<h2>(.*?)</h2>", shown) == SECTIONS
    assert all(h.startswith(("#", "https://git.example.com")) for h in re.findall(r'href="([^"]*)"', shown))
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", text)


NASTY = st.text(
    st.one_of(st.characters(), st.sampled_from("\x1b\x9b[]()<>!`*_|\\&#@:/\n\r\t -+.=~${}%\u202e\u200b\ud800"))
)


def filled(text: str) -> str:
    """A draft with `text` wherever a source or a person may put one."""
    base = plain()
    findings = tuple(replace(f, headline=text) if f.question != "onset" else f for f in base.findings)
    gaps = tuple(Gap(f"source {i}", text, "failed", text, text or "x") for i in range(2))
    row = entry(9, "act", "done", text or "x", answer=text or "x", runbook=text)
    answers = {**base.response, "whys": {**base.response["whys"], "open": [f"Why? {text}"]}}
    asked = replace(base.request, description=text or "x", severity="")
    made = replace(base, findings=findings, gaps=gaps, response=answers, request=asked)
    encodable = {k: v.encode("utf-8", "replace").decode() if isinstance(v, str) else v for k, v in row.items()}
    return draft(journalled(made, encodable), typed_title=text or "x")


def structure(markdown: str) -> list[str]:
    """Blocks and cells, without what stands in them."""
    return [token.type for token in RENDERER.parse(markdown)]


@pytest.mark.slow
@settings(max_examples=examples(60))
@given(NASTY)
def test_no_text_breaks_the_structure(text: str) -> None:
    made = filled(text)
    assert structure(made) == structure(filled("plain words"))
    assert set(re.findall(r"<([a-zA-Z][a-zA-Z0-9]*)", RENDERER.render(made))) <= KNOWN_TAGS


def test_the_same_bundles_make_the_same_draft() -> None:
    assert draft(plain(), sample.healthy()) == draft(plain(), sample.healthy())
