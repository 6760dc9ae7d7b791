"""What the wheel holds and what the locks pin.

The packages `collectors`, `analyzers` and `runbooks` have plain names: a wheel with one name more could overwrite
somebody's files without a word, so its top level is pinned here.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"gather_diagnostics", "collectors", "analyzers", "runbooks"}
DATA_OF = ("gather_diagnostics/document/templates", "gather_diagnostics/demo", "analyzers/known_errors")
LOCKS = ("requirements.lock", "requirements-dev.lock")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the tree: a build leaves its droppings in the source folder."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    # Neighbours that must stay out of the wheel.
    for name in ("tests", "benchmarks", "scripts"):
        (source / name).mkdir()
        (source / name / "__init__.py").touch()
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps", "--no-build-isolation",
         "--wheel-dir", str(folder), str(source)],
        check=True, timeout=300,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.mark.slow
def test_the_wheel_holds_these_packages_and_no_other(wheel: zipfile.ZipFile) -> None:
    top = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == PACKAGES


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Also the templates, the demo's data, the runbooks and py.typed: what no import would miss."""
    there = set(wheel.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for name in PACKAGES
        for path in (ROOT / name).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "gather_diagnostics/py.typed" in wanted
    for folder in DATA_OF:
        assert any(name.startswith(folder) and not name.endswith(".py") for name in wanted), f"no data in {folder}"
    assert sorted(wanted - there) == []


@pytest.mark.slow
def test_the_wheel_has_its_licence_and_both_spellings_of_the_command(wheel: zipfile.ZipFile) -> None:
    (info,) = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" in name}
    assert "Apache License" in wheel.read(f"{info}/licenses/LICENSE").decode()
    commands = wheel.read(f"{info}/entry_points.txt").decode()
    assert "gather_diagnostics = gather_diagnostics.__main__:run" in commands
    assert "gather-diagnostics = gather_diagnostics.__main__:run" in commands


def test_the_package_says_the_version_of_the_distribution(project: dict[str, Any]) -> None:
    import gather_diagnostics

    assert gather_diagnostics.__version__ == project["project"]["version"]


def normalised(requirement: str) -> str:
    """The distribution's name as registries compare it (PEP 503)."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def pins(lock: str) -> dict[str, set[str]]:
    """Name to versions; there are several where Python's version decides."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", (ROOT / lock).read_text(), re.MULTILINE):
        found.setdefault(normalised(name), set()).add(version)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_dependency_is_locked(project: dict[str, Any], lock: str) -> None:
    wanted = {normalised(r) for r in project["project"]["dependencies"] + project["build-system"]["requires"]}
    if lock == "requirements-dev.lock":
        wanted |= {normalised(r) for r in project["project"]["optional-dependencies"]["dev"]}
    assert sorted(wanted - set(pins(lock))) == [], "run scripts/lock"


def imported() -> set[str]:
    """Top-level names of everything that the packages import, anywhere in a file."""
    found = set()
    for path in (path for name in PACKAGES for path in (ROOT / name).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - PACKAGES - sys.stdlib_module_names


def test_what_is_imported_is_declared_and_what_is_declared_is_imported(project: dict[str, Any]) -> None:
    """What only comes with something else is gone when that one drops it. Extras are imported where they are used."""
    sources = packages_distributions()
    used = {normalised(distribution) for name in imported() for distribution in sources.get(name, [name])}
    declared = {normalised(requirement) for requirement in project["project"]["dependencies"]}
    optional = project["project"]["optional-dependencies"]
    extras = {normalised(requirement) for name in optional if name != "dev" for requirement in optional[name]}
    assert (sorted(used - declared - extras), sorted(declared - used)) == ([], [])


def test_no_development_tool_is_locked_for_users(project: dict[str, Any]) -> None:
    tools = {normalised(r) for r in project["project"]["optional-dependencies"]["dev"]}
    assert sorted(tools & set(pins("requirements.lock"))) == []


def test_developers_run_what_users_run() -> None:
    run, dev = pins("requirements.lock"), pins("requirements-dev.lock")
    assert {name: dev.get(name) for name in run} == run


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", re.sub(r"^ *#.*\n", "", text, flags=re.MULTILINE), flags=re.MULTILINE)
    entries = [entry for entry in entries if entry.strip()]
    assert len(entries) > 20
    assert [e.split()[0] for e in entries if "--hash=sha256:" not in e] == []
    assert re.findall(r"://|^--?[a-z].*$|@ *file", text, re.MULTILINE) == []
