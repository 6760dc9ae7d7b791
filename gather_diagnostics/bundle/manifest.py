"""manifest.json and SHA256SUMS: what a bundle holds and how it came about.

Nothing about the machine or the person: no command line, environment, host name or credentials.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from gather_diagnostics import __version__
from gather_diagnostics.bundle.naming import MANIFEST, SUMS
from gather_diagnostics.bundle.serial import dump, in_utc, load
from gather_diagnostics.errors import BundleError
from gather_diagnostics.model import Coverage, Evidence, Gap, Request

SCHEMA_VERSION = 1
TOOL = "gather_diagnostics"


@dataclass(frozen=True, slots=True)
class File:
    sha256: str
    """Lower-case hexadecimal."""
    bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of manifest.json."""

    schema_version: int
    tool: str
    version: str
    """Of the tool that wrote the bundle."""
    name: str
    """The bundle's folder as it was written."""
    created: datetime
    """`request.asked`: the same evidence makes the same manifest at any time."""
    request: Request
    coverage: tuple[Coverage, ...]
    gaps: tuple[Gap, ...]
    redactions: Mapping[str, Mapping[str, int]]
    demo: str
    interrupted: bool
    tables: Mapping[str, int]
    """Table to number of rows."""
    files: Mapping[str, File]
    """Every file except manifest.json and SHA256SUMS."""


@dataclass(frozen=True, slots=True)
class _Version:
    schema_version: int
    version: str = "unknown"


def describe(evidence: Evidence, name: str, files: Mapping[str, bytes]) -> Manifest:
    return Manifest(
        schema_version=SCHEMA_VERSION,
        tool=TOOL,
        version=__version__,
        name=name,
        created=evidence.request.asked,
        request=evidence.request,
        coverage=evidence.coverage,
        gaps=evidence.gaps,
        redactions=evidence.redactions,
        demo=evidence.demo,
        interrupted=evidence.interrupted,
        tables={table: len(frame) for table, frame in evidence.tables.items()},
        files={path: File(digest(content), len(content)) for path, content in files.items()},
    )


def sealed(evidence: Evidence, name: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with their manifest.json and SHA256SUMS."""
    whole = {**files, MANIFEST: dump(describe(evidence, name, files))}
    lines = [f"{digest(whole[path])}  {path}\n" for path in sorted(whole)]
    return {**whole, SUMS: "".join(lines).encode("ascii")}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def parse(text: bytes) -> Manifest:
    """Raises BundleError for a manifest of a newer schema, or one that is none."""
    found = load(_Version, text, MANIFEST)
    if found.schema_version > SCHEMA_VERSION:
        raise BundleError(
            f"the bundle was written by a newer gather_diagnostics ({found.version[:40]!r}, bundle schema"
            f" {found.schema_version}; this one reads up to {SCHEMA_VERSION}): upgrade gather_diagnostics"
        )
    if found.schema_version < 1:
        raise BundleError(f"{MANIFEST} can't be read: there is no bundle schema {found.schema_version}")
    manifest = load(Manifest, text, MANIFEST)
    request = replace(manifest.request, asked=in_utc(manifest.request.asked, MANIFEST))
    return replace(manifest, request=request, created=in_utc(manifest.created, MANIFEST))
