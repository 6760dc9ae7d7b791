"""The second pass: masked templates that differ only where a value stands become one.

Some values look like any word: users, hosts, classes. They show in the company they keep. Templates alike in all words
but one form a family. Its open place holds a value when the family is large, or when its words look like values; two or
three plain words are different events: state UP, state DOWN. Nothing but the set of distinct templates is looked at,
neither their order nor how many lines each has, so that lines that came otherwise or were folded give the same.

A frame with a variable place is the idea of Drain (He et al., ICWS 2017) and Brain (Yu et al., TSC 2023); the one
decides as lines come in, the other by how frequent words are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gather_diagnostics.patterns.masking import LISTS, MASK

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

SHARED = 3
"""Words that a family has in common at least; with fewer, likeness is no evidence. On loghub's samples of eight systems
the mean grouping accuracy is 0.966 with 2, 0.978 with 3 and 0.977 with 4 to 6 (benchmarks/logs.py)."""
MANY = 6
"""Plain words from which on their place is a value's: events that differ in one word come in twos, threes and fours.
There 0.970 with 4, 0.978 with 5 to 7, 0.968 with 8."""
MOST_WORDS = 500_000
"""Words and separators in all distinct templates above which they stay as masked: some 12,000 templates, which take
100 MB and half a second."""
_ROUNDS = 10
"""A value found brings others to light; real logs are done after two to four rounds."""

_WORDS = re.compile(r"""(?:[^\s=,:;()\[\]{}|"'<>]|<\*>)+|\s+|.""", re.DOTALL)
_SEPARATOR = re.compile(r"""[\s=,:;()\[\]{}|"'<>]+""")
_LETTER = re.compile(r"[^\W\d_]")
_NAME = re.compile(r"\w[./\\@~]\w|<\*>")
"""Looks like the name of a thing: com.shop.Cart, db.example.org, me@host."""
_KNOWN = frozenset({MASK, "root", "localhost"})
"""Values for certain: where one of them stands, the others of the family are values too."""
_LIST = re.compile(LISTS)


def merge(masked: pa.StringArray) -> pa.StringArray:
    """The template of each masked message, in an array as long; null stays null.

    It depends on the set of masked messages alone. Above MOST_WORDS each is its own template.
    """
    import pyarrow as pa

    encoded = masked.dictionary_encode()
    distinct = encoded.dictionary.to_pylist()
    now = {text: text for text in distinct}
    for _ in range(_ROUNDS):
        changed = _opened(sorted(set(now.values())))
        if not changed:
            break
        now = {text: changed.get(template, template) for text, template in now.items()}
    return pa.array([now[text] for text in distinct], masked.type).take(encoded.indices)


def _opened(templates: Sequence[str]) -> dict[str, str]:
    """Those of the distinct templates that hold values not yet masked, and each with them masked."""
    split = [_WORDS.findall(template) for template in templates]
    if len(templates) < 2 or not 0 < sum(map(len, split)) <= MOST_WORDS:
        return {}
    words = _words(split)
    values = _values(words)
    changed = values["template"].unique().tolist()
    for template, place in zip(values["template"], values["place"], strict=True):
        split[template][place] = MASK
    opened = ((templates[n], _LIST.sub(MASK, "".join(split[n]))) for n in changed)
    return {old: new for old, new in opened if old != new}


def _words(split: Sequence[Sequence[str]]) -> pd.DataFrame:
    """A row for each word: number of its template, its place there, the word as a number, and what it looks like."""
    import numpy as np
    import pandas as pd

    sizes = np.array([len(words) for words in split], dtype=np.int64)
    starts = np.cumsum(sizes) - sizes
    codes, distinct = pd.factorize(np.array([word for words in split for word in words], dtype=object))
    free, plain, name, known = np.array([_looks(word) for word in distinct], dtype=bool).reshape(-1, 4)[codes].T
    template = np.repeat(np.arange(len(sizes)), sizes)
    # The first word says what a message is about (Drain's assumption as well); what '=' assigns to is a key.
    so_far = np.cumsum(free)
    first = free & (so_far - np.repeat(np.append(0, so_far)[starts], sizes) == 1)
    is_key = np.append(np.asarray(distinct == "=")[codes][1:], False)
    return pd.DataFrame(
        {
            "free": free & ~is_key,
            "plain": plain,
            "name": name,
            "known": known,
            "word": codes,
            "template": template,
            "place": np.arange(len(codes)) - np.repeat(starts, sizes),
            "first": first,
        }
    )


def _looks(word: str) -> tuple[bool, bool, bool, bool]:
    """Whether it may be a value at all, has letters of its own, looks like a name, is a value for certain."""
    plain = _LETTER.search(word.replace(MASK, ""))
    return not _SEPARATOR.fullmatch(word), bool(plain), bool(_NAME.search(word)), word in _KNOWN


def _values(words: pd.DataFrame) -> pd.DataFrame:
    """The words that are values."""
    import numpy as np

    constant = words["plain"] & (~words["name"] | words["first"])
    shared = _summed(constant.to_numpy(np.int64), words) - constant
    asked = np.flatnonzero(words["free"] & (shared >= SHARED))
    frames = _frames(words)[asked]
    # Most places have one word alone, and nothing need be asked of those.
    _, number, count = np.unique(frames, return_inverse=True, return_counts=True)
    several = count[number] > 1
    free = words.iloc[asked[several]].assign(frame=frames[several])
    families = free.drop_duplicates(["frame", "word"]).groupby("frame")
    family = families.agg(size=("word", "size"), first=("first", "any"), names=("name", "all"), known=("known", "any"))
    telling = ~family["first"] & (family["names"] | family["known"]) & (family["size"] > 1)
    opened = free["frame"].isin(family.index[telling | (family["size"] >= MANY)])
    return free[opened]


def _frames(words: pd.DataFrame) -> NDArray[np.uint64]:
    """A number for each word, equal where the templates are equal in all their other words.

    A template's number is the sum of its words' hashes, so that leaving out one word is a subtraction.
    """
    from pandas.util import hash_array

    place = words["place"].to_numpy()
    alike = words["word"].mask(words["name"] & ~words["first"], -1).to_numpy()
    # Counted from 1: the hash of 0 is 0, and such a word's would be its place's.
    hashes = hash_array(hash_array(alike + 2) + place.astype("uint64"))
    frames: NDArray[np.uint64] = _summed(hashes, words) - hashes + hash_array(place)
    return frames


def _summed(values: NDArray[Any], words: pd.DataFrame) -> NDArray[Any]:
    """For each word the sum over those of its template, which stand together."""
    import numpy as np

    begins = (words["place"] == 0).to_numpy()
    sums: NDArray[Any] = np.add.reduceat(values, np.flatnonzero(begins))[np.cumsum(begins) - 1]
    return sums
