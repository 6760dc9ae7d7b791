"""Lines counted by what they are called by and their minute, as arrays: every line of an archive goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_MINUTE = 60_000_000
_MINUTE_BITS, _PART_BITS = 28, 6


@dataclass(frozen=True, slots=True)
class Groups:
    """Arrays (int64) as long as each other; a single line is a group of one."""

    code: Any
    """Key, minute and part (between which edges of windows) in one number, which sorts as they do."""
    time: Any
    """Of the first line, microseconds since 1970-01-01 UTC."""
    number: Any
    """Of the first line; the lower where two have one time."""
    until: Any
    """The time of the last."""
    lines: Any

    @classmethod
    def of(cls, key: Any, time: Any, part: Any, number: Any) -> Groups:
        """Single lines. The key is below 2**28, parts are fewer than 64."""
        import numpy as np

        code = ((key << _MINUTE_BITS) + time // _MINUTE << _PART_BITS) + part
        return cls(code, time, number, time, np.ones(len(time), np.int64))

    @classmethod
    def joined(cls, several: Sequence[Groups]) -> Groups:
        import numpy as np

        return cls(*(np.concatenate(arrays) for arrays in zip(*map(_arrays, several), strict=True)))

    @property
    def keys(self) -> Any:
        return self.code >> (_MINUTE_BITS + _PART_BITS)

    def in_order(self) -> Groups:
        """By the time and number of their first lines."""
        import numpy as np

        order = np.lexsort((self.number, self.time))
        return Groups(*(array[order] for array in _arrays(self)))


def _arrays(groups: Groups) -> tuple[Any, ...]:
    return groups.code, groups.time, groups.number, groups.until, groups.lines


def summed(groups: Groups) -> Groups:
    """One group for each code, in their order."""
    import numpy as np

    order = np.argsort(groups.code, kind="stable")
    code, time, number, until, lines = (array[order] for array in _arrays(groups))
    starts = np.flatnonzero(np.diff(code, prepend=-1))
    first = np.minimum.reduceat(time, starts)
    sizes = np.diff(np.append(starts, len(code)))
    later = time != np.repeat(first, sizes)
    number = np.minimum.reduceat(np.where(later, np.iinfo(np.int64).max, number), starts)
    return Groups(code[starts], first, number, np.maximum.reduceat(until, starts), np.add.reduceat(lines, starts))
