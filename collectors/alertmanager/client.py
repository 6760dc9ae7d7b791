"""Asks Alertmanager's API v2 with GET alone.

Source: the OpenAPI description in api/v2/openapi.yaml of prometheus/alertmanager.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gather_diagnostics.http.answer import document
from gather_diagnostics.http.errors import AnswerError
from gather_diagnostics.http.session import Session


class Client:
    """A connection for one collection. Every method raises requests.RequestException and nothing else."""

    def __init__(self, url: str, session: Session) -> None:
        self.url = url
        self._session = session

    @property
    def skew(self) -> float | None:
        """The server's clock minus ours, in seconds, by its first answer."""
        return self._session.skew

    def alerts(self, matchers: Sequence[str]) -> Sequence[Any]:
        """All alerts there are, suppressed ones too."""
        asked = {"active": "true", "silenced": "true", "inhibited": "true", "unprocessed": "true"}
        return self._list("/api/v2/alerts", {**asked, "filter": list(matchers)})

    def silences(self) -> Sequence[Any]:
        """All silences that the server still keeps, expired ones too."""
        return self._list("/api/v2/silences", {})

    def status(self) -> Mapping[str, Any]:
        """Version, cluster, configuration."""
        answer = self._get("/api/v2/status", {})
        if not isinstance(answer, dict) or "versionInfo" not in answer:
            raise AnswerError(200, f"JSON without a versionInfo: {str(answer)[:100]}")
        return answer

    def _list(self, path: str, params: Mapping[str, Any]) -> Sequence[Any]:
        answer = self._get(path, params)
        if not isinstance(answer, list):
            raise AnswerError(200, f"a result of another kind than a list: {str(answer)[:100]}")
        return answer

    def _get(self, path: str, params: Mapping[str, Any]) -> Any:
        return document(self._session.get(self.url + path, params=params))
