"""A bundle as a folder to read from, wherever it was: what is in it is looked at before anything is opened."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path

from gather_diagnostics.bundle import archive
from gather_diagnostics.bundle.naming import short
from gather_diagnostics.bundle.staging import staged, sweep
from gather_diagnostics.errors import BundleError

_MAX_DEPTH = 100
_MAX_JSON = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class Survey:
    """What lies in a folder."""

    files: dict[str, int] = field(default_factory=dict)
    """Relative path with '/' to size in bytes; regular files only."""
    oddities: list[str] = field(default_factory=list)
    """A sentence for each link, device, socket or pipe."""


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The bundle's folder; an archive's is a private temporary one that is removed again.

    Raises BundleError where there is nothing, or an archive that is damaged or unsafe.
    """
    if os.path.isdir(path):
        yield path
    elif os.path.isfile(path):
        with _private(path) as private:
            yield archive.unpack(path, private)
    else:
        raise BundleError(f"there is no bundle at {path}: give an evidence-... folder or its .tar.gz")


@contextmanager
def _private(path: Path) -> Iterator[Path]:
    """A folder to unpack to, of the kind bundles are built in: a reader that was killed leaves it to the next one."""
    with ExitStack() as stack:
        try:
            temporary = Path(tempfile.gettempdir())
            sweep(temporary)
            private = stack.enter_context(staged(temporary, "gather_diagnostics"))
        except OSError as error:
            raise archive.no_room(path, error) from error
        yield private


def survey(folder: Path) -> Survey:
    """Raises BundleError for a folder with more than a bundle ever holds, and for one that can't be listed."""
    found = Survey()
    try:
        _look(folder, "", found, 0)
    except OSError as error:
        raise BundleError(f"{folder} can't be listed: {error.strerror}") from error
    if sum(found.files.values()) > archive.MAX_BYTES:
        raise BundleError(f"{folder} holds more than {archive.MAX_BYTES} bytes and is not read as a bundle")
    return found


def _look(folder: Path, prefix: str, found: Survey, depth: int) -> None:
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            path = prefix + entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode) and depth < _MAX_DEPTH:
                _look(Path(entry.path), f"{path}/", found, depth + 1)
            elif stat.S_ISREG(mode):
                found.files[path] = entry.stat(follow_symlinks=False).st_size
            else:
                found.oddities.append(f"{short(path)} is neither a plain file nor a folder")
            if len(found.files) + len(found.oddities) > archive.MAX_MEMBERS:
                raise BundleError(f"{folder} holds more than {archive.MAX_MEMBERS} files and is not read as a bundle")


def open_file(folder: Path, path: str) -> BufferedReader:
    """Open a file the survey found. Raises OSError, also where it became a link meanwhile."""
    descriptor = os.open(folder / path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    return os.fdopen(descriptor, "rb")


def content(folder: Path, found: Survey, path: str, limit: int = _MAX_JSON) -> bytes:
    """A whole file. Raises BundleError where it is missing, can't be read or is larger than `limit` bytes."""
    if path not in found.files:
        raise BundleError(f"{short(path)} is missing")
    try:
        with open_file(folder, path) as file:
            text = file.read(limit + 1)
    except OSError as error:
        raise BundleError(f"{short(path)} can't be read: {error.strerror}") from error
    if len(text) > limit:
        raise BundleError(f"{short(path)} is larger than {limit} bytes and is not read")
    return text
