"""Lines that surely begin a record and say its time: as the parser sees it, whatever stands before them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from propertywork import examples

from gather_diagnostics.archive.fronts import dated
from gather_diagnostics.logparse import Context, Tally, parse

CONTEXT = Context(reference=datetime(2026, 3, 15, tzinfo=UTC))
STAMPS = (
    "2026-03-14T02:00:00.123Z",
    "2026-03-14 02:00:00,123",
    "2026/03/14 02:00:00 +0100",
    "Mar 14 02:00:00",
    "Mar 14, 2026 02:00:00 AM",
    "Sat, 14 Mar 2026 02:00:00 GMT",
    "26/03/14 02:00:00",
    "I0314 02:00:00.000000",
    "1773453600.123",
    "1773453600",
    "20260314T020000Z",
)
BEFORE = ("", "2026-03-14T01:00:00Z INFO fine", "Traceback (most recent call last):", "panic: oh", "{", "no time here")


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("front", ["{}", "[{}]", "({}"])
def test_a_time_in_front_is_seen(stamp: str, front: str) -> None:
    assert dated(pa.array([front.format(stamp) + " went by as Kq0ZIBX"]), CONTEXT).tolist() == [True]


@pytest.mark.parametrize(
    "line",
    [
        "java.lang.IllegalStateException: no answer",
        "\tat com.shop.Pay.run(Pay.java:31)",
        '{"time": "2026-03-14T02:00:00Z"}',
        "time=2026-03-14T02:00:00Z level=info",
        "2026-13-14T02:00:00Z no such month",
        "2026-03-14T02:00:00 +9900 no such zone",
        "Feb 29 02:00:00 2026 no such day",
        "9999999999 an order, by this file's last write",
        "2026-03-14T02:00:00Z stdout F wrapped",
        "2026-03-14T02:00:00Z \tat a.B(C.java:7)",
        "went by at 2026-03-14T02:00:00Z",
        "",
    ],
)
def test_what_may_go_on_or_take_the_time_before_it_is_not(line: str) -> None:
    assert dated(pa.array([line]), CONTEXT).tolist() == [False]


def test_an_hour_that_comes_twice_is_not_sure() -> None:
    line = "2026-10-25 02:30:00 went by"
    assert dated(pa.array([line]), Context(zone=ZoneInfo("Europe/Berlin"))).tolist() == [False]
    assert dated(pa.array([line]), Context()).tolist() == [True]


BEHIND = st.one_of(st.text(max_size=20), st.sampled_from(["-", "+01", "Z", " 2026 x", " AM x", ".5 x", "] x", ":30 x"]))


@settings(max_examples=examples(400))
@given(st.sampled_from(STAMPS), st.sampled_from(["", "[", "("]), st.sampled_from(["", " ", "] "]), BEHIND)
def test_the_parser_says_so_too(stamp: str, lead: str, gap: str, behind: str) -> None:
    line = (lead + stamp + gap + behind).replace("\n", " ").replace("\r", " ")
    if dated(pa.array([line]), CONTEXT)[0]:
        for before in BEFORE:
            tally = Tally()
            first = [before.encode()] if before else []
            records = list(parse([*first, line.encode()], CONTEXT, tally))
            assert len(records) == len(first) + 1
            assert records[-1].own_time
