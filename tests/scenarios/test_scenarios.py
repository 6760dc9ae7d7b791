"""Every scenario of this folder, from files through the real pipe to a bundle. README.md explains their form."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import recordedsource
from conftest import NOW
from scenarioform import Expect, Scenario, read
from scenarioplay import Played, broken, complaints, play
from scenarioworld import build

from gather_diagnostics import plugins
from gather_diagnostics.bundle import verify

HERE = Path(__file__).parent
NAMES = sorted(path.stem for path in HERE.glob("*.yaml"))
KINDS = {"positive", "negative", "herring"}


@pytest.fixture(scope="module")
def scenario() -> Callable[[str], Scenario]:
    return functools.cache(lambda name: read(HERE / f"{name}.yaml"))


@pytest.fixture(scope="module", autouse=True)
def _registered() -> Iterator[None]:
    """The recorded source is found as an installed stranger's would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "entry_points", recordedsource.installed)
        yield


@pytest.fixture(scope="module")
def played(scenario: Callable[[str], Scenario], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Played]:
    """Each scenario is played once."""
    return functools.cache(lambda name: play(scenario(name), tmp_path_factory.mktemp(name), NOW))


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_is_told_as_it_happened(name: str, scenario: Any, played: Any) -> None:
    told = played(name)
    assert broken(told.document) == []
    found = list(complaints(scenario(name).expect, told))
    assert not found, "\n".join(found)


def not_yet() -> list[str]:
    return [f"{name}-{number}" for name in NAMES for number in range(len(read(HERE / f"{name}.yaml").not_yet))]


@pytest.mark.parametrize("name", not_yet())
def test_what_is_told_wrongly_so_far(name: str, scenario: Any, played: Any, request: pytest.FixtureRequest) -> None:
    stem, _, number = name.rpartition("-")
    wanted = scenario(stem).not_yet[int(number)]
    request.applymarker(pytest.mark.xfail(reason=wanted.because, strict=True, raises=AssertionError))
    found = list(complaints(wanted.expect, played(stem)))
    assert not found, "\n".join(found)


def test_every_analyzer_has_a_positive_a_negative_and_a_red_herring(scenario: Any) -> None:
    """What is not told yet does not count."""
    covered: defaultdict[str, set[str]] = defaultdict(set)
    for name in NAMES:
        one = scenario(name)
        for analyzer, kind in one.covers.items():
            expected = [one.expect, *(n.expect for n in one.not_yet)]
            assert any(analyzer in questions(e) for e in expected), f"{name}: nothing is expected of {analyzer}"
            covered[analyzer] |= {kind} if analyzer in questions(one.expect) else set()
    lacking = {a: KINDS - covered[a] for a in plugins.names(plugins.ANALYZERS) if covered[a] != KINDS}
    assert not lacking


def questions(expect: Expect) -> set[str]:
    """The analyzers that something is expected of."""
    ids = (*expect.findings, *expect.absent, *(c for c in expect.document if c.startswith("onset.")))
    told = {id_.replace("log_errors", "error_rate").partition(":")[0].partition(".")[0].rstrip("*") for id_ in ids}
    asked = {"onset": expect.onset != "any", "changes": expect.suspect != "any"}
    return told | {name for name, is_asked in asked.items() if is_asked}


def test_the_same_files_make_the_same_answer(scenario: Any, played: Any, tmp_path: Path) -> None:
    again = play(scenario("bad_deploy"), tmp_path, NOW)
    assert again.document["findings"] == played("bad_deploy").document["findings"]


def test_a_bundle_of_a_scenario_is_whole(played: Any) -> None:
    assert verify(played("bad_deploy").bundle) == []


@pytest.mark.slow
def test_the_command_tells_it_as_well(scenario: Any, tmp_path: Path) -> None:
    """The whole program in a process of its own, at the present time."""
    end = datetime.now(UTC).replace(microsecond=0)
    one = scenario("two_deploys").model_copy(update={"metrics": ()})
    config = build(one, tmp_path, end)
    command = [sys.executable, "-m", "gather_diagnostics", "--service", one.service, "--config", str(config)]
    options = ["--source", "git", "--source", "logfiles", "--format", "json", "--quiet", "--out", str(tmp_path)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, cwd=tmp_path)
    document = json.loads(done.stdout)
    told = Played(Path(document["bundle"]), document, done.returncode, end - one.zero)
    assert list(complaints(one.expect, told)) == [], done.stderr


@pytest.mark.parametrize(
    "wrong",
    [
        {"onset": "10m"},
        {"onset": "none"},
        {"suspect": "none"},
        {"suspect": "git:tag:checkout-v2.14.0"},
        {"findings": {"saturation:disk": []}},
        {"findings": {"error_rate": ["details.incident > 0.9"]}},
        {"findings": {"error_rate": ["details.nowhere > 0"]}},
        {"absent": {"latency:*": ["details.changed == true"]}},
        {"document": ["onset.before_window == true"]},
        {"runbooks": {"first": "api-latency"}},
        {"runbooks": {"first": "none"}},
        {"runbooks": {"not": ["error-spike"]}},
        {"exit": 2},
    ],
    ids=str,
)
def test_a_wrong_expectation_is_told_in_one_sentence(wrong: dict[str, Any], played: Any) -> None:
    assert len(list(complaints(Expect.model_validate(wrong), played("bad_deploy")))) == 1
