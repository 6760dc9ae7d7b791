"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

import requests
from urllib3.exceptions import HTTPError

from collectors.alertmanager.client import AnswerError, OutOfTimeError
from collectors.alertmanager.shape import MalformedError
from gather_diagnostics import Gap
from gather_diagnostics.http.auth import CredentialsError
from gather_diagnostics.http.body import TooLargeError
from gather_diagnostics.model import Cause

NAME = "alertmanager"
MOST = 300
"""Characters kept of what a server said."""
FINAL: frozenset[Cause] = frozenset({"unreachable", "denied", "throttled", "not_configured", "not_found"})
"""After one of these, asking on is useless, or makes it worse."""
MOST_SKEW = 30
"""Seconds that the server's clock may differ."""

Trouble = requests.RequestException | MalformedError
Told = tuple[Cause, str, str]
"""Cause, why, mend."""

_CREDENTIALS = "set sources.alertmanager.bearer_token, or username and password, to an account that may read"
_ADDRESS = "check sources.alertmanager.url or ALERTMANAGER_URL: the address with its path prefix, without /api/v2"
_NARROW = "narrow the alerts down with sources.alertmanager.matchers, e.g. ['service=\"checkout\"']"


def gap(error: Trouble, wanted: str, url: str) -> Gap:
    """Say what an error of the client means to a person. `url` has no credentials in it."""
    cause, why, mend = _told(error, url)
    return Gap(NAME, wanted, cause, why, mend)


def clock(skew: float, url: str) -> Gap | None:
    """A gap where the server's clock is far from ours: its times then do not match other sources'."""
    if abs(skew) <= MOST_SKEW:
        return None
    way = "ahead of" if skew > 0 else "behind"
    why = f"the clock of {url} is {abs(skew):,.0f} s {way} this machine's: times do not match other sources"
    return Gap(NAME, "times that can be compared", "invalid", why, "set both clocks by NTP")


def _told(error: Trouble, url: str) -> Told:
    match error:
        case CredentialsError():
            return "not_configured", cut(str(error)), error.mend
        case AnswerError():
            return _answer(error, url)
        case MalformedError():
            return "invalid", f"{url} answered, but {cut(str(error))}", _ADDRESS
        case TooLargeError():
            return "truncated", f"{url}: {error}", _NARROW
        case OutOfTimeError():
            return "timeout", f"{url}: {error}", "allow more time with --deadline"
        case requests.exceptions.InvalidHeader():
            # Its text holds the header's value, which may be a secret.
            why = "a header can't be sent: its name or value has a character that may not be in one"
            return (
                "not_configured",
                why,
                "look for line ends and blanks in sources.alertmanager.headers and bearer_token",
            )
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "invalid", f"{url} broke its answer off: {cut(_innermost(error))}", _reach(url)
        case requests.ConnectionError() | requests.Timeout():
            return _unreached(error, url)
        case _:
            return "invalid", f"{url}: {type(error).__name__}: {cut(_innermost(error))}", _ADDRESS


def _unreached(error: requests.RequestException, url: str) -> Told:
    match error:
        case requests.exceptions.SSLError():
            mend = (
                "name the authority's certificate in REQUESTS_CA_BUNDLE, or set sources.alertmanager.verify_tls: false"
            )
            return "unreachable", f"no TLS connection to {url}: {cut(_innermost(error))}", mend
        case requests.exceptions.ProxyError():
            mend = "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
            return "unreachable", f"the proxy before {url} does not answer: {cut(_innermost(error))}", mend
        case requests.ConnectTimeout():
            return "unreachable", f"{url} takes no connection within the time", _reach(url)
        case requests.Timeout():
            return "timeout", f"{url} did not finish its answer in time", f"{_NARROW}; {_reach(url)}"
        case _:
            return "unreachable", f"{url} is not reached: {cut(_innermost(error))}", _reach(url)


def _answer(error: AnswerError, url: str) -> Told:
    said = cut(error.message)
    match error.status:
        case 401 | 403:
            return "denied", f"{url} answers {error.status}: {said}", _CREDENTIALS
        case 429:
            return "throttled", f"{url} answers 429, too many requests: {said}", "try again later"
        case 400:
            return "invalid", f"{url} refuses the question: {said}", "correct sources.alertmanager.matchers"
        case status if 300 <= status < 400:
            why = f"{url} answers {said}, which is not followed: a login page, or its new address"
            return "denied", why, f"{_CREDENTIALS}; or set sources.alertmanager.url to the new address"
        case 404 | 405 | 410:
            return "not_found", f"{url} has no Alertmanager API v2: it answers {error.status}: {said}", _ADDRESS
        case 200:
            return "invalid", f"{url} answers, but not like Alertmanager: {said}", _ADDRESS
        case 504:
            return "timeout", f"{url} gave up: {said}", _NARROW
        case _:
            return "invalid", f"{url} answers {error.status}: {said}", "look at the server's own log"


def _reach(url: str) -> str:
    return f"try: curl -sS {url}/api/v2/status"


def _innermost(error: BaseException) -> str:
    """The words of the error at the bottom: 'Connection refused' out of four layers of client libraries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, OSError | HTTPError) and id(e) not in seen), error)
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return str(error)


def cut(text: str) -> str:
    """One line of at most MOST characters."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
