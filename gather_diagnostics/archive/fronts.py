"""Lines that surely begin a record and say its time, whatever else stands in them: a time is at their front.

What stands before such a line neither goes on in it nor gives it a time.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from gather_diagnostics.archive.shapes import cut, parts
from gather_diagnostics.logparse import Context, begins, stamps

if TYPE_CHECKING:
    import pyarrow as pa

_LOOKED_AT = 48
"""Characters; the longest time takes some 40."""
# Behind the time stands nothing that might belong to it: a zone, a half of the day, a year.
_FRONT = re.compile(rf"[\[(]?({stamps.STAMP})(?:[\])]|[ \t](?![0-9ZzUG]|[+\-][0-9]|[AP]M))", re.ASCII)


def dated(lines: pa.Array, context: Context) -> Any:
    """Which of the lines (strings without nulls) are such, for certain (bool)."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    fronts = stamps.shaped(pc.utf8_slice_codeunits(lines, 0, _LOOKED_AT)).dictionary_encode()
    spans = np.array([_span(front) for front in fronts.dictionary.to_pylist()], np.int64).reshape(-1, 2)
    starts, sizes = spans[fronts.indices.to_numpy()].T
    found = np.flatnonzero(sizes)
    raw, offsets = parts(lines)
    read = stamps.read(cut(raw, offsets[found] + starts[found], sizes[found]), context)
    found = found[read.known]
    is_dated = np.zeros(len(lines), bool)
    is_dated[found] = begins(lines.take(pa.array(found)))
    return is_dated


@functools.lru_cache(maxsize=4096)
def _span(front: str) -> tuple[int, int]:
    """First character and length of the time in front of a line, whose digits are 0; none: no length."""
    match = _FRONT.match(front)
    return (match.start(1), match.end(1) - match.start(1)) if match else (0, 0)
