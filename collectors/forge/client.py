"""One connection to a forge's REST API: GET only, page after page.

Rate limits: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.gitlab.com/ee/administration/settings/user_and_ip_rate_limits.html. Pages: RFC 8288 Link headers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from collectors.forge.place import Place
from gather_diagnostics.http.answer import document
from gather_diagnostics.http.auth import Bearer
from gather_diagnostics.http.errors import AnswerError
from gather_diagnostics.http.session import Session

HICCUPS = frozenset({502, 503, 504})
MOST_REDIRECTS = 3
MOST_PAGES = 10

_HEADERS: Mapping[str, Mapping[str, str]] = {
    "github": {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
    "gitlab": {"Accept": "application/json"},
}


@dataclass(frozen=True, slots=True)
class Answer:
    document: Any
    following: str
    """Address of the next page; '' on the last one."""


class Client:
    """Asks one server until a deadline. Every method raises requests.RequestException and nothing else."""

    def __init__(self, place: Place, seconds: float) -> None:
        self.place = place
        self._session = Session(seconds, HICCUPS, broken_off=True)
        self._session.auth = Bearer(place.token)
        self._session.headers.update(_HEADERS[place.kind])
        self._session.headers["User-Agent"] = "gather-diagnostics"

    @property
    def skew(self) -> float | None:
        """The server's clock minus ours, in seconds, by its first answer."""
        return self._session.skew

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
        for _ in range(MOST_REDIRECTS + 1):
            response = self._session.get(url, params=params)
            location = urljoin(url, response.headers.get("Location", ""))
            # A renamed repository answers with its new address; a token follows to the same server alone.
            if response.status_code not in (301, 302, 307, 308) or not self._ours(location):
                return self._judged(response)
            url, params = location, {}
        raise AnswerError(response.status_code, "it redirects in a circle")

    def _judged(self, response: requests.Response) -> Answer:
        following = response.links.get("next", {}).get("url", "")
        return Answer(document(response), following if self._ours(following) else "")

    def _ours(self, url: str) -> bool:
        try:
            ours, theirs = urlsplit(self.place.api), urlsplit(url)
            return (ours.scheme, ours.hostname, ours.port) == (theirs.scheme, theirs.hostname, theirs.port)
        except ValueError:
            return False
