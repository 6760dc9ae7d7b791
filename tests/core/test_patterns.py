from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.patterns import LONGEST, templates


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 4711 placed in 23 ms", "order 12 placed in 7 ms"),
        ("connect to 10.0.0.7:5432 refused", "connect to 192.168.1.12:5432 refused"),
        ("user 'amara' unknown", "user 'jonas' unknown"),
        ("read /var/data/a1.db failed", "read /var/data/b22.db failed"),
        ("trace 0af7651916cd43dd8448eb211c80319c lost", "trace 00f067aa0ba902b7 lost"),
        ("boom 1\n  at x.py:3", "boom 2\n  at y.py:9"),
    ],
)
def test_like_messages_have_one_template(one: str, other: str) -> None:
    first, second = templates(pd.Series([one, other]))
    assert first == second


def test_unlike_messages_stay_apart() -> None:
    assert templates(pd.Series(["order 1 placed", "order 1 refused"])).nunique() == 2


@given(st.lists(st.text(), max_size=20))
def test_one_template_for_each_message_whatever_it_holds(messages: list[str]) -> None:
    series = pd.Series([m.encode("utf-8", "replace").decode() for m in messages], dtype="str")
    masked = templates(series)
    assert len(masked) == len(messages)
    assert masked.notna().all()
    assert all(len(m) <= 3 * LONGEST for m in masked)
