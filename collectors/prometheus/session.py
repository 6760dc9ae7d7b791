"""A session that takes an answer apart before the library on top of it, which would report a refusal as one string."""

from __future__ import annotations

import threading
from typing import Any

import requests

from gather_diagnostics.http import session
from gather_diagnostics.http.answer import beginning, document
from gather_diagnostics.http.errors import AnswerError

PARTIAL = "some of its storage nodes did not answer (isPartial)"
"""VictoriaMetrics' cluster says so by a flag (docs.victoriametrics.com: cluster version, cluster availability)."""


class Session(session.Session):
    """Several threads may use it at once."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self._lock = threading.Lock()
        self._warned: dict[str, None] = {}

    @property
    def warned(self) -> list[str]:
        """What the answers warned of so far, each once, in order."""
        with self._lock:
            return list(self._warned)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        response = super().send(request, **kwargs)
        warnings = _checked(response)
        with self._lock:
            self._warned.update(dict.fromkeys(warnings))
        return response


def _checked(response: requests.Response) -> list[str]:
    """The answer's warnings: Thanos and Mimir answer 200 with one when a part of the data could not be read.

    Raises AnswerError for what is no result. Source: prometheus.io/docs/prometheus/latest/querying/api/#format-overview
    """
    found = document(response)
    if not isinstance(found, dict) or "status" not in found:
        raise AnswerError(200, f"JSON of another kind: {beginning(response)}")
    if found["status"] != "success":
        raise AnswerError(200, str(found.get("error") or found), str(found.get("errorType", "")))
    if "data" not in found:
        raise AnswerError(200, "an answer without data")
    warnings = found.get("warnings")
    told = [str(w) for w in warnings] if isinstance(warnings, list) else []
    return [*told, PARTIAL] if found.get("isPartial") is True else told
