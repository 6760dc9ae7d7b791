from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gather_diagnostics.model import Request, Window

NOW = datetime(2026, 3, 14, 3, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = Window(NOW - HOUR, NOW)
REQUEST = Request(
    service="checkout",
    asked=NOW,
    incident=INCIDENT,
    baseline=INCIDENT.shifted(-HOUR),
    changes=Window(NOW - 24 * HOUR, NOW),
    seasonal=(INCIDENT.shifted(-24 * HOUR), INCIDENT.shifted(-168 * HOUR)),
    description="p95 above 2 s",
)


def test_a_clock_ten_minutes_ahead_is_asked_for_later_windows() -> None:
    ahead = REQUEST.on_clock(600)
    shifted = timedelta(minutes=10)
    assert ahead.incident == Window(NOW - HOUR + shifted, NOW + shifted)
    assert ahead.baseline.end == ahead.incident.start
    assert ahead.changes == Window(NOW - 24 * HOUR + shifted, NOW + shifted)
    assert [w.end for w in ahead.seasonal] == [NOW - 24 * HOUR + shifted, NOW - 168 * HOUR + shifted]
    assert ahead.asked == NOW + shifted
    assert (ahead.service, ahead.description) == ("checkout", "p95 above 2 s")


@given(st.floats(min_value=-86_400, max_value=86_400))
def test_a_clock_and_its_opposite_cancel_out(skew: float) -> None:
    there_and_back = REQUEST.on_clock(skew).on_clock(-skew)
    assert there_and_back == REQUEST
