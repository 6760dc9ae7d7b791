"""What NumPy has no word for."""

from __future__ import annotations

from typing import Any


def ranges(starts: Any, sizes: Any) -> Any:
    """The numbers start, start + 1, ... of each range, one after the other."""
    import numpy as np

    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(int(ends[-1]) if len(ends) else 0)
