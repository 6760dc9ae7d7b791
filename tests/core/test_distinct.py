"""What is found in each different text once is told of every row."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.distinct import Distinct

TEXTS = st.lists(st.none() | st.text("ab1 \n", max_size=6), max_size=30)


@given(TEXTS, st.sampled_from(["a", "^b", "[0-9]", "b$|1", "\n", ""]))
def test_every_row_is_answered_as_if_it_were_read_itself(texts: list[str | None], pattern: str) -> None:
    found = Distinct(pd.Series(texts, dtype="str")).matching(pattern)
    # Python's $ also matches before a line end, RE2's does not.
    wanted = [text is not None and bool(re.search(pattern.replace("$", r"\Z"), text)) for text in texts]
    assert found.dtype == bool
    assert found.tolist() == wanted


@given(TEXTS)
def test_what_is_known_of_the_texts_is_told_by_row_and_null_is_told_apart(texts: list[str | None]) -> None:
    column = Distinct(pd.Series(texts, dtype="str"))
    number = column.by_row(np.arange(len(column.texts), dtype=np.int32), -1)
    assert number.dtype == np.int32
    assert [None if n < 0 else column.texts[int(n)].as_py() for n in number] == texts
    assert len(set(column.texts.to_pylist())) == len(column.texts)
