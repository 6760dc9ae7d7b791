"""The examples of docs/AUTOMATION.md: their YAML is what it should be, and their scripts do what they say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from gitworld import World

from gather_diagnostics.bundle import read, verify

FOLDER = Path(__file__).resolve().parent.parent / "docs/examples/automation"
NAMES = ("github-actions", "rundeck", "argo-workflows", "ssm-automation")
HOSTILE = 'x"; touch pwned; $(touch pwned) `touch pwned` #'


def example(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with sources: a repository whose last commit went before the errors of a log; and the programs."""
    now = datetime.now(UTC)
    place = tmp_path / "home"
    repository = World(place / "shop")
    repository.commit(now - timedelta(days=2), "First", {"pool.py": "size = 50\n"})
    repository.commit(now - timedelta(minutes=31), "Smaller pool", {"pool.py": "size = 5\n"})
    lines = [f"{(now - timedelta(seconds=s)).isoformat()} INFO fine" for s in range(7000, 1800, -5)]
    lines += [f"{(now - timedelta(seconds=s)).isoformat()} ERROR pool exhausted" for s in range(1800, 0, -1)]
    (place / "app.log").write_text("\n".join(lines) + "\n")
    (place / "diagnostics.yaml").write_text("sources:\n  logfiles: {paths: [app.log]}\n  git: {repo: shop}\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, line in (
        ("gather_diagnostics", f'exec "{sys.executable}" -m gather_diagnostics "$@"'),
        ("python3", f'exec "{sys.executable}" "$@"'),
        ("pip", 'echo "$@" >> "$HOME/pip.txt"'),
    ):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o755)
    return place


