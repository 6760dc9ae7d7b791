"""The pipe from a request to a bundle on disk, for every command that goes through it."""

from __future__ import annotations

import contextlib
import gc
import importlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gather_diagnostics import plugins, runner
from gather_diagnostics.errors import EXIT_COMPLETE, EXIT_INTERRUPTED, EXIT_PARTIAL, NoSourceError
from gather_diagnostics.model import Evidence, Gap, Request
from gather_diagnostics.progress import Progress
from gather_diagnostics.runner import Source, analyze, collect, memory

if TYPE_CHECKING:
    from gather_diagnostics.bundle import Amended
    from gather_diagnostics.redaction import Redactor
    from gather_diagnostics.response import Respond
    from gather_diagnostics.response.journal import Entry

OnBug = Callable[[BaseException], None]
Packed = Future[dict[str, bytes]]
"""What the bundle holds of the sources, as `bundle.encoded` makes it."""


@dataclass(frozen=True)
class Delivered:
    """A bundle on disk and the document that is in it."""

    document: Mapping[str, Any]
    """The content of evidence.json."""
    folder: Path
    archive: Path | None
    exit_code: int


def investigate(
    request: Request,
    sources: Mapping[str, Source],
    out: Path,
    *,
    asked_for: Iterable[str] = (),
    progress: Progress | None = None,
    on_bug: OnBug | None = None,
    demo: str = "",
    redactor: Redactor | None = None,
    respond: Respond | None = None,
) -> Delivered:
    """Collect, redact, analyze, respond, and write the bundle below `out`.

    `respond` is as the configuration has it, by default with the shipped runbooks. Raises NoSourceError when not one
    source could be read, and what `deliver` raises.
    """
    from gather_diagnostics.redaction import Redactor

    redactor = redactor or Redactor()
    evidence = _collected(request, sources, redactor, asked_for, progress, on_bug, demo)
    # The tables stay to the end, too, and what was garbage by now takes less room than looking for it takes time.
    gc.freeze()
    with _packing(evidence, redactor) as packed:
        return _delivered(analyze(evidence, on_bug), out, redactor, respond, on_bug, packed)


def gather(
    request: Request,
    sources: Mapping[str, Source],
    *,
    asked_for: Iterable[str] = (),
    on_bug: OnBug | None = None,
    redactor: Redactor | None = None,
) -> Evidence:
    """Collect, redact, analyze; nothing is written. Raises NoSourceError when not one source could be read."""
    from gather_diagnostics.redaction import Redactor

    return analyze(_collected(request, sources, redactor or Redactor(), asked_for, None, on_bug, ""), on_bug)


def _collected(
    request: Request,
    sources: Mapping[str, Source],
    redactor: Redactor,
    asked_for: Iterable[str],
    progress: Progress | None,
    on_bug: OnBug | None,
    demo: str,
) -> Evidence:
    """Without findings."""
    memory.save()
    # In a thread, since an interrupt in the midst of an import would not be taken for the end of collecting.
    threading.Thread(target=_prepare, name="prepare", daemon=True).start()
    collected = collect(request, sources, redactor, asked_for=asked_for, progress=progress, on_bug=on_bug)
    if not collected.interrupted and all(c.status in ("failed", "not_used") for c in collected.coverage):
        raise NoSourceError(_nothing_read(collected.gaps))
    return Evidence(
        request=request,
        tables=collected.tables,
        coverage=collected.coverage,
        gaps=collected.gaps,
        raws=collected.raws,
        redactions=redactor.report,
        demo=demo,
        interrupted=collected.interrupted,
    )


