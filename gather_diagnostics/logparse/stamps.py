"""Times at the front of many lines at once, each as `timestamps.Clock` would read it.

With their digits masked the fronts of a file's lines have few shapes ('0000-00-00T00:00:00.000Z '). Where the year, the
month and so on stand in a shape is asked once, of the patterns of `timestamps`; the digits of all its lines are then
columns of a matrix.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse import timestamps as one
from gather_diagnostics.logparse.records import Context

if TYPE_CHECKING:
    import pyarrow as pa

_CLOCK = r"\d\d?:\d\d:\d\d(?:[.,]\d{1,12})?"
_ZONE = r"(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)|[+-]\d\d)?"
_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_WEEKDAY = r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?"
STAMP = (
    rf"(?:\d{{4}}[-/.]\d\d[-/.]\d\d[T _]{_CLOCK}{_ZONE}|\d\d/\d\d/\d\d {_CLOCK}|\d{{8}}[T ]?\d\d:?\d\d:?\d\d"
    rf"(?:[.,]\d{{1,9}})?{_ZONE}|{_WEEKDAY}\d\d?[ /-]{_MONTH}[ /-]\d{{4}}[ :,T] ?{_CLOCK}{_ZONE}"
    rf"|{_WEEKDAY}{_MONTH} {{1,2}}\d\d? {_CLOCK}(?: (?:19|20)\d\d)?"
    rf"|{_MONTH} {{1,2}}\d\d?,? \d{{4}},? {_CLOCK}(?: ?[AP]M)?{_ZONE}"
    r"|\d{10}(?:\.\d{1,6})?|\d{13}|\d{16}|[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6})"
)
"""A time, as RE2: nearly all that `Clock.front` reads, and little else; `read` makes sure."""

_FULL = ("year", "month", "day", "hour", "minute", "second", "fraction", "zone", "short")
_FORMS = (
    (one._ISO, _FULL),
    (one._DAY_FIRST, ("day", "month", "year", *_FULL[3:])),
    (one._EPOCH, ("epoch",)),
    (one._COMPACT, _FULL),
    (one._SHORT_YEAR, _FULL[:7]),
    (one._MONTH_FIRST, ("month", "day", "hour", "minute", "second", "fraction", "year")),
    (one._MONTH_YEAR, ("month", "day", "year", "hour", "minute", "second", "fraction", "half", "zone", "short")),
    (one._KLOG, ("month", "day", "hour", "minute", "second", "fraction")),
)
_MICROS = 1_000_000
_ZEROS = bytes(48 if 48 <= byte <= 57 else byte for byte in range(256))


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the parts of a time stand in texts of one shape."""

    spans: Mapping[str, tuple[int, int]]
    sample: str
    end: int
    """Where the time ends."""

    @property
    def is_zoneless(self) -> bool:
        """Whether it takes a zone that is not written there."""
        return "epoch" not in self.spans and _zone(self) is None


@dataclass(frozen=True, slots=True)
class Times:
    """Of each text: microseconds since 1970-01-01 UTC, whether they are known, and whether no zone stood there."""

    micros: Any
    known: Any
    zoneless: Any


def read(texts: pa.Array, context: Context, *, value: bool = False) -> Times:
    """The times that stand at the front of `texts` (string array without nulls), after a bracket at most.

    `value`: the texts are values of a field, which may be an epoch of any age. What is not known is for `Clock`.
    """
    import numpy as np

    count = len(texts)
    times = Times(np.zeros(count, np.int64), np.zeros(count, bool), np.zeros(count, bool))
    for where, layout, matrix in _shapes(texts):
        times.micros[where], times.known[where] = of_rows(matrix, layout, context, value=value)
        times.zoneless[where] = layout.is_zoneless
    return times


def of_rows(matrix: Any, layout: Layout, context: Context, *, value: bool = False) -> tuple[Any, Any]:
    """Microseconds, and whether they are known, of texts of that layout: the rows of a matrix (uint8)."""
    return _epochs(matrix, layout, context, value) if "epoch" in layout.spans else _dates(matrix, layout, context)


