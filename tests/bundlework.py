"""Handling bundles in tests: comparing, listing, packing as a person would."""

from __future__ import annotations

import tarfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from gather_diagnostics import Evidence

NAME = "evidence-checkout-20260314T032000Z"


def assert_same(found: Evidence, wanted: Evidence) -> None:
    assert list(found.tables) == list(wanted.tables)
    for table, frame in wanted.tables.items():
        pd.testing.assert_frame_equal(found.tables[table], frame)
    assert replace(found, tables={}) == replace(wanted, tables={})


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def repack(folder: Path, target: Path) -> Path:
    """A .tar.gz of a folder as a person would make it."""
    with tarfile.open(target, "w:gz") as tar:
        tar.add(folder, arcname="./" + folder.name)
    return target
