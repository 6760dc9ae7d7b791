"""One connection to a forge's REST API: GET only, every answer bounded in time and size, retries few and counted.

Rate limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.gitlab.com/ee/administration/settings/user_and_ip_rate_limits.html. Pages: RFC 8288 Link headers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from collectors.forge.place import Place
from gather_diagnostics.http.body import read_body

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when less time is left."""
LARGEST = 32_000_000
"""Bytes of one answer, unpacked."""
MOST_TRIES = 3
MOST_WAIT = 5.0
"""Seconds that are waited at most for a limit to pass; a longer one is told, not sat out."""
PAUSE = 0.3
"""Seconds before a hiccup is asked again."""
MOST_REDIRECTS = 3
MOST_PAGES = 10

_HEADERS: Mapping[str, Mapping[str, str]] = {
    "github": {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    "gitlab": {"Accept": "application/json"},
}


class AnswerError(requests.RequestException):
    """An answer that is no result: another status than 200, or not JSON."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        """The server's own sentence, or the beginning of what it sent."""


class ThrottledError(AnswerError):
    """A rate limit. `until` is when it ends, UTC, where the server says so."""

    def __init__(self, status: int, message: str, until: datetime | None) -> None:
        super().__init__(status, message)
        self.until = until


class OutOfTimeError(requests.Timeout):
    """The deadline of the whole source has fallen."""


@dataclass(frozen=True, slots=True)
class Answer:
    document: Any
    following: str
    """Address of the next page; '' on the last one."""


class _Token(AuthBase):
    """A header alone would lose against an entry in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Client:
    """Asks one server until a deadline. Every method raises requests.RequestException and nothing else."""

    def __init__(self, place: Place, seconds: float) -> None:
        self.place = place
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self._end = time.monotonic() + seconds
        self._session = requests.Session()
        self._session.auth = _Token(place.token)
        self._session.headers.update(_HEADERS[place.kind])
        self._session.headers["User-Agent"] = "gather-diagnostics"

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """The document at a path below the API's address."""
        return self._answer(f"{self.place.api}/{path}", params or {})

    def pages(self, path: str, params: Mapping[str, str | int]) -> Iterator[Any]:
        """The entries of a list, page after page, at most MOST_PAGES of 100."""
        answer = self.get(path, {**params, "per_page": 100})
        for number in range(1, MOST_PAGES + 1):
            if not isinstance(answer.document, list):
                raise AnswerError(200, f"JSON, but no list: {str(answer.document)[:100]}")
            yield from answer.document
            if not answer.following or number == MOST_PAGES:
                return
            answer = self._answer(answer.following, {})

    def _answer(self, url: str, params: Mapping[str, str | int]) -> Answer:
        for attempt in range(1, MOST_TRIES + 1):
            try:
                return self._ask(url, params)
            except (AnswerError, requests.exceptions.ChunkedEncodingError) as error:
                pause = _pause(error)
                if pause is None or attempt == MOST_TRIES or pause > self._end - time.monotonic():
                    raise
                time.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, url: str, params: Mapping[str, str | int]) -> Answer:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._read(url, params)
            if self.skew is None:
                self.skew = _skew(response)
            location = urljoin(url, response.headers.get("Location", ""))
            # A renamed repository answers with its new address; a token follows to the same server alone.
            if response.status_code not in (301, 302, 307, 308) or not self._ours(location):
                return self._judged(response)
            url, params = location, {}
        raise AnswerError(response.status_code, "it redirects in a circle")

    def _ours(self, url: str) -> bool:
        try:
            ours, theirs = urlsplit(self.place.api), urlsplit(url)
            return (ours.scheme, ours.hostname, ours.port) == (theirs.scheme, theirs.hostname, theirs.port)
        except ValueError:
            return False

    def _read(self, url: str, params: Mapping[str, str | int]) -> requests.Response:
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfTimeError("no time was left to ask")
        seconds = min(ANSWER_SECONDS, left)
        end = time.monotonic() + seconds
        try:
            with self._session.get(
                url,
                params=params,
                stream=True,
                allow_redirects=False,
                timeout=(min(CONNECT_SECONDS, seconds), seconds),
            ) as response:
                # requests has no other way to hand over a body that was read elsewhere.
                response._content = read_body(response, end, LARGEST)
                response._content_consumed = True  # type: ignore[attr-defined]
        except requests.Timeout as error:
            if time.monotonic() >= self._end:
                raise OutOfTimeError("the time ended before the answer did") from error
            raise
        return response

    def _judged(self, response: requests.Response) -> Answer:
        if limit := _limit(response):
            raise limit
        if response.status_code != 200:
            raise AnswerError(response.status_code, _said(response))
        try:
            document = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            kind = response.headers.get("Content-Type", "something without a content type")
            raise AnswerError(200, f"{kind} that is no JSON: {_beginning(response)}") from error
        following = response.links.get("next", {}).get("url", "")
        return Answer(document, following if self._ours(following) else "")


def _pause(error: requests.RequestException) -> float | None:
    """Seconds after which asking again may help; None where it won't."""
    match error:
        case ThrottledError(until=datetime() as until):
            wait = max((until - datetime.now(UTC)).total_seconds(), PAUSE)
            return wait if wait <= MOST_WAIT else None
        case ThrottledError():
            return None
        case AnswerError(status=502 | 503 | 504) | requests.exceptions.ChunkedEncodingError():
            return PAUSE
    return None


def _limit(response: requests.Response) -> ThrottledError | None:
    """GitHub limits with 403 or 429 and 'x-ratelimit-remaining: 0' or 'retry-after'; GitLab with 429."""
    status, headers = response.status_code, response.headers
    spent = headers.get("X-RateLimit-Remaining", headers.get("RateLimit-Remaining", "")).strip() == "0"
    if status != 429 and not (status == 403 and (spent or "Retry-After" in headers)):
        return None
    return ThrottledError(status, _said(response), _until(headers))


def _until(headers: Mapping[str, str]) -> datetime | None:
    """When the limit ends. Retry-After is seconds (RFC 9110, 10.2.3), the others Unix times."""
    if (after := _number(headers.get("Retry-After", ""))) is not None and after < 1e7:
        return datetime.now(UTC) + timedelta(seconds=after)
    for name in ("X-RateLimit-Reset", "RateLimit-Reset"):
        if (at := _number(headers.get(name, ""))) is not None and 0 < at < 9e9:
            return datetime.fromtimestamp(at, UTC)
    return None


def _number(text: str) -> int | None:
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _said(response: requests.Response) -> str:
    """The sentence in a refusal: GitHub's 'message', GitLab's 'message' or 'error'."""
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        said = document.get("message") or document.get("error_description") or document.get("error")
        if said:
            return str(said)[:1000]
    return _beginning(response) or response.reason or "nothing"


def _beginning(response: requests.Response) -> str:
    return " ".join(response.content[:2000].decode("utf-8", "replace").split())


def _skew(response: requests.Response) -> float | None:
    try:
        told = parsedate_to_datetime(response.headers["Date"])
    except (KeyError, ValueError):
        return None
    return (told - datetime.now(UTC)).total_seconds() if told.tzinfo else None
