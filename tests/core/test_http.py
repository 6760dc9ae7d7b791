"""What collectors of HTTP servers share: when a limit ends, what an answer says, what a trouble means, addresses."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from servers.prometheus import broken_off, saying, stub

from gather_diagnostics import Gap
from gather_diagnostics.http import session
from gather_diagnostics.http.address import Address, find
from gather_diagnostics.http.answer import document, moment
from gather_diagnostics.http.clock import is_throttled, lifted, skew
from gather_diagnostics.http.errors import AnswerError, MalformedError, OutOfTimeError, ThrottledError
from gather_diagnostics.http.session import Session
from gather_diagnostics.http.troubles import MOST, Server, cut, told

SERVER = Server(
    source="shop",
    title="Shop",
    url="http://shop",
    probe="/ok",
    address="ADDRESS",
    rights="RIGHTS",
    narrow="NARROW",
)
SOON = timedelta(seconds=1)


def response(status: int = 200, body: bytes = b"", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = body
    made.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return made


# --- clocks and limits


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_any_header_is_a_time_or_none(date: str, after: str, reset: str) -> None:
    answer = response(429, Date=date, Retry_After=after, X_RateLimit_Reset=reset)
    assert skew(answer) is None or isinstance(skew(answer), float)
    until = lifted(answer)
    assert until is None or until.tzinfo is UTC


@pytest.mark.parametrize("minutes", [0, 10, -10])
def test_a_limits_end_is_told_by_our_clock(minutes: int) -> None:
    """The server names a moment of its own clock; a number of seconds is the same on both."""
    there = datetime.now(UTC) + timedelta(minutes=minutes)
    date = format_datetime(there, usegmt=True)
    ends = there + timedelta(seconds=90)
    for headers in (
        {"Retry_After": "90"},
        {"Retry_After": format_datetime(ends, usegmt=True)},
        {"X_RateLimit_Reset": str(int(ends.timestamp()))},
        {"RateLimit_Reset": str(int(ends.timestamp()))},
        {"RateLimit_Reset": "90"},
    ):
        until = lifted(response(429, Date=date, **headers))
        assert until is not None
        assert abs(until - datetime.now(UTC) - timedelta(seconds=90)) < 2 * SOON, headers


@pytest.mark.parametrize(
    ("status", "headers", "throttled"),
    [
        (429, {}, True),
        (503, {"Retry_After": "1"}, True),
        (503, {}, False),
        (403, {"X_RateLimit_Remaining": "0"}, True),
        (403, {"X_RateLimit_Remaining": "17"}, False),
        (200, {"X_RateLimit_Remaining": "0"}, False),
    ],
)
def test_what_is_throttled(status: int, headers: dict[str, str], throttled: bool) -> None:
    assert is_throttled(response(status, **headers)) is throttled


# --- answers


@given(st.integers(100, 599), st.binary(max_size=60), st.text(max_size=20))
def test_any_answer_is_json_or_a_named_error(status: int, body: bytes, location: str) -> None:
    try:
        document(response(status, body, Location=location))
    except AnswerError as error:
        assert str(error)
        assert "?" not in error.location
    else:
        assert status == 200
        json.loads(body)


@given(st.none() | st.integers() | st.text() | st.datetimes().map(str) | st.lists(st.none()))
def test_any_value_is_a_time_or_malformed(value: Any) -> None:
    try:
        assert moment(value).tzinfo is UTC
    except MalformedError as error:
        assert str(error)


def test_a_refusal_is_told_in_the_servers_words() -> None:
    for body in ({"message": "no"}, {"Message": "no"}, {"error": "no"}, "no"):
        with pytest.raises(AnswerError, match="no") as caught:
            document(response(403, json.dumps(body).encode()))
        assert told(caught.value, SERVER)[0] == "denied"
    with pytest.raises(ThrottledError) as throttled:
        document(response(429, b"slow", Retry_After="60"))
    cause, why, mend = told(throttled.value, SERVER)
    assert (cause, "slow" in why, mend.startswith("run again after")) == ("throttled", True, True)


@given(st.text(max_size=2000))
def test_a_servers_words_are_one_short_line(text: str) -> None:
    assert len(cut(text)) <= MOST
    assert cut(text).splitlines() in ([], [cut(text)])


@pytest.mark.parametrize(
    ("status", "said", "mend"),
    [
        (401, "no org id", "set sources.shop.tenant"),
        (403, "Missing Authentication Token", "set sources.shop.sigv4_region"),
        (403, "not authorized to perform: aps:QueryMetrics", "allow aps:QueryMetrics"),
        (403, "The security token included in the request is expired", "log in again"),
        (403, "go away", "RIGHTS"),
        (302, "", "RIGHTS; or ADDRESS"),
        (404, "", "ADDRESS"),
        (504, "", "NARROW"),
    ],
)
def test_a_refusal_names_its_cure(status: int, said: str, mend: str) -> None:
    assert told(AnswerError(status, said), SERVER)[2].startswith(mend)


# --- sessions


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_SECONDS", 0.05)


def asked(answers: list[Any], **how: Any) -> tuple[list[str], int | str]:
    """What was asked of a server with these answers, the last of them for good; the status, or the error's name."""
    waiting = list(answers)
    with stub(lambda handler: (waiting.pop(0) if len(waiting) > 1 else waiting[0])(handler)) as running:
        try:
            got: int | str = Session(5, **how).get(f"{running.url}/a").status_code
        except requests.RequestException as error:
            got = type(error).__name__
        return running.paths, got


