"""The shipped runbooks: each is complete, and shown by scenarios. test_scenarios.py plays these, and sees it match."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from conftest import missing
from scenarioform import Scenario, read
from scenarioplay import shipped
from servers.prometheus import MEND, binary

from analyzers.known_errors.catalogue import catalogue
from collectors.cloudwatch import commands as cloudwatch
from collectors.git import commands as git
from collectors.kubernetes import commands as kubernetes
from gather_diagnostics import plugins
from gather_diagnostics.response import escalation
from gather_diagnostics.response.facts import NAMES as FACTS
from gather_diagnostics.response.runbooks import filling
from gather_diagnostics.response.runbooks.linting import Known, problems
from gather_diagnostics.response.runbooks.model import Act, Check, Runbook, Verify

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.yaml"))
OVER = ("noise_recovered", "outage_over", "short_outage_over", "node_failure")
"""Something was, and is over."""
NAMED = dict.fromkeys(FACTS, "checkout") | {"workload": "deployment/checkout", "commit": "622dbc7"}
PARSERS: Mapping[str, Callable[[str], object]] = {
    "kubernetes": kubernetes.parse,
    "git": git.parse,
    "cloudwatch": cloudwatch.parse,
}


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Scenario]:
    return {name: read(HERE / f"{name}.yaml") for name in NAMES}


def test_every_runbook_is_the_first_of_a_scenario_and_does_not_match_one_that_looks_alike(
    scenarios: dict[str, Scenario],
) -> None:
    shown: defaultdict[str, set[str]] = defaultdict(set)
    for one in scenarios.values():
        shown[one.expect.runbooks.first] |= {"first"}
        for id_ in one.expect.runbooks.never:
            shown[id_] |= {"not"}
    assert {id_: shown[id_] for id_ in shipped()} == {id_: {"first", "not"} for id_ in shipped()}


def test_scenarios_speak_of_runbooks_that_there_are(scenarios: dict[str, Scenario]) -> None:
    for name, one in scenarios.items():
        expected = one.expect.runbooks
        assert {expected.first, *expected.never} <= {*shipped(), "any", "none"}, name
        assert expected.first not in expected.never, name


def test_nothing_matches_what_is_healthy_or_over(scenarios: dict[str, Scenario]) -> None:
    quiet = [*OVER, *(name for name in NAMES if name.startswith("healthy"))]
    assert {scenarios[name].expect.runbooks.first for name in quiet} == {"none"}


def test_every_runbook_that_a_known_error_names_is_shipped() -> None:
    named = {entry.runbook for entry in catalogue(())}
    assert named - {""} <= set(shipped())


@pytest.mark.parametrize("book", shipped().values(), ids=lambda book: book.id)
def test_a_runbook_leads_from_the_question_to_the_hand_over(book: Runbook) -> None:
    """Checks, then acts with their risk and a way back, then the comparison with the baseline, then whom to call."""
    assert 6 <= len(book.steps) <= 12
    kinds = [step.kind for step in book.steps]
    assert kinds[0] == "check"
    assert set(kinds) == {"check", "decide", "act", "verify"}
    assert kinds.index("check") < kinds.index("act") < kinds.index("verify")
    assert all(step.risk and step.undo for step in book.steps if isinstance(step, Act))
    assert any(isinstance(step, Act) and step.mitigation for step in book.steps)
    assert any(isinstance(step, Verify) and step.recovery for step in book.steps)
    assert any(isinstance(step, Check) and step.condition for step in book.steps)
    assert any(isinstance(step, Check | Verify) and step.query for step in book.steps)
    assert book.step("hand-over") is not None
    assert all((book.intro, book.escalation, book.severity, book.owner))


@pytest.mark.parametrize("book", shipped().values(), ids=lambda book: book.id)
def test_a_runbook_has_nothing_to_mend(book: Runbook) -> None:
    roles = escalation.roles(escalation.read(None))
    known = Known(plugins.names(plugins.ANALYZERS), FACTS, book.last_reviewed, roles)
    assert [str(problem) for problem in problems(book, known) if not problem.warning] == []


def test_queries_are_such_as_their_sources_take() -> None:
    """Filled in, they are asked; a parser raises for what it does not take."""
    asked = [(source, text) for source, text in queries() if source in PARSERS]
    for source, text in asked:
        PARSERS[source](text)
    assert {source for source, _ in asked} == set(PARSERS)


@pytest.mark.slow
def test_queries_to_prometheus_are_promql(tmp_path: Path) -> None:
    tool = binary("promtool")
    if not tool:
        missing("Prometheus", MEND)
    asked = [text for source, text in queries() if source == "prometheus"]
    rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate(asked)]
    path = tmp_path / "rules.yaml"
    path.write_text(json.dumps({"groups": [{"name": "runbooks", "rules": rules}]}))
    done = subprocess.run([str(tool), "check", "rules", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(asked) > 30


def queries() -> Iterator[tuple[str, str]]:
    """Source and text of every query of every runbook."""
    for book in shipped().values():
        for step in book.steps:
            if isinstance(step, Check | Verify) and step.query:
                filled = filling.query(step.query, NAMED)
                assert not filled.unknown, (book.id, step.id)
                yield step.query.source, filled.text
