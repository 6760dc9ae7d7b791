"""What a trouble with a server means to a person: cause, one sentence, and the mend."""

from __future__ import annotations

import re
from dataclasses import dataclass

import requests
from urllib3.exceptions import HTTPError

from gather_diagnostics.http.auth import CredentialsError
from gather_diagnostics.http.body import TooLargeError
from gather_diagnostics.http.errors import AnswerError, MalformedError, OutOfTimeError, ThrottledError, Trouble
from gather_diagnostics.model import Cause

MOST = 300
"""Characters kept of what a server said."""

Told = tuple[Cause, str, str]
"""Cause, why, mend."""


@dataclass(frozen=True, slots=True)
class Server:
    """One server as a person knows it, and what to do where it does not do as it should."""

    source: str
    """As in `sources.<source>.url`."""
    title: str
    """What should answer there: 'Prometheus'."""
    url: str
    """Without credentials."""
    probe: str
    """What to ask it by hand, from its URL on."""
    address: str
    """The mend where something else answers."""
    rights: str
    """The mend where it refuses."""
    narrow: str
    """The mend where it is too much."""
    tls: str = ""
    """The mend where its certificate is not trusted, besides the authority's."""


def told(error: Trouble, server: Server) -> Told:
    """Of whatever a question may fail with. Nothing of a header's value is in it."""
    match error:
        case CredentialsError():
            return "not_configured", cut(str(error)), error.mend
        case ThrottledError():
            return _throttled(error, server.url)
        case AnswerError():
            return _answered(error, server)
        case MalformedError():
            return "invalid", f"{server.url} answered, but {cut(str(error))}", server.address
        case TooLargeError():
            return "truncated", f"{server.url}: {error}", server.narrow
        case OutOfTimeError():
            return "timeout", f"{server.url}: {error}", "allow more time with --deadline"
    return _unanswered(error, server)


def _throttled(error: ThrottledError, url: str) -> Told:
    until = f"; the limit is lifted at {error.until:%Y-%m-%d %H:%M:%S} UTC" if error.until else ""
    why = f"{url} answers {error.status}, too many requests: {cut(error.message)}{until}"
    return "throttled", why, f"run again after {error.until:%H:%M:%S} UTC" if error.until else "run again later"


def _answered(error: AnswerError, server: Server) -> Told:
    url, said = server.url, cut(error.message)
    match error.status:
        case 401 | 403:
            return "denied", f"{url} answers {error.status}: {said}", _cure(said, server) or server.rights
        case status if 300 <= status < 400:
            why = f"{url} redirects to {cut(error.location) or 'nowhere'}, which is not followed: a login page, or its"
            return "denied", f"{why} new address", f"{server.rights}; or {server.address}"
        case 404 | 405 | 410:
            return "not_found", f"{url} has no {server.title} API: it answers {error.status}: {said}", server.address
        case 504:
            return "timeout", f"{url} gave up: {said}", server.narrow
        case 200:
            return "invalid", f"{url} answers, but not like {server.title}: {said}", server.address
    return "invalid", f"{url} answers {error.status}: {said}", "look at the server's own log"


def _cure(said: str, server: Server) -> str:
    """The mend that a refusal's words point to; '' where they point to none.

    Sources: Mimir's and Cortex' 'no org id' (grafana.com/docs/mimir: authentication and authorization), IAM's texts
    (docs.aws.amazon.com/IAM: troubleshoot access denied; docs.aws.amazon.com/prometheus: API actions).
    """
    if "no org id" in said.lower():
        return f"set sources.{server.source}.tenant to the tenant that holds the service's data"
    if right := re.search(r"\baps:\w+", said):
        return f"allow {right[0]} on the workspace in the IAM policy of whoever asks"
    if re.search(r"expired|security token|signature", said, re.IGNORECASE):
        return "log in again (aws sso login), and compare the clock here with NTP: a signature holds for five minutes"
    if "authentication token" in said.lower():
        return f"set sources.{server.source}.sigv4_region to the workspace's region"
    return ""


def _unanswered(error: Trouble, server: Server) -> Told:
    url, words, probe = server.url, cut(innermost(error)), f"try: curl -sS {server.url}{server.probe}"
    match error:
        case requests.exceptions.SSLError():
            mend = f"name the authority's certificate in REQUESTS_CA_BUNDLE{server.tls}; look at it with: curl -v {url}"
            return "unreachable", f"no TLS connection to {url}: {words}", mend
        case requests.exceptions.ProxyError():
            why = f"the proxy before {url} does not answer: {words}"
            return "unreachable", why, "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
        case requests.ConnectTimeout():
            return "unreachable", f"{url} takes no connection within the time", probe
        case requests.Timeout():
            mend = f"{server.narrow}; or allow more time with --deadline; {probe}"
            return "timeout", f"{url} did not finish its answer in time", mend
        case requests.exceptions.InvalidHeader():
            # Its text holds the header's value, which may be a secret.
            why = "a header can't be sent: its name or value has a character that may not be in one"
            return "not_configured", why, f"look for line ends and blanks in the tokens and headers of {server.source}"
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "invalid", f"{url} broke its answer off: {words}", f"run again; {probe}"
        case requests.ConnectionError():
            return "unreachable", f"{url} is not reached: {words}", probe
    return "invalid", f"{url}: {type(error).__name__}: {words}", server.address


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
