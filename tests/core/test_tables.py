from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics import decoded
from gather_diagnostics.tables import TABLES, RowError, schema, to_arrow, to_batch, to_frame

AT = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
CHANGE = {"time": AT, "ref": "r", "id": "x", "kind": "commit", "summary": "s"}


def test_every_table_begins_alike_and_says_what_its_columns_mean() -> None:
    for name, columns in TABLES.items():
        assert [c.name for c in columns[:3]] == ["time", "source", "ref"]
        assert schema(name).names == [c.name for c in columns]
        assert str(schema(name).field("time").type) == "timestamp[us, tz=UTC]"


def test_missing_optional_columns_are_null_and_source_is_set() -> None:
    frame = to_frame("changes", [to_batch("changes", "git", [CHANGE])])
    assert frame["source"].tolist() == ["git"]
    assert frame["author"].isna().all()
    assert frame["finished"].isna().all()
    assert decoded(frame, "details") == [{}]


def test_other_zones_become_utc() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert to_frame("changes", [to_batch("changes", "git", [CHANGE | {"time": there}])])["time"][0] == AT


@pytest.mark.parametrize(
    ("table", "row", "words"),
    [
        ("changs", CHANGE, "no table 'changs'"),
        ("changes", CHANGE | {"colour": "red"}, "no column 'colour'"),
        ("changes", {k: v for k, v in CHANGE.items() if k != "id"}, "'id' of table 'changes' is required"),
        ("changes", CHANGE | {"time": AT.replace(tzinfo=None)}, "timezone-aware"),
        ("changes", CHANGE | {"summary": 3}, "takes text"),
        ("metrics", {"time": AT, "ref": "r", "metric": "m", "stat": "p50", "unit": "s", "value": "x"}, "'value'"),
        ("metrics", {"time": AT, "ref": "r", "metric": "m", "stat": "p50", "unit": "s", "value": float("nan")}, "NaN"),
    ],
)
def test_misfits_name_table_and_column(table: str, row: dict[str, object], words: str) -> None:
    with pytest.raises(RowError, match=words):
        to_batch(table, "git", [row])


def test_rows_are_in_one_order_whoever_came_first() -> None:
    rows = [CHANGE | {"id": str(n), "time": AT + timedelta(seconds=n % 3)} for n in range(9)]
    one = to_frame("changes", [to_batch("changes", "git", rows)])
    other = to_frame("changes", [to_batch("changes", "git", [r]) for r in reversed(rows)])
    assert one.equals(other)
    assert one["time"].is_monotonic_increasing


ANY_TEXT = st.text(st.characters())
"""Lone surrogates included."""


@given(ANY_TEXT, st.dictionaries(ANY_TEXT, ANY_TEXT | st.integers(-(2**53), 2**53) | st.none(), max_size=4))
def test_any_text_survives_the_round_trip(text: str, details: dict[str, object]) -> None:
    frame = to_frame("changes", [to_batch("changes", "git", [CHANGE | {"summary": text, "details": details}])])
    again = to_arrow("changes", frame).to_pandas()
    assert again["summary"][0] == text.encode("utf-8", "replace").decode()
    assert len(decoded(again, "details")[0]) <= len(details)


def test_surrogates_in_json_are_replaced() -> None:
    frame = to_frame("changes", [to_batch("changes", "git", [CHANGE | {"details": {"body": "a\udcffb"}}])])
    assert decoded(frame, "details") == [{"body": "a?b"}]


def test_an_arrow_batch_is_taken_as_it_is() -> None:
    import pyarrow as pa

    batch = pa.RecordBatch.from_pydict(
        {"time": pa.array([AT], pa.timestamp("us", "UTC")), "ref": ["r"], "message": ["m"]}
    )
    assert to_batch("logs", "logfiles", batch).num_rows == 1