def ends(texts: pa.Array) -> Any:
    """Where the time at the front of each text ends (int64, characters); -1 without one."""
    import numpy as np

    found = np.full(len(texts), -1)
    for where, layout, _ in _shapes(texts):
        found[where] = layout.end
    return found


def _shapes(texts: pa.Array) -> Iterator[tuple[Any, Layout, Any]]:
    """For each shape that is a time: the positions of its texts, its layout, and their bytes as a matrix."""
    import numpy as np
    import pyarrow as pa

    if not len(texts):
        return
    shapes = shaped(texts).dictionary_encode()
    codes = shapes.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(shapes.dictionary) + 1))
    for number in range(len(shapes.dictionary)):
        where = order[bounds[number] : bounds[number + 1]]
        sample = texts[int(where[0])].as_py()
        # With a year or without: the one pattern that looks at what the digits are.
        layout = layout_of(re.sub("[0-9]", "0", sample), sample if " 19" in sample or " 20" in sample else "")
        if layout is not None and sample.isascii():
            alike = texts.take(pa.array(where))
            data = np.frombuffer(alike.buffers()[2], np.uint8, count=len(where) * len(sample))
            yield where, layout, data.reshape(len(where), len(sample))


def shaped(texts: pa.Array) -> pa.Array:
    """The texts (string array without nulls) with each ASCII digit a 0: ten times as fast as by regular expression."""
    import pyarrow as pa

    _, offsets, data = texts.buffers()
    if data is None:
        return texts
    masked = pa.py_buffer(data.to_pybytes().translate(_ZEROS))
    return pa.StringArray.from_buffers(len(texts), offsets, masked, offset=texts.offset)


@functools.lru_cache(maxsize=4096)
def layout_of(shape: str, sample: str = "") -> Layout | None:
    """Where the parts of the time stand at the front of such texts, their digits 0; None without one. A `sample` tells
    a year at its end from another number."""
    text = sample or shape
    start = 1 if text[:1] in ("[", "(") else 0
    for pattern, names in _FORMS:
        if match := pattern.match(text, start):
            groups = zip(names, range(1, len(names) + 1), strict=True)
            return Layout({name: match.span(n) for name, n in groups if match[n] is not None}, text, match.end())
    return None


def _number(matrix: Any, span: tuple[int, int]) -> Any:
    import numpy as np

    total = np.zeros(len(matrix), np.int64)
    for column in range(*span):
        total = total * 10 + (matrix[:, column].astype(np.int64) - 48)
    return total


def _zone(layout: Layout) -> tuple[int, int] | None:
    return layout.spans.get("zone") or layout.spans.get("short")


def _dates(matrix: Any, layout: Layout, context: Context) -> tuple[Any, Any]:
    import numpy as np

    part = {name: _number(matrix, s) for name, s in layout.spans.items() if name in _FULL[:6] and not _named(layout, s)}
    if _named(layout, layout.spans["month"]):
        part["month"] = np.full(len(matrix), one._MONTHS[_cut(layout, "month")])
    if "half" in layout.spans:
        part["hour"] = part["hour"] % 12 + (12 if _cut(layout, "half") == "P" else 0)
    known = (part["hour"] <= 23) & (part["minute"] <= 59) & (part["second"] <= 60)
    clock = (part["hour"] * 3600 + part["minute"] * 60 + np.minimum(part["second"], 59)) * _MICROS
    if "fraction" in layout.spans:
        start, stop = layout.spans["fraction"]
        stop = min(stop, start + 6)
        clock += _number(matrix, (start, stop)) * 10 ** (6 - (stop - start))
    if "year" not in part:
        return _latest(part, clock, known, context)
    year = part["year"] + (2000 if layout.spans["year"][1] - layout.spans["year"][0] == 2 else 0)
    days, is_day = _days(year, part["month"], part["day"])
    return _zoned(matrix, layout, days + clock, known & is_day, context)


