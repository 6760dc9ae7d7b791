"""Talks to Prometheus through prometheus-api-client, in a session that keeps the bounds which the library does not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prometheus_api_client.prometheus_connect import PrometheusConnect
from urllib3.util.retry import Retry

from collectors.prometheus.session import Session
from collectors.prometheus.spans import Span
from gather_diagnostics import Window
from gather_diagnostics.http.errors import AnswerError

ABSENT = frozenset({404, 405, 501})
"""How servers that speak a part of the API alone (Mimir, VictoriaMetrics, Amazon's) answer the other part."""


class Client:
    """A connection for one collection; its methods may be called from several threads.

    Every method raises requests.RequestException and nothing else.
    """

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self.deadline = session.deadline
        self._session = session
        # The session itself says what is tried again.
        self._library = PrometheusConnect(url=url, session=session, retry=Retry(0, read=False))

    @property
    def skew(self) -> float | None:
        """The server's clock minus ours, in seconds, by its first answer."""
        return self._session.skew

    @property
    def warned(self) -> Sequence[str]:
        """What the answers warned of so far, each once."""
        return self._session.warned

    def series(self, matches: Sequence[str], window: Window) -> Sequence[Any]:
        """Label sets of the series that match any of some selectors."""
        return _list(lambda: self._library.get_series(window.start, window.end, params={"match[]": list(matches)}))

    def instant(self, expr: str, seconds: int | None = None) -> Sequence[Any]:
        """The result of an instant query at a Unix time; at the server's now for None."""
        return _list(lambda: self._library.custom_query(expr, params={} if seconds is None else {"time": seconds}))

    def range(self, expr: str, span: Span) -> Sequence[Any]:
        """The result of a range query."""
        return _list(lambda: self._library.custom_query_range(expr, span.first, span.last, str(span.step)))

    def exemplars(self, expr: str, window: Window) -> Sequence[Any]:
        """Exemplars of the series in a query; nothing where the server keeps none."""
        span = {"start": f"{window.start.timestamp():.3f}", "end": f"{window.end.timestamp():.3f}"}
        return _list(lambda: self._get("/api/v1/query_exemplars", {"query": expr, **span}) or [])

    def alerts(self) -> Sequence[Any]:
        """Alerts that are pending or firing now; nothing where the server evaluates no rules."""
        return _list(lambda: self._of("/api/v1/alerts", "alerts"))

    def rule_groups(self) -> Sequence[Any]:
        """Groups of alerting and recording rules; nothing where the server evaluates no rules."""
        return _list(lambda: self._of("/api/v1/rules", "groups"))

    def targets(self) -> Sequence[Any]:
        """Targets that are scraped, with their health; nothing where the server scrapes none.

        Dropped targets are not asked for: they can be many megabytes, and none of them can be down.
        """
        return _list(lambda: self._of("/api/v1/targets", "activeTargets", {"state": "active"}))

    def types(self) -> Mapping[str, str]:
        """Name of a metric to its type (counter, gauge, ...), as far as the server knows."""
        data = self._get("/api/v1/metadata", {"limit_per_metric": "1"})
        entries = data.items() if isinstance(data, dict) else ()
        firsts = [(name, told[0]) for name, told in entries if isinstance(told, list) and told]
        return {str(name): str(first.get("type")) for name, first in firsts if isinstance(first, dict)}

    def _of(self, path: str, key: str, params: Mapping[str, str] = {}) -> Any:
        data = self._get(path, params)
        return data[key] if data is not None else []

    def _get(self, path: str, params: Mapping[str, str]) -> Any:
        """An answer's data; None where the server has no such endpoint."""
        try:
            response = self._session.get(self.url + path, params=params)
        except AnswerError as error:
            if error.status in ABSENT:
                return None
            raise
        return response.json()["data"]


def _list(ask: Callable[[], Any]) -> Sequence[Any]:
    try:
        answer = ask()
    except (KeyError, TypeError) as error:
        # The library takes data.result out of an answer unseen.
        raise AnswerError(200, f"JSON without the result that was asked for ({error})") from error
    if not isinstance(answer, list):
        raise AnswerError(200, f"a result of another kind than a list: {str(answer)[:100]}")
    return answer
