"""What programs read of the scenarios' bundles: files as their schemas say, and no claim that the tables contradict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import recordedsource
from conftest import NOW
from jsonschema import Draft202012Validator
from scenarioform import read
from scenarioplay import Played, play

from gather_diagnostics import plugins, runner
from gather_diagnostics.bundle.verifying import contradictions

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
SCHEMAS = HERE.parents[1] / "docs" / "schema"
NAMES = sorted(path.stem for path in HERE.glob("*.yaml"))
QUICK = ("bad_deploy", "failing_source", "healthy_quiet", "one_tenant", "victim_downstream")
"""A suspect, a partial bundle, nothing wrong, no metrics of endpoints, somebody else's failure."""


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "entry_points", recordedsource.installed)
        yield


@pytest.fixture(params=[n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def played(request: pytest.FixtureRequest, tmp_path: Path) -> Played:
    return play(read(HERE / f"{request.param}.yaml"), tmp_path, NOW)


def test_a_bundle_is_as_its_schemas_say_and_bears_out_its_claims(played: Played) -> None:
    for name in ("evidence", "findings", "manifest"):
        validator = Draft202012Validator(json.loads((SCHEMAS / f"{name}-1.json").read_text()))
        document = json.loads((played.bundle / f"{name}.json").read_text())
        assert [(list(e.absolute_path), e.message) for e in validator.iter_errors(document)] == []
    found = contradictions(played.bundle, runner.analyze)
    assert found.problems == ()
    assert found.figures > 10


def test_actions_rest_on_findings_and_gaps_that_are_there(played: Played) -> None:
    document = played.document
    findings, gaps = ({e["id"] for e in document[part]} for part in ("findings", "gaps"))
    for action in document["priority_actions"]:
        assert action["why"]
        assert set(action["findings"]) <= findings
        assert action["gap"] is None or action["gap"] in gaps
        assert action["findings"] or action["gap"]
    ids = [action["id"] for action in document["priority_actions"]]
    assert len(set(ids)) == len(ids)
    if document["stands_out"]:
        assert document["changes"][0]["finding"] in document["priority_actions"][0]["findings"]
