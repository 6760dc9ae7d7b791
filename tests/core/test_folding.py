from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.folding import KEYS, LADDER, fit, fold
from gather_diagnostics.patterns import MASK, masks
from gather_diagnostics.selection import line_counts
from gather_diagnostics.tables import from_arrow, to_batch, to_frame

AT = datetime(2026, 3, 14, 3, 0, tzinfo=UTC)
EDGE = AT + timedelta(seconds=90)
RUNGS = range(len(LADDER))
FORGETS_NOTHING = [n for n in RUNGS if not any(grain.lump for grain in LADDER[n])]


def table(rows: list[dict[str, Any]]) -> pa.Table:
    batch = to_batch("logs", "toy", rows)
    return pa.Table.from_batches([batch.set_column(7, "template", masks(batch["message"]))])


def line(second: float, message: str = "order 1 placed", level: str | None = "INFO", **more: Any) -> dict[str, Any]:
    time = AT + timedelta(seconds=second)
    return {"time": time, "ref": f"f:{second}", "level": level, "message": message, "service": "checkout"} | more


def canonical(lines: pa.Table) -> Any:
    return to_frame("logs", lines.to_batches())


SOME = settings(max_examples=examples(15))

LINES = st.lists(
    st.builds(
        line,
        st.integers(0, 200) | st.integers(0, 3 * 3600),
        st.sampled_from(["order 1 placed", "order 2 placed", "7", "one"]),
        st.sampled_from(["INFO", "ERROR"]),
        instance=st.sampled_from(["a", None]),
        endpoint=st.sampled_from(["/x", "/y"]),
        trace_id=st.sampled_from(["1", "2"]),
    ),
    min_size=1,
    max_size=40,
)
"""So few kinds of lines that many are alike."""


@SOME
@given(st.lists(st.tuples(LINES, st.integers(0, 2)), min_size=1, max_size=4))
def test_no_line_is_lost_however_often_lines_are_folded(parts: list[tuple[list[dict[str, Any]], int]]) -> None:
    """Also by level, the one key that every rung keeps, with the first and last time of each."""
    whole: list[dict[str, Any]] = []
    kept, rung = table([]), 0
    for rows, climb in parts:
        whole += rows
        rung = min(rung + climb, RUNGS[-1])
        kept = fold(pa.concat_tables([kept, table(rows)]), rung, [EDGE])
    frame = from_arrow(kept)
    frame["level"] = frame["level"].astype(object).where(frame["level"].notna(), None)
    for level, count in Counter(row["level"] for row in whole).items():
        its = frame[frame["level"].isna() if level is None else frame["level"] == level]
        times = [row["time"] for row in whole if row["level"] == level]
        assert line_counts(its).sum() == count
        assert its["time"].min() == min(times)
        assert its["until"].fillna(its["time"]).max() == max(times)


@SOME
@given(LINES, LINES, st.sampled_from(FORGETS_NOTHING), st.data())
def test_folding_the_folded_is_folding_the_lines(one: Any, other: Any, rung: int, data: Any) -> None:
    before = data.draw(st.sampled_from([n for n in FORGETS_NOTHING if n <= rung]))
    first = fold(table(one), before, [EDGE])
    in_parts = fold(pa.concat_tables([first, table(other)]), rung, [EDGE])
    at_once = fold(table(other + one), rung, [EDGE])
    assert canonical(in_parts).equals(canonical(at_once))
    assert canonical(fold(at_once, rung, [EDGE])).equals(canonical(at_once))


@SOME
@given(LINES, st.sampled_from(RUNGS))
def test_a_row_says_only_what_is_true_of_all_its_lines(rows: list[dict[str, Any]], rung: int) -> None:
    """Every line lies in the span of a row that names none but the line's own key values."""
    made = canonical(fold(table(rows), rung, [EDGE])).astype(object)
    made = made.where(made.notna(), None)
    for found in table(rows).to_pylist():
        claims = [
            row
            for row in made.to_dict("records")
            if row["time"] <= found["time"] <= (row["until"] or row["time"])
            and (row["time"] < EDGE) == (found["time"] < EDGE)
            and all(row[key] in (found[key], None if row["count"] else found[key], MASK) for key in KEYS)
        ]
        assert claims, found


