"""Where records begin, of many lines at once.

`wrappings.Follower` decides from line to line and remembers inside which trace it is. Most lines need no such memory:
what begins with a digit begins a record, an indented line goes on with the one before. A *span* is the lines from one
sure beginning to the next; a span in which every line is one of these is known, the others are for `Follower`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_MOST_LINES = 400
_MOST_BYTES = 60_000
"""Of a record that is put together here; `stream` cuts longer ones."""

BLANK = r"\A[\s\x0b\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]*\z"
_ODD = r"[\x00-\x08\x0b-\x1f\x7f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
"""Control characters and blanks beyond ASCII: other engines of regular expressions may see them otherwise."""
_CONTROLS = [byte == 127 or (byte < 32 and byte not in (9, 10)) for byte in range(256)]
_WRAPPED = r'\A.{4}-.* std(?:out|err) [FP]|\A\{.*"log":'
_OPEN = r"[^\s:]*(?:: |:?\s*\z)|\S+\(.*\)\z|exit status|[ \t\])}]"
"""What may go on with a record, the lines of `_ON` aside."""
_WORDS = (
    r"Caused by:|Suppressed:|Wrapped by:|\.\.\. |During handling of the above exception"
    r"|The above exception was the direct cause|The following exception was|created by "
)
_STAMPED = (
    r"\A(?:\[pod/[^\]\s]+\] )?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d) "
    rf"(?:{_OPEN}|{_WORDS}|Traceback|goroutine|\[signal|panic|fatal)"
)
"""`kubectl logs --timestamps`, with what may go on behind its time."""
_TRACEBACK = r"\ATraceback \(most recent call last\)"
_GO = r"\A(?:goroutine |panic: |\[signal |fatal error: )"
_ON = rf"\A(?:{_WORDS}|[\])}}]+[,;]?\s*\z)"
_INDENTED = r"\A[ \t]+(?:[^ \t0-9]|[0-9]?[^ \t0-9])"
_FAULT = r"\A(?:[\w$]+\.)+[A-Z][\w$]*(?:Exception|Error|Throwable|Failure)(?:: |\z)"
_LAST = r"\A[A-Za-z_][\w.]*(?:: |:?\s*\z)"


@dataclass(frozen=True, slots=True)
class Spans:
    """Of the lines that are not blank."""

    first: Any
    """Positions of the lines (int64) that begin a known span, in order."""
    sizes: Any
    """Lines in each known span."""
    blames: Any
    """Whether a traceback is in it."""
    rest: Any
    """Positions of the lines of all other spans, in order."""


def begins(lines: pa.Array) -> Any:
    """Lines that begin a record whatever stands before them: nothing in them could go on, and nothing is wrapped."""
    plain = ~_has(lines, rf"\A(?:{_OPEN})") & ~_has(lines, _ON) & ~_has(lines, _TRACEBACK) & ~_has(lines, _GO)
    return (_has(lines, r"\A[0-9{]") | plain) & ~_odd(lines)


def _odd(lines: pa.Array) -> Any:
    import numpy as np

    data = bytes(lines.buffers()[2] or b"")
    found = _has(lines, _STAMPED)
    # Looking through the bytes first costs a fiftieth of the expression.
    if b" std" in data or b'"log":' in data:
        found |= _has(lines, _WRAPPED)
    if not data.isascii() or bool(np.array(_CONTROLS)[np.frombuffer(data, np.uint8)].any()):
        found |= _has(lines, _ODD)
    return found


def spans(lines: pa.Array, goes_on: bool, ends: bool) -> Spans:
    """The spans of `lines` (strings without nulls, none blank).

    `goes_on`: the first may belong to a record before them; `ends`: the last one's record does not go on behind them.
    """
    import numpy as np

    place = np.arange(len(lines))
    sure, odd = begins(lines), _odd(lines)
    trace, go, on = (_has(lines, pattern) for pattern in (_TRACEBACK, _GO, _ON))
    indented = _has(lines, _INDENTED)
    # Inside a traceback is what no sure beginning has ended.
    inside = goes_on & ~np.logical_or.accumulate(sure) | (_last(trace | go, place) > _last(sure, place))
    loose = ~(inside | on | _has(lines, _FAULT) | trace | go | odd | _has(lines, r"\A[ \t]"))
    starts = sure | loose
    if not goes_on:
        starts[:1] = True
    # The line that names the exception: the first behind a traceback that is not indented.
    before = np.concatenate(([-1], _last(~indented, place)[:-1]))[: len(lines)]
    named = _has(lines, _LAST) & (before >= 0) & trace[before]
    follows = ~odd & ~go & (indented | trace | on | named | (_has(lines, _FAULT) & ~inside))
    clear = sure | loose | follows
    clear[-1:] &= ends
    return _sorted_out(lines, starts, clear, trace, trace | go | odd)


def _last(marked: Any, place: Any) -> Any:
    """Of each line the position of the last marked one up to it; -1 without one."""
    import numpy as np

    return np.maximum.accumulate(np.where(marked, place, -1))


def _sorted_out(lines: pa.Array, starts: Any, clear: Any, trace: Any, odd: Any) -> Spans:
    import numpy as np
    import pyarrow.compute as pc

    first = np.flatnonzero(starts)
    if not len(first):
        return Spans(first, first, first.astype(bool), np.arange(len(starts)))
    sizes = np.diff(np.append(first, len(starts)))
    known = np.logical_and.reduceat(clear, first) & (sizes <= _MOST_LINES) & ~odd[first]
    known &= np.add.reduceat(pc.binary_length(lines).to_numpy(), first) <= _MOST_BYTES
    is_rest = np.ones(len(starts), bool)
    is_rest[first[0] :] = ~np.repeat(known, sizes)
    return Spans(first[known], sizes[known], np.logical_or.reduceat(trace, first)[known], np.flatnonzero(is_rest))


def _has(texts: pa.Array, pattern: str) -> Any:
    import pyarrow.compute as pc

    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