@pytest.mark.parametrize(
    ("first", "how", "times", "got"),
    [
        (saying(429, ""), {}, 2, 200),
        (saying(429, "", headers={"Retry-After": "3600"}), {}, 1, 429),
        (saying(502, ""), {}, 2, 200),
        (saying(503, ""), {}, 1, 503),
        (saying(503, ""), {"hiccups": (503,)}, 2, 200),
        (saying(302, "", headers={"Location": "/b"}), {}, 1, 302),
        (broken_off(b"{"), {}, 1, "ChunkedEncodingError"),
        (broken_off(b"{"), {"broken_off": True}, 2, 200),
    ],
)
def test_what_is_asked_again(first: Any, how: dict[str, Any], times: int, got: int | str) -> None:
    paths, status = asked([first, saying(200, "{}")], **how)
    assert (len(paths), status) == (times, got)


def test_what_fails_twice_is_not_asked_a_third_time() -> None:
    assert asked([saying(429, "")]) == (["/a"] * 2, 429)
    assert asked([broken_off(b"{")], broken_off=True) == (["/a"] * 2, "ChunkedEncodingError")


def test_no_pause_goes_past_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSE_SECONDS", 3.0)
    began = time.monotonic()
    with stub(saying(429, "")) as running:
        assert Session(1).get(running.url).status_code == 429
    assert time.monotonic() - began < 0.9


def test_nothing_is_sent_after_the_deadline() -> None:
    with stub(saying(200, "{}")) as running:
        with pytest.raises(OutOfTimeError):
            Session(0).get(running.url)
        assert not running.paths


# --- addresses


def test_an_address_comes_from_the_setting_then_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    def where(url: str) -> Address | Gap:
        return find("shop", url, "a/b", "wares", "http://shop:1")

    gap = where("")
    assert isinstance(gap, Gap)
    assert (gap.source, gap.wanted, gap.mend) == ("shop", "wares", "set SHOP_URL or sources.shop.url")
    monkeypatch.setenv("SHOP_URL", "http://me:pw@there/x/")
    assert where("") == Address("http://there/x", "me", "pw")
    assert where("http://here/{service}") == Address("http://here/a%2Fb")
    gap = where("ftp://me:secret@x")
    assert isinstance(gap, Gap)
    assert gap.mend == "set sources.shop.url to e.g. http://shop:1"
    assert "secret" not in str(gap)
