"""The pipe from a request to a bundle on disk, for every command that goes through it."""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gather_diagnostics import plugins
from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_PARTIAL, NoSourceError
from gather_diagnostics.model import Evidence, Gap, Request
from gather_diagnostics.progress import Progress
from gather_diagnostics.runner import Source, analyze, collect

if TYPE_CHECKING:
    from gather_diagnostics.redaction import Redactor

OnBug = Callable[[BaseException], None]

_MAPPED_BYTES = 2**20
"""Blocks of memory from this size are given back to the system when they are freed."""

# Else the interpreter looks through all that is left before it ends, for garbage that ends with it anyway: 0.4 s.
atexit.register(gc.freeze)


@dataclass(frozen=True)
class Delivered:
    """A bundle on disk and the document that is in it."""

    document: Mapping[str, Any]
    """The content of evidence.json."""
    folder: Path
    archive: Path | None
    exit_code: int


def gather(
    request: Request,
    sources: Mapping[str, Source],
    *,
    asked_for: Iterable[str] = (),
    progress: Progress | None = None,
    on_bug: OnBug | None = None,
    demo: str = "",
    redactor: Redactor | None = None,
) -> Evidence:
    """Collect, redact, analyze. Raises NoSourceError when not one source could be read."""
    from gather_diagnostics.redaction import Redactor

    redactor = redactor or Redactor()
    # In a thread, since an interrupt in the midst of an import would not be taken for the end of collecting.
    threading.Thread(target=_prepare, name="prepare", daemon=True).start()
    collected = collect(request, sources, redactor, asked_for=asked_for, progress=progress, on_bug=on_bug)
    if not collected.interrupted and all(c.status in ("failed", "not_used") for c in collected.coverage):
        raise NoSourceError(_nothing_read(collected.gaps))
    evidence = Evidence(
        request=request,
        tables=collected.tables,
        coverage=collected.coverage,
        gaps=collected.gaps,
        raws=collected.raws,
        redactions=redactor.report,
        demo=demo,
        interrupted=collected.interrupted,
    )
    return analyze(evidence, on_bug)


def _prepare() -> None:
    """What can be done while sources are waited for, so that less is left to do after the last of them."""
    _save_memory()
    # A second of imports: what analyzers calculate with, the analyzers, the document, the bundle's tables.
    importlib.import_module("scipy.stats")
    importlib.import_module("gather_diagnostics.bundle.parquet")
    importlib.import_module("pyarrow.parquet")
    for name in plugins.names(plugins.ANALYZERS):
        with contextlib.suppress(Exception):  # a stranger's module that can't be imported is told when it is its turn
            plugins.load(plugins.ANALYZERS, name)
    from gather_diagnostics.document import warm

    warm()
    # What was imported stays to the end: no collection of garbage need look at it again.
    gc.freeze()


def _save_memory() -> None:
    """Allocate so that what is freed goes back; output is the same without."""
    import ctypes

    import pyarrow as pa

    # Arrow's own allocator keeps what it freed: with many log lines it peaks 40 to 50 MB above the system's.
    pa.set_memory_pool(pa.system_memory_pool())
    # glibc maps large blocks apart and gives them back when freed, but raises what counts as large with each of them;
    # the holes that the others leave take 20 to 30 MB. -3 is M_MMAP_THRESHOLD of mallopt(3); others have no mallopt.
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(-3, _MAPPED_BYTES)


def deliver(evidence: Evidence, out: Path, redactor: Redactor | None = None) -> Delivered:
    """Redact what no source said (request, findings), render, and write the bundle below `out`.

    `redactor` is the run's. Raises BundleError when the bundle can't be written, and VerificationError when a secret
    shows in it; nothing is left then.
    """
    from gather_diagnostics.bundle import write
    from gather_diagnostics.document import render, view
    from gather_diagnostics.redaction import Redactor, redacted

    redactor = redactor or Redactor()
    evidence = redacted(evidence, redactor)
    document = view(evidence)
    written = write(evidence, render(document), out.absolute(), redactor=redactor)
    return Delivered(document, written.folder, written.archive, exit_code(evidence))


def exit_code(evidence: Evidence) -> int:
    """130 when interrupted, 2 when something that was asked for is missing, else 0.

    A source that nobody configured or asked for is shown in the document, but does not make a run partial.
    """
    if evidence.interrupted:
        return EXIT_INTERRUPTED
    not_used = {c.source for c in evidence.coverage if c.status == "not_used"}
    missing = [g for g in evidence.gaps if g.source not in not_used and g.cause != "skipped"]
    return EXIT_PARTIAL if missing else EXIT_COMPLETE


def _nothing_read(gaps: Iterable[Gap]) -> str:
    reasons = "\n".join(f"  {g.source}: {g.why}" + (f"\n    mend: {g.mend}" if g.mend else "") for g in gaps)
    return f"no source could be read, so there is no evidence to write:\n{reasons or '  no source is in use'}"
