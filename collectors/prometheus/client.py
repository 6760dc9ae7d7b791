"""Talks to Prometheus through prometheus-api-client, with bounds that the library leaves to its session."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from prometheus_api_client.prometheus_connect import PrometheusConnect
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError
from urllib3.util.retry import Retry

from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.spans import Span
from gather_diagnostics import Window

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer; less when less time is left."""
LARGEST = 64_000_000
"""Bytes of one answer, unpacked."""


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


class TooLargeError(requests.RequestException):
    """An answer above LARGEST."""


class OutOfTimeError(requests.Timeout):
    """The deadline of the whole source has fallen; nothing was sent, or the rest of the answer not waited for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the server is. `url` has no credentials in it and no slash at its end."""

    url: str
    username: str = ""
    password: str = field(default="", repr=False)


def address(url: str) -> Address:
    """Take a URL apart. Raises ValueError, without the URL's credentials in it, for one that can't be used."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("it does not begin with http:// or https:// and a host")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = f"{host}:{parts.port}" if parts.port else host  # .port raises ValueError for nonsense
    clean = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
    return Address(clean, unquote(parts.username or ""), unquote(parts.password or ""))


class _Bearer(AuthBase):
    """A header alone would lose against an entry in ~/.netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Session(requests.Session):
    """Reads every answer within the deadline and the size, and raises for whatever is no result.

    The library would take a dripping or endless answer, and report a refusal as one string.
    """

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self.warnings: list[str] = []
        """What the last answer warned of."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
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
        self.warnings = _checked(response)
        return response

    def _read(self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]) -> requests.Response:
        seconds = min(ANSWER_SECONDS, self.deadline - time.monotonic())
        end = time.monotonic() + seconds
        bounds = {
            "stream": True,
            # A redirect would carry the configured headers to a host nobody named.
            "allow_redirects": False,
            "timeout": (min(CONNECT_SECONDS, seconds), seconds),
        }
        with super().send(request, **{**kwargs, **bounds}) as response:
            # requests has no other way to hand over a body that was read elsewhere.
            response._content = _body(response, end)
            response._content_consumed = True  # type: ignore[attr-defined]
        return response


def _body(response: requests.Response, end: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > LARGEST:
                raise TooLargeError(f"the answer is larger than {LARGEST:,} bytes")
            if time.monotonic() > end:
                raise requests.ReadTimeout("the answer came too slowly")
    except ReadTimeoutError as error:
        raise requests.ReadTimeout("the answer stopped coming") from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(str(error)) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error
    return b"".join(parts)


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


class Client:
    """A connection for one collection. Every method raises requests.RequestException and nothing else."""

    def __init__(
        self, settings: PrometheusSettings, where: Address, headers: Mapping[str, str], seconds: float
    ) -> None:
        self.url = where.url
        self._session = _Session(time.monotonic() + seconds)
        self._session.verify = settings.verify_tls
        self._session.auth = _auth(settings, where)
        # Nothing is tried twice but a gateway's hiccup: a refused connection is told at once.
        retry = Retry(
            total=1,
            connect=0,
            read=False,
            redirect=0,
            other=0,
            status=1,
            status_forcelist=(502,),
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        self._library = PrometheusConnect(url=where.url, headers=dict(headers), session=self._session, retry=retry)

    @property
    def skew(self) -> float | None:
        return self._session.skew

    @property
    def warnings(self) -> Sequence[str]:
        return self._session.warnings

    def series(self, matches: Sequence[str], window: Window) -> Sequence[Any]:
        """Label sets of the series that match any of some selectors."""
        return _list(lambda: self._library.get_series(window.start, window.end, params={"match[]": list(matches)}))

    def instant(self, expr: str, seconds: int | None = None) -> Sequence[Any]:
        """The result of an instant query at a Unix time; at the server's now for None."""
        return _list(lambda: self._library.custom_query(expr, params={} if seconds is None else {"time": seconds}))

    def range(self, expr: str, span: Span) -> Sequence[Any]:
        """The result of a range query."""
        return _list(lambda: self._library.custom_query_range(expr, span.first, span.last, str(span.step)))


def _list(ask: Callable[[], Any]) -> Sequence[Any]:
    try:
        answer = ask()
    except (KeyError, TypeError) as error:
        # The library takes data.result out of an answer unseen.
        raise AnswerError(200, f"JSON without the result that was asked for ({error})") from error
    if not isinstance(answer, list):
        raise AnswerError(200, f"a result of another kind than a list: {str(answer)[:100]}")
    return answer


def _auth(settings: PrometheusSettings, where: Address) -> AuthBase | None:
    if token := settings.bearer_token.get_secret_value():
        return _Bearer(token)
    if settings.username or settings.password.get_secret_value():
        return HTTPBasicAuth(settings.username.encode(), settings.password.get_secret_value().encode())
    if where.username or where.password:
        return HTTPBasicAuth(where.username.encode(), where.password.encode())
    return None
