"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collectors.loki.settings import NAME
from gather_diagnostics import Gap
from gather_diagnostics.http.errors import AnswerError, OutOfTimeError, Trouble
from gather_diagnostics.http.troubles import Server, cut, told
from gather_diagnostics.model import Cause

FINAL: frozenset[Cause] = frozenset({"unreachable", "denied", "throttled", "not_configured", "not_found"})
_NARROW = 'narrow the service down with sources.loki.selector, e.g. \'app="checkout",namespace="shop"\''
_LARGE = ("too many bytes", "limit", "exceed", "too large", "maximum of series", "cardinality")


def gap(error: Trouble, wanted: str, url: str) -> Gap:
    """Say what an error of the client means to a person. `url` has no credentials in it."""
    if isinstance(error, AnswerError) and error.status in (400, 422) and "no org id" not in error.message:
        large = any(words in error.message.lower() for words in _LARGE)
        mend = f"{_NARROW}, or ask for a shorter window" if large else "correct sources.loki.selector"
        return Gap(NAME, wanted, "invalid", f"{url} refuses the query: {cut(error.message)}", mend)
    return Gap(NAME, wanted, *told(error, _server(url)))


def is_final(error: Trouble, gap: Gap) -> bool:
    """After one of these, asking on is useless, or makes it worse."""
    return gap.cause in FINAL or isinstance(error, OutOfTimeError)


def _server(url: str) -> Server:
    return Server(
        source=NAME,
        title="Loki",
        url=url,
        probe="/loki/api/v1/labels",
        address="check sources.loki.url or LOKI_URL: the address with its path prefix, without /loki/api/v1",
        rights="set sources.loki.bearer_token, or username and password, to an account that may read logs, and tenant"
        " where it serves several",
        narrow=f"{_NARROW}, or ask for a shorter window",
        tls=", or set sources.loki.verify_tls: false",
    )
