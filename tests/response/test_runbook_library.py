"""Where runbooks come from, and which of them wins."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from gather_diagnostics import plugins
from gather_diagnostics.errors import ConfigError, InputError, PluginError
from gather_diagnostics.response.runbooks import library

MOST_MILLISECONDS = 50
"""For loading the shipped runbooks, on a machine that does nothing else."""
BUSY = 4
"""How much slower this one may be meanwhile."""


def runbook(id_: str, title: str) -> str:
    return (
        f"---\nid: {id_}\ntitle: {title}\nkind: cause\nlast_reviewed: 2026-11-01\nwhen: {{all: [suspect]}}\n---\n"
        "## Look\n```check\n```\n"
    )


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package with runbooks."""
    folder = tmp_path / "site" / "acme_runbooks"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(folder.parent))
    point = EntryPoint("acme", "acme_runbooks", plugins.RUNBOOKS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.RUNBOOKS else [])
    yield folder
    sys.modules.pop("acme_runbooks", None)


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """What is installed does not change while a program runs, but here it does."""
    library._remembered.cache_clear()
    yield
    library._remembered.cache_clear()


def test_the_shipped_ones_are_there() -> None:
    books = library.load()
    assert "bad-deploy" in books
    assert all(id_ == book.id and library.origin(book) == "shipped" for id_, book in books.items())


def test_later_ones_take_the_place_of_earlier_ones(tmp_path: Path, package: Path) -> None:
    (package / "deploy.md").write_text(runbook("bad-deploy", "of the package"))
    (package / "other.md").write_text(runbook("other", "of the package"))
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    (first / "a.md").write_text(runbook("other", "of the first folder"))
    (first / "README.md").write_text("No runbook.")
    (first / "notes.txt").write_text("No runbook.")
    (second / "a.md").write_text(runbook("other", "of the second folder"))

    assert library.load()["bad-deploy"].title == "of the package"
    assert library.load([first])["other"].title == "of the first folder"
    assert library.load([first, second])["other"].title == "of the second folder"
    assert library.load([second, first])["other"].title == "of the first folder"
    assert library.origin(library.load([first])["other"]) == str(first)


def test_two_of_one_id_in_a_folder_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(runbook("same", "one"))
    (tmp_path / "b.md").write_text(runbook("same", "other"))
    with pytest.raises(ConfigError, match=r"b\.md:2: .*a\.md has the id 'same' too"):
        library.load([tmp_path])


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="there is no folder"):
            library.load([place])


def test_a_package_that_cannot_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("acme", "no_such_package_of_runbooks", plugins.RUNBOOKS)
    monkeypatch.setattr(plugins, "entry_points", lambda group: [point] if group == plugins.RUNBOOKS else [])
    with pytest.raises(PluginError, match="'acme' can't be found"):
        library.load()


def test_an_unknown_id_is_answered_with_a_near_one() -> None:
    books = library.load()
    assert library.named("bad-deploy", books).id == "bad-deploy"
    with pytest.raises(InputError, match="did you mean bad-deploy"):
        library.named("bad-deplo", books)
    with pytest.raises(InputError, match="runbook list"):
        library.named("", books)


def test_loading_is_quick() -> None:
    library.load()
    spent = []
    for _ in range(5):
        begin = time.process_time()
        library.load()
        spent.append(time.process_time() - begin)
    assert min(spent) * 1000 < MOST_MILLISECONDS * BUSY
