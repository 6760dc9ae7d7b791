"""Asks Alertmanager's API v2 with GET alone, each answer within a time and a size.

Source: the OpenAPI description in api/v2/openapi.yaml of prometheus/alertmanager.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests

from collectors.alertmanager.settings import AlertmanagerSettings
from gather_diagnostics.http.address import Address
from gather_diagnostics.http.auth import auth
from gather_diagnostics.http.body import read_body

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when less time is left."""
LARGEST = 64_000_000
"""Bytes of one answer, unpacked."""
PAUSE_SECONDS = 1.0
"""Before a throttled request is sent once more, where the server names no time."""
LONGEST_PAUSE = 5.0
"""Seconds; a server that wants a longer one is not asked again."""


class AnswerError(requests.RequestException):
    """An answer that is no result: another status than 200, not JSON, or JSON of another kind."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class OutOfTimeError(requests.Timeout):
    """The deadline of the whole source has fallen."""


class Client:
    """A connection for one collection. Every method raises requests.RequestException and nothing else."""

    def __init__(
        self, settings: AlertmanagerSettings, where: Address, headers: Mapping[str, str], seconds: float
    ) -> None:
        self.url = where.url
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self._deadline = time.monotonic() + seconds
        self._session = requests.Session()
        self._session.verify = settings.verify_tls
        self._session.auth = auth(settings, where, "alertmanager")
        self._session.headers.update(headers)

    def alerts(self, matchers: Sequence[str]) -> Sequence[Any]:
        """All alerts there are, suppressed ones too."""
        asked = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
        return self._list("/api/v2/alerts", {**asked, "filter": list(matchers)})

    def silences(self) -> Sequence[Any]:
        """All silences that the server still keeps, expired ones too."""
        return self._list("/api/v2/silences", {})

    def status(self) -> Mapping[str, Any]:
        """Version, cluster, configuration."""
        answer = self._get("/api/v2/status", {})
        if not isinstance(answer, dict) or "versionInfo" not in answer:
            raise AnswerError(200, f"JSON without a versionInfo: {str(answer)[:100]}")
        return answer

    def _list(self, path: str, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._get(path, params)
        if not isinstance(answer, list):
            raise AnswerError(200, f"a result of another kind than a list: {str(answer)[:100]}")
        return answer

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        response = self._asked(path, params)
        pause = _pause(response)
        if pause is not None and time.monotonic() + pause < self._deadline:
            time.sleep(pause)
            response = self._asked(path, params)
        return _checked(response)

    def _asked(self, path: str, params: Mapping[str, Any]) -> requests.Response:
        seconds = min(ANSWER_SECONDS, self._deadline - time.monotonic())
        if seconds <= 0:
            raise OutOfTimeError("no time was left to ask")
        try:
            response = self._read(path, params, seconds)
        except requests.Timeout as error:
            if time.monotonic() >= self._deadline:
                raise OutOfTimeError("the time ended before the answer did") from error
            raise
        if self.skew is None:
            self.skew = _skew(response)
        return response

    def _read(self, path: str, params: Mapping[str, Any], seconds: float) -> requests.Response:
        end = time.monotonic() + seconds
        bounds = (min(CONNECT_SECONDS, seconds), seconds)
        # A redirect would carry the configured headers to a host nobody named.
        with self._session.get(
            self.url + path, params=params, timeout=bounds, stream=True, allow_redirects=False
        ) as response:
            # requests has no other way to hand over a body that was read elsewhere.
            response._content = read_body(response, end, LARGEST)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _pause(response: requests.Response) -> float | None:
    """Seconds to wait before asking once more; None for an answer that stands."""
    told = response.headers.get("Retry-After", "")
    if response.status_code not in (429, 502) and not (response.status_code == 503 and told):
        return None
    pause = float(told) if told.isdecimal() else PAUSE_SECONDS
    return pause if pause <= LONGEST_PAUSE else None


def _checked(response: requests.Response) -> Any:
    """The answer's JSON. Raises AnswerError."""
    said = " ".join(response.content[:2000].decode("utf-8", "replace").split())
    if 300 <= response.status_code < 400:
        # Without its query, which holds states and tokens.
        said = f"a redirect to {response.headers.get('Location', 'nowhere').partition('?')[0]}"
    if response.status_code != 200:
        raise AnswerError(response.status_code, said or response.reason or "nothing")
    try:
        return json.loads(response.content)
    except (ValueError, RecursionError) as error:
        what = response.headers.get("Content-Type", "something without a content type")
        raise AnswerError(200, f"{what} instead of JSON: {said}") from error


def _skew(response: requests.Response) -> float | None:
    try:
        told = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    return (told - datetime.now(UTC)).total_seconds() if told.tzinfo else None
