"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from urllib3 import exceptions as http

from collectors.kubernetes import permissions
from collectors.kubernetes.client import AnswerError, Api, MalformedError, OutOfTimeError, TooLargeError, Trouble
from collectors.kubernetes.credentials import CredentialError
from collectors.kubernetes.kubeconfig import KubeconfigError, Place
from collectors.kubernetes.permissions import Need
from collectors.kubernetes.settings import NAME
from gather_diagnostics import Gap, Skew
from gather_diagnostics.model import Cause

MOST = 300
"""Characters kept of what a server said."""
MOST_SKEW = 30
"""Seconds that the server's clock may differ."""

Told = tuple[Cause, str, str]
"""Cause, why, mend."""


class GiveUpError(Exception):
    """Asking this server on is useless; the gap that says why was told already."""


def gap(error: Trouble, wanted: str, place: Place) -> Gap:
    """Say what an error of the client means to a person."""
    cause, why, mend = _told(error, place)
    return Gap(NAME, f"{wanted} ({place.context})", cause, why, mend)


def with_right(gap: Gap, error: Trouble, need: Need) -> Gap:
    """Of a refusal, the one right that is missing in place of the whole role."""
    if not isinstance(error, AnswerError) or error.status != 403:
        return gap
    kind = "ClusterRole" if need.cluster else "Role"
    return replace(gap, mend=f"add to a {kind}: {permissions.lines([need])[0]}; or the whole role: {gap.mend}")


def unusable(error: KubeconfigError | CredentialError, wanted: str) -> Gap:
    """A gap where it ends before anything is asked."""
    cause: Cause = "not_configured" if isinstance(error, KubeconfigError) else "denied"
    return Gap(NAME, wanted, cause, cut(str(error)), error.mend)


def final(error: Trouble) -> bool:
    """Whether every other question to this server would end the same way."""
    match error:
        case AnswerError():
            return error.status == 401 or error.status == 429 or 300 <= error.status < 400
        case OutOfTimeError() | http.NewConnectionError() | http.ConnectTimeoutError() | http.SSLError():
            return True
        case _:
            return isinstance(error, http.ProxyError)


def clock(api: Api, place: Place) -> Iterator[Gap | Skew]:
    """What the server's clock said, and a gap where it is far from ours: the windows then miss the incident."""
    if api.skew is None:
        return
    yield Skew(api.skew)
    if abs(api.skew) > MOST_SKEW:
        way = "ahead of" if api.skew > 0 else "behind"
        why = (
            f"the clock of {place.server} is {abs(api.skew):,.0f} s {way} this machine's: its times are corrected by"
            " that, to about a second; those that nodes with yet another clock wrote are not"
        )
        yield Gap(NAME, f"times that can be compared ({place.context})", "invalid", why, "set both clocks by NTP")


def _told(error: Trouble, place: Place) -> Told:
    where, try_it = place.server, f"try: kubectl --context {place.context} version"
    match error:
        case AnswerError():
            return _answer(error, place)
        case MalformedError():
            return "invalid", f"{where} answered, but with {cut(str(error))}", f"is it an API server? {try_it}"
        case TooLargeError():
            mend = "set sources.kubernetes.namespace to one namespace, or a smaller sources.kubernetes.page_size"
            return "truncated", f"{where}: {error}", mend
        case OutOfTimeError():
            return "timeout", f"{where}: {error}", "allow more time with --deadline"
        case http.SSLError():
            mend = f"renew the certificates, or name the authority in the kubeconfig; {try_it}"
            return "unreachable", f"no TLS connection to {where}: {cut(innermost(error))}", mend
        case http.ProxyError():
            mend = "check HTTPS_PROXY, NO_PROXY and the cluster's proxy-url"
            return "unreachable", f"the proxy before {where} does not answer: {cut(innermost(error))}", mend
        case http.NewConnectionError():
            return "unreachable", f"{where} is not reached: {cut(innermost(error))}", try_it
        case http.ConnectTimeoutError():
            return "unreachable", f"{where} takes no connection within the time", try_it
        case http.ReadTimeoutError():
            return "timeout", f"{where} did not answer in time", f"{try_it}; or allow more time with --deadline"
        case http.ProtocolError() if any(isinstance(inner, ConnectionError) for inner in error.args):
            return "unreachable", f"{where} closed the connection: {cut(innermost(error))}", try_it
        case http.ProtocolError() | http.DecodeError():
            return "invalid", f"{where} broke its answer off: {cut(innermost(error))}", try_it
        case _:
            return "invalid", f"{where}: {type(error).__name__}: {cut(str(error))}", try_it


def _answer(error: AnswerError, place: Place) -> Told:
    said, where = cut(error.message), place.server
    kubectl = f"kubectl --context {place.context}"
    match error.status:
        case 401:
            why = f"{where} answers 401, it does not know these credentials: {said}"
            return (
                "denied",
                why,
                f"log in again, until this works: {kubectl} get pods -n {place.namespace or 'default'}",
            )
        case 403:
            mend = "gather_diagnostics policy kubernetes | kubectl apply -f - (it prints the role that is needed)"
            return "denied", f"{where} answers 403: {said}", mend
        case 429:
            why = f"{where} answers 429, too many requests: {said}"
            return "throttled", why, "try again later, or set sources.kubernetes.namespace to a single namespace"
        case 404:
            return "not_found", f"{where} answers 404: {said}", f"see what it serves: {kubectl} api-resources"
        case 410:
            why = f"{where} answers 410: the list changed too fast to be read to its end: {said}"
            return "truncated", why, "run again, with a larger sources.kubernetes.page_size"
        case 504:
            return "timeout", f"{where} answers 504: {said}", "run again; a smaller sources.kubernetes.page_size helps"
        case status if 300 <= status < 400:
            return "denied", f"{where} {said}: a login page, or its new address", f"log in: {kubectl} version"
        case status if status >= 500:
            return (
                "invalid",
                f"{where} answers {status}: {said}",
                f"see how it is: {kubectl} get --raw '/readyz?verbose'",
            )
        case status:
            return "invalid", f"{where} answers {status}: {said}", f"see how it is: {kubectl} version"


def innermost(error: BaseException) -> str:
    """The words of the error at the bottom: 'Connection refused' out of four layers of client libraries."""
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        inner = [getattr(error, "reason", None), *error.args, error.__cause__, error.__context__]
        error = next((e for e in inner if isinstance(e, OSError | http.HTTPError) and id(e) not in seen), error)
    if isinstance(error, OSError) and error.strerror:
        return str(error.strerror)
    return str(error)


def cut(said: str) -> str:
    """One line of at most MOST characters."""
    line = " ".join(said.split())
    return line if len(line) <= MOST else line[: MOST - 1] + "…"
