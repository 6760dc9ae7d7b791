"""What a target's refusal, or its silence, means to a person: one sentence and the cure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from gather_diagnostics.errors import SendError
from gather_diagnostics.http.clock import is_throttled, lifted
from gather_diagnostics.http.troubles import cut

CURES = {
    401: "the token is wrong or has expired",
    403: "the token has no right to do that",
    404: "there is no such thing, or the token has no right to see it",
    413: "it is too large for that server",
}
"""Where a target knows nothing better."""
_SAID = ("message", "errorMessages", "errors", "error", "detail", "error_description", "msg", "reason")
"""Keys under which servers put the words of a refusal; what is in them is a text, a list, or again an object."""


def refusal(response: requests.Response, title: str, cures: Mapping[int, str]) -> SendError:
    """Of an answer that is no good one."""
    status, words = response.status_code, said(response)
    what = f"{title} answers {status}{f': {words}' if words else ''}"
    if is_throttled(response):
        until = lifted(response)
        when = f"after {until:%H:%M:%S} UTC" if until else "later"
        return SendError(f"{what}; it takes no more requests now: run again {when}, what went is not sent twice")
    if 300 <= status < 400:
        place = cut(response.headers.get("Location", "").partition("?")[0]) or "nowhere"
        return SendError(f"{title} redirects to {place}, which is not followed: give the address that it redirects to")
    if status >= 500 and status not in cures:
        return SendError(f"{what}; that is a trouble of its own: run again later, what went is not sent twice")
    cure = cures.get(status) or CURES.get(status, "")
    return SendError(f"{what}; {cure}" if cure else what)


def unanswered(error: requests.RequestException, title: str, url: str, words: str) -> SendError:
    """Of a request without an answer. The address is told without path and query, which may hold a secret."""
    parts = urlsplit(url)
    where = f"{title} at {parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"
    match error:
        case requests.exceptions.SSLError():
            cure = "name the authority's certificate in REQUESTS_CA_BUNDLE"
            return SendError(f"no TLS connection to {where}: {cut(words)}; {cure}")
        case requests.exceptions.ProxyError():
            return SendError(f"the proxy before {where} does not answer: check HTTPS_PROXY and NO_PROXY")
        case requests.exceptions.InvalidHeader():
            # Its text holds the header's value, which may be a secret.
            return SendError(f"a header for {where} can't be sent: look for line ends and blanks in the token")
        case requests.Timeout():
            return SendError(f"{where} did not answer in time: run again, what went is not sent twice")
        case requests.ConnectionError() | requests.exceptions.ChunkedEncodingError():
            return SendError(f"{where} is not reached: {cut(words)}; check its address and the network, then run again")
    return SendError(f"{where}: {type(error).__name__}: {cut(words)}")


def said(response: requests.Response) -> str:
    """The server's own words, on one line, cut."""
    try:
        found = response.json()
    except ValueError:
        kind = response.headers.get("Content-Type", "")
        return "" if "html" in kind else cut(response.content[:2000].decode("utf-8", "replace"))
    return cut("; ".join(dict.fromkeys(_texts(found))))


def _texts(found: Any) -> list[str]:
    """Of any of the shapes that JSON refusals have: {"error": {"message": ...}}, {"errorMessages": [...]}, ..."""
    match found:
        case str():
            return [found] if found.strip() else []
        case list():
            return [text for one in found for text in _texts(one)]
        case dict():
            known = [text for key in _SAID if key in found for text in _texts(found[key])]
            return known or [f"{key}: {text}" for key, value in found.items() for text in _texts(value)]
    return []