def _cut(layout: Layout, name: str) -> str:
    start, stop = layout.spans[name]
    return layout.sample[start:stop]


def _named(layout: Layout, span: tuple[int, int]) -> bool:
    return not layout.sample[span[0]].isdigit()


def _days(year: Any, month: Any, day: Any) -> tuple[Any, Any]:
    """Microseconds from the epoch to midnight, and whether there is such a day, between 1980 and 2200."""
    import numpy as np

    months = (year - 1970) * 12 + month - 1
    first = months.astype("M8[M]").astype("M8[D]").astype(np.int64)
    length = (months + 1).astype("M8[M]").astype("M8[D]").astype(np.int64) - first
    known = (month >= 1) & (month <= 12) & (day >= 1) & (day <= length) & (year >= 1980) & (year < 2200)
    return (first + day - 1) * (86_400 * _MICROS), known


def _latest(part: Mapping[str, Any], clock: Any, known: Any, context: Context) -> tuple[Any, Any]:
    """The latest year that does not put a time more than a day after the reference; of the last three."""
    import numpy as np

    found = np.zeros(len(clock), bool)
    micros = np.zeros(len(clock), np.int64)
    if context.reference is None:
        return micros, found
    limit = (context.reference + timedelta(days=1)).timestamp() * _MICROS
    for year in range(context.reference.year + 1, context.reference.year - 2, -1):
        days, is_day = _days(np.full(len(clock), year), part["month"], part["day"])
        moment, sure = _local(days + clock, context)
        now = ~found & known & is_day & sure & (moment <= limit)
        micros[now] = moment[now]
        found |= now | ~sure
    return micros, found & known & (micros > 0)


def _zoned(matrix: Any, layout: Layout, micros: Any, known: Any, context: Context) -> tuple[Any, Any]:
    span = _zone(layout)
    if span is None:
        micros, sure = _local(micros, context)
        return micros, known & sure
    text = layout.sample[span[0] : span[1]]
    if text[0] not in "+-":
        return micros, known
    hours = _number(matrix, (span[0] + 1, span[0] + 3))
    minutes = _number(matrix, (span[1] - 2, span[1])) if len(text) > 3 else hours * 0
    east = (hours * 3600 + minutes * 60) * _MICROS
    east[matrix[:, span[0]] == ord("-")] *= -1
    return micros - east, known & (hours <= 18) & (minutes <= 59)


def _local(micros: Any, context: Context) -> tuple[Any, Any]:
    """Times of the context's zone in UTC; not sure of the hour in which clocks are put back."""
    import numpy as np

    if context.zone is UTC:
        return micros, np.ones(len(micros), bool)
    # No zone changes its offset inside a quarter of an hour.
    quarters, where = np.unique(micros // (900 * _MICROS), return_inverse=True)
    both = np.array([one._offsets(context.zone, int(quarter) * 900) for quarter in quarters], np.int64).reshape(-1, 2)
    return micros - both[where, 0], (both[:, 0] == both[:, 1])[where]


def _epochs(matrix: Any, layout: Layout, context: Context, value: bool) -> tuple[Any, Any]:
    import numpy as np

    start, stop = layout.spans["epoch"]
    whole, dot, fraction = layout.sample[start:stop].partition(".")
    number = _number(matrix, (start, start + len(whole)))
    unit = 10 ** (len(whole) - 10)
    if unit > _MICROS or len(fraction) > 6 or (dot and unit > 1):
        return number, np.zeros(len(number), bool)
    micros = number * (_MICROS // unit)
    if fraction:
        micros += _number(matrix, (stop - len(fraction), stop)) * 10 ** (6 - len(fraction))
    known = (micros >= one._EARLIEST * _MICROS) & (micros < one._LATEST * _MICROS)
    if context.reference is not None and not value:
        ahead = micros - round(context.reference.timestamp() * _MICROS)
        known &= (ahead > -10 * 366 * 86_400 * _MICROS) & (ahead <= 86_400 * _MICROS)
    return micros, known
