"""The scripts, in a copy of the checkout whose path has a blank in it, with tools that only write down their calls.

What they install for real is seen by CI, which starts from nothing; here it is what they decide.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SHELL_SCRIPTS = (
    "setup",
    "demo",
    "test",
    "lint",
    "check",
    "lock",
    "debian_packages",
    "fetch_test_servers",
    "pictures",
    "build_kube_apiserver",
)

# Stands for .venv/bin/python and pip: writes its arguments down, answers like a Python that has everything.
FAKE_PYTHON = """#!/bin/sh
printf '%s\\n' "$*" >>"$CALLS"
case "$*" in
    *pytest*) echo "pytest: $*"; case "$*" in *"$FAIL_ON"*) exit 3 ;; esac ;;
    *"-e ."*)
        printf '#!/bin/sh\\necho "demo: $*"\\n' >.venv/bin/gather_diagnostics
        chmod +x .venv/bin/gather_diagnostics ;;
    *pip*install*) echo "pip talks" ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the scripts, lock files and a virtual environment of one fake interpreter."""
    root = tmp_path / "a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.lock", "requirements-dev.lock"):
        shutil.copy(ROOT / name, root)
    plant(root / ".venv/bin/python", FAKE_PYTHON)
    return root


def plant(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def run(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a script by its full path from a folder that has nothing to do with it."""
    env = {**os.environ, "CALLS": str(root / "calls"), "FAIL_ON": "no such word", **env}
    command = [str(root / words[0]), *words[1:]]
    return subprocess.run(command, cwd="/", env=env, capture_output=True, text=True, timeout=60, check=False)


def installs(root: Path) -> list[str]:
    """What pip was told to install, in order."""
    calls = (root / "calls").read_text().splitlines()
    (root / "calls").unlink()
    return [call.partition("--quiet ")[2] for call in calls if " install " in call]


LOCKED = "--require-hashes -r requirements.lock"
DEV_LOCKED = "--require-hashes -r requirements-dev.lock"
ITSELF = "--no-deps --no-build-isolation -e ."


