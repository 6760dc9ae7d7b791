"""What a person may say about their Alertmanager. Nothing has to be said beyond its address."""

from __future__ import annotations

from pydantic import Field

from gather_diagnostics.http.settings import ServerSettings

NAME = "alertmanager"


class AlertmanagerSettings(ServerSettings):
    """`sources.alertmanager` in diagnostics.yaml. Texts may hold '{service}'."""

    url: str = Field(default="", description="address of the server, path prefix included; empty: $ALERTMANAGER_URL")
    matchers: list[str] = Field(
        default_factory=list,
        description="matchers that select the service's alerts, e.g. 'team=\"shop\"'; empty: the usual labels",
    )
    max_alerts: int = Field(default=1000, ge=1, le=100_000, description="alerts kept, and silences kept")
