"""Answers of trackers by their shape: an object where one is promised, and lists page after page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from gather_diagnostics.errors import SendError
from gather_diagnostics.http.clock import is_throttled
from gather_diagnostics.response.tickets.client import Client
from gather_diagnostics.response.tickets.refusals import refusal

MOST_PAGES = 100
"""Of 100 comments each; GitHub and GitLab allow fewer on an issue."""

Object = Mapping[str, Any]


def an_object(found: Any, title: str, *keys: str) -> Object:
    """`found`, or what it has below the keys. Raises SendError where that is no JSON object."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        where = f" below {'.'.join(keys)}" if keys else ""
        raise SendError(f"{title} answers, but with no object{where}: is the address that of its API?")
    return found


def objects(found: Any, title: str, *keys: str) -> list[Object]:
    """A list of objects, itself or what `found` has below the keys. Raises SendError."""
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, list):
        where = f" below {'.'.join(keys)}" if keys else ""
        raise SendError(f"{title} answers, but with no list{where}: is the address that of its API?")
    return [an_object(one, title) for one in found]


def pages(client: Client, url: str) -> Iterator[Object]:
    """The entries of a list, following its Link headers (RFC 8288) on the same server. Raises SendError."""
    following = f"{url}{'&' if '?' in url else '?'}per_page=100"
    for _ in range(MOST_PAGES):
        response = client.ask("GET", following)
        yield from objects(read(response, client.title), client.title)
        following = urljoin(url, response.links.get("next", {}).get("url", ""))
        if "next" not in response.links or urlsplit(following)[:2] != urlsplit(url)[:2]:
            return


def edited(client: Client, method: str, url: str, **kwargs: Any) -> requests.Response | None:
    """The answer to a change of a comment; None where it is not ours to change, or gone. Raises SendError.

    May be sent twice: setting the same text again is harmless, whatever the method promises.
    """
    response = client.ask(method, url, good=(200, 403, 404, 405), repeatable=True, **kwargs)
    if response.status_code != 200 and is_throttled(response):
        raise refusal(response, client.title, client.cures)
    return response if response.status_code == 200 else None


def read(response: requests.Response, title: str) -> Any:
    """Its JSON. Raises SendError."""
    try:
        return response.json()
    except ValueError as error:
        raise SendError(f"{title} answers with something else than JSON: is the address that of its API?") from error
