"""The shape of a line: its digits masked where they stand, and so are runs of hexadecimal digits. Bytes, many at once.

Lines of one shape are as long as each other and equal but for their numbers, so that what stands at a place in one
stands there in all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gather_diagnostics.logparse.arrays import ranges

if TYPE_CHECKING:
    import pyarrow as pa

_HEX, _DIGIT, _OTHER = 1, 2, 4


def _class(byte: int) -> int:
    if 48 <= byte <= 57:
        return _DIGIT
    if 97 <= byte <= 102:
        return _HEX
    return _OTHER if chr(byte).isalnum() or byte in (95,) or byte >= 128 else 0


_CLASSES = bytes(map(_class, range(256)))


def parts(texts: pa.Array) -> tuple[Any, Any]:
    """The bytes of a string or binary array without nulls (uint8), and where each text begins in them (int64), and
    where the last one ends."""
    import numpy as np

    _, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    return np.frombuffer(data if data is not None else b"", np.uint8), offsets


def strings(raw: Any, offsets: Any) -> pa.Array:
    """A string array of these bytes, which are UTF-8."""
    import numpy as np
    import pyarrow as pa

    buffers = [None, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(raw)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def without_hex(texts: pa.Array) -> pa.Array:
    """What `stamps.shaped` gave, with words of a-f and digits, one digit at least, all 0; a text's first word stays:
    whether a letter or a digit stands in front decides whether a record begins there."""
    import numpy as np

    raw, offsets = parts(texts)
    raw = raw[: offsets[-1]].copy()
    classes = np.frombuffer(raw.tobytes().translate(_CLASSES), np.uint8)
    is_word = classes > 0
    # Where words begin and end, one after the other; a line's front is a boundary as well.
    is_front = np.zeros(len(raw) + 1, bool)
    is_front[offsets] = True
    starts = np.flatnonzero(is_word & (is_front[:-1] | ~np.concatenate(([False], is_word[:-1]))))
    stops = np.flatnonzero(is_word & (is_front[1:] | ~np.concatenate((is_word[1:], [False])))) + 1
    if len(starts):
        met = np.bitwise_or.reduceat(classes, starts)
        hexadecimal = (met == _HEX | _DIGIT) & ~is_front[starts]
        raw[ranges(starts[hexadecimal], (stops - starts)[hexadecimal])] = 48
    return strings(raw, offsets)


def cut(raw: Any, starts: Any, sizes: Any) -> pa.Array:
    """The pieces of these bytes as strings."""
    import numpy as np

    return strings(raw[ranges(starts, sizes)], np.append(0, np.cumsum(sizes)))


def rows(raw: Any, starts: Any, size: int) -> Any:
    """The pieces of these bytes that are `size` long, as rows of a matrix (uint8)."""
    import numpy as np

    # Nearly ten times as fast as `cut`, which has to find the place of every byte.
    return np.lib.stride_tricks.sliding_window_view(raw, size)[starts]
