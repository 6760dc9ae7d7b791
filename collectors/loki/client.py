"""Asks Loki's HTTP API with GET alone.

Source: grafana.com/docs/loki/latest/reference/loki-http-api. Where a request has this header, structured metadata
stands beside the line and not among the stream's labels: X-Loki-Response-Encoding-Flags: categorize-labels (Loki 3;
others take no notice).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from collectors.loki.spans import Span
from gather_diagnostics.http.answer import document
from gather_diagnostics.http.errors import AnswerError
from gather_diagnostics.http.session import Session

LIMIT = 5_000
"""Lines of one answer: the most that Loki gives unless its operator said otherwise (max_entries_limit_per_query)."""
ABSENT = frozenset({404, 405, 501})
"""How servers answer that lack a part of the API: patterns came with Loki 3 and have to be enabled."""
_LOWER = re.compile(r"max entries limit per query exceeded, limit > max_entries_limit\w* \(\d+ > (\d+)\)")
_PLACES = {"Accept": "application/json", "X-Loki-Response-Encoding-Flags": "categorize-labels"}


@dataclass(frozen=True, slots=True)
class Size:
    """What the index tells of a selector, approximately, without the newest lines."""

    lines: int
    size: int
    """Bytes."""


class Client:
    """A connection for one collection. Every method raises requests.RequestException and nothing else."""

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self.limit = LIMIT
        self._session = session

    @property
    def skew(self) -> float | None:
        """The server's clock minus ours, in seconds, by its first answer."""
        return self._session.skew

    def labels(self, span: Span) -> list[str]:
        """Names of the labels that streams have."""
        return [str(name) for name in self._list("labels", _times(span))]

    def values(self, label: str, span: Span) -> list[str]:
        return [str(value) for value in self._list(f"label/{quote(label, safe='')}/values", _times(span))]

    def series(self, selector: str, span: Span) -> Sequence[Any]:
        """Label sets of the streams that a selector selects."""
        return self._list("series", {"match[]": selector, **_times(span)})

    def size(self, selector: str, span: Span) -> Size | None:
        """None where the server's index tells none (before Loki 2.8)."""
        try:
            found = self._get("index/stats", {"query": selector, **_times(span)})
        except AnswerError as error:
            if error.status in ABSENT:
                return None
            raise
        lines, size = (found.get(k) if isinstance(found, dict) else None for k in ("entries", "bytes"))
        if not isinstance(lines, int) or not isinstance(size, int):
            raise AnswerError(200, f"no numbers of entries and bytes: {str(found)[:100]}")
        return Size(lines, size)

    def range(self, query: str, first: int, last: int, step: int) -> Sequence[Any]:
        """The series of a metric query, evaluated from `first` to `last` (nanoseconds) every `step` seconds."""
        asked = {"query": query, "start": str(first), "end": str(last), "step": str(step)}
        return self._result("query_range", asked, "matrix")

    def instant(self, query: str, time: int) -> Sequence[Any]:
        """The samples of a metric query at a time (nanoseconds)."""
        return self._result("query", {"query": query, "time": str(time)}, "vector")

    def lines(self, query: str, span: Span) -> Sequence[Any]:
        """Streams with the span's earliest lines, `limit` of them at most."""
        for _ in range(2):
            asked = {"query": query, "limit": str(self.limit), "direction": "forward", **_times(span)}
            try:
                return self._result("query_range", asked, "streams")
            except AnswerError as error:
                lower = _LOWER.search(error.message)
                if error.status != 400 or not lower or not 0 < int(lower[1]) < self.limit:
                    raise
                self.limit = int(lower[1])
        raise AnswerError(400, "its limit of lines in one answer changes from answer to answer")

    def patterns(self, selector: str, span: Span, step: int) -> Sequence[Any] | None:
        """Patterns with their lines every `step` seconds; None where the server detects none."""
        try:
            return self._list("patterns", {"query": selector, "step": f"{step}s", **_times(span)})
        except AnswerError as error:
            if error.status in ABSENT:
                return None
            raise

    def _result(self, path: str, params: Mapping[str, str], kind: str) -> Sequence[Any]:
        data = self._data(path, params)
        found = data.get("result") if isinstance(data, dict) else None
        # An answer without lines may be of any kind.
        if not isinstance(found, list) or (found and data.get("resultType") != kind):
            raise AnswerError(200, f"a result of another kind than {kind}: {str(data)[:100]}")
        return found

    def _list(self, path: str, params: Mapping[str, str]) -> Sequence[Any]:
        found = self._data(path, params)
        if found is None:
            return []
        if not isinstance(found, list):
            raise AnswerError(200, f"a result of another kind than a list: {str(found)[:100]}")
        return found

    def _data(self, path: str, params: Mapping[str, str]) -> Any:
        """What stands under `data`, which is left out where there is nothing."""
        answer = self._get(path, params)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise AnswerError(200, f"JSON of another kind: {str(answer)[:100]}")
        return answer.get("data")

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        return document(self._session.get(f"{self.url}/loki/api/v1/{path}", params=params, headers=_PLACES))


def _times(span: Span) -> dict[str, str]:
    return {"start": str(span.start), "end": str(span.end)}
