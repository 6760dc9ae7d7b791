"""Who may import whom, and what importing costs.

The contracts stand in .importlinter. Here the checker is run on a copy of the tree, once as it is and once for each
way to break a contract: a contract that no violation breaks would hold nothing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from configparser import ConfigParser
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gather_diagnostics", "collectors", "analyzers", "runbooks")
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

HEAVY = ("pandas", "pyarrow", "numpy", "scipy", "pydantic", "git", "requests", "yaml", "jinja2", "rich")

AFTERWARDS = """
import sys, threading
from gather_diagnostics.cli import main
from gather_diagnostics.runner import collecting

make = collecting._frames
before = {}

def frames(readings):
    for thread in threading.enumerate():
        if thread.name == "prepare":
            thread.join()
    before.update(sys.modules)
    return make(readings)

collecting._frames = frames
try:
    main(["demo", "--out", sys.argv[1]])
except SystemExit as end:
    assert before and not end.code, end.code
print(*sorted(sys.modules.keys() - before.keys()), file=sys.stderr)
"""

# Contract id: files to write (or to append to, where the file exists) that break it.
VIOLATIONS: list[tuple[str, Mapping[str, str]]] = [
    ("core", {"gather_diagnostics/runner/planted.py": "import collectors.planted", "collectors/planted.py": ""}),
    ("core", {"gather_diagnostics/model.py": "from analyzers import onset"}),
    ("core", {"gather_diagnostics/cli/options.py": "def late() -> None:\n    import runbooks"}),
    ("layers", {"gather_diagnostics/tables.py": "from gather_diagnostics import plugins"}),
    ("layers", {"gather_diagnostics/runner/planted.py": "from gather_diagnostics import cli"}),
    ("layers", {"gather_diagnostics/unplaced.py": ""}),
    ("collectors", {"collectors/planted.py": "from analyzers.onset import onset"}),
    ("collector-siblings", {"collectors/planted.py": "import collectors.other", "collectors/other.py": ""}),
    (
        "collector-siblings",
        {"collectors/planted/__init__.py": "", "collectors/planted/http.py": "import collectors.other"}
        | {"collectors/other.py": ""},
    ),
    ("analyzers", {"analyzers/planted.py": "import collectors"}),
    ("analyzer-siblings", {"analyzers/planted.py": "from analyzers import onset"}),
    *(
        ("analyzer-clients", {"analyzers/planted.py": f"import {client}"})
        for client in (
            "git", "kubernetes", "boto3", "botocore.session", "requests", "prometheus_api_client", "urllib3", "socket",
            "http.client", "subprocess",
        )
    ),
    (
        "analyzer-clients",
        {"analyzers/planted.py": "import gather_diagnostics.selection"}
        | {"gather_diagnostics/selection.py": "def late() -> None:\n    import requests"},
    ),
    ("analyzer-purity", {"analyzers/planted.py": "from time import time"}),
    ("analyzer-purity", {"analyzers/planted.py": "import random"}),
    ("rooms-above", {"collectors/planted.py": "from gather_diagnostics import runner"}),
    ("rooms-above", {"analyzers/planted.py": "from gather_diagnostics.document import view"}),
    ("runbooks", {"runbooks/planted.py": "import gather_diagnostics"}),
]  # fmt: skip


def names_of_contracts() -> dict[str, str]:
    """Contract id to the name that the checker prints."""
    parser = ConfigParser()
    parser.read(ROOT / ".importlinter")
    prefix = "importlinter:contract:"
    return {s.removeprefix(prefix): parser[s]["name"] for s in parser.sections() if s.startswith(prefix)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(tree: Path) -> tuple[int, str]:
    """Exit code and output of lint-imports, with `tree` before every other place that has these packages."""
    result = subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache", "--no-logo"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr


def test_the_tree_keeps_every_contract(tree: Path) -> None:
    code, said = lint(tree)
    assert code == 0, said
    assert f"{len(names_of_contracts())} kept, 0 broken" in said


@pytest.mark.parametrize(("contract", "files"), VIOLATIONS, ids=[f"{c}-{i}" for i, (c, _) in enumerate(VIOLATIONS)])
def test_a_planted_violation_breaks_its_contract(tree: Path, contract: str, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as stream:
            stream.write(f"\n{text}\n")
    code, said = lint(tree)
    assert code == 1, said
    assert f"{names_of_contracts()[contract]} BROKEN" in said


def test_every_contract_has_a_violation_that_breaks_it() -> None:
    assert {contract for contract, _ in VIOLATIONS} == set(names_of_contracts())


@pytest.mark.parametrize("module", ["gather_diagnostics", "gather_diagnostics.plugins", "gather_diagnostics.cli"])
def test_importing_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert result.stdout.split() == []


@pytest.mark.slow
def test_nothing_of_weight_is_loaded_after_the_sources_have_been_read(tmp_path: Path) -> None:
    """What could have been loaded while sources were waited for is waited for itself: rich alone takes 0.03 s."""
    result = subprocess.run(
        [sys.executable, "-c", AFTERWARDS, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr
    late = result.stderr.splitlines()[-1].split()
    light = ("pandas.core.methods", "rich._unicode_data")
    assert [module for module in late if not module.startswith(light)] == []


@pytest.mark.parametrize("module", HEAVY)
def test_what_is_heavy_is_installed(module: str) -> None:
    """Otherwise the test above would pass for the wrong reason."""
    assert find_spec(module) is not None