def _prepare() -> None:
    """What can be done while sources are waited for, so that less is left to do after the last of them."""
    import pyarrow as pa

    # For a caller that may have loaded Arrow already; the console says it before (__main__).
    pa.set_memory_pool(pa.system_memory_pool())
    from gather_diagnostics import document, response
    from gather_diagnostics.bundle.parquet import to_parquet
    from gather_diagnostics.tables import to_frame

    # A second of imports: what analyzers calculate with, tables, the analyzers, the document.
    importlib.import_module("scipy.stats")
    to_parquet("events", to_frame("events", ()))
    for name in plugins.names(plugins.ANALYZERS):
        with contextlib.suppress(Exception):  # a stranger's module that can't be imported is told when it is its turn
            plugins.load(plugins.ANALYZERS, name)
    document.warm()
    response.warm()
    # What was imported stays to the end: no collection of garbage need look at it again.
    gc.freeze()


def deliver(
    evidence: Evidence,
    out: Path,
    redactor: Redactor | None = None,
    respond: Respond | None = None,
    on_bug: OnBug | None = None,
) -> Delivered:
    """Redact what no source said (request, findings), respond, render, and write the bundle below `out`.

    `redactor` is the run's; `respond` is as the configuration has it, by default with the shipped runbooks.
    Raises BundleError when the bundle can't be written, and VerificationError when a secret shows in it; nothing is
    left then.
    """
    from gather_diagnostics.redaction import Redactor

    redactor = redactor or Redactor()
    with _packing(evidence, redactor) as packed:
        return _delivered(evidence, out, redactor, respond, on_bug, packed)


@contextlib.contextmanager
def _packing(evidence: Evidence, redactor: Redactor) -> Iterator[Packed]:
    """The tables are packed and looked through while findings and documents are made: neither needs the other."""
    from gather_diagnostics.bundle import encoded
    from gather_diagnostics.redaction import redacted

    with ThreadPoolExecutor(1, "encode") as aside:
        yield aside.submit(encoded, redacted(evidence, redactor), redactor)


def _delivered(
    evidence: Evidence,
    out: Path,
    redactor: Redactor,
    respond: Respond | None,
    on_bug: OnBug | None,
    packed: Packed,
) -> Delivered:
    from gather_diagnostics.bundle import write
    from gather_diagnostics.document import render
    from gather_diagnostics.redaction import redacted

    evidence, document = _responded(redacted(evidence, redactor), redactor, respond, on_bug)
    documents = render(document)
    written = write(evidence, documents, out.absolute(), redactor=redactor, collected=packed.result())
    return Delivered(document, written.folder, written.archive, exit_code(evidence))


def responded(evidence: Evidence, redactor: Redactor, respond: Respond | None = None) -> Evidence:
    """The evidence with what to do about it made anew. `respond` is by default with the shipped runbooks."""
    return _responded(evidence, redactor, respond, None)[0]


def _responded(
    evidence: Evidence, redactor: Redactor, respond: Respond | None, on_bug: OnBug | None
) -> tuple[Evidence, dict[str, Any]]:
    """With its document."""
    from gather_diagnostics.config import Response
    from gather_diagnostics.document import answered, completed, view
    from gather_diagnostics.redaction import redacted
    from gather_diagnostics.response import responder

    document = answered(evidence)
    after = redacted(runner.respond(evidence, document, respond or responder(Response()), on_bug), redactor)
    as_before = (after.gaps, after.redactions) == (evidence.gaps, evidence.redactions)
    return after, completed(after, document) if as_before else view(after)


def amend(path: Path, entries: Sequence[Entry], redactor: Redactor) -> Amended:
    """Enter into the journal of the bundle at `path`, a folder or .tar.gz, and write it anew with its documents.

    What to do stays as it was proposed when the findings were made. Nobody else amends it meanwhile. Raises
    VerificationError for a bundle that does not verify and where a secret shows in it, BundleError where it can't be
    read or written; it stays as it was then.
    """
    from gather_diagnostics import bundle
    from gather_diagnostics.document import render, view
    from gather_diagnostics.redaction import redacted
    from gather_diagnostics.response.journal import entered

    with bundle.claimed(path):
        evidence = redacted(entered(bundle.read(path), entries, redactor), redactor)
        return bundle.amend(path, evidence, render(view(evidence)), redactor)


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
