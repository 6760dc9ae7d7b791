"""Evidence to a bundle on disk: built in a hidden folder beside the target, flushed, then renamed. Whole or absent."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from gather_diagnostics.bundle import archive as archives
from gather_diagnostics.bundle.dates import settle, stamp
from gather_diagnostics.bundle.manifest import sealed
from gather_diagnostics.bundle.naming import (
    FINDINGS,
    RAW_FOLDER,
    RESPONSE,
    TABLES_FOLDER,
    bundle_name,
    candidates,
    check_documents,
    check_raws,
    checked_name,
)
from gather_diagnostics.bundle.reading import Findings
from gather_diagnostics.bundle.sealing import check
from gather_diagnostics.bundle.serial import dump
from gather_diagnostics.bundle.staging import create_file, flush_folder, staged, sweep
from gather_diagnostics.errors import BundleError
from gather_diagnostics.model import Evidence
from gather_diagnostics.redaction import Redactor

CURES = {
    errno.ENOSPC: "the disk is full; free some space or choose another output folder",
    errno.EDQUOT: "the disk quota is used up; free some space or choose another output folder",
    errno.EFBIG: "a file would be larger than is allowed there; raise the limit or choose another output folder",
    errno.EROFS: "it is on a read-only file system; choose another output folder",
    errno.EACCES: "permission is denied; choose another output folder or mend its permissions",
    errno.EPERM: "permission is denied; choose another output folder or mend its permissions",
    errno.ENOTDIR: "it is not a folder; choose another output folder",
    errno.EEXIST: "it is not a folder; choose another output folder",
    errno.ENAMETOOLONG: "the name is too long for that file system; choose another output folder",
}


@dataclass(frozen=True, slots=True)
class Written:
    """Where a bundle is."""

    folder: Path
    archive: Path | None
    """The same as .tar.gz; None where none was wanted."""


def write(
    evidence: Evidence,
    documents: Mapping[str, bytes],
    parent: Path,
    *,
    archive: bool = True,
    name: str | None = None,
    redactor: Redactor | None = None,
    collected: Mapping[str, bytes] | None = None,
) -> Written:
    """Write a new bundle into the folder `parent`, which is made if need be. Never replaces anything.

    `documents` are files to put at the top, rendered elsewhere. `name` replaces evidence-<service>-<UTC time>; where
    the name is taken, -2, -3, ... is appended. Folders get mode 0700, files 0600. `collected` is what `encoded` gave
    for this evidence, where somebody already asked for it with this redactor.
    Raises BundleError when it can't be written, and VerificationError when a secret shows in it, as `redactor` (the
    run's, which knows the configuration) sees it; nothing is left behind then.
    """
    request = evidence.request
    wanted = bundle_name(request.service, request.asked) if name is None else checked_name(name)
    redactor = redactor or Redactor()
    collected = encoded(evidence, redactor) if collected is None else collected
    files = {**_made(evidence, documents), **collected}
    with ThreadPoolExecutor(1, "pack") as aside:
        for candidate in candidates(wanted):
            if _is_taken(parent, candidate):
                continue
            whole = sealed(evidence, candidate, files)
            # In memory, while it is looked through: nothing is on the disk before.
            packed = aside.submit(_packed, candidate, whole, stamp(request.asked)) if archive else None
            check({path: content for path, content in whole.items() if path not in collected}, redactor)
            try:
                if written := _attempt(whole, packed, parent, candidate):
                    return written
            except OSError as error:
                cure = CURES.get(error.errno or 0, f"{error.strerror or error}; choose another output folder")
                raise BundleError(f"the bundle can't be written to {parent}: {cure}") from error
    raise AssertionError("candidates never end")


def contents(evidence: Evidence, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """Every file of the bundle but manifest.json and SHA256SUMS, which depend on the bundle's name."""
    return {**_made(evidence, documents), **_collected(evidence)}


def encoded(evidence: Evidence, redactor: Redactor) -> dict[str, bytes]:
    """The bundle's tables and raw records. Raises VerificationError where a secret shows in one.

    Most of the work needs no interpreter, so it goes well with what is done in another thread meanwhile.
    """
    files = _collected(evidence)
    check(files, redactor)
    return files


def _made(evidence: Evidence, documents: Mapping[str, bytes]) -> dict[str, bytes]:
    """What was made here of the evidence."""
    check_documents(documents)
    files = dict(documents)
    files[FINDINGS] = dump(Findings(evidence.findings))
    if evidence.response is not None:
        files[RESPONSE] = dump(evidence.response)
    return files


def _collected(evidence: Evidence) -> dict[str, bytes]:
    """What sources said."""
    from gather_diagnostics.bundle.parquet import to_parquet

    check_raws(evidence.raws)
    tables = {f"{TABLES_FOLDER}/{table}.parquet": to_parquet(table, frame) for table, frame in evidence.tables.items()}
    raws = {f"{RAW_FOLDER}/{path}": text.encode("utf-8", "replace") for path, text in evidence.raws.items()}
    return {**tables, **raws}


def _packed(name: str, files: Mapping[str, bytes], mtime: int) -> bytes:
    out = io.BytesIO()
    archives.pack(out, name, files, mtime)
    return out.getvalue()


def _is_taken(parent: Path, name: str) -> bool:
    return os.path.lexists(parent / name) or os.path.lexists(parent / f"{name}.tar.gz")


def _attempt(whole: Mapping[str, bytes], packed: Future[bytes] | None, parent: Path, name: str) -> Written | None:
    """None where the name is taken by the time the bundle is there."""
    parent.mkdir(parents=True, exist_ok=True)
    sweep(parent)
    with staged(parent, name) as stage:
        write_tree(stage / name, whole)
        if packed:
            with create_file(stage / f"{name}.tar.gz") as out:
                out.write(packed.result())
        flush_folder(stage)
        return _publish(stage, parent, name, packed is not None)


def write_tree(folder: Path, files: Mapping[str, bytes]) -> None:
    tree = [folder, *(folder / f for f in archives.folders(files))]
    for each in tree:
        os.mkdir(each, 0o700)
    for path in sorted(files):
        with create_file(folder / path) as out:
            out.write(files[path])
    for each in reversed(tree):
        settle(each)
        flush_folder(each)


def write_archive(path: Path, name: str, files: Mapping[str, bytes], mtime: int) -> None:
    with create_file(path) as out:
        archives.pack(out, name, files, mtime)


def _publish(stage: Path, parent: Path, name: str, archive: bool) -> Written | None:
    """Move folder and archive to their names. None where another writer took the name meanwhile."""
    folder = parent / name
    try:
        os.rename(stage / name, folder)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
            return None
        raise
    flush_folder(parent)
    if not archive:
        return Written(folder, None)
    target = parent / f"{name}.tar.gz"
    try:
        _move_new(stage / target.name, target)
        flush_folder(parent)
    except OSError as error:
        raise BundleError(
            f"the bundle is whole in {folder}, but {target} can't be written: {error.strerror}"
        ) from error
    return Written(folder, target)


def _move_new(source: Path, target: Path) -> None:
    """Rename without replacing: a hard link fails where the name is taken, which a rename does not."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        # FAT, some network and container file systems have no hard links; the folder's name is ours already,
        # so no other bundle goes for this one.
        if os.path.lexists(target):
            raise
        os.rename(source, target)
