"""Talks to one API server: raw JSON, within bounds of time and size. Sends reads and access reviews only.

The official client brings addresses, certificates and credentials; its generated methods would build a model object of
every field, follow redirects with the credentials and retry as they like.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError
from urllib3.util import Timeout

from collectors.kubernetes.credentials import authorization
from collectors.kubernetes.objects import Object, integer, items, mapping, text, uid

if TYPE_CHECKING:
    from kubernetes.client import Configuration
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 15.0
"""Longest wait for one answer, or for the next piece of a log; less when less time is left."""
LARGEST = 64_000_000
"""Bytes of one answer, unpacked."""
MOST_PAGES = 2_000
MOST_TRIES = 3
METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Accept header that asks for metadata alone: the contents of Secrets then never leave the server."""
TABLE = "application/json;as=Table;g=meta.k8s.io;v=v1,application/json"
"""Accept header that asks for what kubectl prints (kubernetes.io/docs/reference/using-api/api-concepts)."""
_HICCUPS = (500, 502, 503, 504)


class ApiError(Exception):
    """Something other than the answer that was asked for."""


class AnswerError(ApiError):
    """A status that is no success."""

    def __init__(self, status: int, message: str, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        """The server's own sentence, or the beginning of what it sent."""
        self.reason = reason
        """Kubernetes' word: Forbidden, NotFound, Expired, ...; '' when it isn't Kubernetes that speaks."""
        self.retry_after = retry_after
        """Seconds the server asks to wait."""


class MalformedError(ApiError):
    """An answer that can't be read, or is not what the API promises."""


class TooLargeError(ApiError):
    """An answer above LARGEST, or a list without an end."""


class OutOfTimeError(ApiError):
    """The time of the whole source has run out; nothing was sent, or the rest of the answer not waited for."""


Trouble = ApiError | HTTPError
TROUBLE = (ApiError, HTTPError)
"""What the methods of Api raise, all of it."""


class Api:
    """A connection to one API server for one collection; several threads may use it."""

    def __init__(self, configuration: Configuration, context: str, page_size: int, end: float) -> None:
        """`end` is when the last answer must be there (time.monotonic()). Raises CredentialError."""
        from kubernetes.client import ApiClient

        self.context = context
        self.skew: float | None = None
        """The server's clock minus ours, in seconds, by its first answer."""
        self._configuration = configuration
        self._host = str(configuration.host).rstrip("/")
        self._client = ApiClient(configuration)
        self._pool: PoolManager = self._client.rest_client.pool_manager
        self._page_size = page_size
        self._end = end
        authorization(configuration)

    def close(self) -> None:
        self._pool.clear()

    @property
    def left(self) -> float:
        """Seconds until the end."""
        return self._end - time.monotonic()

    def get(self, path: str, **parameters: str | int) -> Object:
        """One object."""
        return self._json("GET", path, parameters)

    def table(self, path: str, **parameters: str | int) -> Object:
        """A list as the server has kubectl print it: `columnDefinitions`, and `rows` without the objects' contents."""
        return self._json("GET", path, {"includeObject": "Metadata", **parameters}, accept=TABLE)

    def review(self, kind: str, spec: Object) -> Object:
        """`status` of a SelfSubjectRulesReview or SelfSubjectAccessReview: asked by POST, stored nowhere."""
        path = f"/apis/authorization.k8s.io/v1/{kind.lower()}s"
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": dict(spec)}
        return mapping(self._json("POST", path, {}, body=json.dumps(body).encode()), "status")

    def each(
        self, path: str, kind: str, *, metadata_only: bool = False, selector: str = "", fields: str = ""
    ) -> Iterator[Object]:
        """The objects of a list, page by page, each once, with `kind` filled in.

        A continue token that expired (410) begins the list anew, once. Source: kubernetes.io/docs/reference/using-api/
        api-concepts/#retrieving-large-results-sets-in-chunks
        """
        narrowed = {"labelSelector": selector, "fieldSelector": fields}
        parameters = {key: value for key, value in narrowed.items() if value}
        seen: set[str] = set()
        fresh = 2
        while fresh:
            fresh -= 1
            try:
                for page in self._pages(path, METADATA if metadata_only else "", parameters):
                    for item in items(page, "items"):
                        if (key := uid(item) or str(len(seen))) not in seen:
                            seen.add(key)
                            yield {**item, "kind": kind}
                return
            except AnswerError as error:
                if error.status != 410 or not fresh:
                    raise

    def _pages(self, path: str, accept: str, parameters: Mapping[str, str]) -> Iterator[Object]:
        asked: dict[str, str | int] = {**parameters, "limit": self._page_size}
        for _ in range(MOST_PAGES):
            page = self._json("GET", path, asked, accept=accept)
            if "items" not in page:
                raise MalformedError("an answer without a list")
            yield page
            token = mapping(page, "metadata").get("continue")
            if not token:
                return
            if not isinstance(token, str) or token == asked.get("continue"):
                raise MalformedError("a list whose pages do not go on")
            asked["continue"] = token
        raise TooLargeError(f"the list has more than {MOST_PAGES:,} pages")

    @contextmanager
    def stream(self, path: str, parameters: Mapping[str, str | int]) -> Iterator[Iterator[bytes]]:
        """A log in chunks as they come, until the server ends it or the time is up (OutOfTimeError)."""
        response = self._begun(path, parameters)
        try:
            yield self._chunks(response)
        finally:
            response.close()

    def _begun(self, path: str, parameters: Mapping[str, str | int]) -> BaseHTTPResponse:
        for tries_left in reversed(range(MOST_TRIES)):
            response = self._send("GET", path, parameters, accept="*/*")
            if response.status == 200:
                return response
            try:
                error = _refusal(response, _body(response, time.monotonic() + max(0.1, self._seconds())))
            finally:
                response.close()
            self._wait(error, tries_left)
        raise AssertionError("the last try returns or raises")

    def _chunks(self, response: BaseHTTPResponse) -> Iterator[bytes]:
        while chunk := response.read1(65_536, decode_content=True):
            yield chunk
            if self.left <= 0:
                raise OutOfTimeError("the time ended before the log did")

    def _json(
        self, method: str, path: str, parameters: Mapping[str, str | int], *, body: bytes = b"", accept: str = ""
    ) -> Object:
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                response = self._send(method, path, parameters, body=body, accept=accept)
                try:
                    return _document(response, _body(response, time.monotonic() + self._seconds()))
                finally:
                    response.close()
            except AnswerError as error:
                self._wait(error, tries_left)
            except ReadTimeoutError as error:
                if self.left <= 0:
                    raise OutOfTimeError("the time ended before the answer came") from error
                raise
            except ProtocolError:
                # A kept-alive connection that the server closed meanwhile looks just like this.
                if tries_left < MOST_TRIES - 1:
                    raise
        raise AssertionError("the last try returns or raises")

    def _wait(self, error: AnswerError, tries_left: int) -> None:
        """Wait as the server asks, where trying again makes sense and there is time; raises the error else."""
        if error.status == 429:
            seconds = 1.0 if error.retry_after is None else error.retry_after
        elif error.status in _HICCUPS and tries_left == MOST_TRIES - 1:
            seconds = 0.3 if error.retry_after is None else error.retry_after
        else:
            raise error
        if not tries_left or seconds > min(10.0, self.left / 3):
            raise error
        time.sleep(max(seconds, 0.05))

    def _seconds(self) -> float:
        return max(min(ANSWER_SECONDS, self.left), 0.0)

    def _send(
        self, method: str, path: str, parameters: Mapping[str, str | int], *, body: bytes = b"", accept: str = ""
    ) -> BaseHTTPResponse:
        seconds = self._seconds()
        if seconds <= 0:
            raise OutOfTimeError("no time was left to ask")
        headers = {"Accept": accept or "application/json", "User-Agent": "gather-diagnostics"}
        if body:
            headers["Content-Type"] = "application/json"
        if token := authorization(self._configuration):
            headers["Authorization"] = token
        response = self._pool.request(
            method,
            f"{self._host}{path}{'?' + urlencode(parameters) if parameters else ''}",
            body=body or None,
            headers=headers,
            timeout=Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            retries=False,
            # A redirect would carry the credentials to a host nobody named.
            redirect=False,
            preload_content=False,
        )
        if self.skew is None:
            self.skew = _skew(response.headers)
        return response


def _body(response: BaseHTTPResponse, end: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while part := response.read1(65_536, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > LARGEST:
            raise TooLargeError(f"the answer is larger than {LARGEST:,} bytes")
        if time.monotonic() > end:
            raise OutOfTimeError("the answer came too slowly")
    return b"".join(parts)


def _document(response: BaseHTTPResponse, content: bytes) -> Object:
    if not 200 <= response.status < 300:
        raise _refusal(response, content)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        kind = response.headers.get("Content-Type", "something without a content type")
        raise MalformedError(f"{kind} that is no whole JSON: {_shown(content)}") from error
    if not isinstance(document, dict):
        raise MalformedError(f"JSON of another shape: {_shown(content)}")
    return document


def _refusal(response: BaseHTTPResponse, content: bytes) -> AnswerError:
    try:
        status = json.loads(content)
    except (ValueError, RecursionError):
        status = {}
    if 300 <= response.status < 400:
        said = f"redirects to {response.headers.get('Location', 'nowhere').partition('?')[0]}"
    else:
        said = text(status, "message") or _shown(content) or response.reason or "nothing"
    after = integer({"after": response.headers.get("Retry-After")}, "after")
    return AnswerError(response.status, said, text(status, "reason"), None if after is None else max(0.0, float(after)))


def _shown(content: bytes) -> str:
    return " ".join(content[:2000].decode("utf-8", "replace").split())


def _skew(headers: Mapping[str, str]) -> float | None:
    try:
        told = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
    # The header tells whole seconds, cut off: with half a second more it errs to both sides alike.
    return (told - datetime.now(UTC)).total_seconds() + 0.5 if told.tzinfo else None
