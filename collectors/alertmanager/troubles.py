"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collectors.alertmanager.settings import NAME
from gather_diagnostics import Gap
from gather_diagnostics.http.errors import AnswerError, OutOfTimeError, Trouble
from gather_diagnostics.http.troubles import Server, cut, told
from gather_diagnostics.model import Cause

FINAL: frozenset[Cause] = frozenset({"unreachable", "denied", "throttled", "not_configured", "not_found"})


def gap(error: Trouble, wanted: str, url: str) -> Gap:
    """Say what an error of the client means to a person. `url` has no credentials in it."""
    match error:
        case AnswerError(status=400):
            why, mend = f"{url} refuses the question: {cut(error.message)}", "correct sources.alertmanager.matchers"
            return Gap(NAME, wanted, "invalid", why, mend)
    return Gap(NAME, wanted, *told(error, _server(url)))


def is_final(error: Trouble, gap: Gap) -> bool:
    """After one of these, asking on is useless, or makes it worse."""
    return gap.cause in FINAL or isinstance(error, OutOfTimeError)


def _server(url: str) -> Server:
    return Server(
        source=NAME,
        title="Alertmanager",
        url=url,
        probe="/api/v2/status",
        address="check sources.alertmanager.url or ALERTMANAGER_URL: the address with its path prefix, without /api/v2",
        rights="set sources.alertmanager.bearer_token, or username and password, to an account that may read",
        narrow="narrow the alerts down with sources.alertmanager.matchers, e.g. ['service=\"checkout\"']",
        tls=", or set sources.alertmanager.verify_tls: false",
    )
