"""Requests with bounds: each answer within the source's deadline, a time and a size, and asked again once at most."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import requests

from gather_diagnostics.http.address import Address
from gather_diagnostics.http.auth import auth
from gather_diagnostics.http.body import read_body
from gather_diagnostics.http.clock import is_throttled, lifted, skew
from gather_diagnostics.http.errors import OutOfTimeError
from gather_diagnostics.http.settings import ServerSettings

SHARE = 0.9
"""Of the source's time that is used; the rest is for handing over."""
CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when less time is left."""
LARGEST = 64_000_000
"""Bytes of one answer, unpacked."""
PAUSE_SECONDS = 1.0
"""Before a request is sent again, where the server names no time."""
LONGEST_PAUSE = 5.0
"""Seconds; a server that wants a longer one is not asked again."""


class Session(requests.Session):
    """A session that several threads may use at once. It follows no redirect: one would carry the credentials along.

    What is throttled for LONGEST_PAUSE at most, and what a gateway answers (`hiccups`), is asked once more; with
    `broken_off`, so is an answer that breaks off. Every request raises requests.RequestException and nothing else.
    """

    def __init__(self, seconds: float, hiccups: Collection[int] = (502,), *, broken_off: bool = False) -> None:
        super().__init__()
        self.deadline = time.monotonic() + seconds * SHARE
        """By time.monotonic()."""
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self._hiccups = hiccups
        self._broken_off = broken_off

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        try:
            response = self._sent(request, kwargs)
        except requests.exceptions.ChunkedEncodingError:
            if not self._broken_off or not self._waited(PAUSE_SECONDS):
                raise
            return self._sent(request, kwargs)
        pause = self._pause(response)
        return self._sent(request, kwargs) if pause is not None and self._waited(pause) else response

    def _pause(self, response: requests.Response) -> float | None:
        """Seconds to wait before asking once more; None for an answer that stands."""
        if not is_throttled(response):
            return PAUSE_SECONDS if response.status_code in self._hiccups else None
        until = lifted(response)
        pause = PAUSE_SECONDS if until is None else max((until - datetime.now(UTC)).total_seconds(), 0.0)
        return pause if pause <= LONGEST_PAUSE else None

    def _waited(self, seconds: float) -> bool:
        """False, at once, where the time is too short for it."""
        if time.monotonic() + seconds >= self.deadline:
            return False
        time.sleep(seconds)
        return True

    def _sent(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> requests.Response:
        if time.monotonic() >= self.deadline:
            raise OutOfTimeError("no time was left to ask")
        try:
            response = self._read(request, kwargs)
        except requests.Timeout as error:
            if time.monotonic() >= self.deadline:
                raise OutOfTimeError("the time ended before the answer did") from error
            raise
        if self.skew is None:
            self.skew = skew(response)
        return response

    def _read(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> requests.Response:
        seconds = max(0.001, min(ANSWER_SECONDS, self.deadline - time.monotonic()))
        end = time.monotonic() + seconds
        bounds = {"stream": True, "allow_redirects": False, "timeout": (min(CONNECT_SECONDS, seconds), seconds)}
        # requests lets REQUESTS_CA_BUNDLE win over a session that is told not to verify (requests, issue 3829).
        trust = {} if self.verify else {"verify": False}
        with super().send(request, **{**kwargs, **bounds, **trust}) as response:
            # requests has no other way to hand over a body that was read elsewhere.
            response._content = read_body(response, end, LARGEST)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def introduce(session: requests.Session, settings: ServerSettings, where: Address, source: str, service: str) -> None:
    """Give a session what the settings say of credentials, tenant, headers and TLS; '{service}' is filled in."""
    session.verify = settings.verify_tls
    session.auth = auth(settings, where, source)
    for name, value in settings.headers.items():
        session.headers[name] = value.get_secret_value().replace("{service}", service)
    if settings.tenant:
        session.headers["X-Scope-OrgID"] = settings.tenant.replace("{service}", service)
