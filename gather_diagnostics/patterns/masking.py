"""The first pass: each message on its own, its values masked by what they look like.

Every pattern is RE2 (Arrow's engine: time linear in the text, whatever the text). One of them reads each line; it
leaves so few distinct shapes that all others together cost next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MASK = "<*>"
LONGEST = 300
"""Characters of a template; the rest of such a message is nearly always payload."""
_READ = 1000
"""Characters of a message that are looked at. More than LONGEST, since values are cut to their masks first: else like
messages with values of unlike length would end at unlike words."""

LISTS = r"<\*>(?:[\s,;:]*<\*>)+"
"""Values one after the other: how many there are makes no other pattern."""

# Runs that begin with a digit, and hexadecimal ones with letters in front: numbers, dates, addresses, UUIDs, hashes.
_NUMBER = (
    r"(?:\b(?:[a-fA-F]{2}[:-])*[a-fA-F]*)?[0-9]\w*"
    r"(?:[.:,/\-][a-fA-F]*[0-9]\w*|::?(?:[a-fA-F]{2}|[a-fA-F]{4})\b)*"
)
# From here on '0' stands for any of these. RFC 5322 and RFC 9110 dates, HTTP methods of RFC 9110, SI and IEC units.
_DAY = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t|tember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_METHOD = r"(GET|HEAD|POST|PUT|DELETE|PATCH|OPTIONS|CONNECT|TRACE)"
_UNIT = (
    r"(?:[KMGTPE]i?B|[kmg]b|B|[Bb]ytes?|[num]?s|msecs?|secs?|milliseconds?|[Ss]econds?|mins?|minutes?|hrs?|hours?"
    r"|days?)"
)
_BEFORE = r"(^|[\s=:(\[{,|])"
_MASKS = (
    (r"\n[\s\S]*", ""),
    (rf"\b(?:{_DAY},? +)?(?:0 +)?{_MONTH}\.? +0\b(?:,? +0\b)*(?: [A-Z]{{3,4}}\b)?(?: 0\b)?(?: [+-]0\b)?", MASK),
    (rf'"{_METHOD} [^"\n]*"', r"\1 " + MASK),
    # Keys of JSON stay, and so do sentences in quotes; names and single values do not.
    (r'"([A-Za-z_][\w.\-]*)"(\s*:)', r"\1\2"),
    (rf'{_BEFORE}"[^"\s]*(?: [^"\s]*)?"', r"\1" + MASK),
    (rf"{_BEFORE}'(?:[^'\s]|'\w)*(?: (?:[^'\s]|'\w)*)?'\B", r"\1" + MASK),
    (r"\b[a-zA-Z][a-zA-Z0-9+.\-]*://[^\s,;\"'<>()\[\]{}]*[\w/*]", MASK),
    (rf"{_BEFORE}(?:[A-Za-z]:|\.{{1,2}}|~)?[/\\][\w.+@%~$\-]+(?:[/\\]+[\w.+@%~$\-]*)*", r"\1" + MASK),
    (rf"<?\b0 ?{_UNIT}\b", MASK),
    (r"[\w\-]+(?:\.[\w\-]+)+:0\b", MASK),
    (r"\b[0-9a-fA-F]{8,}\b|\b(?:[0-9a-fA-F]{1,2}[:-]){3,}[0-9a-fA-F]{1,2}\b", MASK),
    # Whatever else holds a number: Drain masks such words likewise (He et al., ICWS 2017).
    (r"[\w.\-/+@%*]*0[\w.\-/+@%]*(?::0[\w.\-/+@%]*)*", MASK),
    (LISTS, MASK),
)


def texts(column: pd.Series[str]) -> pa.LargeStringArray:
    """A column of text for Arrow's compute functions: one array, also where pandas holds it in chunks."""
    import pyarrow as pa

    array = pa.array(column, pa.large_string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def masks(messages: pa.StringArray) -> pa.StringArray:
    """The first line of each message with its values masked, at most LONGEST characters; an array as long.

    A mask depends on its message alone, so that batches can be masked as they come. Null stays null.
    """
    import pyarrow.compute as pc

    encoded = messages.dictionary_encode()
    texts = pc.utf8_slice_codeunits(encoded.dictionary, 0, _READ)
    shapes = pc.replace_substring_regex(texts, _NUMBER, "0").dictionary_encode()
    masked: pa.Array = shapes.dictionary
    for pattern, mask in _MASKS:
        masked = pc.replace_substring_regex(masked, pattern, mask)
    masked = pc.utf8_trim_whitespace(pc.utf8_slice_codeunits(masked, 0, LONGEST))
    return masked.take(shapes.indices.take(encoded.indices))
