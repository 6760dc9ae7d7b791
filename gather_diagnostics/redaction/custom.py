"""Shapes of secrets of one's own, and what is to stay: RE2 expressions out of the configuration.

They run in RE2 alone (through Arrow), so that no expression takes more than linear time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from gather_diagnostics.redaction.spans import Span

_GROUP = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\])|\((?!\?)", re.ASCII | re.DOTALL)
KIND = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)


def compilable(pattern: str) -> str:
    """The pattern. Raises ValueError for one that RE2 refuses or that matches the empty text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        is_idle = pc.match_substring_regex(pa.array([""]), pattern=pattern)[0].as_py()
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise ValueError(f"the pattern {pattern[:80]!r} is no RE2 expression: {reason}") from error
    if is_idle:
        raise ValueError(f"the pattern {pattern[:80]!r} matches an empty text, so that it would match everywhere")
    return pattern


def spans(text: str, shapes: Mapping[str, str]) -> Iterator[Span]:
    """Every match of each kind's pattern, left to right; as in RE2, '^' is the text's beginning."""
    for kind, pattern in shapes.items():
        for start, end in _matches(text, pattern):
            yield Span(start, end, kind)


def is_allowed(secret: str, allow: Sequence[str]) -> bool:
    """Whether one of the patterns matches the whole of it."""
    return any(match == (0, len(secret)) for pattern in allow for match in _matches(secret, pattern))


def _matches(text: str, pattern: str) -> Iterator[tuple[int, int]]:
    """Every match's start and end in characters: Arrow finds one at a time, and counts bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bare = _GROUP.sub(lambda found: found[1] or "(?:", pattern)  # Arrow takes named groups alone
    rest, done = text.encode("utf-8", "replace"), 0
    while rest:
        found = pc.extract_regex_span(pa.array([rest], pa.binary()), f"(?P<found>{bare})")[0].as_py()
        if not found:
            return
        start, length = found["found"]
        before = len(rest[:start].decode("utf-8", "replace"))
        inside = len(rest[start : start + length].decode("utf-8", "replace"))
        yield done + before, done + before + inside
        done += before + inside
        rest = rest[start + max(length, 1) :]
