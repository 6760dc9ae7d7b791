"""What is attached in tests: a bundle of the sample evidence, and everything a target is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from evidencesample import sample_evidence

from gather_diagnostics.bundle import Written, write
from gather_diagnostics.document import render, view
from gather_diagnostics.model import Evidence
from gather_diagnostics.response.tickets import packing
from gather_diagnostics.response.tickets.addresses import target
from gather_diagnostics.response.tickets.model import Environ, Package, Receipt
from gather_diagnostics.response.tickets.resuming import remembered

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)


def bundled(parent: Path, evidence: Evidence | None = None, name: str | None = None) -> Written:
    """A bundle as `gather` writes one."""
    evidence = evidence or sample_evidence(NOW)
    return write(evidence, render(view(evidence)), parent, name=name)


def amended(written: Written) -> Written:
    """The same collection with one more finding's words, written over the bundle as an amendment does."""
    import shutil

    evidence = sample_evidence(NOW)
    first, *rest = evidence.findings
    evidence = replace(evidence, findings=(replace(first, headline=f"{first.headline} It is over."), *rest))
    shutil.rmtree(written.folder)
    assert written.archive
    written.archive.unlink()
    return bundled(written.folder.parent, evidence)


def attach(bundle: Path, address: str, environ: Environ) -> Receipt:
    """What the command does for one target."""
    with packing.package(bundle) as package, remembered(bundle) as state:
        to = target(address, environ)
        return to.send(package, state.of(package.origin, to.address))


def forget(bundle: Path) -> None:
    """As on another machine: nothing is remembered beside the bundle."""
    next(bundle.parent.glob(".*.attached.jsonl")).unlink()


@contextmanager
def large(bundle: Path, size: int, into: Path) -> Iterator[Package]:
    """A package whose archive has so many bytes, of noise."""
    import hashlib
    import random

    content = random.Random(7).randbytes(size)
    archive = into / "large.tar.gz"
    archive.write_bytes(content)
    with packing.package(bundle) as package:
        yield replace(package, archive=archive, size=size, sha256=hashlib.sha256(content).hexdigest())