@pytest.mark.parametrize("name", SHELL_SCRIPTS)
def test_scripts_are_executable_and_plain_sh(name: str) -> None:
    script = ROOT / "scripts" / name
    assert os.access(script, os.X_OK)
    assert script.read_text().startswith("#!/bin/sh\n")
    assert "set -eu" in script.read_text()
    checked = subprocess.run(["sh", "-n", str(script)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_no_script_is_left_out() -> None:
    assert {p.name for p in (ROOT / "scripts").iterdir() if p.suffix == "" and p.is_file()} == set(SHELL_SCRIPTS)


def test_ci_runs_the_tests_and_then_the_check() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    lines = [line.strip() for line in script.read_text().splitlines()]
    assert lines.index("export CI=true") < lines.index("scripts/test") < lines.index("scripts/check")


def test_the_demo_sets_up_once_and_keeps_stdout_for_itself(checkout: Path) -> None:
    first = run(checkout, "scripts/demo", "--out", "a b")
    assert (first.returncode, first.stdout) == (0, "demo: demo --out a b\n"), first.stderr
    assert "pip talks" in first.stderr
    assert installs(checkout) == [LOCKED, ITSELF]

    second = run(checkout, "scripts/demo")
    assert (second.stdout, second.stderr) == ("demo: demo\n", "")
    assert not (checkout / "calls").exists()


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_or_project_sets_up_again(checkout: Path, name: str) -> None:
    run(checkout, "scripts/setup")
    installs(checkout)
    with (checkout / name).open("a") as stream:
        stream.write("# changed\n")
    assert run(checkout, "scripts/setup").returncode == 0
    assert installs(checkout) == [LOCKED, ITSELF]


def test_a_developers_environment_is_enough_for_the_demo_and_not_the_other_way_round(checkout: Path) -> None:
    run(checkout, "scripts/setup")
    assert installs(checkout) == [LOCKED, ITSELF]
    run(checkout, "scripts/setup", "dev")
    assert installs(checkout) == [DEV_LOCKED, ITSELF]
    (checkout / ".venv/stamp-requirements.lock").unlink()
    run(checkout, "scripts/setup")
    assert not (checkout / "calls").exists()


def test_a_failed_install_leaves_no_stamp(checkout: Path) -> None:
    plant(checkout / ".venv/bin/python", '#!/bin/sh\ncase "$*" in *-r*) exit 7 ;; esac\n')
    result = run(checkout, "scripts/demo")
    assert (result.returncode, result.stdout) == (7, "")
    assert list((checkout / ".venv").glob("stamp-*")) == []


def without_python(folder: Path) -> str:
    """A PATH with the tools the scripts use and no interpreter, but one that is too old."""
    for tool in ("sh", "dirname", "cat", "cksum", "rm"):
        found = shutil.which(tool)
        assert found
        (folder / tool).symlink_to(found)
    plant(folder / "python3", "#!/bin/sh\nexit 1\n")
    return str(folder)


def test_without_a_new_enough_python_it_says_so_in_one_sentence(checkout: Path, tmp_path: Path) -> None:
    shutil.rmtree(checkout / ".venv")
    (tmp_path / "bin").mkdir()
    result = run(checkout, "scripts/demo", PATH=without_python(tmp_path / "bin"))
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.startswith("setup: Python 3.11 or newer is needed")
    assert len(result.stderr.splitlines()) == 1


def test_an_environment_of_another_folder_is_made_anew(checkout: Path, tmp_path: Path) -> None:
    """The scripts in a virtual environment name the folder they were made in."""
    run(checkout, "scripts/setup")
    moved = checkout.rename(tmp_path / "moved here")
    (tmp_path / "bin").mkdir()
    path = without_python(tmp_path / "bin")
    plant(tmp_path / "bin/python3", '#!/bin/sh\n[ "$2" != venv ] || echo "made: $*"\n')
    result = run(moved, "scripts/setup", PATH=path)
    assert "made: -m venv --clear .venv" in result.stderr


@pytest.fixture
def ready(checkout: Path) -> Path:
    """Set up for development, and every server and browser at hand."""
    run(checkout, "scripts/setup", "dev")
    (checkout / "calls").unlink()
    plant(checkout / "scripts/fetch_test_servers", "#!/bin/sh\necho fetched\n")
    plant(checkout / "scripts/build_kube_apiserver", "#!/bin/sh\necho built\n")
    plant(checkout / "bin/chromium", "#!/bin/sh\n")
    return checkout


def path_with_browser(root: Path) -> str:
    return f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"


def pytest_runs(result: subprocess.CompletedProcess[str]) -> list[str]:
    return [line.partition("-m pytest ")[2] for line in result.stdout.splitlines()]


def test_the_fast_tests_run_before_the_slow_ones(ready: Path) -> None:
    result = run(ready, "scripts/test", PATH=path_with_browser(ready))
    assert result.returncode == 0, result.stderr
    fast, slow = pytest_runs(result)
    assert fast.endswith("-m not slow")
    assert slow == "-m slow or hypothesis --hypothesis-profile=thorough"


@pytest.mark.parametrize(("failing", "runs"), [("not slow", 1), ("-m slow or", 2)])
def test_the_exit_code_is_that_of_the_run_that_failed(ready: Path, failing: str, runs: int) -> None:
    result = run(ready, "scripts/test", PATH=path_with_browser(ready), FAIL_ON=failing)
    assert (result.returncode, len(pytest_runs(result))) == (3, runs)


def test_arguments_go_to_one_run_of_pytest(ready: Path) -> None:
    result = run(ready, "scripts/test", "tests/core", "-k", "a or b", PATH=path_with_browser(ready))
    assert pytest_runs(result) == ["tests/core -k a or b"]


def test_missing_servers_do_not_keep_the_tests_from_running(ready: Path) -> None:
    plant(ready / "scripts/fetch_test_servers", "#!/bin/sh\nexit 1\n")
    plant(ready / "scripts/build_kube_apiserver", "#!/bin/sh\nexit 1\n")
    result = run(ready, "scripts/test", "tests/core", PATH=path_with_browser(ready))
    assert result.returncode == 0
    assert "without the real servers" in result.stderr
    assert len(pytest_runs(result)) == 1


def test_lint_runs_every_checker_and_fails_if_one_did(ready: Path) -> None:
    for tool in ("ruff", "mypy", "lint-imports"):
        plant(ready / ".venv/bin" / tool, f'#!/bin/sh\necho "{tool} $*"\n')
    assert run(ready, "scripts/lint").returncode == 0
    plant(ready / ".venv/bin/ruff", '#!/bin/sh\necho "ruff $*"; [ "$1" != check ]\n')
    result = run(ready, "scripts/lint")
    assert result.returncode == 1
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["ruff", "ruff", "mypy", "lint-imports"]


BUNDLE = """#!/bin/sh
case "$1" in
    verify) echo "verified" ;;
    demo) folder=$4/evidence-x; mkdir -p "$folder"; cd "$folder"; echo sound >file; sha256sum file >SHA256SUMS
          echo "%s"; %s ;;
esac
"""


@pytest.mark.parametrize(
    ("said", "then", "code"),
    [
        ("the first suspect is right", "true", 0),
        ("the first suspect is right", "echo spoilt >file", 1),
        ("the first suspect is WRONG", "true", 1),
        ("the first suspect is right", "exit 2", 2),
    ],
)
def test_the_check_fails_for_a_spoilt_bundle_a_wrong_suspect_and_a_failed_demo(
    ready: Path, said: str, then: str, code: int
) -> None:
    plant(ready / "scripts/lint", "#!/bin/sh\n")
    plant(ready / ".venv/bin/gather_diagnostics", BUNDLE % (said, then))
    result = run(ready, "scripts/check")
    assert result.returncode == code, result.stdout + result.stderr
    assert ("check: the demo's bundle is whole" in result.stdout) == (code == 0)


def test_packages_are_asked_for_by_name_where_they_can_not_be_installed(tmp_path: Path) -> None:
    plant(tmp_path / "id", "#!/bin/sh\necho 1000\n")
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    result = subprocess.run(
        [str(ROOT / "scripts/debian_packages"), "chromium"], env=env, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert "chromium" in result.stderr


def checkout_command(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_runs_from_a_checkout_that_is_not_installed(tmp_path: Path) -> None:
    script = str(ROOT / "scripts/gather_diagnostics.py")
    result = checkout_command(script, "--help", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Usage: gather_diagnostics [OPTIONS]")
    result = checkout_command(script, "--no-such-option", cwd=tmp_path)
    assert result.returncode == 1
    assert "--no-such-option" in result.stderr


def test_the_command_without_its_dependencies_says_what_to_do(tmp_path: Path) -> None:
    """-S leaves site-packages out: what a stranger's Python looks like."""
    result = checkout_command("-S", str(ROOT / "scripts/gather_diagnostics.py"), "--help", cwd=tmp_path, PYTHONPATH="")
    assert result.returncode == 1
    assert result.stderr.startswith("error: the Python package 'click' is not installed")
    assert len(result.stderr.splitlines()) == 1
