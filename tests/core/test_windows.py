from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.errors import InputError
from gather_diagnostics.windows import choose, duration, moment, zone

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("1d", 86400), ("1.5h", 5400)]
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text, "--since").total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2 fortnights", "-2h", "0s", "9999999d", "2h-1m", "١h x"])
def test_bad_durations_are_sentences(text: str) -> None:
    with pytest.raises(InputError, match="--since"):
        duration(text, "--since")


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_sentence(text: str) -> None:
    for read in (lambda: duration(text, "--since"), lambda: moment(text, "--at", NOW, BERLIN)):
        try:
            value = read()
        except InputError as error:
            assert "\n" not in str(error)
        else:
            assert isinstance(value, timedelta) or value.tzinfo is UTC or value.utcoffset() == timedelta(0)


def test_times_without_offset_are_local() -> None:
    assert moment("2026-03-14 02:47", "--at", NOW, BERLIN) == datetime(2026, 3, 14, 1, 47, tzinfo=UTC)
    assert moment("2026-03-14T02:47Z", "--at", NOW, BERLIN) == datetime(2026, 3, 14, 2, 47, tzinfo=UTC)
    assert moment("02:47", "--at", NOW, BERLIN) == datetime(2026, 3, 14, 1, 47, tzinfo=UTC)
    assert moment("25m ago", "--at", NOW, BERLIN) == NOW - timedelta(minutes=25)


def test_a_clock_time_later_than_now_is_yesterdays() -> None:
    assert moment("23:00", "--at", NOW, UTC_ZONE) == datetime(2026, 3, 13, 23, 0, tzinfo=UTC)


def test_default_window_and_baseline() -> None:
    chosen = choose(now=NOW, local=UTC_ZONE)
    assert chosen.incident.length == timedelta(hours=1)
    assert chosen.incident.end == NOW
    assert chosen.baseline.end == chosen.incident.start
    assert chosen.baseline.length == chosen.incident.length
    assert chosen.changes.start == NOW - timedelta(hours=24)
    assert [chosen.incident.start - w.start for w in chosen.seasonal] == [timedelta(days=1), timedelta(days=7)]


def test_at_looks_before_and_a_little_after() -> None:
    chosen = choose(now=NOW, local=UTC_ZONE, at="02:47")
    assert chosen.incident.start == datetime(2026, 3, 14, 2, 2, tzinfo=UTC)
    assert chosen.incident.end == datetime(2026, 3, 14, 3, 2, tzinfo=UTC)
    assert choose(now=NOW, local=UTC_ZONE, at="03:15").incident.end == NOW


def test_since_reaches_back_from_at() -> None:
    chosen = choose(now=NOW, local=UTC_ZONE, at="02:47", since="2h")
    assert chosen.incident.start == datetime(2026, 3, 14, 0, 47, tzinfo=UTC)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"start": "03:00", "end": "02:00"}, "reversed"),
        ({"start": "2027-01-01T00:00Z", "end": "2027-01-01T01:00Z"}, "future"),
        ({"start": "02:00", "end": "2027-01-01T01:00Z"}, "future"),
        ({"at": "2027-01-01T01:00Z"}, "future"),
        ({"end": "02:00"}, "--to needs --from"),
        ({"start": "02:00", "since": "1h"}, "exclude each other"),
        ({"start": "2020-01-01T00:00Z"}, "longer than a year"),
        ({"at": "25:00"}, "not a time of day"),
        ({"at": "yesterday-ish"}, "not a time"),
        ({"at": "0001-01-01T00:00+14:00"}, "outside the calendar"),
    ],
)
def test_bad_windows_are_sentences(options: dict[str, str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        choose(now=NOW, local=UTC_ZONE, **options)


def test_changes_reach_at_least_over_the_incident() -> None:
    chosen = choose(now=NOW, local=UTC_ZONE, since="6h", change_window="1h")
    assert chosen.changes.start == chosen.incident.start


def test_unknown_zone() -> None:
    with pytest.raises(InputError, match="Europe/Berlin"):
        zone("Mars/Olympus")
