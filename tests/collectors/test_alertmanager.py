"""The Alertmanager collector: what its answers mean, and a real Alertmanager with alerts and silences put in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.alertmanager import alertmanager, post
from servers.prometheus import saying, stub

from collectors.alertmanager import Alertmanager, shape
from gather_diagnostics import Gap, Raw, Request, Rows, Skew, Target, Window
from gather_diagnostics.http.errors import MalformedError
from gather_diagnostics.tables import to_batch

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALERTMANAGER_URL", raising=False)


def collector(**fields: Any) -> Alertmanager:
    return Alertmanager(Alertmanager.Settings.model_validate(fields))


def collected(request: Request, **fields: Any) -> tuple[list[Mapping[str, Any]], list[Gap], list[Raw]]:
    items = [i for i in collector(**fields).collect(request) if not isinstance(i, Skew)]
    rows = [row for i in items if isinstance(i, Rows) for row in i.rows]
    to_batch("events", "alertmanager", rows)
    return rows, [i for i in items if isinstance(i, Gap)], [i for i in items if isinstance(i, Raw)]


# --- the plan


def test_the_address_comes_from_settings_or_environment(
    make_request: Callable[..., Request], monkeypatch: pytest.MonkeyPatch
) -> None:
    (gap,) = collector().plan(make_request())
    assert isinstance(gap, Gap)
    assert (gap.cause, gap.mend) == ("not_configured", "set ALERTMANAGER_URL or sources.alertmanager.url")
    monkeypatch.setenv("ALERTMANAGER_URL", "http://me:secret@alerts:9093/base/")
    (target,) = collector().plan(make_request())
    assert target == Target("alerts and silences of checkout", "http://alerts:9093/base", "ALERTMANAGER_URL is set"), (
        "without its password"
    )
    (target,) = collector(url="http://alerts/{service}").plan(make_request(service="a/b"))
    assert isinstance(target, Target)
    assert target.where == "http://alerts/a%2Fb"


@pytest.mark.parametrize("url", ["alerts:9093", "ftp://x", "http://", "http://u:secret@h:port"])
def test_a_url_that_is_none_is_said_without_its_password(make_request: Callable[..., Request], url: str) -> None:
    (gap,) = collector(url=url).plan(make_request())
    assert isinstance(gap, Gap)
    assert gap.cause == "not_configured"
    assert "secret" not in str(gap)


# --- what concerns a service


@pytest.mark.parametrize(
    ("labels", "its"),
    [
        ({"service": "checkout"}, True),
        ({"job": "shop/checkout"}, True),
        ({"app": "shop/checkout"}, False),
        ({"pod": "checkout-7c9f6d5b8-4kxqz"}, True),
        ({"pod": "checkout-worker-7c9f6d5b8-4kxqz"}, False),
        ({"deployment": "checkout"}, True),
        ({"team": "checkout"}, False),
        ({}, False),
    ],
)
def test_alerts_of_a_service_are_told_by_the_usual_labels(labels: Mapping[str, str], its: bool) -> None:
    assert shape.concerns(labels, "checkout") is its


def matcher(name: str, value: str, *, regex: bool = False, equal: bool = True) -> dict[str, Any]:
    return {"name": name, "value": value, "isRegex": regex, "isEqual": equal}


def silence(*matchers: dict[str, Any], id: str = "s1", start: datetime = NOW - HOUR, **fields: Any) -> dict[str, Any]:
    ends = (start + 2 * HOUR).isoformat()
    return {"id": id, "matchers": list(matchers), "startsAt": start.isoformat(), "endsAt": ends, **fields}


@pytest.mark.parametrize(
    ("record", "its"),
    [
        (silence(matcher("service", "checkout")), True),
        (silence(matcher("service", "checkout", equal=False)), False),
        (silence(matcher("service", "cart|checkout", regex=True)), True),
        (silence(matcher("service", "(a+)+$|cart", regex=True)), False),
        (silence(matcher("alertname", "Some")), False),
        (silence(matcher("alertname", ".*", regex=True)), True),
        (silence(matcher("alertname", "Some"), id="used"), True),
        (silence(matcher("service", "checkout"), start=NOW - 9 * HOUR), False),
        (silence(matcher("service", "checkout"), start=NOW + HOUR), False),
    ],
)
def test_silences_count_where_they_concern_service_and_time(record: dict[str, Any], its: bool) -> None:
    window = Window(NOW - 2 * HOUR, NOW)
    assert list(shape.silences([record], ["used"], "checkout", window)) == ([record] if its else [])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["labels", "startsAt", "status", "annotations", "matchers"]), inner)
    ),
)


@given(st.lists(JSON, max_size=3))
def test_odd_answers_are_rows_or_a_named_error(answer: list[Any]) -> None:
    window = Window(NOW - HOUR, NOW)
    for read in (
        lambda: [shape.alert_row(a, "u") for a in shape.alerts(answer)],
        lambda: [shape.silence_row(s, "u") for s in shape.silences(answer, (), "checkout", window)],
    ):
        try:
            to_batch("events", "alertmanager", read())
        except MalformedError as error:
            assert str(error)


def test_too_many_alerts_are_cut_to_the_latest(make_request: Callable[..., Request]) -> None:
    def alert(number: int) -> dict[str, Any]:
        labels = {"alertname": f"A{number}", "service": "checkout"}
        return {"labels": labels, "startsAt": f"2026-03-14T02:0{number}:00Z", "status": {"state": "active"}}

    def answer(handler: Any) -> None:
        saying(200, json.dumps([alert(n) for n in range(5)] if "alerts" in handler.path else []))(handler)

    with stub(answer) as running:
        rows, (gap,), _ = collected(make_request(), url=running.url, max_alerts=2)
    assert [r["object"] for r in rows] == ["A3", "A4"]
    assert (gap.cause, "max_alerts" in gap.mend) == ("truncated", True)


# --- the real one


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with alertmanager("/am") as address:
        fill(address)
        yield address


def fill(url: str) -> None:
    def alert(name: str, **labels: str) -> dict[str, Any]:
        its = {"alertname": name, "severity": "page", **labels}
        began = (NOW - timedelta(minutes=10)).isoformat()
        return {"labels": its, "annotations": {"summary": f"{name} it is"}, "startsAt": began}

    post(
        url,
        "/api/v2/alerts",
        [
            alert("HighErrors", service="checkout"),
            alert("PodSlow", pod="checkout-7c9f6d5b8-4kxqz"),
            alert("Muted", service="checkout"),
            alert("Elsewhere", service="cart", team="shop"),
        ],
    )
    post(
        url,
        "/api/v2/silences",
        {
            "matchers": [{"name": "alertname", "value": "Muted", "isRegex": False, "isEqual": True}],
            # A silence that begins in the past is one that begins now.
            "startsAt": NOW.isoformat(),
            "endsAt": (NOW + HOUR).isoformat(),
            "createdBy": "sam",
            "comment": "we know",
        },
    )


@pytest.fixture
def present(make_request: Callable[..., Request]) -> Request:
    """A request about the last hour, a minute of it to come."""
    return make_request(now=datetime.now(UTC) + timedelta(minutes=1))


@pytest.mark.slow
def test_alerts_and_silences_are_events(url: str, present: Request) -> None:
    rows, gaps, raws = collected(present, url=url)
    assert not gaps
    told = {(r["kind"], r["object"]): r for r in rows}
    assert set(told) == {
        ("alert", "HighErrors"),
        ("alert", "PodSlow"),
        ("alert", "Muted"),
        ("silence", 'alertname="Muted"'),
    }
    firing = told["alert", "HighErrors"]
    assert (firing["reason"], firing["severity"]) == ("FIRING", "page")
    assert firing["time"] == NOW - timedelta(minutes=10)
    assert firing["message"].startswith("HighErrors it is; ")
    muted, silenced = told["alert", "Muted"], told["silence", 'alertname="Muted"']
    assert muted["reason"] == "SUPPRESSED"
    assert muted["message"].split("silenced by ")[1][:36] in silenced["ref"]
    assert silenced["message"].endswith("by sam: we know")
    assert {r.name for r in raws} == {"alerts.json", "silences.json"}


@pytest.mark.slow
def test_matchers_ask_for_other_labels(url: str, present: Request) -> None:
    rows, gaps, _ = collected(present, url=url, matchers=['team="shop"', 'alertname=~"Else.*"'])
    assert not gaps
    assert [r["object"] for r in rows] == ["Elsewhere"]
    _, (gap, *_), _ = collected(present, url=url, matchers=["nonsense"])
    assert (gap.cause, "sources.alertmanager.matchers" in gap.mend) == ("invalid", True)


@pytest.mark.slow
def test_what_began_after_the_incident_is_not_its(url: str, make_request: Callable[..., Request]) -> None:
    rows, gaps, _ = collected(make_request(now=NOW - 2 * HOUR), url=url)
    assert not gaps
    assert not rows


@pytest.mark.slow
def test_a_stranger_has_no_alerts_and_that_is_no_gap(url: str, present: Request) -> None:
    rows, gaps, raws = collected(Request("nobody", *_windows(present)), url=url)
    assert not rows
    assert not gaps
    assert not raws


def _windows(request: Request) -> tuple[Any, ...]:
    return request.asked, request.incident, request.baseline, request.changes


@pytest.mark.slow
def test_the_check_passes_and_tells_the_clock(url: str, present: Request) -> None:
    (skew,) = collector(url=url).check(present)
    assert isinstance(skew, Skew)
    assert abs(skew.seconds) < 5


@pytest.mark.slow
def test_an_address_without_its_prefix_is_told(url: str, present: Request) -> None:
    _, (gap,), _ = collected(present, url=url.removesuffix("/am"))
    assert (gap.cause, "path prefix" in gap.mend) == ("not_found", True)
