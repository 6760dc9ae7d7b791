"""Log templates: a message with its variable parts masked, so that like lines count as one pattern."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MASK = "<*>"
LONGEST = 300
"""Characters of a message's first line that make its template; the rest is nearly always payload."""

# RE2 syntax (Arrow's engine: linear time). In this order: what is quoted, then each run of word characters that
# holds a digit - ids, addresses, sizes, dates, hashes. He et al. (ICWS 2017, Drain) mask numbers the same way.
_MASKS = (
    (r'"[^"\n]{0,200}"|\'[^\'\n]{1,200}\'', MASK),
    (r"[A-Za-z_.\-/+@%]*[0-9][\w.\-/+@%:]*", MASK),
    (r"(?:<\*>[\s,;:]*){2,}", MASK + " "),
)


def templates(messages: pd.Series[str]) -> pd.Series[str]:
    """The template of each message (first line only). Vectorised; equal messages are masked once."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    encoded = pa.array(messages, pa.string()).dictionary_encode()
    masked: pa.Array = pc.utf8_slice_codeunits(
        pc.replace_substring_regex(encoded.dictionary, r"(?s)\n.*", ""), 0, LONGEST
    )
    for pattern, mask in _MASKS:
        masked = pc.replace_substring_regex(masked, pattern, mask)
    masked = pc.utf8_trim_whitespace(masked)
    return pd.Series(masked.take(encoded.indices).to_pandas().to_numpy(), index=messages.index, dtype="str")
