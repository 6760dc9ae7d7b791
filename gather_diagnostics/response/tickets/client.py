"""HTTP to a target: what is throttled waits, what failed on the way is sent again, and every error is a sentence.

No redirect is followed, as one would carry the token along; TLS is verified; proxies and REQUESTS_CA_BUNDLE are those
of the environment. Retry-After: RFC 9110, 10.2.3.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from requests.auth import AuthBase

from gather_diagnostics.errors import SendError
from gather_diagnostics.http.body import read_body
from gather_diagnostics.http.clock import is_throttled, lifted
from gather_diagnostics.http.troubles import innermost
from gather_diagnostics.response.tickets.refusals import refusal, unanswered

ATTEMPTS = 5
PATIENCE = 120.0
"""Seconds that are waited in all for one request; a server that wants more is left to a later run."""
PAUSE = 1.0
"""Seconds before a request is sent again, where the server names no time."""
CONNECT_SECONDS = 10.0
ANSWER_SECONDS = 120.0
"""For one answer: a server may look through an upload before it says that it has it."""
LARGEST = 32_000_000
"""Bytes of an answer."""
_HICCUPS = frozenset({502, 503, 504})
_SAFE = frozenset({"GET", "HEAD", "PUT", "DELETE"})
"""Methods that may be sent twice (RFC 9110, 9.2.2)."""


class Headers(AuthBase):
    """Credentials as headers. As authentication, since a plain header would lose against an entry in ~/.netrc."""

    def __init__(self, **headers: str) -> None:
        self._headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


class Client:
    """Asks one server. `title` is what it is called in sentences; `cures` say what to do about a status.

    `auth`: `Headers(Authorization="Bearer ...")`, HTTPBasicAuth, or None for nothing at all.
    """

    def __init__(
        self,
        title: str,
        auth: AuthBase | None = None,
        headers: Mapping[str, str] = {},
        cures: Mapping[int, str] = {},
    ) -> None:
        self.title = title
        self.cures = cures
        self._session = requests.Session()
        self._session.auth = auth or Headers()
        self._session.headers["User-Agent"] = "gather_diagnostics"
        self._session.headers.update(headers)

    def ask(
        self,
        method: str,
        url: str,
        *,
        good: Collection[int] = (200, 201, 202, 204),
        repeatable: bool | None = None,
        fresh: Callable[[], Mapping[str, Any]] | None = None,
        **kwargs: Any,
    ) -> requests.Response:
        """A good answer, its body read. `kwargs` are those of requests (json, data, files, params, headers).

        `fresh` makes the ones that one attempt uses up, such as {"data": open(...)}. `repeatable`: may it be sent
        again where nobody knows whether it arrived? Default: by its method. Raises SendError.
        """
        repeatable = method in _SAFE if repeatable is None else repeatable
        end = time.monotonic() + PATIENCE
        for left in reversed(range(ATTEMPTS)):
            try:
                response = self._once(method, url, {**kwargs, **(fresh() if fresh else {})})
            except requests.RequestException as error:
                if not (left and _may_repeat(error, repeatable) and _waited(PAUSE, end)):
                    raise unanswered(error, self.title, url, innermost(error)) from error
                continue
            if response.status_code in good:
                return response
            pause = _pause(response, repeatable)
            if not (left and pause is not None and _waited(pause, end)):
                raise refusal(response, self.title, self.cures)
        raise AssertionError("the last attempt returns or raises")

    def json(self, method: str, url: str, **kwargs: Any) -> Any:
        """The JSON of a good answer. Raises SendError."""
        response = self.ask(method, url, **kwargs)
        try:
            return response.json()
        except ValueError as error:
            kind = response.headers.get("Content-Type", "no content type")
            raise SendError(
                f"{self.title} answers with {kind} where JSON was expected: is the address right?"
            ) from error

    def _once(self, method: str, url: str, kwargs: Mapping[str, Any]) -> requests.Response:
        bounds = {"stream": True, "allow_redirects": False, "timeout": (CONNECT_SECONDS, ANSWER_SECONDS)}
        with self._session.request(method, url, **{**kwargs, **bounds}) as response:
            # requests has no other way to hand over a body that was read elsewhere.
            response._content = read_body(response, time.monotonic() + ANSWER_SECONDS, LARGEST)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _may_repeat(error: requests.RequestException, repeatable: bool) -> bool:
    """A connection that never came about carried nothing; certificates and addresses do not mend by themselves."""
    if isinstance(
        error, requests.exceptions.SSLError | requests.exceptions.ProxyError | requests.exceptions.InvalidURL
    ):
        return False
    return isinstance(error, requests.ConnectTimeout) or (
        repeatable
        and isinstance(error, requests.ConnectionError | requests.Timeout | requests.exceptions.ChunkedEncodingError)
    )


def _pause(response: requests.Response, repeatable: bool) -> float | None:
    """Seconds to wait before sending again; None for an answer that stands."""
    if is_throttled(response):
        until = lifted(response)
        return PAUSE if until is None else max((until - datetime.now(UTC)).total_seconds(), 0.0)
    return PAUSE if repeatable and response.status_code in _HICCUPS else None


def _waited(seconds: float, end: float) -> bool:
    """False, at once, where that would take too long."""
    if time.monotonic() + seconds > end:
        return False
    time.sleep(seconds)
    return True
