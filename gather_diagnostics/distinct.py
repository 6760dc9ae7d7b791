"""A column of text in which every different text is read once: log lines repeat, and their labels do even more so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gather_diagnostics.patterns import texts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray


class Distinct:
    """Of a Series of strings. What is known of the different texts is told by row, in the order of the Series."""

    def __init__(self, column: pd.Series[str]) -> None:
        encoded = texts(column).dictionary_encode()
        self.texts: pa.LargeStringArray = encoded.dictionary
        """In the order in which they come first, without null."""
        self._number = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)

    def by_row(self, of_texts: NDArray[Any], null: Any) -> NDArray[Any]:
        """What an array says of each of `texts`, for each row; `null` where there is no text."""
        import numpy as np

        # Null's number is -1, which points to the last one.
        found: NDArray[Any] = np.append(of_texts, null).astype(of_texts.dtype, copy=False)[self._number]
        return found

    def matching(self, pattern: str) -> NDArray[np.bool_]:
        """Rows in whose text the RE2 expression matches something."""
        return self.by_row(matching(self.texts, pattern), False)


def matching(array: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Which texts (string array without nulls) have something that the RE2 expression matches."""
    import numpy as np
    import pyarrow.compute as pc

    return np.asarray(pc.match_substring_regex(array, pattern=pattern).to_numpy(zero_copy_only=False), dtype=bool)
