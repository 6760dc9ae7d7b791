"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError

from collectors.forge.client import AnswerError, Client, OutOfTimeError, ThrottledError
from collectors.forge.fields import MalformedError
from collectors.forge.place import NAME, Place
from gather_diagnostics import Gap
from gather_diagnostics.http.body import TooLargeError
from gather_diagnostics.model import Cause

MOST = 300
"""Characters kept of what a server said."""
MOST_SKEW = 60
"""Seconds that the server's clock may differ."""

Trouble = requests.RequestException | MalformedError
Told = tuple[Cause, str, str]
"""Cause, why, mend."""


def gap(error: Trouble, wanted: str, place: Place) -> Gap:
    """Say what an error of the client means to a person."""
    cause, why, mend = _told(error, place)
    # A server may repeat what it was sent.
    return Gap(NAME, wanted, cause, why.replace(place.token, "[token]") if place.token else why, mend)


def is_final(error: Trouble) -> bool:
    """After one of these, asking on is useless, or makes it worse."""
    match error:
        case ThrottledError() | OutOfTimeError() | AnswerError(status=401):
            return True
        case requests.exceptions.ChunkedEncodingError():
            return False
        case requests.ConnectTimeout():
            return True
        case requests.Timeout():
            return False
    return isinstance(error, requests.ConnectionError)


def clock(client: Client) -> Iterator[Gap]:
    """A gap where the server's clock, by its first answer, is far from ours."""
    skew = client.skew
    if skew is not None and abs(skew) > MOST_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        why = f"the clock of {client.place.api} is {abs(skew):,.0f} s {way} this machine's: times do not match others"
        mend = "compare both with `date -u` and NTP (`timedatectl`), and set the wrong one"
        yield Gap(NAME, "times that can be compared", "invalid", why, mend)


def _told(error: Trouble, place: Place) -> Told:
    api = place.api
    match error:
        case ThrottledError():
            return _throttled(error, api)
        case AnswerError():
            return _answer(error, place)
        case MalformedError():
            return "invalid", f"{api} answered, but {cut(str(error))}", _address(place)
        case TooLargeError():
            return (
                "truncated",
                f"{api}: {error}",
                "set sources.forge.commits: false, or ask for a shorter change window",
            )
        case OutOfTimeError():
            return "timeout", f"{api}: {error}", "allow more time with --deadline"
    return _connection(error, place)


def _connection(error: requests.RequestException, place: Place) -> Told:
    api = place.api
    match error:
        case requests.exceptions.SSLError():
            mend = f"export REQUESTS_CA_BUNDLE=/path/to/the/authority.pem; see its certificate with: curl -v {api}"
            return "unreachable", f"no TLS connection to {api}: {cut(innermost(error))}", mend
        case requests.exceptions.ProxyError():
            why = f"the proxy before {api} does not answer: {cut(innermost(error))}"
            return "unreachable", why, "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        case requests.ConnectTimeout():
            return "unreachable", f"{api} takes no connection within the time", f"try: curl -sS {api}"
        case requests.Timeout():
            return (
                "timeout",
                f"{api} did not finish its answer in time",
                f"try: curl -sS {api}; or allow more --deadline",
            )
        case requests.exceptions.InvalidHeader():
            # Its text holds the header's value, which is the token.
            why = "the token can't be sent: it has a character that may not be in one"
            return "not_configured", why, "look for line ends and blanks in sources.forge.token or the variable"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "invalid", f"{api} broke its answer off: {cut(innermost(error))}", f"run again; try: curl -sS {api}"
        case requests.ConnectionError():
            return "unreachable", f"{api} is not reached: {cut(innermost(error))}", f"try: curl -sS {api}"
    return "invalid", f"{api}: {type(error).__name__}: {cut(innermost(error))}", _address(place)


def _throttled(error: ThrottledError, api: str) -> Told:
    until = f"; the limit is lifted at {error.until:%Y-%m-%d %H:%M:%S} UTC" if error.until else ""
    why = f"{api} answers {error.status}, too many requests: {cut(error.message)}{until}"
    when = f"run again after {error.until:%H:%M:%S} UTC" if error.until else "run again later"
    return "throttled", why, f"{when}, or with a token of its own, or set sources.forge.commits: false"


def _answer(error: AnswerError, place: Place) -> Told:
    api, said = place.api, cut(error.message)
    match error.status:
        case 401:
            return "denied", f"{api} does not take the token (401): {said}", _rights(place)
        case 403:
            return "denied", f"the token may not read this on {api} (403): {said}", _rights(place)
        case 404:
            why = f"{api} shows no {place.repository} to this token, or not this part of it (404): {said}"
            return "not_found", why, f"correct sources.forge.repository; {_rights(place)}"
        case status if 300 <= status < 400:
            why = f"{api} redirects ({status}) to another server, where the token is not sent"
            return "denied", why, "set sources.forge.api_url to the API's new address"
        case 200:
            return "invalid", f"{api} answers, but not like the API: {said}", _address(place)
        case status if status >= 500:
            page = "https://www.githubstatus.com" if place.kind == "github" else "https://status.gitlab.com"
            return "unreachable", f"{api} answers {status}: {said}", f"run again later; see {page} or the server's log"
    return "invalid", f"{api} answers {error.status}: {said}", _address(place)


def _rights(place: Place) -> str:
    if place.kind == "github":
        return (
            "use a token for this repository with read access to Deployments, Contents and Pull requests"
            " (classic: scope repo), e.g. GITHUB_TOKEN=$(gh auth token)"
        )
    return "use a token with the scope read_api and at least the role Reporter in this project"


def _address(place: Place) -> str:
    example = "https://HOST/api/v3" if place.kind == "github" else "https://HOST/api/v4"
    return f"check sources.forge.api_url: the API's address, e.g. {example}"


def innermost(error: BaseException) -> str:
    """The words of the error at the bottom: 'Connection refused' out of four layers of client libraries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, OSError | HTTPError) and id(e) not in seen), error)
    return str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)


def cut(text: str) -> str:
    """One line of at most MOST characters."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
