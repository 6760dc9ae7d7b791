"""An archive as evidence: parts into partials, partials into the table `logs`, and what has to be said about them."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from gather_diagnostics.archive.counting import Partial, folded, merged, step_minutes
from gather_diagnostics.archive.cuts import BLOCK, parts
from gather_diagnostics.archive.engines import Engine
from gather_diagnostics.archive.files import S3, SOURCE, File, listed
from gather_diagnostics.archive.passing import Pass
from gather_diagnostics.errors import NoSourceError
from gather_diagnostics.logparse import LINE_BYTES
from gather_diagnostics.model import Coverage, Evidence, Gap, Request, Target, Window
from gather_diagnostics.progress import Progress, Step
from gather_diagnostics.redaction import Redactor
from gather_diagnostics.redaction.settings import Redaction

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_AT_ONCE = 8
"""Partials that are merged together."""
_STRAY = 0.001
"""Share of the lines at either end that does not decide where an archive begins and ends: a few with absurd times
would make it decades long."""


def read(
    place: str,
    request: Request,
    engine: Engine,
    progress: Progress,
    *,
    whole: bool,
    block: int = BLOCK,
    redaction: Redaction | None = None,
    zone: str = "UTC",
) -> Evidence:
    """The archive below a folder or an s3:// prefix, not yet analyzed; row by row the same whatever the engine.

    With `whole` all records are kept, and the windows become the later half of the archive (incident) against the
    earlier (baseline); else those in the request's windows. `zone` (IANA name) is that of times that name none.
    Raises InputError where it can't be listed, NoSourceError where no record came of it, and what the engine raises.
    """
    started = time.monotonic()
    files = listed(place, zone)
    todo = list(parts(files, block))
    windows = () if whole else request.windows()
    work = Pass(request.service, windows, secrets.token_bytes(32), redaction=redaction or Redaction())
    partial = _watched(engine(work, todo), len(todo), work.edges, progress) if todo else merged((), ())
    redactor = work.redaction.redactor(work.key)
    gaps = tuple(_hidden(gap, redactor) for gap in sorted([*partial.gaps, *_judged(partial)], key=str))
    if not partial.rows.num_rows:
        raise NoSourceError(_nothing(place, len(files), partial, gaps, work.windows))
    frame = _table(partial, work.edges, redactor)
    if whole:
        request = _halves(request, frame, step_minutes(partial.rung))
    target = Target(_read_words(files, partial), redactor.text(_full(place), "target"), "it was named as the archive")
    kept = {"logs": len(frame)}
    rows = {"logs": _used(partial)}
    seconds = round(time.monotonic() - started, 3)
    coverage = Coverage(SOURCE, (target,), rows, seconds, "partial" if gaps else "complete", kept=kept)
    return Evidence(request, {"logs": frame}, (coverage,), gaps, redactions=_reports(partial, redactor))


def _used(partial: Partial) -> int:
    """Records in the windows."""
    return partial.counts["records"] - partial.counts["outside"] - partial.counts["untimed"]


def _read_words(files: Sequence[File], partial: Partial) -> str:
    counts, size = partial.counts, sum(file.size for file in files)
    words = f"{counts['lines']:,} lines in {len(files):,} files of {size:,} bytes"
    left_out = {"outside the windows": counts["outside"], "without a time": counts["untimed"]}
    told = ", ".join(f"{count:,} records {why}" for why, count in left_out.items() if count)
    return f"{words} ({told} left out)" if told else words


def _full(place: str) -> str:
    """As it can be found from elsewhere, too."""
    return place if place.startswith(S3) else os.path.abspath(place)


def _watched(partials: Iterator[Partial], total: int, edges: Sequence[datetime], progress: Progress) -> Partial:
    """All of them as one; tells progress every twentieth."""
    started = time.monotonic()
    whole, held = merged((), edges), list[Partial]()
    for done, partial in enumerate(partials, 1):
        held.append(partial)
        if len(held) == _AT_ONCE or done == total:
            whole, held = merged([whole, *held], edges), []
        if done * 20 // total > (done - 1) * 20 // total and done < total:
            seen = _used(whole) + sum(_used(p) for p in held)
            step = Step(seen, len(whole.gaps), time.monotonic() - started, f"{done} of {total} parts")
            progress.step(SOURCE, step)
    status = "partial" if whole.gaps else "complete"
    progress.step(SOURCE, Step(_used(whole), len(whole.gaps), time.monotonic() - started, status))
    return whole


def _table(partial: Partial, edges: Sequence[datetime], redactor: Redactor) -> pd.DataFrame:
    """The table `logs`: masks merged into templates, their rows folded once more, refs as people read them."""
    from gather_diagnostics.patterns import merge
    from gather_diagnostics.tables import to_frame

    rows = partial.rows.combine_chunks()
    rows = _with(rows, "template", merge(rows["template"].combine_chunks()))
    rows, _ = folded(rows, partial.rung, edges)
    return to_frame("logs", _with(rows, "ref", _refs(rows["ref"].to_pylist(), partial, redactor)).to_batches())


def _with(rows: pa.Table, column: str, values: pa.Array | list[str]) -> pa.Table:
    import pyarrow as pa

    field = rows.schema.field(column)
    return rows.set_column(rows.schema.get_field_index(column), field, pa.array(values, field.type))


def _refs(refs: Sequence[str], partial: Partial, redactor: Redactor) -> list[str]:
    """'<path>:<line in the file>', without secrets that stand in paths."""
    before = {
        path: dict(zip(sorted(lines), accumulate((lines[start] for start in sorted(lines)), initial=0), strict=False))
        for path, lines in partial.blocks.items()
    }
    split = [ref.rsplit("\n", 2) for ref in refs]
    shown = {path: redactor.text(path, "logs.ref") for path in dict.fromkeys(path for path, _, _ in split)}
    return [f"{shown[path]}:{before.get(path, {}).get(int(start), 0) + int(line)}" for path, start, line in split]


def _halves(request: Request, frame: pd.DataFrame, minutes: int) -> Request:
    """The request with windows of the archive's own, their edges at whole steps of so many minutes: no row crosses."""
    import numpy as np

    from gather_diagnostics.selection import last_times, line_counts, seconds

    step = minutes * 60
    reached = np.cumsum(line_counts(frame))
    first, last = np.searchsorted(reached, [reached[-1] * _STRAY, reached[-1] * (1 - _STRAY)])
    start = int(seconds(frame["time"])[first] // step)
    end = int(seconds(last_times(frame))[last] // step) + 1
    half = -(-(end - start) // 2) * step
    finish = datetime.fromtimestamp(end * step, UTC)
    incident = Window(finish - timedelta(seconds=half), finish)
    baseline = incident.shifted(-incident.length)
    return replace(request, incident=incident, baseline=baseline, changes=Window(baseline.start, finish), seasonal=())


def _judged(partial: Partial) -> Iterator[Gap]:
    """Gaps that show only over the whole archive."""
    if cut := partial.counts["cut"]:
        why = f"{cut:,} lines longer than {LINE_BYTES:,} bytes were cut"
        yield Gap(SOURCE, "whole lines of the archive", "truncated", why, "let the services log less in one line")


def _hidden(gap: Gap, redactor: Redactor) -> Gap:
    wanted, why, mend = (redactor.text(text, "gap") for text in (gap.wanted, gap.why, gap.mend))
    return replace(gap, wanted=wanted, why=why, mend=mend)


def _reports(partial: Partial, redactor: Redactor) -> Mapping[str, Mapping[str, int]]:
    """Secrets found by all passes, and those in paths and gaps."""
    ours = Partial(partial.rows.slice(0, 0), redactions=redactor.report)
    return merged([replace(partial, rows=partial.rows.slice(0, 0)), ours], ()).redactions


def _nothing(place: str, files: int, partial: Partial, gaps: Sequence[Gap], windows: Sequence[Window]) -> str:
    if not files:
        return f"{place} holds no files, so there is nothing to analyze: name a folder or s3:// prefix of logs"
    counts = partial.counts
    why = "".join(f"\n  {gap.why}\n    mend: {gap.mend}" for gap in gaps[:20])
    return (
        f"no record of {place} can be used: of {counts['lines']:,} lines in {files:,} files, {counts['outside']:,}"
        f" records lie outside the windows{_span_words(windows)} and {counts['untimed']:,} have no time{why}"
    )


def _span_words(windows: Sequence[Window]) -> str:
    if not windows:
        return ""
    start, end = min(window.start for window in windows), max(window.end for window in windows)
    return f" ({start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC; without --at and --from all are read)"
