"""What went wrong, as gaps: the one place that reads the client's errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from collectors.prometheus import families
from collectors.prometheus.discovery import Found
from collectors.prometheus.settings import NAME, PrometheusSettings
from gather_diagnostics import Gap
from gather_diagnostics.http.errors import AnswerError, Trouble
from gather_diagnostics.http.troubles import Server, Told, cut, told
from gather_diagnostics.model import Cause

FINAL: frozenset[Cause] = frozenset({"unreachable", "denied", "throttled", "not_configured"})
"""After one of these, asking on is useless, or makes it worse."""
MOST_WARNINGS = 5

_COARSER = "a smaller window or a larger sources.prometheus.step_seconds helps"


def gap(error: Trouble, wanted: str, url: str) -> Gap:
    """Say what an error of the client means to a person. `url` has no credentials in it."""
    special = _answer(error, url) if isinstance(error, AnswerError) else None
    return Gap(NAME, wanted, *(special or told(error, _server(url))))


def _answer(error: AnswerError, url: str) -> Told | None:
    """What an answer means here and at no other server; None where it is the same everywhere."""
    said = cut(error.message)
    if error.kind in ("timeout", "canceled") or error.status == 504:
        return "timeout", f"{url} gave up: {said}", _COARSER
    if error.status in (400, 422) or (error.status in (404, 405, 410) and error.kind):
        return "invalid", f"{url} refuses the query: {said}", "try the query in Prometheus itself"
    return None


def _server(url: str) -> Server:
    return Server(
        source=NAME,
        title="Prometheus",
        url=url,
        probe="/api/v1/query?query=1",
        address="check sources.prometheus.url or PROMETHEUS_URL: the address with its path prefix (Mimir: /prometheus),"
        " without /api/v1",
        rights="set sources.prometheus.bearer_token, or username and password, or sigv4_region for Amazon's, to an"
        " account that may query, and tenant where it serves several",
        narrow='narrow the service down with sources.prometheus.selector, e.g. \'app="checkout",namespace="shop"\','
        f" or ask for less: {_COARSER}",
        tls=", or set sources.prometheus.verify_tls: false",
    )


def partial(warnings: Sequence[str], url: str) -> Iterator[Gap]:
    """Gaps for what the answers warned of: a store that is away is data that is missing."""
    for warning in warnings[:MOST_WARNINGS]:
        why = f"{url} warns that its answers may not be whole: {cut(warning)}"
        mend = "try the query in Prometheus itself" if warning.startswith("PromQL") else "look at the store it names"
        yield Gap(NAME, "samples of the whole service", "truncated", why, mend)


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
