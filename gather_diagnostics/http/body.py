"""Reading an answer's body within a time and a size: requests alone would take a dripping or endless one."""

from __future__ import annotations

import time

import requests
from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError


class TooLargeError(requests.RequestException):
    """An answer above the size that is allowed."""


def read_body(response: requests.Response, end: float, largest: int) -> bytes:
    """The whole decoded body, not later than `end` (time.monotonic()) and not longer than `largest` bytes.

    Raises requests.RequestException for whatever keeps it from being whole, TooLargeError among them.
    """
    parts: list[bytes] = []
    size = 0
    try:
        while part := response.raw.read1(65_536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > largest:
                raise TooLargeError(f"the answer is larger than {largest:,} bytes")
            if time.monotonic() > end:
                raise requests.ReadTimeout("the answer came too slowly")
    except ReadTimeoutError as error:
        raise requests.ReadTimeout("the answer stopped coming") from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError(str(error)) from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError(str(error)) from error
    return b"".join(parts)
