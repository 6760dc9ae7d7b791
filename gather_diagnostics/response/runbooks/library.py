"""All runbooks there are: the shipped ones, those of installed packages, the user's own; later ids take the place of
earlier ones."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from gather_diagnostics import plugins
from gather_diagnostics.errors import ConfigError, InputError, PluginError
from gather_diagnostics.response.runbooks.model import Runbook
from gather_diagnostics.response.runbooks.reading import read

SHIPPED = "runbooks"
"""The package whose files are the shipped ones; not imported, since content imports nothing and is imported by none."""


def load(folders: Sequence[Path] = ()) -> Mapping[str, Runbook]:
    """Id to runbook. Raises ConfigError for a file that is no runbook, PluginError for a package without a folder."""
    return {**installed(), **own(folders)}


def installed() -> Mapping[str, Runbook]:
    """The shipped ones and those of installed packages; read once, since it takes a tenth of a second."""
    return _remembered(plugins.names(plugins.RUNBOOKS))


@functools.cache
def _remembered(packages: tuple[str, ...]) -> Mapping[str, Runbook]:
    return _read(_installed(packages))


def own(folders: Sequence[Path]) -> Mapping[str, Runbook]:
    """Those of the user's folders. Raises ConfigError."""
    return _read(_own(folders))


def _read(folders: Iterable[Traversable | Path]) -> dict[str, Runbook]:
    return {id_: book for folder in folders for id_, book in _folder(folder).items()}


def named(id_: str, books: Mapping[str, Runbook]) -> Runbook:
    """The runbook of that id. Raises InputError where there is none."""
    if id_ not in books:
        near = difflib.get_close_matches(id_, books, n=1)
        hint = f"did you mean {near[0]}?" if near else "'gather_diagnostics runbook list' tells which there are"
        raise InputError(f"there is no runbook {id_!r}: {hint}")
    return books[id_]


def origin(book: Runbook) -> str:
    """'shipped', or the folder it was read from."""
    folder = Path(book.path).parent
    return "shipped" if str(folder) == str(files(SHIPPED)) else str(folder)


def places(folders: Sequence[Path] = ()) -> Iterator[Traversable | Path]:
    """The folders, in the order in which they are read."""
    yield from _installed(plugins.names(plugins.RUNBOOKS))
    yield from _own(folders)


def _installed(packages: Iterable[str]) -> Iterator[Traversable | Path]:
    yield files(SHIPPED)
    yield from map(_package, packages)


def _own(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder}: it should hold runbooks")
        yield folder


def files_of(folder: Traversable | Path) -> list[Traversable | Path]:
    """Its runbooks, by name: every *.md but a README.md; a file by itself. Raises ConfigError."""
    try:
        if folder.is_file():
            return [folder]
        found = [f for f in folder.iterdir() if f.name.endswith(".md") and f.name.lower() != "readme.md"]
        return sorted((f for f in found if f.is_file()), key=lambda f: f.name)
    except OSError as error:
        raise ConfigError(f"can't read the folder {folder}: {error.strerror or error}") from error


def _folder(folder: Traversable | Path) -> dict[str, Runbook]:
    found: dict[str, Runbook] = {}
    for runbook in map(read, files_of(folder)):
        if other := found.get(runbook.id):
            line = runbook.lines[("id",)]
            raise ConfigError(f"{runbook.path}:{line}: {other.path} has the id {runbook.id!r} too: rename one of them")
        found[runbook.id] = runbook
    return found


def _package(name: str) -> Traversable:
    try:
        return files(plugins.load(plugins.RUNBOOKS, name))
    except (ImportError, AttributeError, TypeError) as error:
        raise PluginError(f"the runbooks of the plug-in {name!r} can't be found: {error}") from error
