"""An end to every answer: botocore waits for each byte anew, and takes as many as come.

It sits where botocore keeps its HTTP session, inside of the retries: an attempt that begins late waits less.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from urllib3.exceptions import HTTPError
from urllib3.exceptions import ReadTimeoutError as Stopped

from collectors.cloudwatch.troubles import OutOfTimeError, TooLargeError

LARGEST = 50_000_000
"""Bytes of one answer: 10,000 rows of Logs Insights, the largest that AWS gives, are a fifth of it."""
PART = 65_536


class Bounded:
    """botocore's HTTP session; `send` reads the whole answer, within the time and size that it may take."""

    def __init__(self, session: Any, deadline: float, seconds: float) -> None:
        """deadline: time.monotonic() of the source's end; seconds: longest time for one answer."""
        self._session = session
        self._deadline = deadline
        self._seconds = seconds

    def send(self, request: AWSPreparedRequest) -> AWSResponse:
        """Raises OutOfTimeError, TooLargeError and botocore's HTTPClientError."""
        seconds = min(self._seconds, self._deadline - time.monotonic())
        if seconds <= 0:
            raise OutOfTimeError("no time was left to ask")
        end = time.monotonic() + seconds
        # botocore before 1.41 has no such context, and waits its usual time.
        getattr(request, "context", {})["read_timeout"] = seconds
        request.stream_output = True
        response = self._session.send(request)
        body = _Body(b"".join(_parts(response.raw, request.url, end)))
        return AWSResponse(response.url, response.status_code, response.headers, body)

    def close(self) -> None:
        self._session.close()


class _Body:
    """A body that is read, as AWSResponse takes it."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self) -> Iterator[bytes]:
        yield self._content


def _parts(raw: Any, url: str, end: float) -> Iterator[bytes]:
    size = 0
    try:
        while part := raw.read1(PART):
            size += len(part)
            if size > LARGEST:
                raise TooLargeError(f"the answer is larger than {LARGEST:,} bytes")
            if time.monotonic() > end:
                raise ReadTimeoutError(endpoint_url=url, error="the answer came too slowly")
            yield part
    except Stopped as error:
        raise ReadTimeoutError(endpoint_url=url, error=error) from error
    except HTTPError as error:
        raise ConnectionClosedError(endpoint_url=url, error=error) from error
    finally:
        # One that was read to its end has gone back to the pool by itself; another must not.
        raw.close()
