"""The pipe from a request to a bundle on disk, for every command that goes through it."""

from __future__ import annotations

import contextlib
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
    import pyarrow as pa

    # Arrow's own allocator keeps what it freed: with many log lines it peaks 40 to 50 MB above the system's.
    pa.set_memory_pool(pa.system_memory_pool())
    # A second of imports: what analyzers calculate with, the analyzers, the document, the bundle's tables.
    importlib.import_module("scipy.stats")
    importlib.import_module("pyarrow.parquet")
    for name in plugins.names(plugins.ANALYZERS):
        with contextlib.suppress(Exception):  # a stranger's module that can't be imported is told when it is its turn
            plugins.load(plugins.ANALYZERS, name)
    from gather_diagnostics.document import html, markdown, view  # noqa: F401


def deliver(evidence: Evidence, out: Path) -> Delivered:
    """Render and write the bundle below `out`. Raises BundleError when it can't be written; nothing is left then."""
    from gather_diagnostics.bundle import write
    from gather_diagnostics.document import render, view

    document = view(evidence)
    written = write(evidence, render(document), out.absolute())
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
