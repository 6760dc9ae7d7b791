"""What the documents say is so: commands, the help text, links, the tables of dependencies."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from gather_diagnostics.cli import gather

ROOT = Path(__file__).resolve().parent.parent
NOT_OURS = {".git", ".venv", ".cache", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "__pycache__"}
NOT_OURS |= {".import_linter_cache", "build", "dist", "node_modules"}
START, END = "<!-- help -->", "<!-- /help -->"
ELSEWHERE = re.compile(r"(?<![\w.~-])/(?:work|root|home/[a-z]\w+|opt/(?:wheels|pypi))(?=/)")
"""Paths that are one machine's own. The last slash is looked at and not taken, so this line does not match itself."""


def files(folder: Path = ROOT) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.name in NOT_OURS or path.name.endswith(".egg-info") or path.name.startswith(("evidence-", ".coverage")):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files(path)
        elif path.is_file():
            yield path


DOCUMENTS = [path for path in files() if path.suffix == ".md" and "tests" not in path.relative_to(ROOT).parts]


def ids(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


def code_of(text: str) -> Iterator[str]:
    """Lines of code blocks, indented or fenced, and code spans."""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip()
        else:
            yield from re.findall(r"`([^`]+)`", line)


def commands_of(text: str) -> Iterator[list[str]]:
    """The words of every gather_diagnostics or scripts/... command; what follows two blanks or a '#' is explanation."""
    for code in code_of(text):
        for piece in re.split(r"\s{2,}|\s#", code)[0].split("|"):
            command = piece.strip().removeprefix(".venv/bin/")
            if re.match(r"gather[_-]diagnostics(\s|$)|scripts/\w", command):
                yield shlex.split(command)


def complaint(command: click.Command, words: list[str]) -> str | None:
    """What the command line would not understand of `words`; None when all is well."""
    options = {o: p for p in command.params if isinstance(p, click.Option) for o in (*p.opts, *p.secondary_opts)}
    options |= dict.fromkeys(("--help", "-h"), click.Option(["--help"], is_flag=True))
    while words:
        word, *words = words
        name, is_, _ = word.partition("=")
        if word.startswith("-") and word != "-":
            if name not in options:
                return f"{command.name} has no option {name}"
            words = words if options[name].is_flag or is_ else words[1:]
        elif isinstance(command, click.Group):
            return complaint(command.commands[word], words) if word in command.commands else f"no command {word}"
        elif not any(isinstance(p, click.Argument) for p in command.params):
            return f"{command.name} takes no argument {word}"
    return None


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_command_in_the_documents_exists(document: Path) -> None:
    for words in commands_of(document.read_text()):
        if words[0].startswith("scripts/"):
            assert os.access(ROOT / words[0], os.X_OK), f"{words[0]} is not there or not executable"
        elif len(words) > 1:
            assert complaint(gather, words[1:]) is None, " ".join(words)


def test_the_readme_shows_commands() -> None:
    """Otherwise the test above would hold nothing."""
    found = list(commands_of((ROOT / "README.md").read_text()))
    assert ["scripts/demo"] in found
    assert ["scripts/test"] in found
    assert ["gather_diagnostics", "--service", "checkout"] in found
    assert ["gather_diagnostics", "--service", "checkout", "--logs", "-"] in found


@pytest.mark.parametrize("line", ["frobnicate", "--servce x", "verify --service x", "demo somewhere", "demo --out x y"])
def test_a_wrong_command_is_noticed(line: str) -> None:
    (words,) = commands_of(f"    gather_diagnostics {line}    # explained")
    assert complaint(gather, words[1:])


def test_the_help_in_the_readme_is_what_the_command_prints() -> None:
    readme = (ROOT / "README.md").read_text()
    assert readme.count(START) == readme.count(END) == 1, f"README.md needs the markers {START} and {END}, once each"
    shown = readme.partition(START)[2].partition(END)[0].strip()
    block = re.fullmatch(r"```\w*\n(.*?)\n?```", shown, re.DOTALL)
    assert block, f"README.md has no fenced block of its own between {START} and {END}"
    printed = subprocess.run(
        [sys.executable, "-c", "from gather_diagnostics.cli import main; main(['--help'])"],
        cwd=ROOT, env={**os.environ, "COLUMNS": "80"}, capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert block[1].splitlines() == printed.rstrip("\n").splitlines(), (
        "the help has changed: put the output of `COLUMNS=80 gather_diagnostics --help` between the markers"
    )


def linked(document: Path) -> Iterator[str]:
    """Targets of links and pictures, Markdown's and HTML's, that are files of the repository."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"`[^`\n]*`", "", text)
    for target in re.findall(r"\]\(<?([^)>\s]+)", text) + re.findall(r"(?:src|href)=\"([^\"]+)\"", text):
        if not re.match(r"[a-z]+:|#|//", target):
            yield target.partition("#")[0]


@pytest.mark.parametrize("document", DOCUMENTS, ids=ids(DOCUMENTS))
def test_every_linked_file_exists(document: Path) -> None:
    assert [target for target in linked(document) if not (document.parent / target).exists()] == []


def test_links_are_found() -> None:
    assert {"docs/ARCHITECTURE.md", "CONTRIBUTING.md"} <= set(linked(ROOT / "README.md"))


def normalised(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def test_every_dependency_is_explained_and_every_explanation_is_of_one() -> None:
    toml = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = toml["project"]
    wanted = [*project["dependencies"], *toml["build-system"]["requires"]]
    wanted += [r for extra in project.get("optional-dependencies", {}).values() for r in extra]
    rows = re.findall(r"^\| *([\w.-]+) *\|", (ROOT / "docs/DEPENDENCIES.md").read_text(), re.MULTILINE)
    explained = [normalised(row) for row in rows if row != "package" and row.strip("-")]
    assert sorted(explained) == sorted({normalised(r) for r in wanted})


def test_no_file_mentions_a_place_on_somebodys_machine() -> None:
    found = []
    for path in files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.splitlines(), 1)
            if ELSEWHERE.search(line)
        ]
    assert found == []


@pytest.mark.parametrize("folder", ["work", "root", "home/jo", "opt/wheels"])
def test_such_a_place_would_be_noticed(folder: str) -> None:
    assert ELSEWHERE.search(f"see /{folder}/file")
    assert not ELSEWHERE.search(f"see https://example.com/{folder}/file")