def shell(script: str, world: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run by sh, in the folder with the sources."""
    environment = os.environ | {
        "PATH": f"{world.parent / 'bin'}:{os.environ['PATH']}", "HOME": str(world), "TZ": "UTC", **variables,
    }  # fmt: skip
    return subprocess.run(
        ["sh", "-c", script], cwd=world, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def filled(text: str, values: Mapping[str, str]) -> str:
    """'{{ name }}' replaced, as the systems do it: as text. A name without a value is a mistake of the example."""
    return re.sub(r"\{\{\s*([\w.:-]+)\s*\}\}", lambda match: values[match[1]], text)


def assert_walked(bundle: Path) -> None:
    assert verify(bundle) == []
    assert len(read(bundle).tables["journal"]) >= 6


@pytest.mark.parametrize("name", NAMES)
def test_every_example_is_named_in_the_document(name: str) -> None:
    text = (FOLDER.parents[1] / "AUTOMATION.md").read_text()
    assert f"(examples/automation/{name}.yaml)" in text
    assert {path.stem for path in FOLDER.iterdir()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_scripts_are_what_a_shell_can_read(name: str) -> None:
    found = list(scripts(example(name)))
    assert len(found) >= 3
    for script in found:
        ran = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, f"{script}\n{ran.stderr}"


def scripts(value: Any) -> Iterator[str]:
    """Every script of an example, whatever its system calls it."""
    if isinstance(value, list):
        for item in value:
            yield from scripts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key in ("run", "script", "source") and isinstance(item, str):
                yield item
            elif key == "commands" and all(isinstance(line, str) for line in item):
                yield "\n".join(item)
            else:
                yield from scripts(item)


def test_only_what_is_held_against_a_pattern_becomes_part_of_a_script() -> None:
    for name in ("github-actions", "rundeck", "argo-workflows"):
        for script in scripts(example(name)):
            assert "{{" not in script
            assert "${option" not in script
            assert "@option" not in script
    document = example("ssm-automation")
    used = {n for script in scripts(document) for n in re.findall(r"\{\{\s*([\w:]+)", script)}
    patterns = {n: p["allowedPattern"] for n, p in document["parameters"].items() if "allowedPattern" in p}
    assert used <= {*patterns, "automation:EXECUTION_ID"}
    assert {"Service", "Runbook"} <= used
    for pattern in patterns.values():
        for bad in (HOSTILE, "", "-x", "a b", "a\nb", "$(id)", "a;b"):
            assert not re.fullmatch(pattern.removeprefix("^").removesuffix("$"), bad)


# GitHub Actions


def actions(world: Path, service: str, runbook: str) -> tuple[dict[str, subprocess.CompletedProcess[str]], Path]:
    """Every `run` in its order, with what a step wrote for the next ones."""
    files = {name: world / name.lower() for name in ("GITHUB_ENV", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    evidence = world / "evidence"
    variables = {"SERVICE": service, "RUNBOOK": runbook, "EVIDENCE": str(evidence), "SOURCE": "gather-diagnostics"}
    ran = {}
    for step in example("github-actions")["jobs"]["evidence"]["steps"]:
        if "run" not in step:
            continue
        paths = {name: str(path) for name, path in files.items()}
        # GitHub's own: `sh -e` for Linux without a shell named is `bash -e`.
        ran[step["name"]] = done = shell(f"set -e\n{step['run']}", world, **variables, **paths)
        if files["GITHUB_ENV"].exists():
            variables |= dict(line.split("=", 1) for line in files["GITHUB_ENV"].read_text().splitlines())
        if done.returncode:
            break
    return ran, evidence


@pytest.mark.slow
def test_github_actions_collects_chooses_and_walks(world: Path) -> None:
    ran, evidence = actions(world, "checkout", "")
    assert {name: done.returncode for name, done in ran.items()} == dict.fromkeys(
        ["Install", "Collect", "Choose the runbook", "Walk it", "Show it"], 0
    ), [done.stderr for done in ran.values()]
    (bundle,) = evidence.glob("*.tar.gz")
    walk = json.loads((world / "walk.json").read_text())
    assert walk["runbook"] == json.loads((world / "matches.json").read_text())["runbooks"][0]["id"]
    assert (world / "github_output").read_text() == f"code={walk['exit_code']}\n"
    assert (world / "github_step_summary").read_text().startswith("# checkout")
    assert (world / "pip.txt").read_text() == "install gather-diagnostics\n"
    assert_walked(bundle)


@pytest.mark.slow
def test_github_actions_takes_no_input_for_a_command(world: Path) -> None:
    ran, _ = actions(world, HOSTILE, "")
    assert "Walk it" in ran
    assert not list(world.rglob("pwned"))


def test_github_actions_says_what_it_needs() -> None:
    workflow = example("github-actions")
    assert workflow["permissions"] == {"contents": "read"}
    triggers = workflow[True]  # YAML 1.1 reads `on` as true, and GitHub does not
    assert set(triggers["workflow_dispatch"]["inputs"]) == {"service", "runbook"}
    for step in workflow["jobs"]["evidence"]["steps"]:
        assert ("run" in step) != ("uses" in step)
        assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])


# Rundeck


@pytest.mark.slow
def test_rundeck_gathers_and_walks(world: Path) -> None:
    (job,) = example("rundeck")
    values = {"RD_OPTION_SERVICE": "checkout", "RD_OPTION_RUNBOOK": "bad-deploy", "RD_JOB_EXECID": "17"}
    for name, value in (("service", "checkout"), ("runbook", "bad-deploy")):
        (option,) = (o for o in job["options"] if o["name"] == name)
        assert re.fullmatch(option["regex"], value)
        assert not re.fullmatch(option["regex"], HOSTILE)
    walk, tell, fail = (command["script"] for command in job["sequence"]["commands"])
    ran = shell(walk, world, **values)
    assert ran.returncode == 0, ran.stderr
    assert "bad-deploy was walked" in ran.stdout
    (bundle,) = (world / "incidents/17").glob("*.tar.gz")
    assert_walked(bundle)
    told = shell(tell, world, **values)
    assert told.returncode == 0, told.stderr
    assert "checkout" in told.stdout
    for code, wanted in (("0", 0), ("2", 0), ("4", 4)):
        (world / "incidents/17/code").write_text(f"{code}\n")
        assert shell(fail, world, **values).returncode == wanted


# Argo Workflows


def argo(world: Path, template: str, service: str = "checkout") -> subprocess.CompletedProcess[str]:
    (found,) = (t for t in example("argo-workflows")["spec"]["templates"] if t["name"] == template)
    given = {"workflow.parameters.service": service, "workflow.parameters.runbook": "bad-deploy"}
    variables = {v["name"]: filled(v["value"], given) for v in found["script"]["env"]}
    assert variables["EVIDENCE"] == found["script"]["volumeMounts"][0]["mountPath"]
    return shell(found["script"]["source"], world, **variables | {"EVIDENCE": str(world / "evidence")})


@pytest.mark.slow
def test_argo_collects_walks_and_hands_over(world: Path) -> None:
    for template in ("collect", "walk", "hand-over"):
        ran = argo(world, template)
        assert ran.returncode == 0, ran.stderr
    assert (world / "evidence/code").read_text().strip() in ("2", "4")
    assert (world / "evidence/hand-over.md").read_text().startswith("# checkout")
    (bundle,) = (world / "evidence").glob("*.tar.gz")
    assert_walked(bundle)


def test_argo_steps_name_templates_that_there_are() -> None:
    spec = example("argo-workflows")["spec"]
    (incident,) = (t for t in spec["templates"] if t["name"] == spec["entrypoint"])
    assert [s["template"] for step in incident["steps"] for s in step] == ["collect", "walk", "hand-over"]
    known = {t["name"] for t in spec["templates"]}
    assert {s["template"] for step in incident["steps"] for s in step} <= known
    (walk,) = (t for t in spec["templates"] if t["name"] == "walk")
    assert walk["outputs"]["parameters"][0]["valueFrom"]["path"] == "/evidence/code"


# AWS Systems Manager


def ssm(world: Path, step: str, **parameters: str) -> subprocess.CompletedProcess[str]:
    document = example("ssm-automation")
    for name, value in parameters.items():
        assert re.fullmatch(document["parameters"][name]["allowedPattern"], value)
    (found,) = (s for s in document["mainSteps"] if s["name"] == step)
    commands: Sequence[str] = found["inputs"]["Parameters"]["commands"]
    values = {**parameters, "automation:EXECUTION_ID": "0a1b"}
    return shell("\n".join(filled(line, values) for line in commands), world)


@pytest.mark.slow
def test_ssm_collects_walks_and_hands_over(world: Path) -> None:
    for step, parameters in (("collect", {"Service": "checkout"}), ("walk", {"Runbook": "bad-deploy"})):
        ran = ssm(world, step, **parameters)
        assert ran.returncode in ((0,) if step == "collect" else (0, 4)), ran.stderr
    ran = ssm(world, "handOver")
    assert ran.stdout.startswith("# checkout")
    (bundle,) = (world / "0a1b").glob("*.tar.gz")
    assert_walked(bundle)


def test_ssm_steps_lead_somewhere() -> None:
    document = example("ssm-automation")
    assert document["schemaVersion"] == "0.3"
    names = [step["name"] for step in document["mainSteps"]]
    for step in document["mainSteps"]:
        assert step["action"] == "aws:runCommand"
        assert step.get("nextStep", names[-1]) in names
        assert step.get("onFailure", "Abort").removeprefix("step:") in ("Abort", *names)
    wanted = set(re.findall(r"\{\{ (\w+) \}\}", (FOLDER / "ssm-automation.yaml").read_text()))
    assert wanted <= set(document["parameters"])
