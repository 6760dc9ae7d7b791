"""A bundle back to the `Evidence` it was written from."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gather_diagnostics.bundle import archive
from gather_diagnostics.bundle.folders import Survey, content, opened, survey
from gather_diagnostics.bundle.manifest import Manifest, parse
from gather_diagnostics.bundle.naming import FINDINGS, MANIFEST, RAW_FOLDER, RESPONSE, TABLES_FOLDER, is_plain, short
from gather_diagnostics.bundle.serial import in_utc, load
from gather_diagnostics.errors import BundleError
from gather_diagnostics.model import Evidence, Finding, Json
from gather_diagnostics.tables import TABLES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Findings:
    """The content of findings.json."""

    findings: tuple[Finding, ...]


def read(path: Path) -> Evidence:
    """The evidence of a bundle folder or .tar.gz, wherever it comes from.

    Files beside those of the manifest are ignored and hashes are not compared: that is `verify`.
    Raises BundleError, one sentence, for whatever is no bundle, damaged, unsafe or of a newer version.
    """
    with opened(path) as folder:
        try:
            return _evidence(folder)
        except BundleError as error:
            raise BundleError(f"{path} can't be used: {error}") from error


def _evidence(folder: Path) -> Evidence:
    found = survey(folder)
    if found.oddities:
        raise BundleError(found.oddities[0])
    if MANIFEST not in found.files:
        raise BundleError(f"it is not an evidence bundle, {MANIFEST} is missing")
    manifest = parse(content(folder, found, MANIFEST))
    return Evidence(
        request=manifest.request,
        tables=_tables(folder, found, manifest),
        coverage=manifest.coverage,
        gaps=manifest.gaps,
        findings=_findings(content(folder, found, FINDINGS)),
        raws=_raws(folder, found, manifest),
        redactions=manifest.redactions,
        demo=manifest.demo,
        interrupted=manifest.interrupted,
        response=_response(content(folder, found, RESPONSE)) if RESPONSE in manifest.files else None,
    )


def _response(text: bytes) -> Json:
    """As it is, once it is known to have the shape that the document needs."""
    from gather_diagnostics.document.schema import ResponseOf

    load(ResponseOf, text, RESPONSE)
    return json.loads(text)


def _findings(text: bytes) -> tuple[Finding, ...]:
    findings = load(Findings, text, FINDINGS).findings
    return tuple(replace(f, time=in_utc(f.time, FINDINGS)) if f.time else f for f in findings)


def _tables(folder: Path, found: Survey, manifest: Manifest) -> dict[str, pd.DataFrame]:
    from gather_diagnostics.bundle.parquet import from_parquet

    if unknown := sorted(set(manifest.tables) - set(TABLES)):
        raise BundleError(f"{MANIFEST} names a table {short(unknown[0])}, which this version does not know")
    frames: dict[str, pd.DataFrame] = {}
    for table in (t for t in TABLES if t in manifest.tables):
        path = f"{TABLES_FOLDER}/{table}.parquet"
        if path not in found.files:
            raise BundleError(f"{path} is missing")
        frames[table] = from_parquet(table, folder / path)
        if len(frames[table]) != manifest.tables[table]:
            raise BundleError(f"{path} has {len(frames[table])} rows, but {MANIFEST} says {manifest.tables[table]}")
    return frames


def _raws(folder: Path, found: Survey, manifest: Manifest) -> dict[str, str]:
    raws: dict[str, str] = {}
    for path in sorted(p for p in manifest.files if p.startswith(f"{RAW_FOLDER}/")):
        if not is_plain(path):
            raise BundleError(f"{MANIFEST} names a file {short(path)}, which can't be one of a bundle")
        try:
            raws[path.removeprefix(f"{RAW_FOLDER}/")] = content(folder, found, path, archive.MAX_BYTES).decode()
        except UnicodeDecodeError as error:
            raise BundleError(f"{path} is not UTF-8 text") from error
    return raws
