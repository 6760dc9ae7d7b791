"""What the lint finds, and where."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from gather_diagnostics import plugins
from gather_diagnostics.response.facts import NAMES
from gather_diagnostics.response.runbooks import library
from gather_diagnostics.response.runbooks.linting import Known, Problem, lint

ROOT = Path(__file__).resolve().parents[2]
TODAY = date(2026, 11, 21)
KNOWN = Known(("onset", "latency", "error_rate"), ("service", "namespace"), TODAY, ("service owner",))
SOUND = """\
---
id: sound
title: A sound one
kind: cause
when:
  all: ["onset: time != null"]
  any: ["suspect: kind == deploy", "log_errors: details.changed == true"]
escalation: service owner
last_reviewed: 2026-11-01
---
## Look
```check
if: "latency:p9*: severity >= high"
prometheus: 'up{job="{{ service }}"}'
```
## Choose
```decide
then: restart
else: call
```
## Restart
```act
id: restart
command: kubectl -n {{ namespace }} rollout restart x
risk: Replicas restart.
undo: Nothing to undo.
```
## Did it help?
```verify
recovery: true
```
## Call
```act
```
"""


@pytest.fixture
def complaints(tmp_path: Path):  # type: ignore[no-untyped-def]
    def found(*texts: str, known: Known = KNOWN) -> list[str]:
        files = [tmp_path / f"{n}.md" for n in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return [str(problem).replace(f"{tmp_path}/", "") for problem in lint(files, known)]

    return found


def changed(old: str, new: str) -> str:
    assert old in SOUND
    return SOUND.replace(old, new, 1)


def test_a_sound_runbook_has_no_problem(complaints) -> None:
    assert complaints(SOUND) == []


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (changed("log_errors:", "saturation:*:"), 7, "no analyzer answers 'saturation'"),
        (changed("details.changed", "detail.changed"), 7, "no 'detail'; it has id, question"),
        (changed("suspect: kind", "suspect: sort"), 7, "no 'sort'; it has id, kind"),
        (changed('"onset: time != null"', "onset"), 6, "holds even where nothing began"),
        (changed("latency:p9*: severity", "latency:p9*: probability"), 13, "no 'probability'"),
        (changed("service owner", "service owners"), 8, "no role 'service owners'; it has service owner"),
        (changed("2026-11-01", "2026-11-22"), 9, "is in the future"),
        (changed("2026-11-01", "2025-11-20"), 9, "warning: the last review was 366 days ago"),
        (changed("{{ service }}", "{{ server }}"), 14, "there is no name 'server'"),
        (changed("then: restart", "then: restrat"), 18, "there is no step 'restrat'"),
        (changed("else: call", "else: cal"), 19, "there is no step 'cal'"),
        (changed("risk: Replicas restart.\n", ""), 21, "does not tell its risk"),
        (changed("undo: Nothing to undo.\n", ""), 21, "does not tell its undo"),
        (changed("```verify\nrecovery: true", "```check"), 21, "no verify step comes after the act 'restart'"),
        (changed("else: call", "else: did-it-help"), 0, ""),
        (changed("## Look\n", "## Look\n{{ service }}\n"), 11, "not in prose"),
        (changed("kind: cause", "kind: reason"), 4, "is none of cause, symptom"),
        ("\xff", 1, "begins with a line '---'"),
    ],
)  # fmt: skip
def test_problems_are_found_with_file_and_line(complaints, text: str, line: int, words: str) -> None:
    found = complaints(text)
    assert len(found) == bool(words), found
    for problem in found:
        assert problem.startswith(f"0.md:{line}: ")
        assert words in problem


def test_steps_that_no_way_leads_to(complaints) -> None:
    text = changed("then: restart\nelse: call", "then: call\nelse: call")
    assert complaints(text) == [
        "0.md:21: no way leads to the step 'restart'", "0.md:28: no way leads to the step 'did-it-help'",
    ]  # fmt: skip


def test_two_files_of_one_id(complaints) -> None:
    assert complaints(SOUND, SOUND) == ["1.md:2: 0.md has the id 'sound' too"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (problem,) = lint([tmp_path / "nowhere.md"], KNOWN)
    assert problem == Problem(
        str(tmp_path / "nowhere.md"), 1, f"can't read the runbook {tmp_path / 'nowhere.md'}: No such file or directory"
    )


def test_roles_are_not_asked_for_without_a_matrix(complaints) -> None:
    anyone = Known(KNOWN.analyzers, KNOWN.names, TODAY)
    assert complaints(changed("service owner", "whoever"), known=anyone) == []


def test_the_shipped_ones_are_sound() -> None:
    from gather_diagnostics.response import escalation

    roles = escalation.roles(escalation.read(None))
    known = Known(plugins.names(plugins.ANALYZERS), NAMES, TODAY, roles)
    shipped = next(iter(library.places()))
    assert lint(library.files_of(shipped), known) == []


def test_the_documented_example_is_sound(complaints) -> None:
    page = (ROOT / "docs" / "RUNBOOKS.md").read_text()
    example = re.findall(r"^````markdown\n(.*?)^````$", page, re.DOTALL | re.MULTILINE)[0]
    assert complaints(example, known=Known(plugins.names(plugins.ANALYZERS), NAMES, TODAY)) == []


def test_every_name_is_documented() -> None:
    page = (ROOT / "docs" / "RUNBOOKS.md").read_text()
    assert [name for name, meaning in NAMES.items() if f"| `{name}` | {meaning} |" not in page] == []
