"""A bundle that verifies, as the package that targets are sent."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gather_diagnostics.bundle import archive as archives
from gather_diagnostics.bundle import read, verify
from gather_diagnostics.bundle.dates import stamp
from gather_diagnostics.bundle.folders import content, opened, survey
from gather_diagnostics.bundle.manifest import parse
from gather_diagnostics.bundle.naming import MANIFEST, SUMS
from gather_diagnostics.errors import BundleError, VerificationError
from gather_diagnostics.model import Evidence
from gather_diagnostics.response.tickets.model import Package

SHARED = "-shared"
"""How names of bundles end in which `share` replaced names."""


@contextmanager
def package(bundle: Path) -> Iterator[Package]:
    """The package of a bundle's folder or .tar.gz; an archive that had to be made is gone afterwards.

    Raises BundleError for what is no bundle, VerificationError for one that is not what its manifest says.
    """
    if problems := verify(bundle):
        listed = "\n".join(f"  {problem}" for problem in problems)
        raise VerificationError(f"{bundle} is not attached, since it is not what its manifest says:\n{listed}")
    evidence = read(bundle)
    name, sums = _identity(bundle)
    with _archive(bundle, name, sums, evidence) as archive:
        yield _packed(evidence, name, sums, archive)


def shared_beside(bundle: Path) -> Path:
    """The bundle that `share` wrote of this one, in the same folder; itself where it is one. Raises BundleError."""
    base = _base(bundle)
    if base.name.endswith(SHARED):
        return bundle
    for candidate in (base.with_name(f"{base.name}{SHARED}"), base.with_name(f"{base.name}{SHARED}.tar.gz")):
        if candidate.exists():
            return candidate
    raise BundleError(
        f"there is no {base.name}{SHARED} beside {bundle}: write it with: gather_diagnostics share {bundle}"
        f" --out {base.parent}, read it, and attach again"
    )


def _base(bundle: Path) -> Path:
    """The place of the bundle without '.tar.gz'."""
    place = bundle.absolute()
    return place.with_name(place.name.removesuffix(".tar.gz"))


def _identity(bundle: Path) -> tuple[str, bytes]:
    """Name and SHA256SUMS."""
    with opened(bundle) as folder:
        found = survey(folder)
        return parse(content(folder, found, MANIFEST)).name, content(folder, found, SUMS)


@contextmanager
def _archive(bundle: Path, name: str, sums: bytes, evidence: Evidence) -> Iterator[Path]:
    """The .tar.gz given, the one beside the folder where it holds the same, or one made for now."""
    if bundle.is_file():
        yield bundle
        return
    beside = bundle.absolute().with_name(f"{bundle.absolute().name}.tar.gz")
    if beside.is_file() and not verify(beside) and _identity(beside)[1] == sums:
        yield beside
        return
    with tempfile.TemporaryDirectory(prefix="gather_diagnostics-") as temporary:
        path = Path(temporary) / f"{name}.tar.gz"
        try:
            _pack(bundle, name, path, stamp(evidence.request.asked))
        except OSError as error:
            raise BundleError(f"no archive of {bundle} can be made in {temporary}: {error.strerror}") from error
        yield path


def _pack(bundle: Path, name: str, path: Path, mtime: int) -> None:
    found = survey(bundle)
    files = {each: content(bundle, found, each, archives.MAX_BYTES) for each in found.files}
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        archives.pack(out, name, files, mtime)


def _packed(evidence: Evidence, name: str, sums: bytes, archive: Path) -> Package:
    from gather_diagnostics.document import view

    document = view(evidence)
    with archive.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    asked = document["asked"]
    return Package(
        service=evidence.request.service,
        title=f"Evidence of {evidence.request.service}, {asked}",
        document=document,
        name=name,
        archive=archive,
        size=archive.stat().st_size,
        sha256=sha256,
        shared=name.endswith(SHARED),
        key=hashlib.sha256(sums).hexdigest()[:16],
        origin=hashlib.sha256(f"{name}\0{asked}".encode()).hexdigest()[:16],
    )