def test_lines_alike_become_the_earliest_of_them_word_for_word() -> None:
    rows = [line(n, f"order {n} placed", trace_id=str(n), instance="a") for n in (9, 3, 5, 30, 58, 59)]
    made = fold(table(rows), 0, []).to_pylist()
    assert [(r["message"], r["trace_id"], r["ref"]) for r in made] == [("order 3 placed", "3", "f:3")]
    assert (made[0]["count"], made[0]["time"], made[0]["until"]) == (6, rows[1]["time"], rows[5]["time"])


@pytest.mark.parametrize("key", ["instance", "level", "endpoint", "tenant", "service"])
def test_unlike_lines_stay_apart(key: str) -> None:
    rows = [line(n, **{key: value}) for value in ("DEBUG", "INFO") for n in range(10)]
    assert sorted(r[key] for r in fold(table(rows), 0, []).to_pylist()) == ["DEBUG", "INFO"]


def test_the_next_minute_and_the_other_side_of_an_edge_are_rows_of_their_own() -> None:
    rows = [line(n) for n in range(0, 120, 5)]
    made = canonical(fold(table(rows), 0, [AT + timedelta(seconds=30)]))
    assert line_counts(made).tolist() == [6, 6, 12]
    assert made["time"].tolist() == [AT + timedelta(seconds=n) for n in (0, 30, 60)]


def test_errors_and_rare_lines_stay_single_at_first_and_errors_give_way_by_and_by() -> None:
    rows = [line(n / 10, f"order {n} placed") for n in range(500)]
    rows += [line(n, f"no connection after {n} ms", "ERROR") for n in range(40)] + [line(1, "starting up")]
    singles = []
    for rung in RUNGS:
        made = from_arrow(fold(table(rows), rung, []))
        singles.append(int((made["level"] == "ERROR").sum()))
        assert line_counts(made).sum() == len(rows)
    assert singles == [40, 11, 4, 2, 1, 1, 1, 1, 1]
    assert "starting up" in fold(table(rows), 0, [])["message"].to_pylist()


def test_on_the_last_rungs_lines_without_a_like_are_one_row_that_does_not_claim_a_pattern() -> None:
    rows = [line(n, "".join(chr(97 + int(d)) for d in str(10_000 + n)), instance=f"pod-{n}") for n in range(600)]
    rows += [line(n, "order 7 placed", instance="pod-1") for n in range(2000)]
    made, rung = fit(table(rows), 5_000, 0, [])
    assert made.nbytes <= 5_000
    by_template = {r["template"]: (r["count"], r["instance"]) for r in made.to_pylist()}
    assert by_template == {MASK: (600, None), "order <*> placed": (2000, "pod-1")}
    assert fit(pa.concat_tables([made, table(rows)]), 5_000, rung, [])[1] == rung


def test_counts_that_a_source_gave_itself_are_kept_and_nonsense_is_one_line() -> None:
    rows = [line(1, count=40), line(2, count=-7), line(3, count=0, until=AT), line(4)]
    made = fold(table(rows), 4, []).to_pylist()
    assert [r["count"] for r in made] == [43]
    assert made[0]["until"] == AT + timedelta(seconds=4)


def test_a_line_that_comes_late_does_not_shorten_what_is_folded() -> None:
    first = fold(table([line(n) for n in (0, 10, 20, 30, 40, 50)]), 0, [])
    made = fold(pa.concat_tables([first, table([line(25)])]), 0, []).to_pylist()
    assert [(r["time"], r["until"], r["count"]) for r in made] == [(AT, AT + timedelta(seconds=50), 7)]


def test_what_was_lumped_before_and_what_is_lumped_now_is_one_row() -> None:
    unlike = [line(n, "".join(chr(97 + int(d)) for d in str(10_000 + n))) for n in range(25)]
    first = fold(table(unlike[:20]), 5, [])
    made = fold(pa.concat_tables([first, table(unlike[20:])]), 5, []).to_pylist()
    assert [(r["template"], r["count"]) for r in made] == [(MASK, 25)]
