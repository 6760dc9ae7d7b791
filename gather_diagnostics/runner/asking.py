"""One question to one source: against a deadline, exceptions into gaps, the answer redacted."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from gather_diagnostics import questions
from gather_diagnostics.errors import PluginError
from gather_diagnostics.model import Answer, Cell, Gap, Request
from gather_diagnostics.plugins import Askable
from gather_diagnostics.runner.collecting import Source
from gather_diagnostics.runner.faults import bug

if TYPE_CHECKING:
    from gather_diagnostics.redaction import Redactor

Item = Answer | Gap
Items = queue.SimpleQueue[Item | None]
"""None: there is no more."""
_PLACE = "answer"
"""Where a secret stood, for the report of redaction."""
_NUMBERS = count()


def ask(source: Source, request: Request, query: str, redactor: Redactor, seconds: float) -> Answer | Gap:
    """What the source answers within so many seconds, without secrets; or why there is no answer.

    Answers of several clusters or regions come as one; what is missing of it is in `Answer.cut`. Ctrl-C
    (KeyboardInterrupt) ends the waiting and passes through.
    """
    if isinstance(source, Gap):
        return _hidden(source, redactor)
    name, wanted = source.name, questions.wanted(query)
    if not isinstance(source, Askable):
        why, mend = f"{name} answers no single questions", "look there by hand, or ask another source"
        return _hidden(questions.refused(name, query, why, mend), redactor)
    items: Items = queue.SimpleQueue()
    over = threading.Event()
    work = (source, replace(request, source_seconds=seconds), query, redactor, items, over)
    # A daemon: a call that blocks past the deadline is left behind and can't hold the process.
    threading.Thread(target=_run, args=work, name=f"ask-{name}", daemon=True).start()
    why, mend = f"it had not answered in full after {seconds:g} s", "ask again with more time"
    late = Gap(name, wanted, "timeout", why, mend)
    try:
        came = _received(items, seconds, late)
    finally:
        over.set()
    silent = Gap(name, wanted, "invalid", "it answered nothing at all", "report it: the collector is at fault")
    return _settled(came) if came else _hidden(silent, redactor)


def _run(
    source: Askable, request: Request, query: str, redactor: Redactor, items: Items, over: threading.Event
) -> None:
    try:
        for item in source.ask(request, query):
            if over.is_set():
                return
            items.put(_clean(item, source.name, redactor))
    except Exception as error:  # noqa: BLE001 - a plug-in's bug is a gap, here and nowhere else
        items.put(_hidden(bug(source.name, questions.wanted(query), error), redactor))
    items.put(None)


def _received(items: Items, seconds: float, late: Gap) -> list[Item]:
    """All items; at the deadline those that are there, and `late`."""
    came: list[Item] = []
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        try:
            # Short waits: on some platforms an interrupt is only seen between two of them.
            item = items.get(timeout=min(left, 0.2))
        except queue.Empty:
            continue
        if item is None:
            return came
        came.append(item)
    return [*came, late]


def _settled(came: Sequence[Item]) -> Answer | Gap:
    answers = [item for item in came if isinstance(item, Answer)]
    gaps = [item for item in came if isinstance(item, Gap)]
    if not answers:
        return gaps[0]
    columns = tuple(dict.fromkeys(column for one in answers for column in one.columns))
    told = dict.fromkeys([*(one.cut for one in answers if one.cut), *(gap.why for gap in gaps)])
    refs = dict.fromkeys(one.ref for one in answers if one.ref)
    return questions.answer(columns, _rows(answers, columns), " ".join(refs), "; ".join(told))


def _rows(answers: Sequence[Answer], columns: Sequence[str]) -> Iterator[tuple[Cell, ...]]:
    for one in answers:
        if one.columns == columns:
            yield from one.rows
            continue
        places = [one.columns.index(c) if c in one.columns else None for c in columns]
        yield from (tuple(None if at is None else row[at] for at in places) for row in one.rows)


def _clean(item: object, name: str, redactor: Redactor) -> Item:
    """Checked, and without secrets. Raises PluginError for what may not be yielded."""
    if isinstance(item, Gap):
        return _hidden(item, redactor)
    if not isinstance(item, Answer):
        raise PluginError(f"{name} yielded {type(item).__name__}; it may yield Answer or Gap")
    if len(set(item.columns)) < len(item.columns) or any(len(row) != len(item.columns) for row in item.rows):
        raise PluginError(f"{name} yielded an Answer whose columns are not those of its rows")
    bounded = questions.answer(item.columns, item.rows, item.ref, item.cut)
    columns = [_column(column, [row[at] for row in bounded.rows], redactor) for at, column in enumerate(item.columns)]
    names = tuple(redactor.text(column, _PLACE) for column in item.columns)
    rows = tuple(zip(*columns, strict=True))
    return Answer(names, rows, redactor.text(bounded.ref, _PLACE), redactor.text(bounded.cut, _PLACE))


def _column(name: str, cells: Sequence[Cell], redactor: Redactor) -> list[Cell]:
    """Each cell as the value of a key of that name, and all as lines: the block of a private key goes over many."""
    texts = [cell if isinstance(cell, str) else None for cell in cells]
    hidden = _lines(texts, redactor)
    return [cell if text is None else _value(name, text, redactor) for cell, text in zip(cells, hidden, strict=True)]


def _lines(texts: Sequence[str | None], redactor: Redactor) -> list[str | None]:
    import pyarrow as pa

    # A stream of its own: what one answer begins, no other one ends.
    number = str(next(_NUMBERS))
    stream = {column: [number] * len(texts) for column in ("source", "service", "instance")}
    batch = pa.record_batch({**stream, "message": pa.array(texts, pa.string())})
    found: list[str | None] = redactor.batch("logs", batch).column("message").to_pylist()
    return found


def _value(name: str, text: str, redactor: Redactor) -> str:
    key = f"{name}: "
    told = redactor.text(key + text, _PLACE)
    return told.removeprefix(key) if told.startswith(key) else redactor.text(text, _PLACE)


def _hidden(gap: Gap, redactor: Redactor) -> Gap:
    wanted, why, mend = (redactor.text(text, "gap") for text in (gap.wanted, gap.why, gap.mend))
    return replace(gap, wanted=wanted, why=why, mend=mend)
