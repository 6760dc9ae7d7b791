"""The lines of one query, page by page, and the rows they become."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from collectors.loki.client import Client
from collectors.loki.counts import level_told
from collectors.loki.spans import Span
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.http.querytext import equals
from gather_diagnostics.logparse import LINE_BYTES, Context, Part, bulk
from gather_diagnostics.model import Json

MOST_HELD = 1_000
"""Lines of one stream that wait for the next page, since their record may go on there."""
INSTANCES = ("pod", "k8s_pod_name", "instance", "host", "hostname", "node_name", "filename")
TRACES = ("trace_id", "traceid", "traceID")
LEVELS = ("level", "detected_level")

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    time: int
    """Nanoseconds."""
    stream: str
    """Its selector."""
    line: str
    metadata: Labels
    """Structured metadata."""


@dataclass
class Paging:
    """The pages of one query. Used once."""

    client: Client
    query: str
    span: Span
    streams: dict[str, Labels] = field(default_factory=dict)
    """Labels by selector, of all streams so far."""
    crowded: int = 0
    """Nanoseconds that have more lines than an answer."""

    def pages(self) -> Iterator[list[Entry]]:
        """Lines in order of time, each once. Raises what the client raises, and MalformedError."""
        start, seen = self.span.start, frozenset[tuple[str, str]]()
        while start < self.span.end:
            page = self._page(Span(start, self.span.end))
            yield [e for e in page if e.time != start or (e.stream, e.line) not in seen]
            if len(page) < self.client.limit:
                return
            last = page[-1].time
            if last > start:
                # Lines of that nanosecond may not all have come. Loki keeps like lines of one time and stream once.
                start, seen = last, frozenset((e.stream, e.line) for e in page if e.time == last)
            else:
                self.crowded += 1
                start, seen = last + 1, frozenset()

    def _page(self, span: Span) -> list[Entry]:
        entries = []
        for found in self.client.lines(self.query, span):
            try:
                labels = {str(k): str(v) for k, v in found["stream"].items()}
                name = selector(labels)
                self.streams[name] = labels
                entries += [_entry(name, *value) for value in found["values"]]
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                raise MalformedError(f"a stream in the answer can't be read: {str(found)[:100]}") from error
        return sorted((e for e in entries if span.start <= e.time < span.end), key=lambda e: e.time)


def _entry(stream: str, time: str, line: str, *more: Any) -> Entry:
    metadata = more[0].get("structuredMetadata") or {} if more else {}
    return Entry(int(time), stream, str(line), {str(k): str(v) for k, v in metadata.items()})


def selector(labels: Labels) -> str:
    """The selector of one stream."""
    return "{" + ",".join(equals(k, v) for k, v in sorted(labels.items())) + "}"


class Shaper:
    """Lines of a query, page by page; the last record of each stream waits, for it may have further lines."""

    def __init__(self, service: str, asked: datetime, streams: Mapping[str, Labels]) -> None:
        self._service = service
        self._asked = asked
        self._streams = streams
        self._held: dict[str, list[Entry]] = {}

    def rows(self, page: Iterable[Entry]) -> Iterator[pa.RecordBatch]:
        """Rows of the records that are complete."""
        for entry in page:
            self._held.setdefault(entry.stream, []).append(entry)
        for stream, entries in list(self._held.items()):
            yield from self._shaped(stream, entries, final=False)

    def rest(self) -> Iterator[pa.RecordBatch]:
        """Rows of what still waited."""
        held, self._held = self._held, {}
        for stream, entries in held.items():
            yield from self._shaped(stream, entries, final=True)

    def _shaped(self, stream: str, entries: Sequence[Entry], *, final: bool) -> Iterator[pa.RecordBatch]:
        made = [_numbered(batch) for batch in self._batches(stream, entries)]
        last = max((int(pc.max(numbers).as_py()) for _, numbers in made if len(numbers)), default=0)
        if not final and last and len(entries) - last < MOST_HELD:
            self._held[stream] = list(entries[last - 1 :])
            whole = [pc.less(numbers, last) for _, numbers in made]
            made = [(b.filter(w), n.filter(w)) for (b, n), w in zip(made, whole, strict=True)]
        elif not final:
            del self._held[stream]
        for batch, numbers in made:
            if len(batch):
                yield _completed(batch, [entries[n - 1] for n in numbers.to_pylist()], self._streams[stream])

    def _batches(self, stream: str, entries: Sequence[Entry]) -> Iterator[pa.RecordBatch]:
        labels = self._streams[stream]
        return bulk(
            [_part(entries)],
            _taken,
            Context(reference=self._asked),
            ref="",
            service=self._service,
            instance=next((labels[name] for name in INSTANCES if name in labels), None),
            labels={},
            since=entries[0].time // 1000,
            until=entries[-1].time // 1000 + 1,
        )


def _part(entries: Sequence[Entry]) -> Part:
    texts = [_line(e.line) for e in entries]
    times = [e.time // 1000 for e in entries]
    # The time goes in front of lines that are parsed one by one, for `_taken`.
    lines = [b"%d %s" % (time, text.encode()) for time, text in zip(times, texts, strict=True)]
    return lines, pa.array(times, pa.int64()), pa.array(texts, pa.string())


def _line(text: str) -> str:
    """A line without its newline; the front of one that is too long."""
    text = text.rstrip("\r\n")
    whole = text.encode("utf-8", "replace")
    if len(whole) <= LINE_BYTES:
        return whole.decode()
    return whole[:LINE_BYTES].decode("utf-8", "ignore") + f" …[cut, {len(whole)} bytes]"


def _taken(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    for line in lines:
        time, _, text = line.partition(b" ")
        yield int(time), text


def _numbered(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.Array]:
    """With the number of each row's first line, which stands in its ref."""
    return batch, pc.cast(pc.utf8_slice_codeunits(batch["ref"], 1), pa.int64())


def _completed(batch: pa.RecordBatch, entries: Sequence[Entry], labels: Labels) -> pa.RecordBatch:
    """With the ref, and with what stood beside the line: the stream's labels and structured metadata."""
    columns = {name: batch[name] for name in batch.schema.names}
    columns["ref"] = pa.array([f"loki:{e.stream}@{e.time}" for e in entries], pa.string())
    told = [level_told({**labels, **e.metadata}) for e in entries]
    columns["level"] = pc.coalesce(columns["level"], pa.array(told, pa.string()))
    traces = [next((e.metadata[t] for t in TRACES if e.metadata.get(t)), None) for e in entries]
    columns["trace_id"] = pc.coalesce(columns["trace_id"], pa.array(traces, pa.string()))
    texts = columns["labels"].to_pylist()
    columns["labels"] = pa.array([_labels(*p, labels) for p in zip(texts, entries, strict=True)], pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _labels(own: str | None, entry: Entry, labels: Labels) -> str:
    """The line's own fields win over what Loki keeps beside it."""
    beside: dict[str, Json] = {**labels, **{k: v for k, v in entry.metadata.items() if k not in LEVELS}}
    return json.dumps({**beside, **(json.loads(own) if own else {})}, sort_keys=True, ensure_ascii=False)
