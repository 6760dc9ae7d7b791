"""HTTP with bounds: every answer within the deadline and the size, and an error for whatever is no result."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from gather_diagnostics.http.body import read_body

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when less time is left."""
LARGEST = 64_000_000
"""Bytes of one answer, unpacked."""
PAUSE_SECONDS = 1.0
"""Before a throttled request is sent again, where the server names no time."""
LONGEST_PAUSE = 5.0
"""Seconds; a server that wants a longer one is not asked again."""


class AnswerError(requests.RequestException):
    """An answer that is no result: another status than 200, not JSON, or JSON that says 'error'."""

    def __init__(self, status: int, message: str, kind: str = "", location: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        """The server's own sentence, or the beginning of what it sent."""
        self.kind = kind
        """Prometheus' errorType: bad_data, execution, timeout, ...; '' when it isn't Prometheus that speaks."""
        self.location = location
        """Where it redirects to."""


class OutOfTimeError(requests.Timeout):
    """The deadline of the whole source has fallen; nothing was sent, or the rest of the answer not waited for."""


class Session(requests.Session):
    """A session that several threads may use at once.

    The library on top of it would take a dripping or endless answer, and report a refusal as one string.
    """

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        """By time.monotonic()."""
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self._last = threading.local()

    @property
    def warnings(self) -> list[str]:
        """What the last answer to this thread warned of."""
        return getattr(self._last, "warnings", [])

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = self._sent(request, kwargs)
        pause = _pause(response)
        if pause is not None and time.monotonic() + pause < self.deadline:
            time.sleep(pause)
            response = self._sent(request, kwargs)
        self._last.warnings = _checked(response)
        return response

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
            self.skew = _skew(response)
        return response

    def _read(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> requests.Response:
        seconds = max(0.001, min(ANSWER_SECONDS, self.deadline - time.monotonic()))
        end = time.monotonic() + seconds
        bounds = {
            "stream": True,
            # A redirect would carry the configured headers to a host nobody named.
            "allow_redirects": False,
            "timeout": (min(CONNECT_SECONDS, seconds), seconds),
        }
        with super().send(request, **{**kwargs, **bounds}) as response:
            # requests has no other way to hand over a body that was read elsewhere.
            response._content = read_body(response, end, LARGEST)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _pause(response: requests.Response) -> float | None:
    """Seconds to wait before asking once more; None for an answer that stands."""
    told = response.headers.get("Retry-After", "")
    if response.status_code != 429 and not (response.status_code == 503 and told):
        return None
    pause = float(told) if told.isdecimal() else PAUSE_SECONDS
    return pause if pause <= LONGEST_PAUSE else None


def _checked(response: requests.Response) -> list[str]:
    """The answer's warnings. Raises AnswerError."""
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError) as error:
        raise _not_json(response) from error
    if not isinstance(document, dict) or "status" not in document:
        raise _not_json(response)
    if response.status_code != 200 or document["status"] != "success":
        message = str(document.get("error") or document.get("message") or document)
        raise AnswerError(response.status_code, message, str(document.get("errorType", "")))
    if "data" not in document:
        raise AnswerError(200, "an answer without data")
    warnings = document.get("warnings")
    return [str(w) for w in warnings] if isinstance(warnings, list) else []


def _not_json(response: requests.Response) -> AnswerError:
    location = response.headers.get("Location", "") if 300 <= response.status_code < 400 else ""
    said = " ".join(response.content[:2000].decode("utf-8", "replace").split())
    if response.status_code == 200:
        what = response.headers.get("Content-Type", "something without a content type")
        said = f"{what} instead of JSON: {said}"
    return AnswerError(response.status_code, said or response.reason or "nothing", location=location)


def _skew(response: requests.Response) -> float | None:
    try:
        told = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    if told.tzinfo is None:
        return None
    return (told - datetime.now(UTC)).total_seconds()
