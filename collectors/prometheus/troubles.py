"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import requests
from urllib3.exceptions import HTTPError

from collectors.prometheus import families
from collectors.prometheus.client import Client
from collectors.prometheus.discovery import Found
from collectors.prometheus.session import AnswerError, OutOfTimeError
from collectors.prometheus.settings import PrometheusSettings
from collectors.prometheus.shape import MalformedError
from gather_diagnostics import Gap
from gather_diagnostics.http.auth import CredentialsError
from gather_diagnostics.http.body import TooLargeError
from gather_diagnostics.model import Cause

NAME = "prometheus"
MOST = 300
"""Characters kept of what a server said."""
FINAL: frozenset[Cause] = frozenset({"unreachable", "denied", "throttled", "not_configured"})
"""After one of these, asking on is useless, or makes it worse."""

MOST_SKEW = 30
"""Seconds that the server's clock may differ."""

Told = tuple[Cause, str, str]
"""Cause, why, mend."""

_CREDENTIALS = "set sources.prometheus.bearer_token, or username and password, to an account that may query"
_ADDRESS = "check sources.prometheus.url or PROMETHEUS_URL: the address with its path prefix, without /api/v1"
_NARROW = 'narrow the service down with sources.prometheus.selector, e.g. \'app="checkout",namespace="shop"\''


def gap(error: requests.RequestException | MalformedError, wanted: str, url: str) -> Gap:
    """Say what an error of the client means to a person. `url` has no credentials in it."""
    cause, why, mend = _told(error, url)
    return Gap(NAME, wanted, cause, why, mend)


def clock(client: Client) -> Iterator[Gap]:
    """A gap where the server's clock, by its first answer, is far from ours: the windows then miss the incident."""
    skew = client.skew
    if skew is not None and abs(skew) > MOST_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        why = f"the clock of {client.url} is {abs(skew):,.0f} s {way} this machine's: times do not match other sources"
        yield Gap(NAME, "times that can be compared", "invalid", why, "set both clocks by NTP")


def unknown(url: str, service: str, kinds: str, selector: str, settings: PrometheusSettings) -> Gap:
    """A gap for a service that the server has nothing of."""
    where = f"nothing matches {{{selector}}}"
    if not settings.selector:
        where = f"none of the labels {', '.join(families.SERVICE_LABELS)} or pod holds its name"
    why = f"{url} has no {kinds} metrics of it: {where}"
    mend = "set sources.prometheus.selector to the matchers that select it, or name queries under .queries"
    return Gap(NAME, f"series of {service}", "not_found", why, mend)


def lacking(durations: Sequence[Found], traffic: Sequence[Found], has: Sequence[str], service: str) -> Iterator[Gap]:
    """Gaps for latency and error rate where nothing measures them. `has` names what is measured otherwise."""
    if not durations and "latency" not in has:
        why = f"it has none of the histograms or summaries {', '.join(f.name for f in families.FAMILIES)}"
        yield _lack("latency", service, why)
    if not any(t.status for t in traffic[:1]) and "error_rate" not in has:
        labels = ", ".join((traffic[0].protocol if traffic else families.HTTP).status_labels)
        names = traffic[0].counted if traffic else "any request counter"
        yield _lack("error_rate", service, f"there is no {names} with one of the labels {labels}")


def _lack(metric: str, service: str, why: str) -> Gap:
    mend = f"name a query under sources.prometheus.queries with metric: {metric}"
    return Gap(NAME, f"{metric} of {service}", "not_found", why, mend)


def _told(error: requests.RequestException | MalformedError, url: str) -> Told:
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
        case requests.exceptions.SSLError():
            mend = "name the authority's certificate in REQUESTS_CA_BUNDLE, or set sources.prometheus.verify_tls: false"
            return "unreachable", f"no TLS connection to {url}: {cut(innermost(error))}", mend
        case requests.exceptions.ProxyError():
            mend = "check HTTP_PROXY, HTTPS_PROXY and NO_PROXY"
            return "unreachable", f"the proxy before {url} does not answer: {cut(innermost(error))}", mend
        case requests.ConnectTimeout():
            return "unreachable", f"{url} takes no connection within the time", _reach(url)
        case requests.Timeout():
            mend = (
                "try the query in Prometheus itself; a smaller window or a larger sources.prometheus.step_seconds helps"
            )
            return "timeout", f"{url} did not finish its answer in time", mend
        case requests.exceptions.InvalidHeader():
            # Its text holds the header's value, which may be a secret.
            mend = "look for line ends and blanks in sources.prometheus.headers and bearer_token"
            return (
                "not_configured",
                "a header can't be sent: its name or value has a character that may not be in one",
                mend,
            )
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return "invalid", f"{url} broke its answer off: {cut(innermost(error))}", _reach(url)
        case requests.ConnectionError():
            return "unreachable", f"{url} is not reached: {cut(innermost(error))}", _reach(url)
        case _:
            return "invalid", f"{url}: {type(error).__name__}: {cut(innermost(error))}", _ADDRESS


def _answer(error: AnswerError, url: str) -> Told:
    said = cut(error.message)
    match error.status:
        case 401 | 403:
            return "denied", f"{url} answers {error.status}: {said}", _CREDENTIALS
        case 429:
            return (
                "throttled",
                f"{url} answers 429, too many requests: {said}",
                "try again later, or with fewer queries",
            )
        case status if 300 <= status < 400:
            target = cut(_plain(error.location))
            why = f"{url} redirects to {target}, which is not followed: a login page, or its new address"
            return "denied", why, f"{_CREDENTIALS}; or set sources.prometheus.url to the new address"
        case 404 | 405 if not error.kind:
            return "not_found", f"{url} has no Prometheus API: it answers {error.status}: {said}", _ADDRESS
        case _ if error.kind in ("timeout", "canceled") or error.status == 504:
            return (
                "timeout",
                f"{url} gave up: {said}",
                "a smaller window or a larger sources.prometheus.step_seconds helps",
            )
        case 400 | 422:
            return "invalid", f"{url} refuses the query: {said}", "try the query in Prometheus itself"
        case 200:
            return "invalid", f"{url} answers, but not like Prometheus: {said}", _ADDRESS
        case _:
            return "invalid", f"{url} answers {error.status}: {said}", "look at the server's own log"


def _reach(url: str) -> str:
    return f"try: curl -sS {url}/api/v1/query?query=1"


def _plain(location: str) -> str:
    """A redirect's target without its query, which holds states and tokens."""
    return location.partition("?")[0] or "nowhere"


def innermost(error: BaseException) -> str:
    """The words of the error at the bottom: 'Connection refused' out of four layers of client libraries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        reason = getattr(error, "reason", None)
        inner = [reason, *error.args, error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, OSError | HTTPError) and id(e) not in seen), error)
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return str(error)


def cut(text: str) -> str:
    """One line of at most MOST characters."""
    line = " ".join(text.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
