"""Log templates: a message with its variable parts masked, so that like lines count as one pattern.

Two passes, one configuration for whatever writes logs. `masks` looks at each message alone and can be used batch by
batch; `merge` looks at all masked messages together, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gather_diagnostics.patterns.masking import LONGEST, MASK, masks, texts
from gather_diagnostics.patterns.merging import merge

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["LONGEST", "MASK", "masks", "merge", "merged", "templates", "texts"]


def templates(messages: pd.Series[str]) -> pd.Series[str]:
    """The template of each message (its first line only), by both passes. Null stays null."""
    return _series(merge(masks(texts(messages))), messages.index)


def merged(masked: pd.Series[str]) -> pd.Series[str]:
    """The template of each message that `masks` has been over: the second pass alone, for a whole table."""
    return _series(merge(texts(masked)), masked.index)


def _series(array: pa.StringArray, index: pd.Index[int]) -> pd.Series[str]:
    return array.to_pandas().set_axis(index)
