"""A bundle replaced by one with more in it: the journal of what was done, and the documents that tell it.

The new one is built and looked through beside the old one and takes its place in one step. Files that say the same as
before stay as they were, byte by byte.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from gather_diagnostics.bundle import archive as archives
from gather_diagnostics.bundle.dates import stamp
from gather_diagnostics.bundle.exchanging import put_in_place
from gather_diagnostics.bundle.folders import content, opened, survey
from gather_diagnostics.bundle.manifest import parse, sealed
from gather_diagnostics.bundle.naming import FINDINGS, MANIFEST, RESPONSE, SIGNATURE, SUMS, TABLES_FOLDER
from gather_diagnostics.bundle.reading import read
from gather_diagnostics.bundle.sealing import check
from gather_diagnostics.bundle.staging import flush_folder, staged, sweep
from gather_diagnostics.bundle.verifying import verify
from gather_diagnostics.bundle.writing import CURES, Written, contents, write_archive, write_tree
from gather_diagnostics.errors import BundleError, VerificationError
from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction import Redactor

_PACKED = ".tar.gz"


@dataclass(frozen=True, slots=True)
class Amended(Written):
    """Where the amended bundle is. `folder` is the archive itself where there is no folder."""

    notes: tuple[str, ...] = ()
    """Sentences for a person: a signature that is gone, a second copy that was left as it is."""


@dataclass(frozen=True, slots=True)
class _Old:
    """A bundle as it is on the disk."""

    top: str
    """Its folder's name, in the archive too."""
    files: Mapping[str, bytes]
    evidence: Evidence


@contextmanager
def claimed(path: Path) -> Iterator[None]:
    """Wait until nobody else amends a bundle of that folder, so that two who read and amend lose nothing."""
    try:
        parent = os.open(path.resolve().parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BundleError(f"there is no bundle at {path}: give an evidence-... folder or its .tar.gz") from error
    try:
        # Some network file systems can't lock a folder; the bundle is whole all the same.
        with suppress(OSError):
            fcntl.flock(parent, fcntl.LOCK_EX)
        yield
    finally:
        os.close(parent)


def amend(path: Path, evidence: Evidence, documents: Mapping[str, bytes], redactor: Redactor) -> Amended:
    """Replace the bundle at `path`, a folder or .tar.gz, by one of `evidence`, which is the old one's and more.

    Its twin beside it, the folder's archive or the archive's folder, is replaced as well if it is the same bundle.
    `documents` replace those of their names, others stay; a signature is dropped. Killed at any moment, each of the two
    is the old or the new bundle, whole. Raises VerificationError for a bundle that does not verify and where a secret
    shows, BundleError where it can't be written; it stays as it was then.
    """
    place = path.resolve()
    if problems := verify(place):
        raise VerificationError(f"{path} is not amended, since it is not as it was written: {problems[0]}")
    old = _old(place)
    _check_more(path, old.evidence, evidence)
    files = _files(old, evidence, documents)
    whole = sealed(evidence, parse(old.files[MANIFEST]).name, files)
    check(whole, redactor)
    twin, notes = _twin(place, old)
    places = tuple(p for p in (place, twin) if p)
    try:
        _replace(places, old.top, whole, stamp(evidence.request.asked))
    except OSError as error:
        cure = CURES.get(error.errno or 0, error.strerror or str(error))
        raise BundleError(f"{path} can't be amended: {cure}") from error
    if SIGNATURE in old.files:
        notes += (f"The signature of {place.name} is gone, since it was of the bundle as it was: sign it again.",)
    folder = next((p for p in places if p.is_dir()), place)
    return Amended(folder, next((p for p in places if p.is_file()), None), notes)


def _old(place: Path) -> _Old:
    with opened(place) as folder:
        found = survey(folder)
        files = {name: content(folder, found, name, archives.MAX_BYTES) for name in found.files}
        return _Old(folder.name, files, read(folder))


def _check_more(path: Path, old: Evidence, new: Evidence) -> None:
    """Else what somebody else wrote between reading and amending would be lost."""
    lost = [table for table, frame in old.tables.items() if len(new.tables.get(table, ())) < len(frame)]
    lost += [f"raw/{name}" for name in old.raws.keys() - new.raws.keys()]
    if lost:
        raise BundleError(f"{path} is not amended, since it has more of {lost[0]} by now: try again")


def _files(old: _Old, evidence: Evidence, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Of what says the same as before the old bytes: another version may write them differently."""
    own = (MANIFEST, SUMS, SIGNATURE, FINDINGS, RESPONSE)
    kept = {name: text for name, text in old.files.items() if "/" not in name and name not in own}
    files = contents(evidence, {**kept, **documents})
    same = {
        f"{TABLES_FOLDER}/{table}.parquet"
        for table, frame in evidence.tables.items()
        if table in old.evidence.tables and frame.equals(old.evidence.tables[table])
    }
    same |= {FINDINGS} if evidence.findings == old.evidence.findings else set()
    same |= {RESPONSE} if RESPONSE in old.files and evidence.response == old.evidence.response else set()
    return files | {name: old.files[name] for name in same}


def _twin(place: Path, old: _Old) -> tuple[Path | None, tuple[str, ...]]:
    """The folder of an archive or the archive of a folder, if it holds the same; else None, and a word about it."""
    if place.is_dir():
        twin = place.with_name(place.name + _PACKED)
    elif place.name.endswith(_PACKED):
        twin = place.with_name(place.name.removesuffix(_PACKED))
    else:
        return None, ()
    if twin.is_symlink() or not twin.exists() or twin.is_dir() == place.is_dir():
        return None, ()
    if problems := verify(twin):
        return None, (f"{twin.name} was left as it is: {problems[0]}",)
    with opened(twin) as folder:
        if content(folder, survey(folder), SUMS) == old.files[SUMS]:
            return twin, ()
    return None, (f"{twin.name} was left as it is, since it does not hold the same as {place.name}.",)


def _replace(places: tuple[Path, ...], top: str, whole: Mapping[str, bytes], mtime: int) -> None:
    """Everything is on the disk before the first of it shows."""
    parent = places[0].parent
    sweep(parent)
    with staged(parent, places[0].name) as stage:
        new = [(stage / str(number), place) for number, place in enumerate(places)]
        for built, place in new:
            if place.is_dir():
                write_tree(built, whole)
            else:
                write_archive(built, top, whole, mtime)
        flush_folder(stage)
        for built, place in new:
            if place.is_dir():
                put_in_place(built, place)
            else:
                os.replace(built, place)
            flush_folder(parent)
